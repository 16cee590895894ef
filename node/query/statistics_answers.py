"""What a node answers about what it has counted, and recommends by it (T13)."""

from typing import Annotated

from consensus.cid import Cid
from consensus.kinds import AccountId, Amount, Asset, Counter, Text
from consensus.record import AtMost, Record, part
from node.query.answers import MAX_PAGE, Cursor, Place
from vm.modules.activity import Day as ActivityDay
from vm.modules.content import Title
from vm.modules.social import Counts

INDEX = "this node's own index, without proof"
MOST_TYPES = 1024

IndexSource = Annotated[str, Text(64, 1)]
MetricName = Annotated[str, Text(32, 1)]
KindName = Annotated[str, Text(16, 1)]
SubjectText = Annotated[str, Text(128, 1)]
ActionType = Annotated[str, Text(96, 1)]
ReasonName = Annotated[str, Text(32, 1)]


@part
class Coverage(Record):
    """Where the numbers come from, and which blocks were counted: the final blocks from a height
    up to `at`; those of `first_day` and later days are also told of day by day."""

    source: IndexSource
    first_height: Counter
    at: Place
    first_day: Counter


@part
class AssetUnits(Record):
    """So many units of an asset; a sum that has reached 2^64 - 1 stays there."""

    asset: Asset
    units: Amount


Units = Annotated[tuple[AssetUnits, ...], AtMost(MAX_PAGE)]


@part
class ActionCount(Record):
    """How many actions of a type there were, in transactions that succeeded and in those that
    failed."""

    type: ActionType
    succeeded: Counter
    failed: Counter


ActionCounts = Annotated[tuple[ActionCount, ...], AtMost(MOST_TYPES)]


@part
class Attention(Record):
    """What happened around videos: videos published, live rooms opened (`shows`), likes (an
    account's like of a video counts once, on the day when it first liked it), comments and the
    accounts that wrote them (once for a video), shares, views of persons; gifts of the catalogue,
    tips and paid views sold, and what was paid for each; and what the creators got of that."""

    videos: Counter
    shows: Counter
    likes: Counter
    comments: Counter
    commenters: Counter
    shares: Counter
    views: Counter
    gifts: Counter
    tips: Counter
    sales: Counter
    gift_units: Units
    tip_units: Units
    sale_units: Units
    income: Units


@part
class Traffic(Record):
    """Transactions, how many of them failed, the fees for them, and what was transferred."""

    transactions: Counter
    failed: Counter
    fees: Units
    transferred: Units


@part
class ChainStatistics(Record):
    """What happened on the chain: how many accounts were active (each that sent a transaction, or
    whose view counted, once), and how many sent their first transaction."""

    active_accounts: Counter
    new_accounts: Counter
    traffic: Traffic
    attention: Attention


@part
class DayStatistics(Record):
    """A day of the community, when it begins and ends (ms from the Unix epoch), and what happened
    on it."""

    day: Counter
    begins_ms: Counter
    ends_ms: Counter
    chain: ChainStatistics


@part
class StatisticsAnswer(Record):
    """All that was counted, and what of it on the newest day (null: no block was counted yet)."""

    total: ChainStatistics
    actions: ActionCounts
    newest_day: DayStatistics | None
    counted: Coverage


@part
class DaysAnswer(Record):
    """The days that have a block and are kept, the newest first."""

    items: Annotated[tuple[DayStatistics, ...], AtMost(MAX_PAGE)]
    next: Cursor | None
    counted: Coverage


@part
class DayAnswer(Record):
    """A day; and what the chain itself has counted of persons' activity on it (null: nothing, or
    no more), in the state after the block `at`."""

    day: DayStatistics
    actions: ActionCounts
    on_chain: ActivityDay | None
    counted: Coverage
    at: Place


@part
class VideoStatisticsAnswer(Record):
    """What was counted of a version of a video on a day (null: on all days); and the chain's own
    counters of its likes, comments, shares and views, in the state after the block `at`."""

    cid: Cid
    day: Counter | None
    attention: Attention
    on_chain: Counts
    counted: Coverage
    at: Place


@part
class AccountStatisticsAnswer(Record):
    """What an account did on a day (null: on all days), and what others did at its videos."""

    account: AccountId
    day: Counter | None
    traffic: Traffic
    given: Attention
    received: Attention
    counted: Coverage


@part
class RankedItem(Record):
    """A subject of a ranking: a content id or an address, and its count."""

    subject: SubjectText
    count: Amount


@part
class MetricRankingAnswer(Record):
    """A page of the videos, creators or accounts by a metric (of an asset, if it is units of one)
    on a day (null: on all days), the highest count first. Videos that were taken down are left out,
    by the state after the block `at`."""

    metric: MetricName
    kind: KindName
    asset: Asset | None
    day: Counter | None
    items: Annotated[tuple[RankedItem, ...], AtMost(MAX_PAGE)]
    next: Cursor | None
    counted: Coverage
    at: Place


@part
class RecommendedItem(Record):
    """A video that is recommended, its title and owner; `count` is by how many accounts that have
    to do with the reason it is liked, or its likes in the ranking that stands in."""

    cid: Cid
    title: Title
    owner: AccountId
    count: Counter


@part
class RecommendationsAnswer(Record):
    """What is recommended, and why (see docs/statistics.md): `liked-by-viewers`, `liked-by-likers`,
    or `day-ranking` and `total-ranking`, where nothing better is known of an account."""

    reason: ReasonName
    items: Annotated[tuple[RecommendedItem, ...], AtMost(MAX_PAGE)]
    counted: Coverage
    at: Place
