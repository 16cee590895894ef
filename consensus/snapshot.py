"""Snapshots: a final state in chunks, each proved against the final block's header
(docs/protocol.md section 18).

How a state is cut into chunks is a function of its rows alone, so that all nodes make the same
chunks and a newcomer can take each from another one. Nothing in a snapshot is trusted: the
manifest is checked against the producer set that a light client has arrived at, each chunk
against the state root of the manifest's final block.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Annotated

from consensus.block import Header
from consensus.certificate import Verify
from consensus.cid import Cid
from consensus.codec import encode
from consensus.errors import Invalid, InvalidProof
from consensus.finality_proof import MAX_FINALITY_PROOF_BYTES, FinalityProof
from consensus.hashing import DIGEST_BYTES, ZERO_DIGEST, sha256
from consensus.keys import verifies
from consensus.kinds import Bytes, Counter, Digest, Uint
from consensus.light import LightState, advance_final
from consensus.producers import MAX_PRODUCERS, MIN_PRODUCERS, Member, ProducerSet
from consensus.record import AtMost, Record, part, record
from consensus.tree import PATH_BITS
from consensus.tree_range import MAX_PREFIX_BITS, WHOLE, Prefix, RangeProof, verify_range

CHUNK_BYTES = 256 * 1024
ROW_OVERHEAD_BYTES = 64
MAX_CHUNK_ROWS = CHUNK_BYTES // ROW_OVERHEAD_BYTES
MAX_KEY_BYTES = 1024
MAX_VALUE_BYTES = 65_536
MAX_CHUNKS = 65_536
_FRAMING_BYTES = 256
_ROW_FRAMING_BYTES = 9  # the heads of its array, key and value
_PROOF_BYTES = (MAX_PREFIX_BITS + 2) * (DIGEST_BYTES + 2)
_ENTRY_BYTES = DIGEST_BYTES + 2 + 3 + 1 + 5 + 5
_SETS_BYTES = 3 * (MAX_PRODUCERS * 70 + 3)
# A row weighs more than its encoding takes.
MAX_CHUNK_ENCODED_BYTES = CHUNK_BYTES + _PROOF_BYTES + _FRAMING_BYTES
MAX_MANIFEST_BYTES = (
    MAX_FINALITY_PROOF_BYTES + _SETS_BYTES + MAX_CHUNKS * _ENTRY_BYTES + _FRAMING_BYTES
)
if ROW_OVERHEAD_BYTES < _ROW_FRAMING_BYTES:
    raise ValueError("a chunk's bound must hold for rows with their encoding")
if MAX_KEY_BYTES + MAX_VALUE_BYTES + ROW_OVERHEAD_BYTES > CHUNK_BYTES:
    raise ValueError("every row must fit a chunk")

Key = Annotated[bytes, Bytes(MAX_KEY_BYTES, 1)]
Value = Annotated[bytes, Bytes(MAX_VALUE_BYTES)]
OptionalSet = Annotated[tuple[Member, ...], AtMost(MAX_PRODUCERS)]


@part
class SnapshotRow(Record):
    """A state key and its value."""

    key: Key
    value: Value


@record("snapshot-chunk")
class SnapshotChunk(Record):
    """All rows whose paths begin with `prefix`, in ascending order of their paths, with the proof
    that they are."""

    prefix: Prefix
    rows: Annotated[tuple[SnapshotRow, ...], AtMost(MAX_CHUNK_ROWS)]
    proof: RangeProof


@part
class ChunkEntry(Record):
    """A chunk as a manifest lists it: its prefix, the weight of its rows, by which the state is
    cut, and the size of its encoding."""

    prefix: Prefix
    weight: Annotated[int, Uint(CHUNK_BYTES)]
    size_bytes: Annotated[int, Uint(MAX_CHUNK_ENCODED_BYTES, 1)]


@record("snapshot-manifest")
class SnapshotManifest(Record):
    """What a snapshot consists of, and why it is the final state.

    `proof` makes a block final; its headers reach down to that block's qc_target. `members` is
    the block's set, `next_members` the one that takes over next (empty: none is elected yet),
    `previous_members` the set of the qc_target's dynasty (empty: the block's own). `chunks` are
    in order of their paths.
    """

    proof: FinalityProof
    members: Annotated[tuple[Member, ...], AtMost(MAX_PRODUCERS, MIN_PRODUCERS)]
    previous_members: OptionalSet
    next_members: OptionalSet
    chunks: Annotated[tuple[ChunkEntry, ...], AtMost(MAX_CHUNKS, 1)]

    @property
    def final(self) -> Header:
        """The header of the block whose state it is."""
        return self.proof.final

    @property
    def height(self) -> int:
        """That block's height."""
        return self.proof.final.height

    @property
    def block_id(self) -> Cid:
        """That block's id."""
        return self.proof.final.id()

    @property
    def cut(self) -> bytes:
        """The digest of the list of chunks. Nodes that state the same have the same chunks."""
        return sha256(encode([entry.pack() for entry in self.chunks]))

    @property
    def size_bytes(self) -> int:
        """The size of all chunks together."""
        return sum(entry.size_bytes for entry in self.chunks)


@part
class SnapshotOffer(Record):
    """A snapshot as a node lists it: height and id of its block, the digest of its list of chunks
    (SnapshotManifest.cut), their number, and the size of all together."""

    height: Counter
    block_id: Cid
    cut: Digest
    chunks: Annotated[int, Uint(MAX_CHUNKS, 1)]
    size_bytes: Counter


def row_weight(key: bytes, value: bytes) -> int:
    """What a row counts when a state is cut."""
    return len(key) + len(value) + ROW_OVERHEAD_BYTES


def must_split(rows: int, weight: int) -> bool:
    """Whether a range of so many rows of this weight is cut into its halves."""
    return rows > 1 and weight > CHUNK_BYTES


# Verification


def check_manifest(
    manifest: SnapshotManifest, state: LightState, *, verify: Verify = verifies
) -> LightState:
    """The light client's state at the manifest's final block, from its state in that block's
    dynasty.

    Raises InvalidProof whose field is "certificate", "final header", "manifest.headers",
    "manifest.members", … or "manifest.chunks".
    """
    proof = manifest.proof
    state = advance_final(state, proof.target, proof.certificate, proof.final, verify=verify)
    _check_lineage(proof.headers)
    _check_sets(manifest)
    check_cut(manifest.chunks)
    return state


def check_chunk(manifest: SnapshotManifest, index: int, chunk: SnapshotChunk) -> None:
    """Raise InvalidProof unless this is the chunk at `index`: exactly the rows of its range in
    the final block's state. Its field is "chunk INDEX" or, if the manifest is proved to lie,
    "manifest.chunks"."""
    entry, field = manifest.chunks[index], f"chunk {index}"
    if chunk.prefix != entry.prefix:
        raise InvalidProof("another range than the manifest's", field=field)
    rows = [(row.key, row.value) for row in chunk.rows]
    try:
        verify_range(manifest.final.state_root, chunk.prefix, rows, chunk.proof)
    except Invalid as error:
        raise InvalidProof(str(error), field=field) from error
    weight = sum(row_weight(key, value) for key, value in rows)
    if weight != entry.weight:
        raise InvalidProof(
            f"chunk {index} weighs {weight}, not {entry.weight} as stated", field="manifest.chunks"
        )


def read_chunk(manifest: SnapshotManifest, index: int, data: bytes) -> SnapshotChunk:
    """The chunk at `index` from its encoding, checked; raises InvalidProof as check_chunk does."""
    expected, field = manifest.chunks[index].size_bytes, f"chunk {index}"
    if len(data) != expected:
        raise InvalidProof(f"{len(data)} bytes where the manifest has {expected}", field=field)
    try:
        chunk = SnapshotChunk.decode(data)
    except Invalid as error:
        raise InvalidProof(str(error), field=field) from error
    check_chunk(manifest, index, chunk)
    return chunk


def _check_lineage(headers: Sequence[Header]) -> None:
    """Raise InvalidProof unless the headers go from the final block to its qc_target."""
    final, lowest = headers[0], headers[-1]
    for i, header in enumerate(headers[1:]):
        if headers[i].parent != header.id():
            raise InvalidProof("not the parent of the block above", field="manifest.headers")
    target = final.qc_target
    if target is None or len(headers) < 2:
        raise InvalidProof("do not reach down to the qc_target", field="manifest.headers")
    if (target.id, target.slot, target.dynasty) != (lowest.id(), lowest.slot, lowest.dynasty):
        raise InvalidProof("end at another block than the qc_target", field="manifest.headers")


def _check_sets(manifest: SnapshotManifest) -> None:
    final, headers = manifest.final, manifest.proof.headers
    previous = {header.set_hash for header in headers if header.dynasty != final.dynasty}
    _check_set(manifest.members, {final.set_hash}, "members")
    _check_set(manifest.previous_members, previous, "previous_members")
    _check_set(manifest.next_members, {final.next_set_hash} - {ZERO_DIGEST}, "next_members")


def _check_set(members: tuple[Member, ...], hashes: set[bytes], name: str) -> None:
    """Raise InvalidProof unless the members are the one set of these hashes, nobody if none."""
    try:
        found = {ProducerSet(members).hash} if members else set()
    except Invalid as error:
        raise InvalidProof(str(error), field=f"manifest.{name}") from error
    if found != hashes:
        raise InvalidProof("not the set that the headers name", field=f"manifest.{name}")


def check_cut(chunks: Sequence[ChunkEntry]) -> None:
    """Raise InvalidProof (field "manifest.chunks") unless a state with ranges of these weights is
    cut so: they hold every path once, and no two halves of a range fit one chunk."""
    open_: list[tuple[int, int, int]] = []  # first path, depth and weight of what is not joined
    for entry in chunks:
        open_.append((entry.prefix.first, entry.prefix.depth, entry.weight))
        while len(open_) > 1 and _are_halves(*open_[-2][:2], *open_[-1][:2]):
            _, depth, right = open_.pop()
            first, _, left = open_.pop()
            if left + right <= CHUNK_BYTES:
                raise InvalidProof("cut finer than the rule has it", field="manifest.chunks")
            open_.append((first, depth - 1, left + right))
    if len(open_) != 1 or open_[0][1] != WHOLE.depth:
        raise InvalidProof("do not cover the state exactly once", field="manifest.chunks")


def _are_halves(first: int, depth: int, next_first: int, next_depth: int) -> bool:
    size = 1 << (PATH_BITS - depth)
    return depth == next_depth > 0 and not first & size and next_first == first + size


def cut_rows(
    prefix: Prefix, rows: Sequence[tuple[bytes, bytes, bytes]]
) -> Iterator[tuple[Prefix, Sequence[tuple[bytes, bytes, bytes]]]]:
    """The ranges that `rows` (path, key, value), which ascend by path and are all those under
    `prefix`, are cut into, in order. Recursion is at most 255 deep."""
    weight = sum(row_weight(key, value) for _, key, value in rows)
    if not must_split(len(rows), weight):
        yield prefix, rows
        return
    left, right = prefix.halves()
    middle = bisect_left(rows, right.first.to_bytes(DIGEST_BYTES, "big"), key=lambda row: row[0])
    yield from cut_rows(left, rows[:middle])
    yield from cut_rows(right, rows[middle:])
