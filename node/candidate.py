"""The forms that a block takes on its way: bytes, candidate, recorded."""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from consensus.block import Block, Body, Header
from consensus.cid import DAG_CBOR, Cid, cid_of
from consensus.codec import Wire, decode, decode_at, encode, items_at
from consensus.errors import InvalidEncoding
from consensus.finality import ChainBlock
from consensus.headers import check_body_bound
from consensus.producers import ProducerSet
from consensus.transaction import EncodedTransaction, transaction_id
from node.block_results import encode_results
from storage.state import Layer
from vm.transition import Outcome

# State keys and their new values; None deletes.
Writes: TypeAlias = tuple[tuple[bytes, bytes | None], ...]

SHARED_KEYS = 1024


# An encoded block begins so, then follow header, signature and body.
_BLOCK_HEAD = b"\x85" + encode(Block.tag) + encode(Block.version)
_BODY_HEAD = b"\x82"  # then follow certificate and transactions


@dataclass(frozen=True, slots=True)
class BlockHead:
    """What can be read of a block without its transactions."""

    id: Cid
    header: Header
    certificate: bytes


@dataclass(frozen=True, slots=True)
class Candidate:
    """A decoded block that claims a place: its id, its bytes, and its transactions."""

    id: Cid
    block: Block
    raw: bytes
    transactions: tuple[EncodedTransaction, ...]

    @property
    def header(self) -> Header:
        """The block's header."""
        return self.block.header

    @property
    def transaction_ids(self) -> list[bytes]:
        """The ids of its transactions, in order."""
        return [each.id for each in self.transactions]

    def check_body(self) -> None:
        """Raise InvalidBlock (code body-mismatch) unless the header names this body."""
        certificate = self.block.body.certificate
        check_body_bound(self.header, certificate, self.transaction_ids)


@dataclass(frozen=True, slots=True)
class Whole:
    """What a block that was buried no longer has."""

    raw: bytes
    body: Body
    layer: Layer


@dataclass(slots=True, eq=False)
class Recorded:
    """A valid block that is not yet final, with what it does to the state.

    `results` are those of its run, encoded. `qc_members` is the set of its qc_target, which
    `placed` forgets once it is final. A buried
    block lies far below the newest ones because nothing becomes final. Its bytes are in the
    block store and nowhere else, and its state follows from its writes and its ancestors'.
    """

    placed: ChainBlock
    qc_members: ProducerSet
    transaction_ids: tuple[bytes, ...]
    results: bytes
    whole: Whole | None
    _writes: Writes = ()

    @property
    def raw(self) -> bytes:
        """The encoding of a block that is not buried."""
        return self._present().raw

    @property
    def body(self) -> Body:
        """The body of a block that is not buried."""
        return self._present().body

    @property
    def layer(self) -> Layer:
        """The state after a block that is not buried."""
        return self._present().layer

    @property
    def writes(self) -> Writes:
        """What the block writes to the state."""
        whole = self.whole
        return self._writes if whole is None else whole.layer.writes()

    def _present(self) -> Whole:
        if self.whole is None:
            raise RuntimeError(f"block {self.placed.id} is buried")
        return self.whole

    def bury(self) -> None:
        """Let go of all that can be had again."""
        if self.whole is not None:
            writes = self.whole.layer.writes()
            self._writes = tuple((_shared(key), value) for key, value in writes)
            self.whole = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A block that lacks only its producer's signature."""

    placed: ChainBlock
    body: Body
    layer: Layer
    outcome: Outcome

    def sealed(self, signature: bytes) -> Recorded:
        """The block with its signature, ready to insert."""
        block = Block(self.placed.header, signature, self.body)
        return recorded(self.placed, block.encode(), self.body, self.layer, self.outcome)


@lru_cache(maxsize=SHARED_KEYS)
def _shared(key: bytes) -> bytes:
    """An equal key, the same object for all: the blocks of a stall write the same few rows."""
    return key


def read_block(raw: bytes) -> Candidate:
    """Decode a block's bytes; raises InvalidEncoding."""
    front = _read_front(raw)
    items = list(items_at(raw, front.end))
    body: list[Wire] = [front.certificate, [item for item, _ in items]]
    block = Block.unpack([Block.tag, Block.version, front.header, front.signature, body])
    encoded = tuple(
        EncodedTransaction(transaction_id(data), transaction, data)
        for transaction, (_, data) in zip(block.body.transactions, items, strict=True)
    )
    return Candidate(front.id, block, raw, encoded)


def read_head(raw: bytes) -> BlockHead:
    """Read a block's bytes as far as its certificate; raises InvalidEncoding."""
    front = _read_front(raw)
    header = Header.unpack(front.header)
    if not isinstance(front.certificate, bytes):
        raise InvalidEncoding("not a certificate", field="body.certificate")
    return BlockHead(front.id, header, front.certificate)


class _Front(NamedTuple):
    """What an encoded block begins with, up to where its transactions do."""

    id: Cid
    header: Wire
    signature: Wire
    certificate: Wire
    end: int


def _read_front(raw: bytes) -> _Front:
    if not raw.startswith(_BLOCK_HEAD):
        raise InvalidEncoding("not a block")
    header, end = decode_at(raw, len(_BLOCK_HEAD))
    block_id = cid_of(DAG_CBOR, raw[len(_BLOCK_HEAD) : end])
    signature, end = decode_at(raw, end)
    if not raw.startswith(_BODY_HEAD, end):
        raise InvalidEncoding("not a body", field="body")
    certificate, end = decode_at(raw, end + len(_BODY_HEAD))
    return _Front(block_id, header, signature, certificate, end)


def recorded(
    placed: ChainBlock, raw: bytes, body: Body, layer: Layer, outcome: Outcome
) -> Recorded:
    """A valid block with its results, while its qc is still linked."""
    qc_members = placed.members if placed.qc is None else placed.qc.members
    results = encode_results(outcome.receipt_leaves, outcome.event_leaves)
    whole = Whole(raw, body, layer)
    return Recorded(placed, qc_members, outcome.transaction_ids, results, whole)


def header_of(raw: bytes) -> Header:
    """The header in a stored block's bytes; genesis is stored as its header alone."""
    wire = decode(raw)
    if isinstance(wire, list) and wire[:1] == [Header.tag]:
        return Header.unpack(wire)
    if isinstance(wire, list) and wire[:1] == [Block.tag]:
        return Block.unpack(wire).header
    raise InvalidEncoding("neither a block nor a header")
