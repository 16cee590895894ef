"""Proofs that rows are, or are not, in the state tree with a given root (docs/protocol.md
section 7).

One proof shows up to MAX_PROVED_ROWS rows and shares what their ways have in common. It is the
walk over the tree, written down: a subtree that holds none of the asked paths is a hash, the
others are described from the root downwards, the left half before the right. Per subtree, bits
of `shape` (most significant of a byte first, zeros after the last) tell:

- if no asked path lies in it: 1 if it holds any row, then its hash is the next of `siblings`;
- else 1 if it holds two rows or more: the walks of its halves follow;
- else 0. If one of the asked rows is present here, this is its only row. If none is, one more
  bit: 1 if it holds another row, the next of `others`.

A tree's hashes determine all of this, and everything must be used up, so there is exactly one
proof for each root and set of asked keys.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Annotated

from consensus.errors import InvalidProof
from consensus.hashing import DIGEST_BYTES, ZERO_DIGEST, sha256
from consensus.kinds import Bytes, Digest
from consensus.record import AtMost, Record, part, record
from consensus.tree import PATH_BITS, ReadPage, Subtree, inner_hash, key_path, leaf_hash

MAX_PROVED_ROWS = 64
# The way to a row goes on at most once a depth, and passes one sibling each time.
MAX_SIBLINGS = MAX_PROVED_ROWS * PATH_BITS
# Going on takes a bit, its sibling another; two tell how a way ends.
MAX_SHAPE_BYTES = 2 * (MAX_SIBLINGS + MAX_PROVED_ROWS) // 8


@part
class OtherLeaf(Record):
    """The only row of a subtree, shown to prove that the asked ones in it are absent."""

    path: Digest
    value_hash: Digest


@record("state-proof", 2)
class StateProof(Record):
    """Shows what the tree with a given root holds under a set of keys."""

    shape: Annotated[bytes, Bytes(MAX_SHAPE_BYTES)]
    siblings: Annotated[tuple[Digest, ...], AtMost(MAX_SIBLINGS)]
    others: Annotated[tuple[OtherLeaf, ...], AtMost(MAX_PROVED_ROWS)]


def prove(read_page: ReadPage, paths: Iterable[bytes]) -> StateProof:
    """The proof of the rows at `paths`, present with their values or absent.

    Raises ValueError for more than MAX_PROVED_ROWS paths or one that is none, DamagedTree if
    the stored tree is damaged.
    """
    asked = list(dict.fromkeys(paths))
    if len(asked) > MAX_PROVED_ROWS or any(len(path) != DIGEST_BYTES for path in asked):
        raise ValueError(f"a proof is of at most {MAX_PROVED_ROWS} paths of {DIGEST_BYTES} bytes")
    writer = _Writer()
    writer.walk(Subtree.whole(read_page), asked, 0)
    return writer.proof()


def verify(root: bytes, rows: Mapping[bytes, bytes | None], proof: StateProof) -> None:
    """Raise InvalidProof unless `proof` shows that the tree with this root holds exactly these
    values under the keys of `rows` (None: no row).

    A proof of no rows shows the root alone. The work is linear in the sizes of rows and proof;
    recursion is at most 257 deep, as in `prove`.
    """
    if len(rows) > MAX_PROVED_ROWS:
        raise InvalidProof(f"{len(rows)} rows; a proof shows at most {MAX_PROVED_ROWS}")
    asked = {key_path(key): None if value is None else sha256(value) for key, value in rows.items()}
    reader = _Reader(proof, asked)
    node = reader.walk(list(asked), 0)
    reader.finish()
    if node != root:
        raise InvalidProof("the proof does not lead to the state root")


class _Writer:
    """Takes the walk down."""

    def __init__(self) -> None:
        self._bits: list[str] = []
        self._siblings: list[bytes] = []
        self._others: list[OtherLeaf] = []

    def walk(self, subtree: Subtree, asked: Collection[bytes], depth: int) -> None:
        """Describe a subtree at `depth` and the asked paths in it."""
        if not asked:
            sibling = subtree.hash
            if self._tell(sibling != ZERO_DIGEST):
                self._siblings.append(sibling)
            return
        leaf = subtree.leaf
        if self._tell(leaf is None):
            halves, parts = subtree.halves(), _halves(asked, depth)
            self.walk(halves[0], parts[0], depth + 1)
            self.walk(halves[1], parts[1], depth + 1)
        elif leaf is not None and leaf[:DIGEST_BYTES] not in asked and self._tell(leaf != b""):
            self._others.append(OtherLeaf(leaf[:DIGEST_BYTES], leaf[DIGEST_BYTES:]))

    def _tell(self, bit: bool) -> bool:
        self._bits.append("1" if bit else "0")
        return bit

    def proof(self) -> StateProof:
        """The proof, after the walk."""
        size = (len(self._bits) + 7) // 8
        shape = int("".join(self._bits).ljust(8 * size, "0"), 2).to_bytes(size, "big")
        return StateProof(shape, tuple(self._siblings), tuple(self._others))


class _Reader:
    """Follows the walk of a proof that nobody vouches for."""

    def __init__(self, proof: StateProof, asked: Mapping[bytes, bytes | None]) -> None:
        self._asked = asked
        self._shape = proof.shape
        self._read_bits = 0
        self._siblings = list(reversed(proof.siblings))
        self._others = list(reversed(proof.others))

    def walk(self, asked: Sequence[bytes], depth: int) -> bytes:
        """The hash of a subtree at `depth`, as the proof has it; `asked` are the paths in it."""
        goes_on = self._bit()
        if not asked:
            return self._sibling() if goes_on else ZERO_DIGEST
        if not goes_on:
            return self._end(asked, depth)
        if depth == PATH_BITS:
            raise InvalidProof("goes on below the last bit of a path", field="shape")
        left, right = _halves(asked, depth)
        return inner_hash(self.walk(left, depth + 1), self.walk(right, depth + 1))

    def _end(self, asked: Sequence[bytes], depth: int) -> bytes:
        """The hash of a subtree that holds at most one row."""
        rows = ((path, self._asked[path]) for path in asked)
        present = [path + value_hash for path, value_hash in rows if value_hash is not None]
        if len(present) > 1:
            raise InvalidProof("ends above two rows that are said to be present", field="shape")
        if present:
            return leaf_hash(present[0])
        return self._other(asked, depth) if self._bit() else ZERO_DIGEST

    def _sibling(self) -> bytes:
        if not self._siblings:
            raise InvalidProof("too few", field="siblings")
        sibling = self._siblings.pop()
        if sibling == ZERO_DIGEST:
            raise InvalidProof("an empty subtree has a bit, not a hash", field="siblings")
        return sibling

    def _other(self, asked: Sequence[bytes], depth: int) -> bytes:
        if not self._others:
            raise InvalidProof("too few", field="others")
        other = self._others.pop()
        if other.path in asked:
            raise InvalidProof("shows that a row is present, not absent", field="others")
        apart = int.from_bytes(asked[0], "big") ^ int.from_bytes(other.path, "big")
        if apart.bit_length() > PATH_BITS - depth:
            raise InvalidProof("lies in another subtree than the absent row", field="others")
        return leaf_hash(other.path + other.value_hash)

    def _bit(self) -> bool:
        place = self._read_bits
        if place == 8 * len(self._shape):
            raise InvalidProof("too short", field="shape")
        self._read_bits = place + 1
        return bool(self._shape[place // 8] << place % 8 & 0x80)

    def finish(self) -> None:
        """Refuse what the walk has not used."""
        spare = 8 * len(self._shape) - self._read_bits
        if spare > 7 or (spare and self._shape[-1] & ((1 << spare) - 1)):
            raise InvalidProof("bits beyond the end", field="shape")
        if self._siblings:
            raise InvalidProof(f"{len(self._siblings)} too many", field="siblings")
        if self._others:
            raise InvalidProof(f"{len(self._others)} too many", field="others")


def _halves(paths: Iterable[bytes], depth: int) -> tuple[list[bytes], list[bytes]]:
    """The paths in the left and the right half of a subtree at `depth`."""
    halves: tuple[list[bytes], list[bytes]] = ([], [])
    byte, mask = depth // 8, 0x80 >> depth % 8
    for path in paths:
        halves[bool(path[byte] & mask)].append(path)
    return halves
