"""Following a real chain: made anew the index is the same; where blocks are missing it says so."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import trio

from genesis.file import Genesis
from node.chain import Chain
from node.query.chain_view import Finality, NotFound, view_at
from node.statistics.follower import MAX_BATCH_BLOCKS, StatisticsFollower
from node.statistics.index import LAYOUT, Progress, StatisticsIndex
from node.statistics.metrics import TOTAL, Metric, SubjectKind
from node.statistics.rows import CHAIN_SUBJECT, OWNER_ROW, Count, count_key
from storage.database import DatabaseError
from tests.api.world import ALICE, BOB, GENESIS, World, open_world
from tests.node.network import signed, transfer
from tests.simulation.database import MemoryDatabase
from tests.vm.world import publish
from vm.declare import Action
from vm.modules.economy import CLOCK
from vm.modules.social import Like, Share, Unlike

FILM = publish(b"film")
DAYS = 30
EVERYTHING = 100_000


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path) as made:
        yield made


def live(world: World) -> None:
    """Alice publishes and pays Bob, who likes, shares and takes the like back; days go by."""
    world.slots([1], [transfer(world.chain, ALICE, BOB.public, 10**9, 0)])
    world.publish(FILM, [2, 3])
    for slot, action in ((200, Like(FILM.cid)), (201, Share(FILM.cid)), (500, Unlike(FILM.cid))):
        do(world, slot, action)
    do(world, 501, Unlike(FILM.cid))
    world.slots(range(502, 502 + MAX_BATCH_BLOCKS))


def do(world: World, slot: int, action: Action) -> None:
    nonce = world.next_nonce(BOB.public)
    world.slots([slot], [signed(world.chain, BOB, action, nonce, valid_until_height=10_000)])


def rows(database: object) -> dict[bytes, bytes]:
    assert isinstance(database, MemoryDatabase)
    return dict(database.scan(b"", limit=EVERYTHING))


def genesis() -> Genesis:
    return GENESIS


def no_genesis() -> Genesis:
    raise NotFound("gone")


def follower_of(chain: Chain, database: MemoryDatabase) -> StatisticsFollower:
    return StatisticsFollower(chain, StatisticsIndex(database, DAYS), genesis)


def catch_up(follower: StatisticsFollower, chain: Chain, database: MemoryDatabase) -> None:
    while counted(database) < chain.durable_final.height:
        assert follower.count()


def counted(database: MemoryDatabase) -> int:
    progress = StatisticsIndex(database, DAYS).progress
    return 0 if progress is None else progress.height


def number(database: MemoryDatabase, metric: Metric, of: str = "") -> int:
    value = database.get(count_key(Count(TOTAL, SubjectKind.CHAIN, CHAIN_SUBJECT, metric, of)))
    return 0 if value is None else int.from_bytes(value)


def test_an_index_made_anew_is_that_which_followed(world: World) -> None:
    followed, anew = MemoryDatabase(), MemoryDatabase()
    follower = follower_of(world.chain, followed)
    follower.begin(view_at(world.chain, Finality.FINAL), lambda: None)
    slots = world.slots

    def slots_followed(*arguments: object, **options: object) -> None:
        slots(*arguments, **options)  # type: ignore[arg-type]
        follower.count()

    world.slots = slots_followed  # type: ignore[method-assign]
    live(world)
    catch_up(follower, world.chain, followed)
    late = follower_of(world.chain, anew)
    late.begin(view_at(world.chain, Finality.FINAL), lambda: None)
    catch_up(late, world.chain, anew)
    assert rows(anew) == rows(followed)
    assert (number(anew, Metric.TRANSACTIONS), number(anew, Metric.FAILED)) == (7, 1)
    assert (number(anew, Metric.LIKES), number(anew, Metric.SHARES)) == (1, 1)
    assert number(anew, Metric.ACTIONS, "social.unlike") == 1
    assert number(anew, Metric.FAILED_ACTIONS, "social.unlike") == 1
    assert number(anew, Metric.NEW_ACCOUNTS) == number(anew, Metric.ACTIVE_ACCOUNTS) == 2
    assert number(anew, Metric.TRANSFERRED, "REEL") == 10**9


def test_the_day_of_a_block_is_that_of_the_chain(world: World) -> None:
    database = MemoryDatabase()
    follower = follower_of(world.chain, database)
    follower.begin(view_at(world.chain, Finality.FINAL), lambda: None)
    for slot in (1, 59, 60, 61, 119, 120, 500, 501, 502):
        world.slots([slot])
        catch_up(follower, world.chain, database)
        clock = CLOCK.get(world.chain.state.view())
        progress = StatisticsIndex(database, DAYS).progress
        assert progress is not None
        if progress.height:
            assert clock is not None
            assert progress.day == clock.day


def test_a_node_without_all_blocks_counts_from_its_state_on(tmp_path: Path) -> None:
    """As one that joined from a snapshot: it knows whose the videos are, not what was before."""
    with open_world(tmp_path, keep_blocks=4) as world:
        live(world)
        database = MemoryDatabase()
        follower = follower_of(world.chain, database)
        final = world.chain.durable_final
        follower.begin(view_at(world.chain, Finality.FINAL), lambda: None)
        progress = StatisticsIndex(database, DAYS).progress
        assert progress is not None
        assert (progress.first_height, progress.id) == (final.height + 1, final.id)
        assert database.get(OWNER_ROW + FILM.cid.binary) == ALICE.public
        do(world, 700, Like(FILM.cid))
        world.slots([701, 702])
        catch_up(follower, world.chain, database)
    assert (number(database, Metric.TRANSACTIONS), number(database, Metric.LIKES)) == (1, 1)


def test_without_the_genesis_file_an_old_chain_is_counted_from_now_on(world: World) -> None:
    live(world)
    database = MemoryDatabase()
    index = StatisticsIndex(database, DAYS)
    StatisticsFollower(world.chain, index, no_genesis).begin(
        view_at(world.chain, Finality.FINAL), lambda: None
    )
    assert index.progress is not None
    assert index.progress.first_height == world.chain.durable_final.height + 1


def test_blocks_that_were_dropped_before_they_were_counted_are_missed(tmp_path: Path) -> None:
    with open_world(tmp_path, keep_blocks=4) as world:
        database = MemoryDatabase()
        follower = follower_of(world.chain, database)
        follower.begin(view_at(world.chain, Finality.FINAL), lambda: None)
        live(world)
        assert not follower.count()
        assert counted(database) == 0
        final = world.chain.durable_final.height
        trio.run(following, world, database, range(700, 703))
        progress = StatisticsIndex(database, DAYS).progress
        assert progress is not None
        assert progress.first_height == final + 1


async def following(world: World, database: MemoryDatabase, slots: Iterable[int]) -> None:
    """Let a node's follower run until it has counted all, these slots among it."""
    follower = follower_of(world.chain, database)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(follower.run)
        await until_counted(world, database)
        for slot in slots:
            world.slots([slot])
            follower.note_final()
            await until_counted(world, database)
        nursery.cancel_scope.cancel()


async def until_counted(world: World, database: MemoryDatabase) -> None:
    while counted(database) < world.chain.durable_final.height:
        await trio.lowlevel.checkpoint()


def test_a_running_node_begins_follows_and_goes_on(world: World) -> None:
    stopped, anew = MemoryDatabase(), MemoryDatabase()
    live(world)
    trio.run(following, world, stopped, range(700, 704))
    trio.run(following, world, stopped, range(704, 708))
    trio.run(following, world, anew, range(0))
    assert rows(stopped) == rows(anew)


def test_an_index_of_another_chain_is_made_anew(world: World) -> None:
    database = MemoryDatabase()
    index = StatisticsIndex(database, DAYS)
    index.begin(Progress(LAYOUT, 1, 0, FILM.cid, 0, 0), (), lambda: None)
    live(world)
    trio.run(following, world, database, range(700, 701))
    assert number(database, Metric.TRANSACTIONS) == 7


def test_a_disk_that_fails_stops_the_statistics_and_nothing_else(world: World) -> None:
    class Full(MemoryDatabase):
        """It takes nothing."""

        def write(self, batch: object, *, sync: bool) -> None:
            raise DatabaseError("full")

    trio.run(follower_of(world.chain, Full()).run)
