"""The index on disk: ended at any write it goes on without counting twice; old days go."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given

from consensus.cid import RAW, cid_of
from consensus.record import replace
from node.statistics.happenings import Fact, Happening, Like, Ownership
from node.statistics.index import (
    LAYOUT,
    MAX_EXPIRED_ROWS,
    CountedBlock,
    StatisticsIndex,
    open_index,
)
from node.statistics.metrics import TOTAL, Metric
from node.statistics.rows import (
    ACTIVE_ROW,
    COUNT_ROW,
    DAY_ROW,
    PROGRESS_ROW,
    RANK_ROW,
    SEEN_ROW,
    VIEWED_ROW,
    VIEWER_ROW,
    number,
    of_both,
)
from storage.database import Database, level_folder
from tests.node.statistics.histories import (
    ACCOUNTS,
    BEFORE,
    KEEP_DAYS,
    MANY,
    VIDEOS,
    histories,
    made_of,
)
from tests.simulation.crashes import DATABASE_ENDINGS, Machine, every_crash
from tests.simulation.database import MemoryDatabase

OWNED = [Ownership(VIDEOS[0], VIDEOS[0], ACCOUNTS[0]), Ownership(VIDEOS[1], VIDEOS[0], ACCOUNTS[0])]


def view_of(account: bytes, video: int) -> tuple[Fact, ...]:
    viewed = Happening(Metric.VIEWS, account=account, video=VIDEOS[video])
    return (viewed, Happening(Metric.ACTIVE_ACCOUNTS, account=account))


def block(height: int, day: int, *facts: Fact) -> CountedBlock:
    return CountedBlock(height, cid_of(RAW, b"block %d" % height), height, day, facts)


BLOCKS = [
    block(1, 0, Like(ACCOUNTS[1], VIDEOS[1], is_liked=True), *view_of(ACCOUNTS[2], 1)),
    block(2, 0, Like(ACCOUNTS[1], VIDEOS[1], is_liked=False), *view_of(ACCOUNTS[2], 0)),
    block(3, 1, Happening(Metric.FEES, 7, "REEL", account=ACCOUNTS[1])),
    block(4, 5, *view_of(ACCOUNTS[2], 1), Like(ACCOUNTS[1], VIDEOS[1], is_liked=True)),
    block(
        5,
        6,
        Happening(Metric.COMMENTS, account=ACCOUNTS[3], video=VIDEOS[1]),
        Happening(Metric.ACTIVE_ACCOUNTS, account=ACCOUNTS[3]),
    ),
]


def follow(index: StatisticsIndex, blocks: Sequence[CountedBlock]) -> Iterator[int]:
    """Count what is not counted, dropping old days as a node does; yields heights that are."""
    if index.progress is None:
        index.begin(BEFORE, OWNED, lambda: None)
    progress = index.progress
    assert progress is not None
    for each in blocks[progress.height :]:
        index.advance([each])
        expire(index)
        yield each.height
    expire(index)


def expire(index: StatisticsIndex) -> None:
    """Drop all that is too old."""
    while index.expire():
        pass


def rows(database: MemoryDatabase, prefix: bytes = b"") -> dict[bytes, bytes]:
    return dict(database.scan(prefix, limit=MANY))


def test_no_end_at_any_write_counts_a_block_twice_or_not_at_all() -> None:
    whole = MemoryDatabase()
    list(follow(StatisticsIndex(whole, KEEP_DAYS), BLOCKS))

    def scenario(machine: Machine, told: list[int]) -> None:
        told.extend(follow(StatisticsIndex(machine.open_database(), KEEP_DAYS), BLOCKS))

    def check(machine: Machine, told: list[int]) -> None:
        database = machine.open_database()
        list(follow(StatisticsIndex(database, KEEP_DAYS), BLOCKS))
        assert rows(database) == rows(whole)

    done = every_crash(scenario, check, endings={"database": DATABASE_ENDINGS})
    assert done.points > 8


def test_a_block_is_counted_once_and_in_order() -> None:
    index = StatisticsIndex(MemoryDatabase(), KEEP_DAYS)
    with pytest.raises(ValueError, match="once, in order"):
        index.advance(BLOCKS[:1])
    index.begin(BEFORE, (), lambda: None)
    index.advance(BLOCKS[:2])
    for wrong in (BLOCKS[1:2], BLOCKS[3:4], [BLOCKS[2], BLOCKS[4]]):
        with pytest.raises(ValueError, match="once, in order"):
            index.advance(wrong)
    index.advance(BLOCKS[2:3])


def test_days_that_are_too_old_go_and_totals_stay() -> None:
    database = MemoryDatabase()
    index = StatisticsIndex(database, KEEP_DAYS)
    list(follow(index, BLOCKS))
    view = index.view()
    assert view is not None
    assert view.first_day == 4
    for kind in (COUNT_ROW, RANK_ROW, ACTIVE_ROW, DAY_ROW, VIEWED_ROW):
        days = {int.from_bytes(key[1:9]) for key in rows(database, kind)}
        assert days == ({5} if kind == VIEWED_ROW else {5, 6} if kind == DAY_ROW else {5, 6, TOTAL})
    assert len(rows(database, VIEWER_ROW)) == 1, "of day 5"
    assert rows(database, SEEN_ROW) == {of_both(SEEN_ROW, ACCOUNTS[2], VIDEOS[1]): number(5)}


def test_many_old_rows_go_in_steps() -> None:
    database = MemoryDatabase()
    index = StatisticsIndex(database, 1)
    index.begin(BEFORE, (), lambda: None)
    people = [n.to_bytes(32) for n in range(MAX_EXPIRED_ROWS + 1)]
    index.advance([block(1, 0, *(fact for one in people for fact in view_of(one, 0)))])
    index.advance([block(2, 1)])
    steps = 0
    while index.expire():
        steps += 1
    assert steps >= 2
    assert not rows(database, VIEWED_ROW) | rows(database, SEEN_ROW) | rows(database, VIEWER_ROW)
    assert not index.expire(), "and are not looked for again"


@given(histories())
def test_what_is_dropped_is_what_an_index_of_the_kept_days_lacks(
    blocks: list[CountedBlock],
) -> None:
    """Whenever old days are dropped, what is left is the same."""
    late, soon = made_of(blocks, 1), MemoryDatabase()
    list(follow(StatisticsIndex(soon, KEEP_DAYS), blocks))
    expire(StatisticsIndex(late, KEEP_DAYS))
    for kind in (ACTIVE_ROW, DAY_ROW, VIEWED_ROW, VIEWER_ROW, SEEN_ROW):
        assert rows(late, kind) == rows(soon, kind)


def test_an_index_of_another_layout_begins_anew() -> None:
    database = made_of(BLOCKS, 1)
    index = StatisticsIndex(database, KEEP_DAYS)
    progress = index.progress
    assert progress is not None
    database.write([(PROGRESS_ROW, replace(progress, layout=LAYOUT + 1).encode())], sync=True)
    assert index.progress is None
    assert index.view() is None
    index.begin(BEFORE, (), lambda: None)
    assert rows(database) == rows(made_of([], 1)), "nothing is left of what it was"
    database.write([(PROGRESS_ROW, b"nonsense")], sync=True)
    assert index.progress is None


def test_a_view_stays_as_it_was() -> None:
    index = StatisticsIndex(MemoryDatabase(), KEEP_DAYS)
    index.begin(BEFORE, (), lambda: None)
    view = index.view()
    index.advance(BLOCKS[:3])
    assert view is not None
    assert view.progress.height == 0
    assert not view.rows.scan(COUNT_ROW, limit=MANY)


def test_a_damaged_folder_is_emptied_and_no_days_leave_none(tmp_path: Path) -> None:
    folder = tmp_path / "statistics"
    with open_index(folder, 7) as index:
        assert index is not None
        index.begin(BEFORE, OWNED, lambda: None)
    (level_folder(folder) / "CURRENT").unlink()
    with open_index(folder, 7) as index:
        assert index is not None
        assert index.progress is None
        index.begin(BEFORE, OWNED, lambda: None)
    with open_index(folder, 7) as index:
        assert index is not None
        assert index.progress == BEFORE
    with open_index(folder, 0) as index:
        assert index is None
    assert not folder.exists()
    Database.open(folder).close()
