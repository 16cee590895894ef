"""One node's side of the network: all that judges, asks and answers, under a virtual clock."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trio
from trio.testing import MockClock

from consensus.compact import CompactBlock, compact_block
from consensus.record import Record
from node.candidate import Recorded
from node.chain import Chain
from node.content.catalogue import ChainCatalogue
from node.content.exchange import ContentExchange, ContentSettings
from node.content.replicator import Replication
from node.driver import Driver
from node.engine import Engine
from node.exchange import Exchange
from node.mempool import Mempool
from node.peer_handler import PeerHandler
from node.served import served_by
from node.sync.catching_up import Sync
from node.validator import Validator
from p2p.messages import Blocks, GetBlock, GetBlockTransactions, Transactions
from p2p.network import PeerInfo
from p2p.questions import RemoteError
from storage.content import ContentStore
from storage.database import Database
from storage.journal import Journal
from tests.node.network import GENESIS_TIME_MS, key, make_genesis_of, make_seats

SEATS = make_seats(4)
ALICE, BOB = key("alice"), key("bob")
GENESIS = make_genesis_of(SEATS.values(), [ALICE])
PEER, OTHER_PEER = b"p" * 32, b"o" * 32


@dataclass
class Wire:
    """Stands in for the network: records what is sent, answers what is asked."""

    answer: Callable[[Record], Record] = lambda _: Blocks(())
    sent: list[Record] = field(default_factory=list)
    blamed: list[str] = field(default_factory=list)
    asked: list[Record] = field(default_factory=list)
    announcers: list[bytes] = field(default_factory=list)

    def broadcast(self, message: Record, exclude: bytes | None = None) -> None:
        self.sent.append(message)

    def send(self, peer: bytes, message: Record) -> bool:
        self.sent.append(message)
        return True

    async def request(self, peer: bytes, message: Record, timeout_s: float = 1.0) -> Record:
        self.asked.append(message)
        await trio.lowlevel.checkpoint()
        return self.answer(message)

    def holders(self, message: Record) -> list[bytes]:
        return self.announcers

    def peers(self) -> tuple[PeerInfo, ...]:
        return ()

    def misbehaved(self, peer: bytes, points: float, why: str) -> None:
        self.blamed.append(why)


@dataclass
class WallClock:
    """Stands still until the test sets it."""

    now_ms: int = GENESIS_TIME_MS


@dataclass
class Side:
    """A node without seats whose clock the test sets."""

    chain: Chain
    wire: Wire
    driver: Driver
    engine: Engine
    sync: Sync
    exchange: Exchange
    handler: PeerHandler
    mempool: Mempool
    content: ContentStore
    journal: Journal
    clock: WallClock
    may_sign: bool = True

    @property
    def now_ms(self) -> int:
        """What its clock says."""
        return self.clock.now_ms

    @now_ms.setter
    def now_ms(self, now_ms: int) -> None:
        self.clock.now_ms = now_ms

    def asked(self, kind: type[Record]) -> int:
        """How often it has asked for this."""
        return sum(type(request) is kind for request in self.wire.asked)

    def at_slot(self, slot: int) -> None:
        """It is the beginning of this slot now."""
        self.now_ms = self.chain.clock.start_ms(slot)

    def run(self, main: Callable[[], Awaitable[None]]) -> None:
        """Run a test in a nursery for the node's work; time passes by itself."""

        async def wrapped() -> None:
            async with trio.open_nursery() as nursery:
                self.driver.nursery = nursery
                await main()

        trio.run(wrapped, clock=MockClock(autojump_threshold=0))


@contextmanager
def open_side(folder: Path) -> Iterator[Side]:
    """A side that keeps its files in `folder`."""
    with (
        Database.open(folder / "chain") as database,
        Journal.open(folder / "journal") as journal,
    ):
        yield _side(Chain(GENESIS, database), journal, ContentStore(folder / "content"))


def _side(chain: Chain, journal: Journal, content: ContentStore) -> Side:
    wire, mempool, driver, clock = Wire(), Mempool(), Driver(), WallClock()
    driver.network = wire  # type: ignore[assignment]

    def now_ms() -> int:
        return clock.now_ms

    engine = Engine(
        chain,
        Validator(chain.id, [], journal),
        mempool,
        driver,
        now_ms=now_ms,
        may_sign=lambda: made.may_sign,
        changed=lambda _new, _final: None,
    )
    sync = Sync(engine, driver, now_ms=now_ms, spawn=driver.spawn)
    exchange = Exchange(engine, sync, driver, now_ms=now_ms, spawn=driver.spawn)
    content_exchange = ContentExchange(
        key("node"),
        chain.id,
        ChainCatalogue(chain),
        content,
        driver,
        settings=ContentSettings(Replication(3, 0)),
        now_ms=now_ms,
        is_served=served_by(chain),
    )
    handler = PeerHandler(
        chain, mempool, exchange, driver, content_exchange, now_ms=now_ms, accepted=lambda _: None
    )
    made = Side(
        chain,
        wire,
        driver,
        engine,
        sync,
        exchange,
        handler,
        mempool,
        content,
        journal,
        clock,
    )
    return made


def answers_of(chain: Chain, side: Side) -> Callable[[Record], Record]:
    """How a node with this chain answers what `side` asks."""
    engine = Engine(
        chain,
        side.engine.validator,
        Mempool(),
        side.driver,
        now_ms=lambda: side.now_ms,
        may_sign=lambda: False,
        changed=lambda _new, _final: None,
    )
    exchange = Exchange(
        engine, side.sync, side.driver, now_ms=lambda: side.now_ms, spawn=side.driver.spawn
    )

    def answer(request: Record) -> Record:
        found = exchange.serve(request)
        if found is None:
            raise RemoteError("not served here")
        return found

    return answer


async def until(condition: Callable[[], bool]) -> None:
    """Wait for threads to finish too: virtual time passes meanwhile."""
    with trio.fail_after(10_000_000):
        while not condition():  # noqa: ASYNC110 - virtual time
            await trio.sleep(1)


def given_from(*blocks: Recorded) -> Callable[[Record], Record]:
    """How a node with these blocks answers who asks for what is missing of them."""
    known = {block.placed.id: block for block in blocks}

    def answer(request: Record) -> Record:
        if isinstance(request, GetBlockTransactions):
            transactions = known[request.id].body.transactions
            return Transactions(tuple(transactions[place].encode() for place in request.places))
        if isinstance(request, GetBlock):
            return Blocks((known[request.id].raw,))
        raise RemoteError("not served here")

    return answer


def message_of(block: Recorded) -> CompactBlock:
    """A block as gossip."""
    return compact_block(block.raw, block.transaction_ids)
