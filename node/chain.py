"""The chain: blocks and votes in, state out. The only writer of chain state.

A block's way: `Chain.screen_header` (parent, schedule, signature) → `Puzzle` (its body, as the
header names it; then it may be relayed) → `Chain.validate` (header, body, transition; may run in a
thread) → `Chain.insert`
(fork choice) → `Chain.vote` by the members → `Chain.persist` (one synced batch a block).
No clock and no network here: blocks and votes are whatever the caller brings, one at a time.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from enum import Enum
from typing import NamedTuple, TypeAlias

from consensus.block import BlockRef, Header, Vote, vote_message
from consensus.certificate import split_certificate, voters
from consensus.cid import Cid
from consensus.errors import Invalid, InvalidBlock, InvalidGenesis, InvalidHeader, InvalidVote
from consensus.finality import ChainBlock
from consensus.finality_proof import FinalityProof
from consensus.fork_choice import Finalized, ForkChoice
from consensus.headers import (
    Roots,
    Rules,
    check_header,
    check_producer,
    opens_epoch,
)
from consensus.light import DynastyStep
from consensus.merkle import merkle_root
from consensus.producers import ProducerSet
from genesis.file import Genesis, GenesisHead
from node.candidate import Candidate, Recorded, header_of, read_block, recorded
from node.chain_point import point_of
from node.clock import SlotClock
from node.early_votes import EarlyVotes
from node.first_block import load_final, write_genesis
from node.pruning import prune_writes
from node.unfinal import UnfinalBlocks
from node.verified import Verified
from storage.blocks import BlockStore, ChainMeta
from storage.database import KeyValueStore, Write
from storage.history_store import HistoryStore
from storage.state import FinalState, StateReader, layer_batch, make_layer
from vm.context import BlockContext
from vm.modules.chain import chain_constants
from vm.modules.producer import elect
from vm.transition import Outcome, execute_block

# So many empty blocks may become durably final in one synced batch, which costs the disk as much
# as one block does; to tell listeners of them takes a few milliseconds.
MAX_BATCH_BLOCKS = 128

# The set that a state elects; None leaves the set as it is.
Elect: TypeAlias = Callable[[StateReader], ProducerSet | None]


class Screening(Enum):
    """What a candidate is to the chain before any work is done for it."""

    NEW = "new"
    KNOWN = "known"
    ORPHAN = "its parent is not known"
    STALE = "it does not descend from the final block"
    EARLY = "its slot is more than one slot away"


class Counted(NamedTuple):
    """A vote that is new: its block, None if that is still to come, and what it made final."""

    block: ChainBlock | None
    finalized: Finalized | None


class Chain:
    """One chain in one database.

    `fork` holds the live blocks, `constants` what genesis fixed; only a new database needs all
    of genesis. Calls come one at a time; `validate` and `persist` may run in a thread while
    nothing else changes the chain, and readers of `state_of` may come from anywhere. `elected` is
    the election: simulations put in another. `keep_blocks` is how many of the newest final blocks
    stay; 0: all.
    """

    def __init__(
        self,
        genesis: Genesis | GenesisHead,
        database: KeyValueStore,
        *,
        elected: Elect = elect,
        keep_blocks: int = 0,
    ) -> None:
        self.genesis = genesis.head if isinstance(genesis, Genesis) else genesis
        self.id = genesis.chain
        self.blocks = BlockStore(database)
        self.history = HistoryStore(database)
        self._database = database
        self._elected = elected
        self._keep_blocks = keep_blocks
        if self.blocks.meta() is None:
            if not isinstance(genesis, Genesis):
                raise InvalidGenesis("a new database needs all rows", field="rows")
            write_genesis(genesis, self.blocks, self.history, database)
        self.state = FinalState(database)
        self.constants = chain_constants(self.state.view())
        self.clock = SlotClock(self.constants.genesis_time_ms, self.constants.slot_ms)
        self.rules = Rules(self.id, self.constants.epoch_slots)
        final = load_final(self.genesis, self.rules, self.blocks, self.state, database.folder)
        self.fork = ForkChoice(final)
        self.durable_final = self.fork.final
        self.verified = Verified()
        self._unfinal = UnfinalBlocks(self.state)
        self._early_votes = EarlyVotes()

    def replay(self) -> int:
        """Take up the stored blocks that are not final; returns how many were good.

        Raises ConflictingFinality.
        """
        taken = 0
        stale: list[Cid] = []
        for block_id, raw in self.blocks.unfinal():
            try:
                candidate = read_block(raw)
                if self.screen(candidate) is not Screening.NEW:
                    stale.append(block_id)
                    continue
                finalized = self.insert(self.validate(candidate))
            except Invalid:
                stale.append(block_id)
                continue
            taken += 1
            if finalized is not None:
                self.persist(finalized)
        self.blocks.discard(stale)
        self._recall_certificate()
        return taken

    def _recall_certificate(self) -> None:
        """Give the fork choice the stored certificate that made the final block final, so that
        the next block can embed it."""
        proof = self.final_proof()
        if proof is not None:
            self.take_certificate(proof.target.id(), proof.certificate)

    # Reading

    def state_of(self, block: ChainBlock) -> StateReader:
        """The state after a live block."""
        return self._unfinal.state_after(block.id)

    def recorded(self, block_id: Cid) -> Recorded | None:
        """A live block that is not yet durably final."""
        return self._unfinal.get(block_id)

    def head_chain(self) -> tuple[Recorded, ...]:
        """The blocks from the durable final one (excluded) up to the head."""
        return self._unfinal.up_to(self.fork.head.id)

    def block_bytes(self, block_id: Cid) -> bytes | None:
        """The encoding of a known block, final or not."""
        known = self._unfinal.get(block_id)
        whole = None if known is None else known.whole
        return self.blocks.get(block_id) if whole is None else whole.raw

    def has_passed(self, block: BlockRef) -> bool:
        """Whether a block that some node of the chain once had as its final one is final here;
        one that is older than all blocks that are kept is. Of a node that has just joined by a
        snapshot these are its block and those below it down to its qc_target."""
        if self.blocks.height_of(block.id) is not None:
            return True
        first = self.blocks.first_height()
        if not first:
            return False
        oldest = self.blocks.at(first)
        target = self.durable_final.qc_target
        return block.slot < (target.slot if oldest is None else header_of(oldest).slot)

    def final_proof(self) -> FinalityProof | None:
        """What proves the newest durably final block; None while only genesis is final."""
        data = self.blocks.proof()
        return None if data is None else FinalityProof.decode(data)

    def elected_for(self, parent: ChainBlock, slot: int) -> ProducerSet | None:
        """The set that a child of `parent` in `slot` finds elected, None within an epoch."""
        if not opens_epoch(self.rules, parent, slot):
            return None
        return self._elected(self.state_of(parent))

    def is_stalled(self, parent: ChainBlock) -> bool:
        """Whether a child must stay empty: too many blocks are not final (DESIGN section 5)."""
        return parent.height + 1 - parent.final_height > self.constants.max_unfinal_blocks

    def context_of(self, placed: ChainBlock, certificate: bytes) -> BlockContext:
        """What the transactions of a block with this certificate, which is verified, see of it."""
        header, handover, qc = placed.header, placed.handover, placed.qc
        if qc is None or header.parent is None or header.producer is None or header.reveal is None:
            raise InvalidHeader("only genesis has no parent, producer and reveal", field="header")
        return BlockContext(
            chain=self.id,
            parent=header.parent,
            height=header.height,
            slot=header.slot,
            time_ms=self.clock.start_ms(header.slot),
            producer=header.producer,
            reveal=header.reveal,
            beacon=placed.beacon,
            epoch=placed.epoch,
            epoch_beacon=placed.epoch_beacon,
            dynasty=header.dynasty,
            members=placed.next_members or placed.members,
            final_height=placed.final_height,
            handover_slot=0 if handover is None else handover.slot,
            handover_height=0 if handover is None else placed.handover_height,
            voters=voters(certificate, qc.members),
        )

    # Blocks

    def screen(self, candidate: Candidate) -> Screening:
        """Whether the block is new here, and truly by its slot's producer.

        Raises InvalidHeader or InvalidSignature.
        """
        return self.screen_header(candidate.header, candidate.block.signature, candidate.id)

    def screen_header(self, header: Header, signature: bytes, block_id: Cid) -> Screening:
        """What `screen` says, all of which the header alone decides."""
        if header.chain != self.id:
            raise InvalidBlock("belongs to another chain", field="header.chain", code="wrong-chain")
        if self.fork.get(block_id) is not None:
            return Screening.KNOWN
        parent = None if header.parent is None else self.fork.get(header.parent)
        if header.slot <= self.fork.final.slot or (parent and not self.fork.is_live(parent)):
            return Screening.STALE
        if parent is None:
            return Screening.ORPHAN
        verify = self.verified.signature
        check_producer(self.rules, parent, header, signature, block_id, verify=verify)
        return Screening.NEW

    def validate(self, candidate: Candidate) -> Recorded:
        """Check and run a screened block; raises Invalid… naming the field that is wrong."""
        header, body = candidate.header, candidate.block.body
        parent = None if header.parent is None else self.fork.get(header.parent)
        if parent is None or not self.fork.is_live(parent):
            raise InvalidBlock("its parent is not live", field="header.parent")
        candidate.check_body()
        placed = check_header(
            self.rules,
            parent,
            header,
            body.certificate,
            self.elected_for(parent, header.slot),
            block_id=candidate.id,
            verify=self.verified.signature,
        )
        if body.transactions and self.is_stalled(parent):
            raise InvalidBlock(
                "no transactions are allowed while so many blocks are not final",
                field="body.transactions",
            )
        self.verified.check_transactions(candidate.transactions, field="body.transactions")
        state = self.state_of(parent)
        context = self.context_of(placed, body.certificate)
        outcome = execute_block(state, context, candidate.transactions)
        layer, root = make_layer(state, outcome.writes)
        _check_roots(header, roots_of(outcome, root))
        return recorded(placed, candidate.raw, body, layer, outcome)

    def insert(self, valid: Recorded) -> Finalized | None:
        """Add a valid block; returns what its certificate made final.

        Votes that came before it are for the caller to count: `take_early_votes`. Raises
        ConflictingFinality.
        """
        placed = valid.placed
        if self.fork.get(placed.id) is not None:
            return None
        self.blocks.put(placed.id, valid.raw)
        self._unfinal.add(valid, head=self.fork.head.id)
        return self.fork.on_block(placed, valid.body.certificate)

    def sync(self) -> None:
        """Make every block that was inserted durable."""
        self._database.write((), sync=True)

    def persist(self, finalized: Finalized) -> None:
        """Make newly final blocks durable: state, blocks and indexes, in one synced batch for
        each of the `parts`."""
        for part in self.parts(finalized):
            self._persist(part)

    def parts(self, finalized: Finalized) -> Iterator[Finalized]:
        """The advance in steps of bounded size, to be persisted one after the other: a block with
        transactions alone, many without together."""
        part: list[ChainBlock] = []
        ends = False
        for block in finalized.blocks:
            is_empty = not self._known(block).transaction_ids
            if part and (ends or not is_empty or len(part) == MAX_BATCH_BLOCKS):
                yield replace(finalized, blocks=tuple(part), dropped=())
                part = []
            part.append(block)
            ends = not is_empty
        yield replace(finalized, blocks=tuple(part))

    def _persist(self, part: Finalized) -> None:
        blocks = [self._known(block) for block in part.blocks]
        top, layer = blocks[-1], self._unfinal.next_final_layer(blocks)
        writes = layer_batch(layer)
        for block in blocks[:-1]:
            placed = block.placed
            writes += self.blocks.passed_writes(placed.id, placed.height, *self._stored(block))
        writes += self.blocks.final_writes(meta_of(top), *self._stored(top), _proof_of(part))
        writes += self.history.writes(part.blocks[0].height, [block.id for block in part.blocks])
        writes += self._handover_writes(part)
        writes += prune_writes(self.blocks, self._keep_blocks, part.blocks)
        self._database.write(writes, sync=True)
        self.state.absorb(layer)
        if top.whole is not None:
            top.whole.layer.settle(self.state.view())
        self.durable_final = top.placed
        self.verified.forget_old(top.placed.height)
        for placed in part.blocks:
            self.blocks.finalized(placed.id)
            self._unfinal.remove(placed.id)
        self.blocks.discard([block.id for block in part.dropped])
        for placed in part.dropped:
            self._unfinal.remove(placed.id)

    def _known(self, block: ChainBlock) -> Recorded:
        known = self._unfinal.get(block.id)
        if known is None:
            raise RuntimeError(f"block {block.id} becomes final and is not recorded")
        return known

    def _stored(self, block: Recorded) -> tuple[bytes, tuple[bytes, ...], bytes]:
        """What the block store keeps of a final block: bytes, transaction ids, results."""
        raw = self.block_bytes(block.placed.id)
        if raw is None:
            raise RuntimeError(f"block {block.placed.id} becomes final and is not stored")
        return raw, block.transaction_ids, block.results

    def _handover_writes(self, part: Finalized) -> list[Write]:
        """What keeps the proof of a change of the set, if this advance is one's."""
        limbo = part.certified
        if limbo.next_members is None or limbo.header.handover != part.blocks[-1].id:
            return []
        step = DynastyStep(limbo.header, part.certificate, limbo.next_members.members)
        return self.blocks.handover_writes(limbo.dynasty, step.encode())

    # Votes

    def vote(self, vote: Vote) -> Counted | None:
        """Count a vote; None if it is not new, or for a block far below the head.

        A vote for a block that is not known waits for it (see EarlyVotes), if it is by a producer
        that is. Raises InvalidVote for one that is not a member's, and ConflictingFinality.
        """
        block = self.fork.get(vote.block_id)
        if block is None:
            return self._keep_early(vote)
        if not self.fork.counts(block):
            return None
        place = block.members.place_of_key.get(vote.key)
        if place is None:
            raise InvalidVote("not a member of the block's producer set", field="key")
        if place in self.fork.votes(block):
            return None
        self._check_vote(vote)
        return Counted(block, self.fork.on_vote(block, place, vote.signature))

    def take_certificate(self, block_id: Cid, certificate: bytes) -> Finalized | None:
        """Take a verified certificate, if its block is known; returns what it made final.

        Raises ConflictingFinality.
        """
        block = self.fork.get(block_id)
        return None if block is None else self.fork.on_certificate(block, certificate)

    def _is_known(self, key: bytes) -> bool:
        """Whether it is a consensus key of a set that votes, or will after a handover."""
        final, head = self.fork.final, self.fork.head
        sets = (final.members, final.next_members, head.members, head.next_members)
        return any(known is not None and key in known.place_of_key for known in sets)

    def votes_of(self, block: ChainBlock) -> list[Vote]:
        """The votes for a block that were counted, or, if these are no quorum, that its certificate
        holds as well."""
        votes = self.fork.votes(block)
        certificate = self.fork.certificate(block)
        if certificate is not None and len(votes) < block.members.quorum:
            votes = {**votes, **split_certificate(certificate, block.members, field="")}
        return [
            Vote(block.id, block.members.members[place].key, signature)
            for place, signature in sorted(votes.items())
        ]

    def _keep_early(self, vote: Vote) -> Counted | None:
        if vote in self._early_votes or not self._is_known(vote.key):
            return None
        self._check_vote(vote)
        self._early_votes.keep(vote)
        return Counted(None, None)

    def _check_vote(self, vote: Vote) -> None:
        message = vote_message(self.id, vote.block_id)
        if not self.verified.signature(vote.key, message, vote.signature):
            raise InvalidVote("not a signature over the block", field="signature")

    def take_early_votes(self, block_id: Cid) -> list[Vote]:
        """The votes that came before the block of this id, no longer kept."""
        return self._early_votes.take(block_id)


def meta_of(block: Recorded) -> ChainMeta:
    """What the block store keeps of the newest final block; a function of its chain."""
    placed = block.placed
    point = point_of(placed, block.qc_members).encode()
    return ChainMeta(placed.id, placed.height, placed.header.state_root, point)


def _proof_of(part: Finalized) -> bytes | None:
    """The proof that the last part of an advance leaves; those before it leave none."""
    final = part.blocks[-1]
    if part.certified.header.final_if_qc != final.id:
        return None
    return FinalityProof(part.certified.header, part.certificate, (final.header,)).encode()


def roots_of(outcome: Outcome, state_root: bytes) -> Roots:
    """The roots that a block's header must hold after this outcome."""
    return Roots(
        state_root,
        merkle_root(outcome.transaction_ids),
        merkle_root(outcome.receipt_leaves),
        merkle_root(outcome.event_leaves),
    )


def _check_roots(header: Header, roots: Roots) -> None:
    found = (header.state_root, header.receipts_root, header.events_root)
    wanted = (roots.state, roots.receipts, roots.events)
    names = ("state_root", "receipts_root", "events_root")
    for name, stated, computed in zip(names, found, wanted, strict=True):
        if stated != computed:
            raise InvalidBlock(
                f"is {stated.hex()}, running the block gives {computed.hex()}",
                field=f"header.{name}",
            )
