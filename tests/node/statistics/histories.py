"""Histories of what is counted, drawn at random, and what they come to, counted by brute force."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from consensus.cid import RAW, Cid, cid_of
from node.statistics.happenings import Fact, Happening, Like, Ownership
from node.statistics.index import LAYOUT, CountedBlock, Progress, StatisticsIndex
from node.statistics.metrics import TOTAL, Metric, SubjectKind
from node.statistics.rows import CHAIN_SUBJECT, Count
from tests.simulation.database import MemoryDatabase

ACCOUNTS = [bytes([n]) * 32 for n in range(1, 5)]
VIDEOS = [cid_of(RAW, b"video %d" % n) for n in range(4)]
KEEP_DAYS = 3
MANY = 10_000
BEFORE = Progress(LAYOUT, 1, 0, VIDEOS[0], 0, 0)  # of an index that begins with the first block


@dataclass(frozen=True)
class Dated:
    """A fact and its day."""

    day: int
    fact: Fact


accounts, videos = st.sampled_from(ACCOUNTS), st.sampled_from(VIDEOS)
numbers = st.integers(0, 5)
facts: st.SearchStrategy[Fact] = st.one_of(
    st.builds(Like, accounts, videos, st.booleans()),
    st.builds(Ownership, videos, st.sampled_from(VIDEOS[:2]), accounts),
    st.builds(Happening, st.just(Metric.ACTIVE_ACCOUNTS), account=accounts),
    st.builds(
        Happening, st.sampled_from([Metric.VIEWS, Metric.COMMENTS]), account=accounts, video=videos
    ),
    st.builds(
        Happening,
        st.just(Metric.INCOME),
        numbers,
        st.sampled_from(["REEL", "USDT"]),
        video=st.none() | videos,
        creator=accounts,
    ),
    st.builds(Happening, st.just(Metric.ACTIONS), of=st.sampled_from(["a.b", "a.c"])),
)


@st.composite
def histories(draw: st.DrawFn) -> list[CountedBlock]:
    """Blocks from height 1 on, whose days go on or stand still."""
    drawn = draw(st.lists(st.tuples(st.integers(0, 2), st.lists(facts, max_size=6)), max_size=8))
    blocks: list[CountedBlock] = []
    day = 0
    for height, (days, happened) in enumerate(drawn, start=1):
        day += days
        block_id = cid_of(RAW, b"block %d" % height)
        blocks.append(CountedBlock(height, block_id, height, day, tuple(happened)))
    return blocks


def made_of(blocks: Sequence[CountedBlock], at_once: int) -> MemoryDatabase:
    """The database of an index that has counted these, so many in a batch."""
    database = MemoryDatabase()
    index = StatisticsIndex(database, KEEP_DAYS)
    index.begin(BEFORE, (), lambda: None)
    for start in range(0, len(blocks), at_once):
        index.advance(blocks[start : start + at_once])
    return database


def counted(blocks: Sequence[CountedBlock]) -> dict[Count, int]:
    """All counts, by going through the whole history for each fact of it."""
    history = [Dated(block.day, fact) for block in blocks for fact in block.facts]
    found: Counter[Count] = Counter()
    for place, dated in enumerate(history):
        for happening in _countable(history, place):
            for kind, subject in _subjects(history[:place], happening):
                for period in (dated.day, TOTAL):
                    count = Count(period, kind, subject, happening.metric, happening.of)
                    found[count] += happening.units
    for period in {dated.day for dated in history} | {TOTAL}:
        active = {
            dated.fact.account
            for dated in history
            if isinstance(dated.fact, Happening)
            and dated.fact.metric is Metric.ACTIVE_ACCOUNTS
            and period in (dated.day, TOTAL)
        }
        chain = Count(period, SubjectKind.CHAIN, CHAIN_SUBJECT, Metric.ACTIVE_ACCOUNTS)
        found[chain] += len(active)
    return {count: value for count, value in found.items() if value}


def _countable(history: Sequence[Dated], place: int) -> Iterator[Happening]:
    fact, before = history[place].fact, [dated.fact for dated in history[:place]]
    if isinstance(fact, Like):
        again = (Like(fact.account, fact.video, is_liked) for is_liked in (True, False))
        if fact.is_liked and not any(each in before for each in again):
            yield Happening(Metric.LIKES, account=fact.account, video=fact.video)
    elif isinstance(fact, Happening) and fact.metric is not Metric.ACTIVE_ACCOUNTS:
        yield fact
        if fact.metric is Metric.COMMENTS and fact not in before:
            yield Happening(Metric.COMMENTERS, account=fact.account, video=fact.video)


def _subjects(before: Sequence[Dated], happening: Happening) -> Iterator[tuple[SubjectKind, bytes]]:
    yield SubjectKind.CHAIN, CHAIN_SUBJECT
    creator = happening.creator
    if happening.video is not None:
        yield SubjectKind.VIDEO, happening.video.binary
        creator = creator or owner(before, happening.video)
    if creator is not None:
        yield SubjectKind.CREATOR, creator
    if happening.account is not None:
        yield SubjectKind.ACCOUNT, happening.account


def owner(before: Sequence[Dated], version: Cid) -> bytes | None:
    """Whose a version is after all that was before."""
    owned = [dated.fact for dated in before if isinstance(dated.fact, Ownership)]
    firsts = [each.first for each in owned if each.version == version]
    if not firsts:
        return None
    return [each.owner for each in owned if each.first == firsts[-1]][-1]


def likes(blocks: Sequence[CountedBlock]) -> dict[tuple[bytes, Cid], int]:
    """Who likes what in the end, and since which fact."""
    found: dict[tuple[bytes, Cid], int] = {}
    every = [fact for block in blocks for fact in block.facts]
    for place, fact in enumerate(every):
        if isinstance(fact, Like):
            found.pop((fact.account, fact.video), None)
            if fact.is_liked:
                found[fact.account, fact.video] = place
    return found
