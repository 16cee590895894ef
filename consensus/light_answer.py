"""What proves facts to a light client: rows of the state, past blocks, and what is in them.

Facts of any age are shown against one new final block, never by the signatures of old sets: its
state holds the ids of all blocks below (consensus/history.py), and their headers the roots of
their transactions, receipts and events. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

from consensus.block import MAX_CERTIFICATE_BYTES, Header
from consensus.certificate import Verify
from consensus.errors import InvalidProof
from consensus.finality_proof import MAX_HEADER_BYTES
from consensus.hashing import DIGEST_BYTES, sha256
from consensus.keys import verifies
from consensus.kinds import Bytes, Digest, Text, Uint
from consensus.light import (
    MAX_DYNASTY_STEP_BYTES,
    DynastyStep,
    LightAnchor,
    LightState,
    Place,
    advance_final,
    checking,
    follow_dynasties,
)
from consensus.light_rows import PROGRESS_KEY, history_of
from consensus.merkle import inner_hash, leaf_hash, merkle_proof, verify_merkle
from consensus.producers import ProducerSet
from consensus.record import AtMost, Record, part, record
from consensus.tree_proof import MAX_PROVED_ROWS, StateProof
from consensus.tree_proof import verify as verify_state

MAX_STEPS = 16_384  # of a proof in a file: the set may change daily for 45 years
MAX_STEPS_ANSWERED = 256  # of an answer over the network; more come in pages
MAX_KEY_BYTES = 1024
MAX_VALUE_BYTES = 65_536
MAX_ITEMS = 16
MAX_ITEM_BYTES = 65_536
MAX_INCLUSION_HASHES = 32
MAX_HISTORY_HASHES = 53
MAX_STEPS_BYTES = MAX_STEPS_ANSWERED * MAX_DYNASTY_STEP_BYTES + 64
MAX_FACT_BYTES = 1_048_576  # all of an answer but its steps
MAX_ANSWER_BYTES = MAX_STEPS_BYTES + MAX_FACT_BYTES
MAX_ANCHOR_BYTES = 2 * MAX_HEADER_BYTES + 65_536
MAX_PROOF_FILE_BYTES = MAX_STEPS * MAX_DYNASTY_STEP_BYTES + MAX_FACT_BYTES + MAX_ANCHOR_BYTES

TRANSACTIONS, RECEIPTS, EVENTS = "transactions", "receipts", "events"


@record("dynasty-steps")
class DynastySteps(Record):
    """A page of steps, each from the dynasty that the one before leads to."""

    steps: Annotated[tuple[DynastyStep, ...], AtMost(MAX_STEPS_ANSWERED)]


@part
class ProvedRow(Record):
    """A key of the state and the value under it; null: there is no such row."""

    key: Annotated[bytes, Bytes(MAX_KEY_BYTES, 1)]
    value: Annotated[bytes, Bytes(MAX_VALUE_BYTES)] | None


@part
class PastBlock(Record):
    """A final block: the newest itself, then without `hashes`, or one below it, whose id these lead
    from to the root of the newest one's history."""

    header: Header
    hashes: Annotated[tuple[Digest, ...], AtMost(MAX_HISTORY_HASHES)]


@record("inclusion-proof", 2)
class InclusionProof(Record):
    """The way from an item up to the root of a list: the hashes of its siblings. Bit i of `sides`
    (of value 2^i) is set if the i-th of `hashes` stands to the left.

    It proves that the item is in the list. The place is not proved: headers commit to no length.
    """

    sides: Annotated[int, Uint(2**MAX_INCLUSION_HASHES - 1)]
    hashes: Annotated[tuple[Digest, ...], AtMost(MAX_INCLUSION_HASHES)]


@part
class ListItem(Record):
    """An item of one of a block's lists: a transaction's id, or a receipt's or event's encoding."""

    list: Annotated[str, Text(12, 6, f"{TRANSACTIONS}|{RECEIPTS}|{EVENTS}")]
    item: Annotated[bytes, Bytes(MAX_ITEM_BYTES)]
    proof: InclusionProof


@record("light-answer", 2)
class LightAnswer(Record):
    """Facts, proved from a client's LightState on.

    `steps` lead to the dynasty of `target`, whose `certificate` makes `final` final. `proof` shows
    that final's state holds exactly `rows`, in ascending order of key. `block` is final or an
    ancestor, `items` are in its lists.
    """

    steps: Annotated[tuple[DynastyStep, ...], AtMost(MAX_STEPS)]
    target: Header
    certificate: Annotated[bytes, Bytes(MAX_CERTIFICATE_BYTES)]
    final: Header
    rows: Annotated[tuple[ProvedRow, ...], AtMost(MAX_PROVED_ROWS)]
    proof: StateProof
    block: PastBlock | None
    items: Annotated[tuple[ListItem, ...], AtMost(MAX_ITEMS)]


@record("light-proof")
class LightProof(Record):
    """What proves facts to whoever has a genesis file, or a checkpoint, and no network.

    `anchor` is the checkpoint's; null if the steps begin at genesis. A file holds the encoding and
    after it that's SHA-256: without it a damaged key of an absent row could name another such row.
    """

    anchor: LightAnchor | None
    answer: LightAnswer


@dataclass(frozen=True, slots=True)
class Facts:
    """What an answer has proved: rows of the state after the block `final` (None: no such row),
    a final block's header and items of its lists, and the set that made this final."""

    final: Header
    place: Place
    rows: Mapping[bytes, bytes | None]
    block: Header | None
    items: tuple[ListItem, ...]
    dynasty: int
    producers: ProducerSet

    def items_of(self, name: str) -> list[bytes]:
        """The proved items of the block's list of this name."""
        return [item.item for item in self.items if item.list == name]


def inclusion(items: Sequence[bytes], index: int) -> InclusionProof:
    """The proof that a list has its item at `index`; raises IndexError if there is none."""
    hashes = merkle_proof(items, index)
    sides, last, taken = 0, len(items) - 1, 0
    while last:
        if index & 1 or index < last:
            sides |= (index & 1) << taken
            taken += 1
        index >>= 1
        last >>= 1
    return InclusionProof(sides, hashes)


def check_inclusion(root: bytes, item: bytes, proof: InclusionProof) -> None:
    """Raise InvalidProof unless `item` is in the list with this root of a proved header.

    `root` is a header's transactions_root, receipts_root or events_root.
    """
    if proof.sides >> len(proof.hashes):
        raise InvalidProof("tells of more siblings than there are", field="sides")
    node = leaf_hash(item)
    for i, sibling in enumerate(proof.hashes):
        left = proof.sides >> i & 1
        node = inner_hash(sibling, node) if left else inner_hash(node, sibling)
    if node != root:
        raise InvalidProof("the proof does not lead to the root of the list")


def decode_answer(data: bytes) -> LightAnswer:
    """Read an answer's canonical bytes; raises InvalidProof whose field is "encoding"."""
    with checking("encoding"):
        _check_size(data, MAX_ANSWER_BYTES, "an answer")
        return LightAnswer.decode(data)


def decode_steps(data: bytes) -> tuple[DynastyStep, ...]:
    """Read a page of steps; raises InvalidProof whose field is "encoding"."""
    with checking("encoding"):
        _check_size(data, MAX_STEPS_BYTES, "a page of steps")
        return DynastySteps.decode(data).steps


def decode_anchor(data: bytes) -> LightAnchor:
    """Read an anchor; raises InvalidProof whose field is "encoding"."""
    with checking("encoding"):
        _check_size(data, MAX_ANCHOR_BYTES, "an anchor")
        return LightAnchor.decode(data)


def encode_proof(proof: LightProof) -> bytes:
    """The content of a file."""
    data = proof.encode()
    return data + sha256(data)


def decode_proof(data: bytes) -> LightProof:
    """Read the content of a file; raises InvalidProof whose field is "encoding"."""
    with checking("encoding"):
        _check_size(data, MAX_PROOF_FILE_BYTES, "a proof")
        content, digest = data[:-DIGEST_BYTES], data[-DIGEST_BYTES:]
        if sha256(content) != digest:
            raise InvalidProof("the digest at the end does not fit: damaged, or no proof")
        return LightProof.decode(content)


def _check_size(data: bytes, limit: int, what: str) -> None:
    if len(data) > limit:
        raise InvalidProof(f"{len(data)} bytes; {what} has at most {limit}")


def verify_answer(
    state: LightState, answer: LightAnswer, *, verify: Verify = verifies
) -> tuple[LightState, Facts]:
    """The client's new state and the facts that the answer proves; whether they are what was asked
    is for the caller to see.

    Raises InvalidProof whose field says which check failed: "dynasty step i", "certificate",
    "final header", "rows", "state proof", "block" or "items[i]".
    """
    state = follow_dynasties(state, answer.steps, verify=verify)
    state = advance_final(state, answer.target, answer.certificate, answer.final, verify=verify)
    rows = _check_rows(answer)
    header = None if answer.block is None else _check_block(answer, rows, answer.block)
    for i, item in enumerate(answer.items):
        with checking(f"items[{i}]"):
            _check_item(header, item)
    facts = Facts(
        final=answer.final,
        place=state.final,
        rows=rows,
        block=header,
        items=answer.items,
        dynasty=state.dynasty,
        producers=state.producers,
    )
    return state, facts


def _check_rows(answer: LightAnswer) -> dict[bytes, bytes | None]:
    if any(low.key >= high.key for low, high in pairwise(answer.rows)):
        raise InvalidProof("not in ascending order of their keys", field="rows")
    rows = {row.key: row.value for row in answer.rows}
    with checking("state proof"):
        verify_state(answer.final.state_root, rows, answer.proof)
    return rows


def _check_block(
    answer: LightAnswer, rows: Mapping[bytes, bytes | None], block: PastBlock
) -> Header:
    """The header of the answer's block, which is final or an ancestor."""
    with checking("block"):
        if block.header == answer.final:
            if block.hashes:
                raise InvalidProof("the newest final block needs no hashes")
            return block.header
        progress = rows.get(PROGRESS_KEY)
        if progress is None:
            raise InvalidProof("the answer has no row chain.progress that it could be in")
        history = history_of(progress)
        identity = block.header.id().binary
        verify_merkle(history.root, identity, block.header.height, history.blocks, block.hashes)
    return block.header


def _check_item(header: Header | None, item: ListItem) -> None:
    if header is None:
        raise InvalidProof("the answer has no block that it could be in")
    roots = {
        TRANSACTIONS: header.transactions_root,
        RECEIPTS: header.receipts_root,
        EVENTS: header.events_root,
    }
    check_inclusion(roots[item.list], item.item, item.proof)
