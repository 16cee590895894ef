"""The gate to the chain: whatever changes it passes here, one at a time.

Heavy steps run in threads while the gate is held, so that the trio loop stays free.
"""

import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager

import trio

from consensus.block import Vote
from consensus.errors import Invalid, InvalidVote
from consensus.fork_choice import Finalized
from consensus.headers import scheduled
from node.candidate import Candidate, Recorded
from node.chain import Chain, Screening
from node.finality_log import FinalityEntry, FinalityLog
from node.mempool import Mempool, Pending
from node.validator import Validator, WrongSeed

logger = logging.getLogger("reelect.chain")

# A producer stops filling its block after this part of the slot.
ASSEMBLY_SHARE = 10

Listener = Callable[[Recorded | None, tuple[Recorded, ...]], None]


class Importer:
    """Adds blocks and votes, lets the validator vote, and makes final blocks durable.

    `may_sign` says, whenever asked, whether the node knows enough to sign; `send_votes` and
    `send_block` hand own signatures to the network; `changed` is told of each new block (or
    None) and of the blocks that have just become durably final.
    """

    def __init__(
        self,
        chain: Chain,
        validator: Validator,
        mempool: Mempool,
        finality_log: FinalityLog,
        *,
        now_ms: Callable[[], int],
        may_sign: Callable[[], bool],
        send_votes: Callable[[list[Vote]], None],
        send_block: Callable[[bytes], None],
        changed: Listener,
    ) -> None:
        self._chain = chain
        self._validator = validator
        self._mempool = mempool
        self._finality_log = finality_log
        self._now_ms = now_ms
        self._may_sign = may_sign
        self._send_votes = send_votes
        self._send_block = send_block
        self._changed = changed
        self._gate = trio.Lock()
        self._failure: Exception | None = None

    @asynccontextmanager
    async def _exclusive(self) -> AsyncIterator[None]:
        """Hold the gate; what is begun inside is finished, whoever loses interest.

        After a failure that is no rejection (a conflict, the disk, a bug) the gate lets nobody
        in again, so that nothing is built on half a change: the failure is raised instead.
        """
        async with self._gate:
            if self._failure is not None:
                raise self._failure
            with trio.CancelScope(shield=True):
                try:
                    yield
                except Invalid:
                    raise
                except Exception as error:
                    self._failure = error
                    raise

    async def add_block(self, candidate: Candidate) -> Screening:
        """Take a block in, if it is new; raises Invalid… for a bad one.

        A block that is early by up to a slot is held until its slot begins, less the allowed
        skew; a still earlier one is ignored (FINALITY: valid block), wherever it came from.
        Can be cancelled only while it waits: a block is in or it is not.
        """
        if not await self._in_time(candidate.header.slot):
            return Screening.EARLY
        arrived_ms = self._now_ms()
        async with self._exclusive():
            screening = self._chain.screen(candidate)
            if screening is not Screening.NEW:
                return screening
            valid = await trio.to_thread.run_sync(self._chain.validate, candidate)
            self._validator.notice(
                self._key_of(valid), self._now_slot(), produced=candidate.header.slot
            )
            await self._insert(valid, arrived_ms)
        return screening

    async def _in_time(self, slot: int) -> bool:
        clock = self._chain.clock
        early_ms = clock.start_ms(slot) - self._now_ms()
        if early_ms > clock.slot_ms:
            return False
        await trio.sleep(max(early_ms - clock.skew_ms, 0) / 1000)
        return True

    async def add_votes(self, votes: Iterable[Vote]) -> tuple[list[Vote], InvalidVote | None]:
        """Count votes; returns those that were valid and new, and why a bad one is bad."""
        fresh: list[Vote] = []
        bad: InvalidVote | None = None
        async with self._exclusive():
            for vote in votes:
                if not self._chain.may_count(vote):
                    continue
                try:
                    await self._count(vote)
                except InvalidVote as error:
                    bad = error
                else:
                    fresh.append(vote)
        return fresh, bad

    async def produce(self, slot: int) -> Recorded | None:
        """Make the slot's block if its producer has a seat here, may sign and has a reveal."""
        async with self._exclusive():
            head = self._chain.fork.head
            if head.slot >= slot or not self._may_sign():
                return None
            producer = scheduled(self._chain.rules, head, slot).producer
            if not self._validator.holds(producer):
                return None
            if not self._validator.may_produce(producer, slot):
                return None
            try:
                valid = await trio.to_thread.run_sync(self._make, slot, producer)
            except (Invalid, WrongSeed) as error:
                logger.warning("no block for slot %d: %s", slot, error)
                return None
            self._send_block(valid.raw)
            await self._insert(valid, self._now_ms())
        return valid

    def _make(self, slot: int, producer: bytes) -> Recorded:
        chain = self._chain
        reveal = self._validator.reveal(producer, chain.state_of(chain.fork.head))
        proposal = chain.propose(slot, producer, reveal, self._ready(slot))
        return self._validator.seal(proposal, chain.fork.final)

    def _ready(self, slot: int) -> Iterator[Pending]:
        deadline = self._chain.clock.start_ms(slot) + self._chain.clock.slot_ms // ASSEMBLY_SHARE
        for pending in self._mempool.ready(self._chain.next_nonce):
            if self._now_ms() > deadline:
                return
            yield pending

    async def _insert(self, valid: Recorded, arrived_ms: int) -> None:
        old_head = self._chain.fork.head
        finalized = self._chain.insert(valid)
        if finalized is not None:
            await self._persist(finalized)
        self._changed(valid, ())
        await self._vote_for(valid, arrived_ms)
        for vote in self._chain.take_early_votes(valid.placed.id):
            try:
                await self._count(vote)
            except InvalidVote as error:
                logger.info("vote for %s: %s", valid.placed.id, error)
        if self._chain.fork.head is not old_head:
            self._mempool.prune(self._chain.next_nonce, self._chain.fork.head.height + 1)

    async def _vote_for(self, valid: Recorded, arrived_ms: int) -> None:
        block = valid.placed
        slot_end_ms = self._chain.clock.end_ms(block.slot)
        if arrived_ms >= slot_end_ms or not self._may_sign():
            return
        if not self._validator.wants_to_vote(block):
            return
        fork = self._chain.fork
        votes = await trio.to_thread.run_sync(
            lambda: self._validator.vote(
                block,
                fork.final,
                is_live=fork.is_live(block),
                arrived_ms=arrived_ms,
                slot_end_ms=slot_end_ms,
            )
        )
        if votes:
            self._send_votes(votes)
        for vote in votes:
            await self._count(vote)

    async def _count(self, vote: Vote) -> None:
        finalized = self._chain.vote(vote)
        block = self._chain.fork.get(vote.block_id)
        if block is not None:
            self._validator.notice(vote.key, self._now_slot(), voted=block.slot)
        if finalized is not None:
            await self._persist(finalized)

    async def _persist(self, finalized: Finalized) -> None:
        blocks = [self._chain.recorded(block.id) for block in finalized.blocks]
        await trio.to_thread.run_sync(self._chain.persist, finalized)
        now_ms = self._now_ms()
        done = tuple(block for block in blocks if block is not None)
        for block in done:
            header = block.placed.header
            took_ms = now_ms - self._chain.clock.start_ms(header.slot)
            entry = FinalityEntry(
                header.height, header.slot, len(block.transaction_ids), max(took_ms, 0)
            )
            self._finality_log.add(entry)
            logger.debug("final: height %d, slot %d, %d ms", entry.height, entry.slot, took_ms)
        self._changed(None, done)

    def _now_slot(self) -> int:
        return self._chain.clock.slot_at(self._now_ms())

    def _key_of(self, valid: Recorded) -> bytes:
        parent = valid.placed.parent
        if parent is None:
            raise RuntimeError("a block that was just validated has a parent")
        return scheduled(self._chain.rules, parent, valid.placed.slot).key
