"""One node: its parts opened, wired together and run in one trio nursery."""

import logging
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import trio

from consensus.errors import Invalid
from consensus.keys import KeyPair
from consensus.transaction import EncodedTransaction
from genesis.file import MAX_GENESIS_BYTES, Genesis, GenesisHead, parse_genesis, parse_head
from node.alarm import alarm, check_no_alarm
from node.candidate import Recorded
from node.chain import Chain
from node.config.sections import MIN_KEPT_SNAPSHOTS, Config
from node.content.catalogue import ChainCatalogue
from node.content.exchange import ContentExchange, ContentSettings
from node.content.replicator import Replication
from node.content.room import keep_room
from node.content.segment_prover import SegmentProver
from node.driver import Driver
from node.engine import Engine
from node.events import Announcer
from node.exchange import Exchange
from node.failure import Refused, cannot_listen
from node.files import read_bounded
from node.hub import Hub
from node.mail.accounts import ChainAccounts
from node.mail.exchange import MailExchange
from node.mail.mailroom import Mailroom
from node.mempool import Mempool
from node.peer_clocks import offset_ms
from node.peer_handler import PeerHandler
from node.production import attend_slots
from node.query.chain_view import NotFound
from node.query.status_query import stall_answer
from node.read_ahead import ReadAhead
from node.served import served_by, served_only
from node.services import Health, Services
from node.signing import why_unsigned
from node.snapshots.service import MAX_SPACING, SnapshotService
from node.stall_log import StallLog
from node.statistics.follower import StatisticsFollower
from node.statistics.index import StatisticsIndex, open_index
from node.sync.catching_up import Sync
from node.threads import trim_heap
from node.validator import JOURNAL_FILE, Seat, Validator
from node.wallet.derivation import KeyKind
from node.wallet.seed_file import read_seed_file
from p2p.config import NetworkConfig
from p2p.handshake import Admission
from p2p.network import Network
from p2p.peeraddress import is_loopback
from storage.content import ContentStore
from storage.database import META_ROW, Database
from storage.journal import Journal
from storage.mail import MailStore
from storage.segment_index import SegmentIndexes
from storage.snapshots import SNAPSHOTS, SnapshotStore

MAX_JOIN_SECRET_BYTES = 4096
MAX_MISSED_SLOTS = 4

logger = logging.getLogger("reelect.node")

G = TypeVar("G", Genesis, GenesisHead)


def wall_clock_ms() -> int:
    """The machine's clock: Unix milliseconds."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Storage:
    """What a node keeps on disk, open."""

    chain: Chain
    journal: Journal
    content: ContentStore
    segment_indexes: SegmentIndexes
    snapshots: SnapshotStore
    mail: MailStore
    statistics: StatisticsIndex | None


@contextmanager
def open_storage(config: Config) -> Iterator[Storage]:
    """Open the data folder and take up the chain where it was; blocks, so use a thread.

    Two final histories, found while it is open, are laid down in the folder as evidence. Raises
    Refused, DatabaseError, JournalError, InvalidGenesis or OSError, each naming its file, and
    ConflictingFinality.
    """
    folder = config.node.data_dir
    folder.mkdir(parents=True, exist_ok=True)
    check_no_alarm(folder)
    database = Database.open(folder / "chain")
    try:
        genesis = _genesis_for(database, config.node.genesis)
        chain = Chain(genesis, database, keep_blocks=config.storage.keep_blocks)
        with alarm(folder, chain.final_proof), Journal.open(folder / JOURNAL_FILE) as journal:
            replayed = chain.replay()
            logger.info(
                "chain %s: final height %d, %d blocks above it",
                chain.id.hex()[:16],
                chain.durable_final.height,
                replayed,
            )
            with ContentStore(folder / "content", config.content.quota_bytes) as content:
                segment_indexes = SegmentIndexes(folder / "segment-indexes")
                snapshots = SnapshotStore(folder / SNAPSHOTS)
                with (
                    closing(MailStore.open(folder / "mail")) as mail,
                    open_index(folder / "statistics", config.statistics.keep_days) as statistics,
                ):
                    yield Storage(
                        chain, journal, content, segment_indexes, snapshots, mail, statistics
                    )
    finally:
        database.close()


def _genesis_for(database: Database, file: Path) -> Genesis | GenesisHead:
    """As much of the genesis file as the database needs: to read all of it may take seconds."""
    if database.get(META_ROW) is None:
        return read_genesis(file)
    return _read(file, parse_head)


def read_genesis(file: Path) -> Genesis:
    """The genesis file, all of it checked; raises Refused naming it."""
    return _read(file, parse_genesis)


def _read(file: Path, parse: Callable[[bytes], G]) -> G:
    try:
        return parse(read_bounded(file, MAX_GENESIS_BYTES))
    except FileNotFoundError as error:
        raise Refused(
            "no genesis file is here: copy the network's, or make one with `reelect genesis build`",
            field=str(file),
            code="system",
        ) from error
    except Invalid as error:
        raise Refused(str(error), field=str(file), code=error.code) from error


def read_seats(config: Config) -> list[Seat]:
    """The producers whose keys the configuration names."""
    return [
        Seat(
            seat.account,
            KeyPair.from_seed(read_seed_file(seat.consensus_key_file, KeyKind.CONSENSUS)),
            read_seed_file(seat.beacon_seed_file, KeyKind.BEACON),
        )
        for seat in config.seats
    ]


def network_config(config: Config) -> NetworkConfig:
    """How the configuration wants the node to take part in the network."""
    p2p = config.p2p
    secret = p2p.join_secret_file
    admission = Admission(
        is_member=(lambda _: True)
        if p2p.membership == "open"
        else frozenset(p2p.members).__contains__,
        join_secret=None if secret is None else read_bounded(secret, MAX_JOIN_SECRET_BYTES).strip(),
    )
    return NetworkConfig(
        host=p2p.host,
        port=p2p.port,
        advertised_port=p2p.advertise_port or None,
        peers=p2p.peers,
        outbound=max(1, p2p.target_degree // 2),
        max_inbound=p2p.max_inbound,
        budget_bytes=p2p.queue_budget_bytes,
        discover=p2p.discover,
        address_book=config.node.data_dir / "peers.cbor" if p2p.discover else None,
        conducts=config.node.data_dir / "conducts.cbor",
        admission=admission,
        links=config.links.faults if is_loopback(p2p.host) else None,
    )


def _content_settings(config: Config) -> ContentSettings:
    content = config.content
    return ContentSettings(
        Replication(content.replicas, content.replicate_bytes),
        content.max_upload_bytes_per_s,
        config.node.data_dir / "holdings.cbor",
    )


def _snapshot_service(config: Config, storage: Storage) -> SnapshotService:
    """As often as the configuration says, and never so seldom that blocks above the last one
    would be dropped."""
    every, keep = config.storage.snapshot_blocks, config.storage.keep_blocks
    most = keep // MIN_KEPT_SNAPSHOTS if keep else MAX_SPACING
    folder = config.node.data_dir
    return SnapshotService(
        storage.chain,
        storage.snapshots,
        every,
        most=most,
        free_bytes=lambda: shutil.disk_usage(folder).free,
    )


def _mail_exchange(
    config: Config, storage: Storage, driver: Driver, now_ms: Callable[[], int]
) -> MailExchange:
    chain, limits = storage.chain, config.mail.limits
    accounts = ChainAccounts(chain)
    room = Mailroom(chain.id, storage.mail, limits, accounts=accounts, now_ms=now_ms)
    return MailExchange(room, driver)


class Node:
    """A node on open storage. `run` serves until cancelled."""

    def __init__(
        self, config: Config, storage: Storage, *, now_ms: Callable[[], int] = wall_clock_ms
    ) -> None:
        self._config = config
        self._storage = storage
        self._now_ms = now_ms
        self._left = trio.Event()
        self._identity = KeyPair.from_seed(read_seed_file(config.node.key_file, KeyKind.NODE))
        chain = storage.chain
        self.mempool = Mempool()
        self.hub = Hub()
        announcer = Announcer(self.hub, chain)
        self._read_ahead = ReadAhead(chain.state)

        def accepted(pending: EncodedTransaction) -> None:
            announcer.pending(pending)
            self._read_ahead.want(pending.transaction)

        self._snapshots = _snapshot_service(config, storage)
        self._statistics = self._statistics_follower()

        def changed(new: Recorded | None, final: tuple[Recorded, ...]) -> None:
            announcer.changed(new, final)
            self.content.note_final(final)
            if final:
                self._snapshots.note_final(final[-1].placed.height)
                if self._statistics is not None:
                    self._statistics.note_final()

        self.validator = Validator(chain.id, read_seats(config), storage.journal)
        self._driver = Driver()
        driver = self._driver
        self.engine = Engine(
            chain,
            self.validator,
            self.mempool,
            driver,
            now_ms=now_ms,
            may_sign=self._may_sign,
            changed=changed,
        )
        self._sync = Sync(self.engine, driver, now_ms=now_ms, spawn=driver.spawn)
        self._exchange = Exchange(
            self.engine, self._sync, driver, now_ms=now_ms, spawn=driver.spawn
        )
        self.content = ContentExchange(
            self._identity,
            chain.id,
            ChainCatalogue(chain),
            storage.content,
            driver,
            settings=_content_settings(config),
            now_ms=now_ms,
            is_served=served_by(chain),
        )
        self.mail = _mail_exchange(config, storage, driver, now_ms)
        self._handler = PeerHandler(
            chain,
            self.mempool,
            self._exchange,
            driver,
            self.content,
            now_ms=now_ms,
            accepted=accepted,
            snapshots=self._snapshots,
            mail=self.mail,
        )
        self.network = Network(self._identity, chain.id, self._handler, network_config(config))
        driver.network = self.network
        self._segments = SegmentProver(storage.content, storage.segment_indexes)

    @property
    def services(self) -> Services:
        """The node as its API sees it."""
        return Services(
            chain=self._storage.chain,
            mempool=self.mempool,
            network=self.network,
            content=self._storage.content,
            content_exchange=self.content,
            segments=self._segments,
            mail=self.mail,
            statistics=self._storage.statistics,
            hub=self.hub,
            finality_log=self.engine.finality_log,
            compact_blocks=self._exchange.relay.counts,
            submit=self._handler.submit,
            fetch=served_only(self._storage.chain, self.content.blocks.fetch),
            is_served=served_by(self._storage.chain),
            health=self.health,
            now_ms=self._now_ms,
            seats=self.validator.producers,
            genesis_file=self._genesis_file,
        )

    def _statistics_follower(self) -> StatisticsFollower | None:
        chain, index = self._storage.chain, self._storage.statistics
        if index is None:
            return None
        return StatisticsFollower(chain, index, lambda: parse_genesis(self._genesis_file()))

    def _genesis_file(self) -> bytes:
        try:
            data = read_bounded(self._config.node.genesis, MAX_GENESIS_BYTES)
            if parse_head(data).chain == self._storage.chain.id:
                return data
        except (OSError, Invalid) as error:
            raise NotFound(f"this node's genesis file cannot be read any more: {error}") from error
        raise NotFound("this node's genesis file is another chain's by now")

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Join the network and produce; started once it listens.

        Raises ConflictingFinality, DatabaseError or JournalError when the disk fails, OSError if
        it cannot listen.
        """
        chain = self._storage.chain
        slot = chain.clock.slot_at(self._now_ms())
        for key in await trio.to_thread.run_sync(self.validator.remember, slot):
            logger.warning(
                "the journal does not know key %s: it signs again once the others have "
                "justified a block beyond slot %d",
                key.hex()[:8],
                slot + 1,
            )
        await trio.to_thread.run_sync(self.validator.prepare, chain.state_of(chain.fork.head))
        async with trio.open_nursery() as nursery:
            self._driver.nursery = nursery
            await nursery.start(self._run_network)
            nursery.start_soon(self._read_ahead.run)
            nursery.start_soon(attend_slots, self.engine, self._driver, self._now_ms)
            nursery.start_soon(self._tell_of_stalls)
            nursery.start_soon(self._snapshots.run)
            nursery.start_soon(self.content.run)
            nursery.start_soon(self.mail.run)
            if self._statistics is not None:
                nursery.start_soon(self._statistics.run)
            nursery.start_soon(keep_room, self._storage.content)
            nursery.start_soon(trim_heap)
            task_status.started()

    async def _run_network(
        self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        p2p = self._config.p2p
        try:
            await self.network.run(task_status)
        except OSError as error:
            if error.filename is not None:  # the address book's file
                raise
            raise cannot_listen(p2p.host, p2p.port, error, "p2p.port") from error
        self._left.set()

    async def _tell_of_stalls(self) -> None:
        chain, log = self._storage.chain, StallLog()
        slot = chain.clock.slot_at(self._now_ms())
        while True:
            await trio.sleep(chain.clock.slot_ms / 1000)
            last, slot = slot, chain.clock.slot_at(self._now_ms())
            if slot - last > MAX_MISSED_SLOTS:  # the machine slept, not the others
                self.engine.presence.listen_from(slot)
            stall = self.health().stall
            answer = None if stall is None else stall_answer(chain, stall)
            log.note(answer, chain.durable_final, slot)

    async def leave(self) -> None:
        """Say goodbye to the peers; `run` then goes on without them until it is cancelled."""
        self.network.close()
        await self._left.wait()

    def health(self) -> Health:
        """Whether the node follows the chain, and if not why; whether anything becomes final.

        A node that is behind, or whose clock is off, cannot tell whether others are silent.
        """
        reasons: list[str] = []
        clock = self._storage.chain.clock
        offset, skew_ms = self._clock_offset_ms(), clock.skew_ms
        is_off, is_syncing = abs(offset) > skew_ms, self._sync.behind
        if is_off:
            reasons.append(
                f"the clock is {-offset} ms off from the peers' median; at most {skew_ms} ms "
                "are allowed: set the clock"
            )
        if is_syncing:
            reasons.append("catching up with blocks that are final elsewhere")
        if self._config.p2p.peers and not self.network.peers():
            reasons.append("no peer is connected")
        can_tell = not (is_off or is_syncing)
        slot = clock.slot_at(self._now_ms())
        return Health(
            ready=not reasons,
            reasons=tuple(reasons),
            syncing=is_syncing,
            clock_offset_ms=offset,
            stall=self.engine.presence.stall(slot) if can_tell else None,
            signing=tuple(why_unsigned(self.engine, clock_is_off=is_off, is_syncing=is_syncing)),
            progress=self._sync.progress,
        )

    def _may_sign(self) -> bool:
        within = abs(self._clock_offset_ms()) <= self._storage.chain.clock.skew_ms
        return within and not self._sync.behind

    def _clock_offset_ms(self) -> int:
        return offset_ms(self.network.peers())
