"""Makes transaction.json: a second reading of the transaction format.

Imports nothing of the project, so that an error there is not repeated here. Run once:
`python -m tests.vectors.generate_transaction`; the tests compare the checked-in file.
"""

import hashlib
import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.vectors.generate_consensus import Item, cbor

SEEDS = [bytes([1]) * 32, bytes([2]) * 32]
RECIPIENT = bytes([3]) * 32
CHAIN = bytes(range(32))


def public(seed: bytes) -> bytes:
    key = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def transaction(payer: bool, amount: int, memo: str, nonce: int) -> dict[str, object]:
    sender = public(SEEDS[0])
    action: list[Item] = ["token.transfer", 1, RECIPIENT, "REEL", amount, memo]
    unsigned: list[Item] = [
        "transaction",
        1,
        CHAIN,
        sender,
        public(SEEDS[1]) if payer else None,
        nonce,
        1000,
        "REEL",
        10_000_000,
        [action],
    ]
    message = cbor(unsigned)
    seeds = sorted(SEEDS if payer else SEEDS[:1], key=public)
    signatures = [
        [public(seed), Ed25519PrivateKey.from_private_bytes(seed).sign(message)] for seed in seeds
    ]
    encoding = cbor([*unsigned, signatures])
    return {
        "seeds": [seed.hex() for seed in seeds],
        "chain": CHAIN.hex(),
        "sender": sender.hex(),
        "payer": public(SEEDS[1]).hex() if payer else None,
        "nonce": nonce,
        "valid_until_height": 1000,
        "fee_asset": "REEL",
        "max_fee": 10_000_000,
        "transfer": {"to": RECIPIENT.hex(), "asset": "REEL", "amount": str(amount), "memo": memo},
        "signing_bytes": message.hex(),
        "encoding": encoding.hex(),
        "id": hashlib.sha256(encoding).hexdigest(),
    }


if __name__ == "__main__":
    vectors = [
        transaction(False, 1, "", 0),
        transaction(False, 2**64 - 1, "für Tee ☕", 23),
        transaction(True, 100_000_000, "sponsored", 24),
    ]
    target = Path(__file__).with_name("transaction.json")
    target.write_text(json.dumps(vectors, indent=2, ensure_ascii=False) + "\n", "utf-8")
