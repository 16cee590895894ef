"""A simulated machine: a disk, a database, a clock, and the node's process when it runs.

The process is the production engine with its chain, journal, sync and exchange; this file only
carries out their steps. A step can be the last: power goes, the process is killed, a write fails.
"""

import logging
import random
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

from consensus.block import Vote
from consensus.cid import Cid
from consensus.compact import CompactBlock
from consensus.errors import Invalid
from consensus.evidence import Evidence
from consensus.record import Record
from consensus.transaction import EncodedTransaction
from genesis.file import Genesis
from node.candidate import Candidate, Recorded
from node.chain import Chain
from node.engine import Engine
from node.exchange import Exchange
from node.mempool import Mempool
from node.sync.catching_up import Sync
from node.trial import check_transaction, nonce_at_head
from node.validator import Validator, create_journal
from node.work import Ask, Call, Enter, Pause, Step, Wait, Work
from p2p.handler import Verdict
from p2p.messages import (
    MAX_VOTES,
    VOTES_LINGER_S,
    Blocks,
    GetBlock,
    GetBlockTransactions,
    Status,
    Transactions,
    Votes,
)
from p2p.questions import PeerGone, RequestFailed
from p2p.scoring import REJECTED_POINTS
from storage.errors import StorageError
from storage.journal import Journal
from tests.simulation.clock import Timeline
from tests.simulation.database import MemoryDatabase
from tests.simulation.disk import MemoryDisk
from tests.simulation.genesis import (
    GENERATION_BYTES,
    GENESIS_TIME_MS,
    Election,
    Population,
)
from tests.simulation.plan import SLOT_MS
from tests.simulation.wire import Item, Wire

JOURNAL = Path("/journal")
MAX_ENCODINGS = 256  # of evidence, which each new peer is told

logger = logging.getLogger("reelect.simulation")


class PowerCut(BaseException):
    """The machine has lost its power in the middle of an operation."""


class _Nothing(random.Random):
    """The chance by which nothing is kept."""

    def randint(self, a: int, b: int) -> int:
        """The least."""
        return a


class Process:
    """What lives between a start and an end of the node's program."""

    def __init__(self, machine: "Machine", genesis: Genesis) -> None:
        self.machine = machine
        self.chain = Chain(genesis, machine.database, elected=machine.election)
        self.journal = Journal.open(JOURNAL, disk=machine.disk)
        self.chain.replay()
        seats = () if machine.is_byzantine else (machine.seat,)
        self.validator = Validator(
            self.chain.id, seats, self.journal, entropy=machine.entropy, reveals=machine.reveals
        )
        self.validator.remember(self.chain.clock.slot_at(machine.now_ms()))
        self.validator.prepare(self.chain.state_of(self.chain.fork.head))
        self.mempool = Mempool()
        self.engine = Engine(
            self.chain,
            self.validator,
            self.mempool,
            machine,
            now_ms=machine.now_ms,
            may_sign=lambda: not machine.is_byzantine and not self.sync.behind,
            changed=self._changed,
        )
        self.sync = Sync(self.engine, machine, now_ms=machine.now_ms, spawn=machine.spawn)
        self.exchange = Exchange(
            self.engine, self.sync, machine, now_ms=machine.now_ms, spawn=machine.spawn
        )
        self.seen: set[bytes] = set()
        self.senders: dict[bytes, list[bytes]] = {}  # of compact blocks
        self.lingering: list[Item] = []

    def _changed(self, new: Recorded | None, final: tuple[Recorded, ...]) -> None:
        self.machine.changed(self.machine, new, final)


class Machine:
    """A node's machine at its place in the network; `started` is told of each start, `changed`
    of new and final blocks, `signed` of every vote and block that leaves it, `blamed` of peers."""

    def __init__(
        self,
        place: int,
        population: Population,
        genesis: Genesis,
        election: Election,
        timeline: Timeline,
        chance: random.Random,
    ) -> None:
        self.place = place
        self.seat = population.seats[place]
        self.is_byzantine = place in population.byzantine
        self.is_mute = False
        self.is_liar = False
        self.made: dict[Cid, Candidate] = {}  # by hand; it may be that its process has them not
        self.election = election
        self.reveals = population.reveals
        self.disk = MemoryDisk()
        self.database = MemoryDatabase()
        self.database.close()
        self.process: Process | None = None
        self.offset_ms = 0.0
        self.drift = 0.0
        self.changed: Callable[[Machine, Recorded | None, tuple[Recorded, ...]], None]
        self.started: Callable[[Machine], None]
        self.signed: Callable[[Machine, Record], None]
        self.blamed: Callable[[Machine, int, str], None]
        self.note: Callable[[Machine, str], None]
        self.wire: Wire
        self._genesis = genesis
        self._timeline = timeline
        self._chance = chance
        self._generation = 0
        self._starts = 0
        create_journal(JOURNAL, [self.seat.key.public], disk=self.disk)

    # Life

    @property
    def is_up(self) -> bool:
        """Whether the node's process runs."""
        return self.process is not None

    def start(self) -> None:
        """Start the process on what the disk holds."""
        self.database = self.database.reopen()
        self._starts += 1
        try:
            self.process = Process(self, self._genesis)
        except PowerCut:
            self._end(power_cut=True)
        except StorageError:
            self._end(power_cut=False)
        else:
            self.note(self, f"starts at height {self.process.chain.fork.final.height}")
            self.started(self)
            self.wire.came_up(self.place)

    def stop(self, *, power_cut: bool, why: str, all_lost: bool = False) -> None:
        """End the process; a power cut loses some, or all, of what was not synced."""
        if self.process is None:
            return
        self.note(self, f"ends: {why}")
        self._end(power_cut=power_cut, all_lost=all_lost)
        self.wire.went_down(self.place)

    def _end(self, *, power_cut: bool, all_lost: bool = False) -> None:
        self.process = None
        if power_cut:
            chance = _Nothing() if all_lost else self._chance
            self.disk.crash(chance)
            self.database.crash(chance)
        else:
            self.disk.kill()
            self.database.kill()

    def lose_journal(self) -> None:
        """The disk with the journal is gone; only while the process does not run."""
        self.disk = MemoryDisk()

    def entropy(self, size_bytes: int) -> bytes:
        """Bytes that begin with how often they were asked for (see genesis.Election)."""
        self._generation += 1
        return self._generation.to_bytes(GENERATION_BYTES, "big") + self._chance.randbytes(
            size_bytes - GENERATION_BYTES
        )

    # Time

    def now_ms(self) -> int:
        """The machine's clock."""
        now = self._timeline.now
        return GENESIS_TIME_MS + int(now + self.offset_ms + self.drift * now)

    def slot_begins(self, slot: float) -> float:
        """When, in true time, the slot begins by this machine's clock; its middle is half a slot
        later."""
        return (slot * SLOT_MS + 1 - self.offset_ms) / (1 + self.drift)

    # Steps

    def spawn(self, work: Work[None]) -> None:
        """Run a Work beside the others."""
        self._resume(work, self._starts, None)

    def run(self, work: Work[None]) -> None:
        """Run a Work that changes the chain, at once."""
        self.spawn(_entering(work))

    def _resume(self, work: Work[None], start: int, error: Exception | None) -> None:
        """Carry out a Work's steps until it ends, waits, or the process does."""
        try:
            while self.process is not None and self._starts == start:
                try:
                    step = work.send(None) if error is None else work.throw(error)
                except StopIteration:
                    return
                error = None
                if isinstance(step, (Call, Enter)):
                    error = self._do(step)
                else:
                    self._wait(work, start, step)
                    return
        except PowerCut:
            self.stop(power_cut=True, why="power cut in an operation")
        except StorageError as failure:
            self.stop(power_cut=False, why=str(failure))

    def _do(self, step: Call | Enter) -> Exception | None:
        try:
            if isinstance(step, Call):
                step.call()
            else:
                self._whole(step.work)
        except (Invalid, RequestFailed) as error:
            return error
        return None

    def _whole(self, work: Work[None]) -> None:
        """Carry out a Work that changes the chain, to its end."""
        error: Exception | None = None
        while True:
            try:
                step = work.send(None) if error is None else work.throw(error)
            except StopIteration:
                return
            if not isinstance(step, Call):
                raise TypeError("a Work that changes the chain does not wait")
            error = None
            try:
                step.call()
            except Invalid as rejection:
                error = rejection

    def _wait(self, work: Work[None], start: int, step: Step) -> None:
        if isinstance(step, Pause):
            self._timeline.after(
                step.duration_ms / (1 + self.drift), lambda: self._resume(work, start, None)
            )
        elif isinstance(step, Wait):
            resume = partial(self._resume, work, start, None)
            step.signal.add(lambda: self._timeline.after(0, resume))
        elif isinstance(step, Ask):
            question = step

            def succeed(answer: Record) -> None:
                question.answer = answer
                self._resume(work, start, None)

            self.wire.ask(
                self.place,
                step.peer[0],
                step.request,
                step.timeout_ms,
                succeed,
                lambda error: self._resume(work, start, error),
            )

    def produce(self, slot: int) -> None:
        """The slot has begun by this machine's clock."""
        if self.process is not None:
            self.run(_forgetting(self.process.engine.produce(slot)))

    def vote_late(self, slot: int) -> None:
        """Half of the slot is over by this machine's clock."""
        if self.process is not None:
            self.run(self.process.engine.vote_late(slot))

    # Peers (node.peers.Peers); a peer's id is its place

    def broadcast(self, message: Record, exclude: bytes | None = None) -> None:
        """Send gossip to all that do not have it."""
        for item in self._items(message):
            if exclude is None:
                self.signed(self, item.message)
            if self.process is not None:
                self.process.seen.add(item.key)
            self.wire.spread(self.place, item)

    def send(self, peer: bytes, message: Record) -> bool:
        """Send gossip to one; several votes go together."""
        (item,) = [Item(b"", message)] if isinstance(message, Votes) else self._items(message)
        self.wire.send(self.place, peer[0], item)
        return True

    def holders(self, message: Record) -> list[bytes]:
        """Who has sent this compact block."""
        return [] if self.process is None else self.process.senders.get(_encoding(message), [])

    def misbehaved(self, peer: bytes, points: float, why: str) -> None:
        """Nobody is banned here; it shows in the trace."""
        self.note(self, f"blames {peer[0]}: {why}")
        self.blamed(self, peer[0], why)

    def _items(self, message: Record) -> list[Item]:
        if isinstance(message, Votes):
            return [self.wire.item(_vote_key(vote), vote) for vote in message.votes]
        return [self.wire.item(_encoding(message), message)]

    # Station (tests.simulation.wire)

    def receive(self, sender: int, item: Item) -> None:
        """Judge gossip that is new, and hand it on if it is right."""
        process = self.process
        if process is None:
            return
        message = item.message
        if isinstance(message, Vote):
            self._take_votes(process, sender, [item])
            return
        peer = bytes([sender])
        if isinstance(message, Votes):
            self._take_votes(process, sender, self._items(message))
            return
        if isinstance(message, Status):
            process.exchange.follow(peer, message)
            return
        if isinstance(message, CompactBlock):
            process.senders.setdefault(item.key, []).append(peer)
        if item.key in process.seen:
            return
        process.seen.add(item.key)
        if isinstance(message, CompactBlock):
            self.spawn(self._judged(process.exchange.judge_block(peer, message), sender, [item]))
        elif isinstance(message, Evidence):
            self.spawn(self._judged(process.exchange.judge_evidence(message), sender, [item]))

    def _take_votes(self, process: Process, sender: int, items: list[Item]) -> None:
        """Votes linger a moment for company, as they do on a real connection."""
        seen, lingering = process.seen, process.lingering
        for item in items:
            if item.key in seen:
                continue
            seen.add(item.key)
            if not lingering:
                self._timeline.after(
                    VOTES_LINGER_S * 1000, lambda: self._judge_votes(process, sender)
                )
            lingering.append(item)

    def _judge_votes(self, process: Process, sender: int) -> None:
        if self.process is not process:
            return
        items = process.lingering.copy()
        process.lingering.clear()
        peer = bytes([sender])
        for start in range(0, len(items), MAX_VOTES):
            some = items[start : start + MAX_VOTES]
            votes = Votes(tuple(item.message for item in some if isinstance(item.message, Vote)))
            self.spawn(self._judged(process.exchange.judge_votes(peer, votes), sender, some))

    def _judged(self, work: Work[Verdict], sender: int, items: list[Item]) -> Work[None]:
        """Hand the items on if the verdict on them is good."""
        try:
            verdict = yield from work
        except Invalid as error:
            self.misbehaved(bytes([sender]), REJECTED_POINTS, str(error))
            return
        if verdict is Verdict.ACCEPT:
            for item in items:
                self.wire.spread(self.place, item)

    def take_transaction(self, pending: EncodedTransaction) -> None:
        """Let a transaction wait, if it may."""
        if self.process is None:
            return
        chain = self.process.chain
        try:
            check_transaction(chain, pending)
            nonce = nonce_at_head(chain, pending.transaction.sender)
            height = chain.fork.head.height + 1
            self.process.mempool.add(pending, next_nonce=nonce, next_height=height)
        except Invalid as error:
            self.note(self, f"leaves out a transaction: {error}")

    def greet(self, peer: int) -> None:
        """A connection is there: say what the peer may have missed, and how far one is."""
        if self.process is None:
            return
        for message in self.process.exchange.greeting():
            self.send(bytes([peer]), message)
        self.tell_status(peer)

    def tell_status(self, peer: int) -> None:
        """What a peer that asks for the status hears."""
        if self.process is None:
            return
        chain = self.process.chain
        head, final, now_ms = chain.fork.head, chain.durable_final, self.now_ms()
        slot = max(chain.clock.slot_at(now_ms), 0)
        status = Status(head.id, head.height, final.id, final.height, slot, now_ms)
        self.wire.send(self.place, peer, Item(b"", status))

    def answer(self, asker: int, request: Record) -> Record | None:
        """Answer a request."""
        if self.process is None or self.is_mute:
            raise PeerGone("does not answer")
        if isinstance(request, (GetBlock, GetBlockTransactions)) and request.id in self.made:
            return self._answer_by_hand(self.made[request.id], request)
        return self.process.exchange.serve(request)

    def _answer_by_hand(
        self, candidate: Candidate, request: GetBlock | GetBlockTransactions
    ) -> Record:
        if isinstance(request, GetBlock):
            other = self._chance.choice(list(self.made.values()))
            return Blocks((other.raw if self.is_liar else candidate.raw,))
        places = sorted(request.places, reverse=self.is_liar)
        known = [place for place in places if place < len(candidate.transactions)]
        return Transactions(tuple(candidate.transactions[place].data for place in known))

    def take_made(self, candidate: Candidate) -> None:
        """Take in a block of its own that was made by hand."""
        if self.process is not None:
            self.spawn(self._taking(self.process, candidate))

    def _taking(self, process: Process, candidate: Candidate) -> Work[None]:
        try:
            yield from process.sync.take(candidate)
        except Invalid as error:
            self.note(self, f"cannot take its own block: {error}")


def _entering(work: Work[None]) -> Work[None]:
    yield Enter(work)


def _forgetting(work: Work[Recorded | None]) -> Work[None]:
    yield from work


@lru_cache(maxsize=MAX_ENCODINGS)
def _encoding(message: Record) -> bytes:
    return message.encode()


def _vote_key(vote: Vote) -> bytes:
    return vote.key + vote.block_id.binary + vote.signature
