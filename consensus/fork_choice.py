"""The fork choice: a store of known valid blocks, and what blocks, votes and certificates do.

Everything is a function of what was put in; ties are broken by the lower id (FINALITY: head).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile

from consensus.block import BlockRef
from consensus.certificate import certificate_bytes
from consensus.cid import Cid
from consensus.finality import ChainBlock, next_dynasty
from consensus.finality_proof import FinalityProof

MAX_FALLEN = 4096
# A member votes for a block in its slot or never, so votes for older blocks come late, or again
# to those that were cut off; a block that is justified all the same says so by its certificate.
VOTED_SLOTS = 252


class ConflictingFinality(Exception):
    """A block was proved final that excludes the own final block: more than f are faulty.

    The node must stop at once and keep the evidence: `proof` shows the other history.
    """

    def __init__(self, final: BlockRef, proof: FinalityProof) -> None:
        super().__init__(
            f"block {proof.final.id()} (slot {proof.final.slot}) became final beside "
            f"block {final.id} (slot {final.slot}): at least f + 1 producers broke the rules"
        )
        self.final = final
        self.proof = proof


@dataclass(frozen=True, slots=True)
class Finalized:
    """One advance of finality: blocks from the lowest new final one up, and what fell away.

    `certificate` of the block `certified` is the proof: its final_if_qc is the last of
    `blocks`.
    """

    blocks: tuple[ChainBlock, ...]
    dropped: tuple[ChainBlock, ...]
    certified: ChainBlock
    certificate: bytes


class ForkChoice:
    """The final block, every known valid block above it, and who voted for them.

    Live blocks are the final block and its descendants. Beside them are kept the final
    block's ancestors that a child may still name as qc_target, and, up to MAX_FALLEN, blocks
    that finality excluded: a certificate for one of these is the alarm.
    """

    def __init__(self, final: ChainBlock) -> None:
        self.final = final
        self.head = final
        self._below = _lineage(final)
        self._blocks = {block.id: block for block in (final, *self._below)}
        self._fallen: dict[Cid, None] = {}
        self._children: dict[Cid, tuple[ChainBlock, ...]] = {}
        self._votes: dict[Cid, dict[int, bytes]] = {}
        self._certificates: dict[Cid, bytes] = {}
        self._best: dict[Cid, ChainBlock] = {final.id: final.qc or final}

    def get(self, block_id: Cid) -> ChainBlock | None:
        """The known block of this id, live or not."""
        return self._blocks.get(block_id)

    def is_live(self, block: ChainBlock) -> bool:
        """Whether `block` is the final block or a known descendant of it."""
        return block.id in self._best

    def descendants(self, block: ChainBlock) -> Iterator[ChainBlock]:
        """All live blocks above `block`, parents before children."""
        waiting = list(self._children.get(block.id, ()))
        while waiting:
            at = waiting.pop()
            yield at
            waiting.extend(self._children.get(at.id, ()))

    def best_certified(self, block: ChainBlock) -> ChainBlock:
        """qc*: the best justified block among a live block and its ancestors."""
        return self._best[block.id]

    @property
    def justified(self) -> ChainBlock:
        """The head's qc*."""
        return self._best[self.head.id]

    def certificate(self, block: ChainBlock) -> bytes | None:
        """The certificate of a justified block, if it is known."""
        return self._certificates.get(block.id)

    def counts(self, block: ChainBlock) -> bool:
        """Whether votes for a block are counted: not if it lies VOTED_SLOTS below the head."""
        return block.header.slot + VOTED_SLOTS > self.head.header.slot

    def votes(self, block: ChainBlock) -> Mapping[int, bytes]:
        """The signatures counted for a block, by the member's place in its set; of one far below
        the head they are forgotten."""
        return self._votes.get(block.id, {})

    def rank(self, block: ChainBlock) -> tuple[int, int, int]:
        """By what a live block is preferred as the head: child_key(x), then the height."""
        qc = self._best[block.id]
        dynasty, base = next_dynasty(block, qc)
        return (dynasty, qc.slot if qc.dynasty == dynasty else base.slot, block.height)

    def on_block(self, block: ChainBlock, certificate: bytes) -> Finalized | None:
        """Add a valid child of a live block, with the certificate of its body.

        Adding a block twice changes nothing. Returns what the certificate made final, if
        anything; raises ConflictingFinality.
        """
        parent, qc = block.parent, block.qc
        if block.id in self._blocks:
            return None
        if parent is None or qc is None or not self.is_live(parent):
            raise ValueError("the parent must be the final block or descend from it")
        self._blocks[block.id] = block
        self._children[parent.id] = (*self._children.get(parent.id, ()), block)
        self._best[block.id] = max(self._best[parent.id], qc, key=_key)
        self._consider_head(block)
        return self.on_certificate(qc, certificate) if certificate else None

    def on_vote(self, block: ChainBlock, place: int, signature: bytes) -> Finalized | None:
        """Count a verified vote of the member at `place` for a known block, if `counts`.

        A quorum justifies the block: returns what that made final, if anything; raises
        ConflictingFinality.
        """
        if not self.counts(block):
            return None
        votes = self._votes.get(block.id)
        if votes is None:
            votes = self._votes[block.id] = {}
            self._forget_old_votes()
        votes.setdefault(place, signature)
        if len(votes) < block.members.quorum or block.id in self._certificates:
            return None
        return self.on_certificate(block, certificate_bytes(block.members, votes))

    def _forget_old_votes(self) -> None:
        while not self.counts(self._blocks[oldest := next(iter(self._votes))]):
            del self._votes[oldest]

    def on_certificate(self, block: ChainBlock, certificate: bytes) -> Finalized | None:
        """A verified certificate of a known block: returns what it made final, if anything.

        Raises ConflictingFinality if that excludes the own final block.
        """
        if block.id in self._certificates:
            return None
        self._certificates[block.id] = certificate
        if self.is_live(block):
            self._justify(block)
        named = block.finalizes
        if named is None:
            return None
        if named.id in self._fallen:
            fallen = self._blocks[named.id].header
            proof = FinalityProof(block.header, certificate, (fallen,))
            raise ConflictingFinality(self.final.ref, proof)
        final = self._blocks.get(named.id)
        if final is None or not self.is_live(final) or final is self.final:
            return None
        return self._finalize(final, block, certificate)

    def _justify(self, block: ChainBlock) -> None:
        rank_before = self.rank(self.head)
        waiting, better = [block], list[ChainBlock]()
        while waiting:
            at = waiting.pop()
            if _key(self._best[at.id]) < _key(block):
                self._best[at.id] = block
                better.append(at)
                waiting.extend(self._children.get(at.id, ()))
        if self.rank(self.head) < rank_before:  # a later certificate need not finalize a handover
            self._choose_head()
        for at in better:
            self._consider_head(at)

    def _choose_head(self) -> None:
        self.head = self.final
        for block in self.descendants(self.final):
            self._consider_head(block)

    def _consider_head(self, block: ChainBlock) -> None:
        rank, best = self.rank(block), self.rank(self.head)
        if rank > best or (rank == best and block.id < self.head.id):
            self.head = block

    def _finalize(self, final: ChainBlock, certified: ChainBlock, certificate: bytes) -> Finalized:
        path = [final, *takewhile(lambda block: block is not self.final, _ancestors(final))]
        live = {final.id, *(block.id for block in self.descendants(final))}
        gone = [block for block in self.descendants(self.final) if block.id not in live]
        on_path = {block.id for block in path}
        dropped = tuple(block for block in gone if block.id not in on_path)
        for block in (self.final, *gone):
            del self._best[block.id]
            self._children.pop(block.id, None)
        self._keep_fallen(dropped)
        below = _lineage(final)
        for block in {*self._below, self.final, *path} - {final, *below}:
            self._forget(block)
        self._below, self.final = below, final
        if self.head.id not in live:
            self._choose_head()
        return Finalized(tuple(reversed(path)), dropped, certified, certificate)

    def _keep_fallen(self, dropped: tuple[ChainBlock, ...]) -> None:
        for block in dropped:
            block.parent = block.qc = None
            self._fallen[block.id] = None
        while len(self._fallen) > MAX_FALLEN:
            oldest = next(iter(self._fallen))
            del self._fallen[oldest]
            self._forget(self._blocks[oldest])

    def _forget(self, block: ChainBlock) -> None:
        del self._blocks[block.id]
        self._votes.pop(block.id, None)
        self._certificates.pop(block.id, None)


def _key(block: ChainBlock) -> tuple[int, int]:
    return block.key


def _ancestors(block: ChainBlock) -> Iterator[ChainBlock]:
    at = block.parent
    while at is not None:
        yield at
        at = at.parent


def _lineage(final: ChainBlock) -> tuple[ChainBlock, ...]:
    """The ancestors of `final` down to its qc, cut off from everything older."""
    lineage: list[ChainBlock] = []
    if final.qc is None:
        return ()
    for block in _ancestors(final):
        lineage.append(block)
        if block is final.qc:
            break
    for block in lineage:
        block.qc = None
    if lineage:
        lineage[-1].parent = None
    return tuple(lineage)
