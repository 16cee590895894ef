"""A node's engine with sync and exchange, on a disk and a database in memory: the test carries out
their steps, at once, and sees everything that leaves."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from random import Random
from typing import TypeVar

from consensus.block import Block
from consensus.compact import CompactBlock
from consensus.evidence import Evidence
from consensus.record import Record
from genesis.file import Genesis
from node.candidate import Recorded, read_block
from node.chain import Chain, Elect, Screening
from node.engine import Engine
from node.exchange import Exchange
from node.mempool import Mempool
from node.sync.catching_up import Sync
from node.validator import Seat, Validator, create_journal
from node.work import Ask, Call, Enter, Pause, Step, Wait, Work
from p2p.messages import Blocks, Refusal, Votes
from p2p.questions import RemoteError
from storage.journal import Journal
from tests.node.network import GENESIS_TIME_MS
from tests.node.network import Seat as NetworkSeat
from tests.simulation.database import MemoryDatabase
from tests.simulation.disk import MemoryDisk
from vm.modules.producer import elect

JOURNAL = Path("/journal")
PEER = b"p" * 32

T = TypeVar("T")


def node_seats(seats: Mapping[bytes, NetworkSeat], *places: int) -> list[Seat]:
    """The seats at these places as a node holds them; all of them without places."""
    made = [
        Seat(producer, seat.consensus, b"%32d" % i)
        for i, (producer, seat) in enumerate(seats.items())
    ]
    return [made[place] for place in places or range(len(made))]


class _NothingKept(Random):
    """A power cut that loses all that it may."""

    def randint(self, a: int, b: int) -> int:
        return a


def memory_chain(genesis: Genesis, elected: Elect = elect) -> Chain:
    """A chain of its own that nothing keeps."""
    return Chain(genesis, MemoryDatabase(), elected=elected)


class Bench:
    """The node; `sent` and `blamed` are what its peers would notice, `changes` what listeners are
    told, `on_send` is called with each message before it counts as sent, `answer` answers what
    it asks of a peer (or raises RequestFailed); `keep_blocks` counts from the next start on.
    It starts on what `database` and `disk` hold."""

    def __init__(
        self,
        genesis: Genesis,
        seats: Iterable[Seat] = (),
        *,
        elected: Elect = elect,
        reveals: int = 512,
        keep_blocks: int = 0,
        database: MemoryDatabase | None = None,
        disk: MemoryDisk | None = None,
    ) -> None:
        self._genesis = genesis
        self._seats = tuple(seats)
        self._elected = elected
        self._reveals = reveals
        self.keep_blocks = keep_blocks
        self._chance = Random(0)
        self.now_ms = GENESIS_TIME_MS
        self.knows_enough = True
        self.sent: list[Record] = []
        self.blamed: list[str] = []
        self.asked: list[Record] = []
        self.announcers: list[bytes] = []
        self.timeouts_ms: list[int] = []
        self.changes: list[tuple[Recorded | None, tuple[Recorded, ...]]] = []
        self.on_send: Callable[[Record], None] = lambda _: None
        self.answer: Callable[[bytes, Record], Record] = lambda _peer, _request: Blocks(())
        self.database = MemoryDatabase() if database is None else database
        self.disk = MemoryDisk() if disk is None else disk
        if JOURNAL not in self.disk.files:
            create_journal(JOURNAL, [seat.key.public for seat in self._seats], disk=self.disk)
        self._start()

    # Life

    def _start(self) -> None:
        self.chain = Chain(
            self._genesis, self.database, elected=self._elected, keep_blocks=self.keep_blocks
        )
        self.chain.replay()
        self.disk.kill()
        self.journal = Journal.open(JOURNAL, disk=self.disk)
        self.validator = Validator(
            self.chain.id,
            self._seats,
            self.journal,
            entropy=self._chance.randbytes,
            reveals=self._reveals,
        )
        self.mempool = Mempool()
        self.engine = Engine(
            self.chain,
            self.validator,
            self.mempool,
            self,
            now_ms=self._now,
            may_sign=lambda: self.knows_enough and not self.sync.behind,
            changed=lambda new, final: self.changes.append((new, final)),
        )
        self.sync = Sync(self.engine, self, now_ms=self._now, spawn=self.spawn)
        self.exchange = Exchange(self.engine, self.sync, self, now_ms=self._now, spawn=self.spawn)

    def restart(self) -> None:
        """Stop and start again."""
        self.database.kill()
        self.database = self.database.reopen()
        self._start()

    def power_cut(self) -> None:
        """Lose all that was not synced, and start again."""
        self.database.crash(_NothingKept())
        self.disk.crash(_NothingKept())
        self.database = self.database.reopen()
        self._start()

    def lose_database(self) -> None:
        """Start again with the journal and an empty database."""
        self.database = MemoryDatabase()
        self._start()

    # Time

    def _now(self) -> int:
        return self.now_ms

    def at_slot(self, slot: int) -> None:
        """It is the beginning of this slot now."""
        self.now_ms = self.chain.clock.start_ms(slot)

    # Steps

    def run(self, work: Work[T]) -> T:
        """Carry out a Work; a pause lets time pass."""
        error: Exception | None = None
        while True:
            try:
                step = work.send(None) if error is None else work.throw(error)
            except StopIteration as end:
                result: T = end.value
                return result
            error = None
            try:
                self._do(step)
            except Exception as raised:
                error = raised

    def spawn(self, work: Work[None]) -> None:
        """Carry it out at once."""
        self.run(work)

    def _do(self, step: Step) -> None:
        if isinstance(step, Call):
            step.call()
        elif isinstance(step, Enter):
            self.run(step.work)
        elif isinstance(step, Ask):
            self.asked.append(step.request)
            self.timeouts_ms.append(step.timeout_ms)
            step.answer = self.answer(step.peer, step.request)
        elif isinstance(step, Pause):
            self.now_ms += step.duration_ms
        elif isinstance(step, Wait):
            raise TypeError("nothing is under way here that could be waited for")

    # Peers (node.peers.Peers)

    def broadcast(self, message: Record, exclude: bytes | None = None) -> None:
        """Gossip leaves."""
        self.on_send(message)
        self.sent.append(message)

    def send(self, peer: bytes, message: Record) -> bool:
        """Gossip leaves for one peer."""
        self.broadcast(message)
        return True

    def holders(self, message: Record) -> list[bytes]:
        """The peers that have sent a compact block too, as the test says."""
        return self.announcers

    def misbehaved(self, peer: bytes, points: float, why: str) -> None:
        """A peer is blamed."""
        self.blamed.append(why)

    def sent_votes(self) -> int:
        """How many votes have left."""
        return sum(len(message.votes) for message in self.sent if isinstance(message, Votes))

    # What tests do with it

    def take(self, block: Recorded) -> Screening:
        """A block comes at the beginning of its slot, or later if it is later now."""
        self.now_ms = max(self.now_ms, self.chain.clock.start_ms(block.placed.slot))
        return self.run(self.engine.add_block(read_block(block.raw), self.now_ms))

    def hear(self, message: Record) -> None:
        """Gossip of a peer is judged; a block may also come whole."""
        if isinstance(message, CompactBlock):
            self.run(self.exchange.judge_block(PEER, message))
        elif isinstance(message, Block):
            self.run(self.sync.take(read_block(message.encode())))
        elif isinstance(message, Votes):
            self.run(self.exchange.judge_votes(PEER, message))
        elif isinstance(message, Evidence):
            self.run(self.exchange.judge_evidence(message))

    def serve(self, _peer: bytes, request: Record) -> Record:
        """How it answers a peer."""
        found = self.exchange.serve(request)
        if found is None or isinstance(found, Refusal):
            raise RemoteError("not served here" if found is None else found.reason)
        return found


def putting_off(bench: Bench) -> tuple[Exchange, list[Work[None]]]:
    """An exchange of the bench's that spawns nothing: its Works are for the test to run."""
    works: list[Work[None]] = []
    exchange = Exchange(
        bench.engine, bench.sync, bench, now_ms=lambda: bench.now_ms, spawn=works.append
    )
    return exchange, works
