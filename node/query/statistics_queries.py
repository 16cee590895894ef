"""Answers about what a node has counted (T13). Any thread may call."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from consensus.address import format_address
from consensus.cid import Cid
from consensus.errors import InvalidEncoding
from node.events import place_of
from node.query.answers import Place
from node.query.chain_view import ChainView, NotFound
from node.query.cursor import make_cursor, read_key_cursor, read_number_cursor
from node.query.statistics_answers import (
    INDEX,
    AccountStatisticsAnswer,
    ActionCount,
    AssetUnits,
    Attention,
    ChainStatistics,
    Coverage,
    DayAnswer,
    DaysAnswer,
    DayStatistics,
    MetricRankingAnswer,
    RankedItem,
    StatisticsAnswer,
    Traffic,
    VideoStatisticsAnswer,
)
from node.statistics.index import IndexView
from node.statistics.metrics import (
    ASSET_METRICS,
    RANKED_KINDS,
    TOTAL,
    Metric,
    SubjectKind,
)
from node.statistics.rows import (
    CHAIN_SUBJECT,
    DAY_ROW,
    counts_prefix,
    number,
    ranking_prefix,
    read_count_key,
    read_rank_key,
)
from vm.modules.activity import DAYS
from vm.modules.chain import chain_constants
from vm.modules.content import VIDEOS, is_served
from vm.modules.economy import economy_constants
from vm.modules.social import counts_of
from vm.modules.tokens import ASSETS

MOST_COUNTS = 4096  # of one subject in a period: its metrics, those of types and assets each
MOST_SCANNED = 1000  # rows of a ranking for one page, whether what they name is shown or not
ROWS_AT_ONCE = 100

Tally: TypeAlias = Mapping[tuple[Metric, str], int]


@dataclass(frozen=True, slots=True)
class RankingAsked:
    """Which ranking: by a metric (of an asset; None: of the native one, if it is units), of videos,
    creators or accounts, on a day (None: on all days)."""

    metric: Metric
    kind: str
    asset: str | None
    day: int | None


def coverage(index: IndexView) -> Coverage:
    """What the index has counted."""
    progress = index.progress
    place = Place(progress.id, progress.height, progress.slot)
    return Coverage(INDEX, progress.first_height, place, index.first_day)


def statistics(view: ChainView, index: IndexView) -> StatisticsAnswer:
    """All days together, and the newest."""
    tally = _tally(index, TOTAL, SubjectKind.CHAIN, CHAIN_SUBJECT)
    newest = next(_days(index, index.progress.day), None)
    return StatisticsAnswer(
        _chain(tally),
        _actions(tally),
        None if newest is None else _day(view, newest, _of_day(index, newest)),
        coverage(index),
    )


def days(view: ChainView, index: IndexView, limit: int, cursor: str | None) -> DaysAnswer:
    """The days that are kept, the newest first; raises InvalidEncoding (`cursor`)."""
    after = read_number_cursor("days", cursor)
    newest = index.progress.day if after is None else min(after - 1, index.progress.day)
    found: list[int] = []
    for day in _days(index, newest):
        if len(found) == limit:
            following = make_cursor("days", found[-1])
            break
        found.append(day)
    else:
        following = None
    items = tuple(_day(view, day, _of_day(index, day)) for day in found)
    return DaysAnswer(items, following, coverage(index))


def day(view: ChainView, index: IndexView, wanted: int) -> DayAnswer:
    """A day; raises NotFound for one that is not kept or has no block."""
    _check_day(index, wanted)
    if index.rows.get(DAY_ROW + number(wanted)) is None:
        raise NotFound(f"no final block is counted of the day {wanted}", field="day")
    tally = _of_day(index, wanted)
    return DayAnswer(
        _day(view, wanted, tally),
        _actions(tally),
        DAYS.get(view.state, wanted),
        coverage(index),
        place_of(view.block),
    )


def video_statistics(
    view: ChainView, index: IndexView, cid: Cid, day: int | None
) -> VideoStatisticsAnswer:
    """A version of a video; raises NotFound for one that is not published, and for a day that is
    not kept."""
    if VIDEOS.get(view.state, cid) is None:
        raise NotFound(f"no video {cid} is published at height {view.block.height}")
    tally = _tally(index, _period(index, day), SubjectKind.VIDEO, cid.binary)
    on_chain = counts_of(view.state, cid)
    place = place_of(view.block)
    return VideoStatisticsAnswer(cid, day, _attention(tally), on_chain, coverage(index), place)


def account_statistics(
    index: IndexView, account: bytes, day: int | None
) -> AccountStatisticsAnswer:
    """What an account did, and what others did at its videos; raises NotFound for a day that is
    not kept."""
    period = _period(index, day)
    did = _tally(index, period, SubjectKind.ACCOUNT, account)
    received = _tally(index, period, SubjectKind.CREATOR, account)
    return AccountStatisticsAnswer(
        account, day, _traffic(did), _attention(did), _attention(received), coverage(index)
    )


def ranking(
    view: ChainView, index: IndexView, asked: RankingAsked, limit: int, cursor: str | None
) -> MetricRankingAnswer:
    """A page of a ranking. A metric that is units of an asset is of the native one if none is
    named. Raises NotFound for a day that is not kept and for an asset that does not exist, and
    InvalidEncoding (`cursor`, or `asset` of a metric that has none)."""
    metric, kind, period = asked.metric, asked.kind, _period(index, asked.day)
    of = _asset(view, metric, asked.asset)
    prefix = ranking_prefix(period, RANKED_KINDS[kind], metric, of)
    listing = f"{metric} {kind} {of} {period}"
    last = read_key_cursor(listing, cursor) or b""
    items: list[RankedItem] = []
    following = None
    for scanned, key in enumerate(_ranked(index, prefix, last)):
        if len(items) == limit or scanned == MOST_SCANNED:
            following = make_cursor(listing, last)
            break
        last = key[len(prefix) :]
        count, subject = read_rank_key(prefix, key)
        if kind != "video":
            items.append(RankedItem(format_address(subject), count))
        elif is_served(view.state, Cid(subject)):
            items.append(RankedItem(str(Cid(subject)), count))
    place, counted = place_of(view.block), coverage(index)
    return MetricRankingAnswer(
        metric.value, kind, of or None, asked.day, tuple(items), following, counted, place
    )


def ranked_videos(index: IndexView, day: int | None, metric: Metric) -> Iterator[tuple[Cid, int]]:
    """Videos by a metric that is no asset's, the highest first, with their counts; a bounded number
    of them."""
    prefix = ranking_prefix(TOTAL if day is None else day, SubjectKind.VIDEO, metric, "")
    for scanned, key in enumerate(_ranked(index, prefix, b"")):
        if scanned == MOST_SCANNED:
            return
        count, subject = read_rank_key(prefix, key)
        yield Cid(subject), count


def _ranked(index: IndexView, prefix: bytes, last: bytes) -> Iterator[bytes]:
    """The keys of a ranking, behind that of this end (empty: all of them)."""
    start = prefix + last + b"\x00" if last else prefix
    while rows := index.rows.scan(prefix, start=start, limit=ROWS_AT_ONCE):
        yield from (key for key, _ in rows)
        start = rows[-1][0] + b"\x00"


def _asset(view: ChainView, metric: Metric, asset: str | None) -> str:
    """Whose units are ranked; empty if it is not units."""
    if metric not in ASSET_METRICS:
        if asset is not None:
            raise InvalidEncoding(f"{metric} is not counted in units of an asset", field="asset")
        return ""
    if asset is None:
        return chain_constants(view.state).native_asset
    if ASSETS.get(view.state, asset) is None:
        raise NotFound(f"no asset {asset} exists on this chain", field="asset")
    return asset


def _period(index: IndexView, day: int | None) -> int:
    if day is None:
        return TOTAL
    _check_day(index, day)
    return day


def _check_day(index: IndexView, day: int) -> None:
    first, newest = index.first_day, index.progress.day
    if not first <= day <= newest:
        raise NotFound(
            f"the day {day} is not kept here: this node has the days {first} to {newest}",
            field="day",
        )


def _days(index: IndexView, newest: int) -> Iterator[int]:
    """The days that have a block, from the newest down."""
    for day in range(newest, index.first_day - 1, -1):
        if index.rows.get(DAY_ROW + number(day)) is not None:
            yield day


def _of_day(index: IndexView, day: int) -> Tally:
    return _tally(index, day, SubjectKind.CHAIN, CHAIN_SUBJECT)


def _day(view: ChainView, day: int, tally: Tally) -> DayStatistics:
    constants = economy_constants(view.state)
    genesis_ms = chain_constants(view.state).genesis_time_ms
    begins_ms, over_ms = (genesis_ms + constants.begins_ms(each) for each in (day, day + 1))
    return DayStatistics(day, begins_ms, over_ms, _chain(tally))


def _tally(index: IndexView, day: int, kind: SubjectKind, subject: bytes) -> Tally:
    prefix = counts_prefix(day, kind, subject)
    rows = index.rows.scan(prefix, limit=MOST_COUNTS)
    return {read_count_key(prefix, key): int.from_bytes(value) for key, value in rows}


def _chain(tally: Tally) -> ChainStatistics:
    return ChainStatistics(
        _plain(tally, Metric.ACTIVE_ACCOUNTS),
        _plain(tally, Metric.NEW_ACCOUNTS),
        _traffic(tally),
        _attention(tally),
    )


def _traffic(tally: Tally) -> Traffic:
    return Traffic(
        _plain(tally, Metric.TRANSACTIONS),
        _plain(tally, Metric.FAILED),
        _units(tally, Metric.FEES),
        _units(tally, Metric.TRANSFERRED),
    )


def _attention(tally: Tally) -> Attention:
    return Attention(
        videos=_plain(tally, Metric.VIDEOS),
        shows=_plain(tally, Metric.SHOWS),
        likes=_plain(tally, Metric.LIKES),
        comments=_plain(tally, Metric.COMMENTS),
        commenters=_plain(tally, Metric.COMMENTERS),
        shares=_plain(tally, Metric.SHARES),
        views=_plain(tally, Metric.VIEWS),
        gifts=_plain(tally, Metric.GIFTS),
        tips=_plain(tally, Metric.TIPS),
        sales=_plain(tally, Metric.SALES),
        gift_units=_units(tally, Metric.GIFT_UNITS),
        tip_units=_units(tally, Metric.TIP_UNITS),
        sale_units=_units(tally, Metric.SALE_UNITS),
        income=_units(tally, Metric.INCOME),
    )


def _plain(tally: Tally, metric: Metric) -> int:
    return tally.get((metric, ""), 0)


def _units(tally: Tally, metric: Metric) -> tuple[AssetUnits, ...]:
    return tuple(AssetUnits(of, units) for (found, of), units in tally.items() if found is metric)


def _actions(tally: Tally) -> tuple[ActionCount, ...]:
    types = sorted(
        {of for metric, of in tally if metric in (Metric.ACTIONS, Metric.FAILED_ACTIONS)}
    )
    return tuple(
        ActionCount(
            each,
            tally.get((Metric.ACTIONS, each), 0),
            tally.get((Metric.FAILED_ACTIONS, each), 0),
        )
        for each in types
    )
