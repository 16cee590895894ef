"""Counting block by block comes to what counting the whole history again and again does."""

from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from consensus.cid import RAW, Cid, cid_of
from consensus.codec import UINT64_MAX
from node.statistics.fold import Fold
from node.statistics.happenings import Happening, Like
from node.statistics.index import CountedBlock
from node.statistics.metrics import RANKED_METRICS, TOTAL, Metric, SubjectKind
from node.statistics.rows import (
    COUNT_ROW,
    LIKED_ROW,
    LIKER_ROW,
    RANK_ROW,
    Count,
    count_key,
    listed_account,
    listed_video,
    place_of,
    ranking_prefix,
    read_rank_key,
)
from tests.node.statistics.histories import (
    ACCOUNTS,
    MANY,
    VIDEOS,
    counted,
    histories,
    likes,
    made_of,
)
from tests.simulation.database import MemoryDatabase


def rows(database: MemoryDatabase, prefix: bytes) -> dict[bytes, bytes]:
    return dict(database.scan(prefix, limit=MANY))


@given(histories(), st.integers(1, 8))
def test_every_count_is_that_of_the_whole_history(blocks: list[CountedBlock], at_once: int) -> None:
    found = rows(made_of(blocks, at_once), COUNT_ROW)
    wanted = {count_key(count): value for count, value in counted(blocks).items()}
    assert {key: int.from_bytes(value) for key, value in found.items()} == wanted


@given(histories())
def test_rankings_are_in_order_of_the_counts_and_then_of_the_subjects(
    blocks: list[CountedBlock],
) -> None:
    database = made_of(blocks, 1)
    ranked = [
        (count, value)
        for count, value in counted(blocks).items()
        if count.kind is not SubjectKind.CHAIN and count.metric in RANKED_METRICS
    ]
    assert len(rows(database, RANK_ROW)) == len(ranked)

    def listing(item: tuple[Count, int]) -> bytes:
        count, _ = item
        return ranking_prefix(count.day, count.kind, count.metric, count.of)

    for prefix, group in groupby(sorted(ranked, key=listing), listing):
        ordered = sorted((-value, count.subject) for count, value in group)
        found = [read_rank_key(prefix, key) for key in rows(database, prefix)]
        assert found == [(-value, subject) for value, subject in ordered]


@given(histories(), st.integers(1, 8))
def test_who_likes_what_is_listed_from_both_sides_the_newest_first(
    blocks: list[CountedBlock], at_once: int
) -> None:
    database, now = made_of(blocks, at_once), likes(blocks)
    newest = sorted(now, key=lambda pair: -now[pair])
    for account in ACCOUNTS:
        found = [Cid(listed_video(key)) for key in rows(database, LIKED_ROW + account)]
        assert found == [video for who, video in newest if who == account]
    for video in VIDEOS:
        found_accounts = [listed_account(key) for key in rows(database, LIKER_ROW + video.binary)]
        assert found_accounts == [who for who, liked in newest if liked == video]


@given(histories(), st.integers(2, 8))
def test_batches_of_any_size_make_the_same_index(blocks: list[CountedBlock], at_once: int) -> None:
    assert rows(made_of(blocks, at_once), b"") == rows(made_of(blocks, 1), b"")


def test_a_flood_of_likes_of_one_account_is_one_like() -> None:
    flood = tuple(Like(ACCOUNTS[0], VIDEOS[0], turn % 2 == 0) for turn in range(1_001))
    days = [
        CountedBlock(height, cid_of(RAW, b"%d" % height), height, height, flood)
        for height in (1, 2)
    ]
    database = made_of(days, 1)
    for period, wanted in ((1, 1), (2, None), (TOTAL, 1)):
        count = Count(period, SubjectKind.VIDEO, VIDEOS[0].binary, Metric.LIKES)
        value = database.get(count_key(count))
        assert (None if value is None else int.from_bytes(value)) == wanted
    assert len(rows(database, LIKER_ROW)) == 1


def test_a_sum_that_is_too_large_stays_at_the_largest() -> None:
    fold = Fold(lambda key: None)
    paid = Happening(Metric.FEES, UINT64_MAX - 1, "REEL", account=ACCOUNTS[0])
    for index in range(3):
        fold.take(0, place_of(1, index), paid)
    first = dict(fold.writes())
    fold = Fold(first.get)
    fold.take(0, place_of(2, 0), paid)
    again = {**first, **dict(fold.writes())}
    count = Count(0, SubjectKind.ACCOUNT, ACCOUNTS[0], Metric.FEES, "REEL")
    assert int.from_bytes(again[count_key(count)] or b"") == UINT64_MAX
    ranking = ranking_prefix(0, SubjectKind.ACCOUNT, Metric.FEES, "REEL")
    ranked = [key for key, value in again.items() if key.startswith(ranking) and value is not None]
    assert [read_rank_key(ranking, key) for key in ranked] == [(UINT64_MAX, ACCOUNTS[0])]
