"""A node as the API sees it: a real chain, mempool and store, but no network."""

import json
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import trio
from starlette.types import ASGIApp, Message, Scope

from consensus.cid import Cid
from consensus.kinds import JsonObject
from consensus.record import Record
from consensus.transaction import EncodedTransaction
from node.api.app import make_app
from node.block_relay import CompactCounts
from node.candidate import Recorded
from node.chain import Chain
from node.content.catalogue import ChainCatalogue
from node.content.exchange import ContentExchange, ContentSettings
from node.content.file_fetch import FileFetch
from node.content.replicator import Replication
from node.content.segment_prover import SegmentProver
from node.events import Announcer
from node.finality_log import FinalityEntry, FinalityLog
from node.hub import Hub
from node.mail.accounts import ChainAccounts
from node.mail.exchange import MailExchange
from node.mail.index import MailLimits
from node.mail.mailroom import Mailroom
from node.mempool import Mempool
from node.query.answers import SyncProgress
from node.query.chain_view import Finality, view_at
from node.served import served_by, served_only
from node.services import Health, Services
from node.statistics.follower import StatisticsFollower
from node.statistics.index import StatisticsIndex
from node.trial import check_transaction, nonce_at_head
from p2p.budget import Budget
from p2p.counters import Counters
from p2p.limits import DEFAULT_BUDGET_BYTES
from p2p.links import NO_FAULTS, LinkFaults
from p2p.network import NetworkSizes, PeerInfo
from p2p.peeraddress import PeerAddress
from p2p.questions import RemoteError
from storage.content import ContentStore
from storage.database import Database
from storage.mail import MailStore
from storage.segment_index import SegmentIndexes
from tests.node.network import (
    key,
    make_block,
    make_genesis_of,
    make_seats,
    open_chain,
    signed,
    take_block,
    take_votes,
    votes_for,
)
from vm.modules.content import Claim, Commit, Publish

SEATS = make_seats(4)
ALICE, BOB = key("alice"), key("bob")
GENESIS = make_genesis_of(SEATS.values(), [ALICE], [BOB])
BASE_URL = "http://127.0.0.1:7480"
STATISTICS_DAYS = 30


@dataclass
class NoNetwork:
    """The network of a node that is alone."""

    id: bytes = b"n" * 32
    listen_port: int = 7400
    counters: Counters = field(default_factory=Counters)
    connected: tuple[PeerInfo, ...] = ()
    link_faults: LinkFaults | None = NO_FAULTS
    budget: Budget = field(default_factory=lambda: Budget(DEFAULT_BUDGET_BYTES, lambda: None))
    bans: dict[bytes, float] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    added: list[PeerAddress] = field(default_factory=list)
    told: list[Record] = field(default_factory=list)

    def peers(self) -> tuple[PeerInfo, ...]:
        """Whoever the test has connected."""
        return self.connected

    async def request(self, peer: bytes, message: Record, timeout_s: float) -> Record:
        """Nobody serves anything."""
        raise RemoteError("not served here")

    def misbehaved(self, peer: bytes, points: float, why: str) -> None:
        """Nobody does."""

    def broadcast(self, message: Record, exclude: bytes | None = None) -> None:
        """Remember it."""
        self.told.append(message)

    def banned(self) -> dict[bytes, float]:
        """Whoever was banned."""
        return self.bans

    def ban(self, peer: bytes, duration_s: float, why: str) -> None:
        """Remember it."""
        self.bans[peer] = duration_s
        self.reasons.append(why)

    def unban(self, peer: bytes) -> None:
        """Forget it."""
        del self.bans[peer]

    def add(self, address: PeerAddress) -> None:
        """Remember it."""
        self.added.append(address)

    def sizes(self) -> NetworkSizes:
        """Some."""
        return NetworkSizes({"verified": 3, "hearsay": 2}, 7, 5, len(self.bans))

    def set_link_faults(self, faults: LinkFaults) -> None:
        """Remember them."""
        self.link_faults = faults


class Begun:
    """Stands in for the nursery of fetches: what is begun waits until the test ends it."""

    def __init__(self) -> None:
        self.fetches: list[FileFetch] = []

    def start_soon(self, _: object, fetch: FileFetch) -> None:
        """Remember it."""
        self.fetches.append(fetch)


class World:
    """A node whose blocks the test makes by `slots`; every third seat is run here."""

    def __init__(self, chain: Chain, folder: Path) -> None:
        self.chain = chain
        self.now_ms = chain.clock.start_ms(0)
        self.mempool = Mempool()
        self.network = NoNetwork()
        self.folder = folder
        self.content = ContentStore(folder / "content", quota_bytes=8 * 2**20)
        self.content_exchange = ContentExchange(
            key("node"),
            chain.id,
            ChainCatalogue(chain),
            self.content,
            self.network,
            settings=ContentSettings(Replication(3, 0)),
            now_ms=lambda: self.now_ms,
            is_served=served_by(chain),
        )
        self.segment_indexes = SegmentIndexes(folder / "segment-indexes")
        self.segments = SegmentProver(self.content, self.segment_indexes)
        self.mail_database = Database.open(folder / "mail")
        self.mail = MailExchange(
            Mailroom(
                chain.id,
                MailStore(self.mail_database),
                MailLimits(8 * 2**20, 2 * 2**20),
                accounts=ChainAccounts(chain),
                now_ms=lambda: self.now_ms,
            ),
            self.network,
        )
        self.statistics_database = Database.open(folder / "statistics")
        self.statistics = StatisticsIndex(self.statistics_database, STATISTICS_DAYS)
        self.follower = StatisticsFollower(chain, self.statistics, lambda: GENESIS)
        self.follower.begin(view_at(chain, Finality.FINAL), lambda: None)
        self.begun = Begun()
        self.content_exchange.fetches.nursery = self.begun  # type: ignore[assignment]
        self.elsewhere: dict[Cid, bytes] = {}
        self.hub = Hub(run="run")
        self.finality_log = FinalityLog()
        self.compact_blocks = CompactCounts()
        self.announcer = Announcer(self.hub, chain)
        self.reasons: tuple[str, ...] = ()
        self.catching_up: list[SyncProgress] = []  # what the next answers say of it

    @property
    def services(self) -> Services:
        """What the API gets."""
        return Services(
            chain=self.chain,
            mempool=self.mempool,
            network=self.network,
            content=self.content,
            content_exchange=self.content_exchange,
            segments=self.segments,
            mail=self.mail,
            statistics=self.statistics,
            hub=self.hub,
            finality_log=self.finality_log,
            compact_blocks=self.compact_blocks,
            submit=self.submit,
            fetch=served_only(self.chain, self.fetch),
            is_served=served_by(self.chain),
            health=self.health,
            now_ms=lambda: self.now_ms,
            seats=tuple(list(SEATS)[:1]),
            genesis_file=self.genesis_file,
        )

    def health(self) -> Health:
        """As the test wants it."""
        progress = self.catching_up.pop(0) if self.catching_up else None
        return Health(not self.reasons, self.reasons, False, 0, progress=progress)

    def genesis_file(self) -> bytes:
        """What genesis was written to."""
        return GENESIS.encode()

    async def submit(self, data: bytes) -> bytes:
        """As the node does it."""
        pending = EncodedTransaction.read(data)
        check_transaction(self.chain, pending)
        self.mempool.add(
            pending,
            next_nonce=nonce_at_head(self.chain, pending.transaction.sender),
            next_height=self.chain.fork.head.height + 1,
        )
        self.announcer.pending(pending)
        return pending.id

    def next_nonce(self, account: bytes) -> int:
        """At the head."""
        return nonce_at_head(self.chain, account)

    async def fetch(self, cid: Cid, root: Cid | None = None) -> bytes | None:
        """From the store, or from `elsewhere`."""
        data = self.content.get(cid)
        return self.elsewhere.get(cid) if data is None else data

    def slots(
        self, slots: Iterable[int], ready: Iterable[EncodedTransaction] = (), *, vote: bool = True
    ) -> None:
        """A block in each slot, with the votes of all seats."""
        for slot in slots:
            self.now_ms = self.chain.clock.start_ms(slot)
            waiting = [*ready, *self.mempool.ready(self.next_nonce)]
            block = make_block(self.chain, SEATS, slot, waiting)
            take_block(self.chain, block.raw)
            self.announcer.changed(block, ())
            live = self.chain.head_chain()
            if vote:
                take_votes(self.chain, votes_for(self.chain, SEATS.values(), block))
            final = [r for r in live if r.placed.height <= self.chain.durable_final.height]
            self.announcer.changed(None, tuple(final))
            for recorded in final:
                self._log_final(recorded)
            self.follower.count()
            self.mempool.prune(self.next_nonce, self.chain.fork.head.height + 1)

    def publish(self, action: Publish, slots: Sequence[int], *before: EncodedTransaction) -> None:
        """In the first slot Alice sends what comes before and commits, then she publishes."""
        commit = Commit(Claim(ALICE.public, action.cid, action.salt).commitment)
        nonce = self.next_nonce(ALICE.public) + len(before)
        self.slots(slots[:1], [*before, signed(self.chain, ALICE, commit, nonce)])
        self.slots(slots[1:], [signed(self.chain, ALICE, action, nonce + 1)])

    def _log_final(self, recorded: Recorded) -> None:
        placed, count = recorded.placed, len(recorded.transaction_ids)
        self.finality_log.add(FinalityEntry(placed.height, placed.slot, count, 700 + placed.height))

    def app(self, **options: object) -> ASGIApp:
        """The application."""
        return make_app(self.services, **{"loopback": True, **options})  # type: ignore[arg-type]

    def client(self, **options: object) -> httpx.AsyncClient:
        """An HTTP client whose requests go straight into the application."""
        app = self.app(**options)
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE_URL)


@contextmanager
def open_world(folder: Path, *, keep_blocks: int = 0) -> Iterator[World]:
    """A world in a folder."""
    chain, database = open_chain(GENESIS, folder / "chain", keep_blocks=keep_blocks)
    try:
        world = World(chain, folder)
        try:
            yield world
        finally:
            world.mail_database.close()
            world.statistics_database.close()
    finally:
        database.close()


def problem(response: httpx.Response) -> JsonObject:
    """A response's problem, whose shape is checked."""
    assert response.headers["content-type"] == "application/problem+json"
    found: JsonObject = response.json()
    assert set(found) == {"type", "title", "status", "detail", "field"}
    assert found["status"] == response.status_code
    assert str(found["type"]).startswith("urn:reelect:problem:")
    assert found["detail"]
    return found


def code_of(response: httpx.Response) -> tuple[int, str, str]:
    """A problem's status, code and field."""
    found = problem(response)
    code = str(found["type"]).removeprefix("urn:reelect:problem:")
    return response.status_code, code, str(found["field"])


@dataclass
class Exchange:
    """One request made straight to the application, whose body comes as the test says."""

    path: str
    method: str = "POST"
    headers: tuple[tuple[bytes, bytes], ...] = ((b"content-type", b"application/cbor"),)
    receive: Callable[[], Awaitable[Message]] = trio.sleep_forever
    status: int = 0
    answered: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    async def run(self, app: ASGIApp) -> None:
        """Make the request; the answer is in the other fields then."""
        path, _, query = self.path.partition("?")
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": list(self.headers),
            "server": ("127.0.0.1", 7480),
        }
        await app(scope, self.receive, self._send)

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.answered = {k.decode(): v.decode() for k, v in message["headers"]}
        else:
            self.body += message["body"]

    @property
    def problem(self) -> str:
        """The type of the problem that is the answer."""
        assert self.answered["content-type"] == "application/problem+json"
        return str(json.loads(self.body)["type"]).rpartition(":")[2]
