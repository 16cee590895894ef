"""What must hold at every step, whatever happens: the promises of FINALITY.md."""

from collections import Counter
from collections.abc import Callable

from consensus.block import BlockRef, Header, Target, Vote
from consensus.cid import Cid
from consensus.compact import CompactBlock
from consensus.evidence import (
    Evidence,
    Statement,
    evidence_of_blocks,
    evidence_of_votes,
    source_slot,
)
from consensus.finality import ChainBlock
from consensus.finality_proof import FinalityProof
from consensus.light import (
    DynastyStep,
    LightState,
    advance_final,
    change_dynasty,
    genesis_state,
)
from consensus.light_rows import CONSTANTS_KEY, terms_of
from consensus.producers import ProducerSet
from consensus.record import Record
from consensus.tree import root
from genesis.file import Genesis
from node.candidate import Recorded, header_of
from node.chain import Chain
from vm.modules.producer import OFFENCES
from vm.registry import REGISTRY

ONE_HISTORY = "one final history"
NEVER_BACK = "final never goes back"
HEAD_BY_RULE = "the head is the head by the rules"
FINAL_BY_RULE = "what is final is final by the rules"
EQUAL_ROOTS = "equal final heights have equal state roots"
NOT_SLASHABLE = "no honest producer is slashable"
LIGHT_CLIENTS = "every light client agrees"
CONSERVED = "value is conserved"
RECOVERY = "finality comes back"
FAIR = "no honest node blames another"
NO_BUG = "nothing unexpected is raised"


class Broken(Exception):
    """A promise was not kept; `promise` names it, whatever the circumstances."""

    def __init__(self, promise: str, circumstances: str) -> None:
        super().__init__(promise, circumstances)
        self.promise = promise

    def __str__(self) -> str:
        return ": ".join(self.args)


class FinalHistory:
    """One history of final blocks, the same on all honest nodes, which never goes back."""

    def __init__(self, genesis: Genesis, nodes: int) -> None:
        self._blocks: dict[int, tuple[Cid, bytes]] = {
            0: (genesis.header.id(), genesis.header.state_root)
        }
        self._heights = [0] * nodes
        self.height = 0

    def add(self, place: int, chain: Chain, blocks: tuple[Recorded, ...]) -> None:
        """Blocks have become durably final on a node."""
        if blocks and blocks[-1].placed.header.height > self.height:
            self._check_rule(chain, blocks[-1].placed.id)
        for block in blocks:
            header = block.placed.header
            known = self._blocks.setdefault(header.height, (block.placed.id, header.state_root))
            if known[0] != block.placed.id:
                raise Broken(
                    ONE_HISTORY,
                    f"height {header.height}: {known[0]} and, on node {place}, {block.placed.id}",
                )
            if header.height != self._heights[place] + 1:
                raise Broken(
                    NEVER_BACK,
                    f"node {place} goes from {self._heights[place]} to {header.height}",
                )
            self._heights[place] = header.height
            self.height = max(self.height, header.height)
        if blocks and root(chain.state.page) != blocks[-1].placed.header.state_root:
            raise Broken(EQUAL_ROOTS, f"node {place} at height {self._heights[place]}")

    def _check_rule(self, chain: Chain, newest: Cid) -> None:
        """The newest advance is one that FINALITY.md allows, by another reading of its headers:
        in consecutive slots, from a source of the target's own dynasty, and, above a handover
        block that the source is or descends from, of that block."""
        proof = chain.final_proof()
        if proof is None or proof.final.id() != newest:
            return  # only a part of the advance, whose last part leaves the proof
        target, final = proof.target, proof.final
        if target.qc_target is None or target.base is None:
            raise Broken(FINAL_BY_RULE, "by genesis")
        handover = None if target.handover is None else chain.blocks.get(target.handover)
        pending = None if handover is None else BlockRef(*_id_and_slot(header_of(handover)))
        allowed = finalized_by(target.slot, target.dynasty, target.qc_target, target.base, pending)
        if allowed is None or final.id() != allowed.id:
            raise Broken(FINAL_BY_RULE, f"slot {target.slot} finalizes slot {final.slot}")

    def restarted(self, place: int, chain: Chain) -> None:
        """A node has started: what was final there is final."""
        height = chain.durable_final.height
        if height < self._heights[place]:
            raise Broken(
                NEVER_BACK,
                f"node {place} had {self._heights[place]} and starts at {height}",
            )
        if self._blocks.get(height, (chain.durable_final.id,))[0] != chain.durable_final.id:
            raise Broken(ONE_HISTORY, f"node {place} starts at another height {height}")
        self._heights[place] = height

    def confirm(self, header: Header) -> None:
        """A light client holds this header final."""
        known = self._blocks.get(header.height)
        if known is not None and known[0] != header.id():
            raise Broken(LIGHT_CLIENTS, f"height {header.height}: {header.id()}")


def finalized_by(
    slot: int, dynasty: int, qc_target: Target, base: BlockRef, pending: BlockRef | None
) -> BlockRef | None:
    """finalizes(b), read from FINALITY.md once more: consecutive slots, the source within the
    dynasty, and the cap."""
    source = base
    if qc_target.dynasty == dynasty:
        source = BlockRef(qc_target.id, qc_target.slot)
    if slot != source.slot + 1:
        return None
    return pending if pending is not None and pending.slot <= source.slot else source


def check_head(chain: Chain) -> None:
    """The head is the one by child_key, read from FINALITY.md once more."""
    fork = chain.fork
    certified = {fork.final.id: fork.best_certified(fork.final)}
    best, best_rank = fork.final, _child_rank(fork.final, certified[fork.final.id])
    for block in fork.descendants(fork.final):
        if block.parent is None or block.qc is None:
            raise Broken(HEAD_BY_RULE, f"live block {block.id} is cut off")
        known = [certified[block.parent.id], block.qc]
        known += [block] if fork.certificate(block) is not None else []
        certified[block.id] = max(known, key=lambda each: (each.dynasty, each.slot))
        rank = _child_rank(block, certified[block.id])
        if rank > best_rank or (rank == best_rank and block.id < best.id):
            best, best_rank = block, rank
    if best is not fork.head:
        raise Broken(HEAD_BY_RULE, f"slot {fork.head.slot} instead of slot {best.slot}")


def _child_rank(block: ChainBlock, qc: ChainBlock) -> tuple[int, int, int]:
    dynasty, base = block.dynasty, block.base
    pending = block.handover
    if pending is not None and qc.dynasty == dynasty:
        final = finalized_by(qc.slot, qc.dynasty, qc.qc_target, qc.base, qc.handover)
        if final == pending:
            dynasty, base = dynasty + 1, pending
    return dynasty, qc.slot if qc.dynasty == dynasty else base.slot, block.height


def _id_and_slot(header: Header) -> tuple[Cid, int]:
    return header.id(), header.slot


class Conscience:
    """What honest keys sign is never evidence against them."""

    def __init__(self, honest: set[bytes]) -> None:
        self._honest = honest
        self._headers: dict[Cid, Header] = {}
        self._votes: dict[bytes, list[Statement]] = {key: [] for key in honest}
        self._top_slot: dict[bytes, int] = {}
        self._top_source: dict[tuple[bytes, int], int] = {}
        self._blocks: dict[bytes, dict[int, Statement]] = {key: {} for key in honest}
        self.reported: Counter[str] = Counter()

    def signed(self, key: bytes, message: Record) -> None:
        """A message leaves the machine of this key."""
        if isinstance(message, CompactBlock):
            self._block(key, message.header, message.signature)
        elif isinstance(message, Vote):
            self._vote(message)
        elif isinstance(message, Evidence):
            if message.key in self._honest:
                raise Broken(NOT_SLASHABLE, "evidence goes round")
            self.reported[message.offence] += 1

    def _block(self, key: bytes, header: Header, signature: bytes) -> None:
        self._headers[header.id()] = header
        if key not in self._honest:
            return
        made = Statement(header, signature)
        before = self._blocks[key].setdefault(header.slot, made)
        self._refuse(evidence_of_blocks(key, before, made))

    def _vote(self, vote: Vote) -> None:
        header = self._headers.get(vote.block_id)
        if header is None or vote.key not in self._honest:
            return
        made = Statement(header, vote.signature)
        votes, source = self._votes[vote.key], source_slot(header) or 0
        slot_before = self._top_slot.get(vote.key, 0)
        source_before = self._top_source.get((vote.key, header.dynasty), 0)
        if header.slot <= slot_before or source < source_before:
            for before in votes:  # only then can it conflict with an earlier one
                self._refuse(evidence_of_votes(vote.key, before, made))
        self._top_slot[vote.key] = max(header.slot, slot_before)
        self._top_source[vote.key, header.dynasty] = max(source, source_before)
        votes.append(made)

    def _refuse(self, evidence: Evidence | None) -> None:
        if evidence is not None:
            slots = f"slots {evidence.first.header.slot} and {evidence.second.header.slot}"
            raise Broken(NOT_SLASHABLE, f"{evidence.offence}, {slots}")


class Follower:
    """A light client that follows whichever node it is shown."""

    def __init__(self, genesis: Genesis, history: FinalHistory) -> None:
        constants = next(row.value for row in genesis.rows if row.key == CONSTANTS_KEY)
        terms = terms_of(constants)
        self._state: LightState = genesis_state(genesis.header, genesis.producer_set, terms)
        self._history = history
        self.steps = 0

    def follow(self, chain: Chain) -> None:
        """Take what the node can prove; it must not be refused, but may be old."""
        proof = chain.final_proof()
        if proof is None or proof.target.dynasty < self._state.dynasty:
            return
        while self._state.dynasty < proof.target.dynasty:
            data = chain.blocks.handover(self._state.dynasty)
            if data is None:
                raise Broken(LIGHT_CLIENTS, f"no proof of dynasty {self._state.dynasty}")
            step = DynastyStep.decode(data)
            members = ProducerSet(step.members)
            self._state = change_dynasty(self._state, step.limbo, step.certificate, members)
            self.steps += 1
        self._advance(proof)

    def _advance(self, proof: FinalityProof) -> None:
        if proof.final.height < self._state.final.height:
            return
        self._state = advance_final(self._state, proof.target, proof.certificate, proof.final)
        self._history.confirm(proof.final)


def check_state(chain: Chain, byzantine: set[bytes], note: Callable[[str], None]) -> None:
    """The final state of a node: value is conserved, and only the faulty are punished."""
    view = chain.state.view()
    for sentence in REGISTRY.broken_invariants(view):
        raise Broken(CONSERVED, sentence)
    for (producer,), row in OFFENCES.every(view):
        note(f"punished: {row.offence}")
        if producer not in byzantine:
            raise Broken(NOT_SLASHABLE, f"punished for {row.offence}")
