"""Transactions: signed lists of actions, applied all or nothing (DESIGN section 2)."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Self

from consensus.codec import Wire, encode
from consensus.errors import InvalidEncoding, InvalidTransaction
from consensus.hashing import sha256
from consensus.keys import KeyPair, verifies
from consensus.kinds import (
    KEY_BYTES,
    SIGNATURE_BYTES,
    AccountId,
    Amount,
    Asset,
    Counter,
    Digest,
    Json,
    JsonObject,
    Kind,
    PublicKey,
    Signature,
)
from consensus.record import AtMost, Record, part, record

MAX_TRANSACTION_BYTES = 65_536
MAX_ACTIONS = 16
MAX_SIGNATURES = 32


class TaggedRecord(Kind):
    """A record of any type, kept in wire form until the module that declares it reads it."""

    def pack(self, value: object) -> Wire:
        if not isinstance(value, list):
            raise InvalidEncoding("an array is expected")
        return value

    def unpack(self, wire: Wire) -> list[Wire]:
        if (
            not isinstance(wire, list)
            or len(wire) < 2
            or not isinstance(wire[0], str)
            or type(wire[1]) is not int
        ):
            raise InvalidEncoding("an array that begins with a tag and a version is expected")
        return wire

    def to_json(self, value: object) -> Json:
        raise TypeError("a tagged record has JSON only through the module that declares it")

    def from_json(self, json: Json) -> object:
        raise TypeError("a tagged record has JSON only through the module that declares it")

    def schema(self) -> JsonObject:
        return {"type": "object"}

    @property
    def label(self) -> str:
        return "record of any type"


TaggedWire = Annotated[list[Wire], TaggedRecord()]


@part
class Authorization(Record):
    """One key's signature over a transaction's signing bytes."""

    key: PublicKey
    signature: Signature


_LONG_ARRAY = 24  # so many items have a head of two bytes
_AUTHORIZATION_BYTES = len(Authorization(bytes(KEY_BYTES), bytes(SIGNATURE_BYTES)).encode())


@record("transaction")
class Transaction(Record):
    """A signed order to run actions.

    `chain` is the digest of the genesis header; `payer` pays the fee and signs too (null: the
    sender pays); `nonce` counts the sender's transactions from 0; the transaction is void
    above `valid_until_height`; the fee charged is gas times price, never above `max_fee`.
    """

    chain: Digest
    sender: AccountId
    payer: AccountId | None
    nonce: Counter
    valid_until_height: Counter
    fee_asset: Asset
    max_fee: Amount
    actions: Annotated[tuple[TaggedWire, ...], AtMost(MAX_ACTIONS, 1)]
    signatures: Annotated[tuple[Authorization, ...], AtMost(MAX_SIGNATURES)]

    @property
    def fee_payer(self) -> bytes:
        """The account that pays the fee."""
        return self.sender if self.payer is None else self.payer

    def signing_bytes(self, encoding: bytes | None = None) -> bytes:
        """What each signature covers: the encoding without the signatures. It is cut out of the
        transaction's whole encoding where that is at hand."""
        if encoding is None:
            return encode(self.pack()[:-1])
        count = len(self.signatures)
        size = (1 if count < _LONG_ARRAY else 2) + count * _AUTHORIZATION_BYTES
        return _SIGNING_HEAD + encoding[len(_SIGNING_HEAD) : -size]

    def signed(self, *keys: KeyPair) -> "Transaction":
        """This transaction with one signature more by each key, ordered by key."""
        message = self.signing_bytes()
        made = {item.key: item for item in self.signatures}
        made |= {key.public: Authorization(key.public, key.sign(message)) for key in keys}
        return Transaction(
            self.chain,
            self.sender,
            self.payer,
            self.nonce,
            self.valid_until_height,
            self.fee_asset,
            self.max_fee,
            self.actions,
            tuple(made[key] for key in sorted(made)),
        )

    def check_signatures(self, encoding: bytes | None = None) -> None:
        """Raise InvalidTransaction unless all signatures verify and keys are in strict order.

        Whether these keys may act for sender and payer is for the account module to say.
        `encoding` is the transaction's own, for whoever has it.
        """
        keys = [item.key for item in self.signatures]
        if any(low >= high for low, high in pairwise(keys)):
            raise InvalidTransaction("keys must be distinct and in order", field="signatures")
        message = self.signing_bytes(encoding)
        for i, item in enumerate(self.signatures):
            if not verifies(item.key, message, item.signature):
                raise InvalidTransaction(
                    f"not a signature by {item.key.hex()} over this transaction",
                    field=f"signatures[{i}]",
                    code="invalid-signature",
                )


# What is signed begins as an array of one item less than the transaction.
_SIGNING_HEAD = bytes((0x80 + 2 + len(Transaction.fields) - 1,))


def decode_transaction(data: bytes) -> Transaction:
    """Read a transaction's canonical bytes; raises InvalidEncoding."""
    if len(data) > MAX_TRANSACTION_BYTES:
        raise InvalidEncoding(f"{len(data)} bytes; a transaction has at most 65,536")
    return Transaction.decode(data)


@dataclass(frozen=True, slots=True)
class EncodedTransaction:
    """A transaction with its id and its bytes: made once, they go with it from peer to block."""

    id: bytes
    transaction: Transaction
    data: bytes

    @classmethod
    def of(cls, transaction: Transaction) -> Self:
        """The transaction, encoded."""
        data = transaction.encode()
        return cls(transaction_id(data), transaction, data)

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Read a transaction's canonical bytes; raises InvalidEncoding."""
        return cls(transaction_id(data), decode_transaction(data), data)

    @property
    def size_bytes(self) -> int:
        """How long its encoding is."""
        return len(self.data)

    def check_signatures(self) -> None:
        """Raise InvalidTransaction unless all signatures verify and keys are in strict order."""
        self.transaction.check_signatures(self.data)

    @property
    def is_free(self) -> bool:
        """Whether it pays no fee: mana pays, or it is a duty or exempt."""
        return self.transaction.max_fee == 0


def transaction_id(data: bytes) -> bytes:
    """The id of a transaction: SHA-256 of its whole encoding, signatures included."""
    return sha256(data)
