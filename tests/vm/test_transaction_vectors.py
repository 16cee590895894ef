"""Transactions byte for byte as tests/vectors/transaction.json has them."""

import json
from pathlib import Path
from typing import Any

import pytest

from consensus.keys import KeyPair
from consensus.transaction import Transaction, decode_transaction, transaction_id
from vm.modules.tokens import Transfer
from vm.registry import REGISTRY

FILE = Path(__file__).parents[1] / "vectors" / "transaction.json"
VECTORS: list[dict[str, Any]] = json.loads(FILE.read_text("utf-8"))


@pytest.mark.parametrize("vector", VECTORS)
def test_a_transaction_is_encoded_and_signed_as_in_the_vectors(vector: dict[str, Any]) -> None:
    wanted = vector["transfer"]
    action = Transfer(
        bytes.fromhex(wanted["to"]), wanted["asset"], int(wanted["amount"]), wanted["memo"]
    )
    payer = vector["payer"]
    draft = Transaction(
        chain=bytes.fromhex(vector["chain"]),
        sender=bytes.fromhex(vector["sender"]),
        payer=bytes.fromhex(payer) if payer else None,
        nonce=vector["nonce"],
        valid_until_height=vector["valid_until_height"],
        fee_asset=vector["fee_asset"],
        max_fee=vector["max_fee"],
        actions=(action.pack(),),
        signatures=(),
    )
    assert draft.signing_bytes().hex() == vector["signing_bytes"]
    signed = draft.signed(*(KeyPair.from_seed(bytes.fromhex(seed)) for seed in vector["seeds"]))
    assert signed.encode().hex() == vector["encoding"]
    assert transaction_id(signed.encode()).hex() == vector["id"]
    read = decode_transaction(bytes.fromhex(vector["encoding"]))
    read.check_signatures()
    assert read == signed
    assert REGISTRY.unpack_actions(read) == (action,)
