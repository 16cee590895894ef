"""`reelect statistics`: what happened on the chain, as a node has counted it (T13)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal

from cyclopts import App, Parameter, validators

from consensus.address import format_address
from consensus.cid import parse_cid
from node.client import Client
from node.commands.arguments import JsonFlag, Number, argument
from node.commands.asking import (
    NO_NODE_OPTIONS,
    KnownAsset,
    NodeOptions,
    find_account,
    known_assets,
)
from node.config.sections import MAX_STATISTICS_DAYS
from node.output import print_fields, print_json, print_line, print_table, utc
from node.query.answers import MAX_PAGE
from node.query.statistics_answers import (
    ActionCount,
    AssetUnits,
    Attention,
    ChainStatistics,
    Coverage,
    DayStatistics,
    Traffic,
)
from node.statistics.metrics import parse_ranked_metric

Most = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=MAX_PAGE))]
MostDays = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=MAX_STATISTICS_DAYS))]
Ranked = Literal["video", "creator", "account"]
Assets = Mapping[str, KnownAsset]

app = App(
    name="statistics",
    help="What happened on the chain, as a node has counted it for itself, without proof.",
)


@app.command
async def show(
    *,
    day: Number | None = None,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show what happened in all that was counted, or on one day: transactions, accounts, fees,
    transfers; what happened around videos; and each type of action.

    Parameters
    ----------
    day
        A day of the community, by its number (`reelect statistics days`).
    """
    async with options.client() as client:
        if day is None:
            answer = await client.statistics()
            chain, actions, counted = answer.total, answer.actions, answer.counted
            title: dict[str, object] = {"period": "all that was counted"}
            form = answer.to_json()
        else:
            one = await client.statistics_day(day)
            chain, actions, counted = one.day.chain, one.actions, one.counted
            title = {"day": _day(one.day)}
            form = one.to_json()
        if json:
            print_json(form)
            return
        assets = await _assets(client, chain.traffic, chain.attention)
    print_fields({**title, **_chain(chain, assets), **_coverage(counted)})
    _print_actions(actions)


@app.command
async def days(
    *,
    most: MostDays = 30,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List the days that have a block, the newest first: how many accounts were active, and what
    they did.

    Parameters
    ----------
    most
        How many, at most 366; a node keeps as many as `statistics.keep_days` of its configuration
        says.
    """
    async with options.client() as client:
        answer = await client.statistics_days(most)
    if json:
        print_json(answer.to_json())
        return
    if not answer.items:
        print_line("No final block is counted yet.")
        return
    columns = (
        *("DAY", "BEGAN", "ACTIVE", "NEW", "TRANSACTIONS", "FAILED"),
        *("VIDEOS", "VIEWS", "LIKES", "COMMENTS", "SHARES", "GIFTS"),
    )
    print_table(columns, [_day_row(item) for item in answer.items])


@app.command
async def ranking(
    metric: str,
    *,
    kind: Ranked = "video",
    asset: str | None = None,
    day: Number | None = None,
    most: Most = 20,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List the videos, creators or accounts with the highest counts. The order by which the chain
    fills its recommendation slots is another: `reelect ranking list`.

    Parameters
    ----------
    metric
        likes, views, shares, commenters, gifts, tips, sales, income, gift_units, tip_units,
        sale_units; of creators also videos and shows; of accounts also transactions, failed, fees
        and transferred.
    kind
        What is ranked: videos and creators by what others did, accounts by what they did.
    asset
        Of which asset, where the metric is an amount; else the native one.
    day
        Only this day of the community, by its number.
    most
        How many, at most 500.
    """
    wanted = argument("METRIC", parse_ranked_metric, metric)
    async with options.client() as client:
        answer = await client.metric_ranking(wanted, kind, asset=asset, day=day, most=most)
        if json:
            print_json(answer.to_json())
            return
        assets = {} if answer.asset is None else await known_assets(client, [answer.asset])
    if not answer.items:
        print_line(f"No {kind} has {metric} {'yet' if day is None else f'of the day {day}'}.")
        return
    rows = [
        (place, _count(item.count, answer.asset, assets), item.subject)
        for place, item in enumerate(answer.items, 1)
    ]
    print_table(("RANK", metric.upper().replace("_", " "), kind.upper()), rows)


@app.command
async def video(
    cid: str,
    *,
    day: Number | None = None,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show what happened at a version of a video; and the chain's own counters of it, which can be
    proved.

    Parameters
    ----------
    cid
        The content id of the version.
    day
        Only this day of the community, by its number.
    """
    wanted = argument("CID", parse_cid, cid)
    async with options.client() as client:
        answer = await client.video_statistics(wanted, day)
        if json:
            print_json(answer.to_json())
            return
        assets = await _assets(client, None, answer.attention)
    now = answer.on_chain
    print_fields(
        {
            "video": str(wanted),
            "period": _period(day),
            **_at_video(answer.attention, assets),
            "on the chain now": f"{now.likes} likes, {now.comments} comments, "
            f"{now.shares} shares, {now.views} views",
            **_coverage(answer.counted),
        }
    )


@app.command
async def account(
    account: str,
    *,
    day: Number | None = None,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show what an account did, and what others did at its videos.

    Parameters
    ----------
    account
        Its address, its @handle, or its name in the local network or the keystore.
    day
        Only this day of the community, by its number.
    """
    async with options.client() as client:
        who = await find_account(client, options.section, account, "ACCOUNT")
        answer = await client.account_statistics(who, day)
        if json:
            print_json(answer.to_json())
            return
        assets = await _assets(client, answer.traffic, answer.given, answer.received)
    print_fields(
        {
            "account": format_address(who),
            "period": _period(day),
            **_traffic(answer.traffic, assets),
            **_coverage(answer.counted),
        }
    )
    for title, attention in (("It did:", answer.given), ("At its videos:", answer.received)):
        print_line("")
        print_line(title)
        print_fields(_attention(attention, assets))


async def _assets(client: Client, traffic: Traffic | None, *attentions: Attention) -> Assets:
    """Whatever amounts are in."""
    units: list[AssetUnits] = [] if traffic is None else [*traffic.fees, *traffic.transferred]
    for each in attentions:
        units += (*each.gift_units, *each.tip_units, *each.sale_units, *each.income)
    return await known_assets(client, (item.asset for item in units))


def _chain(chain: ChainStatistics, assets: Assets) -> dict[str, object]:
    return {
        "active accounts": f"{chain.active_accounts}, {chain.new_accounts} of them new",
        **_traffic(chain.traffic, assets),
        **_attention(chain.attention, assets),
    }


def _traffic(traffic: Traffic, assets: Assets) -> dict[str, object]:
    return {
        "transactions": f"{traffic.transactions}, {traffic.failed} of them failed",
        "fees": _amounts(traffic.fees, assets),
        "transferred": _amounts(traffic.transferred, assets),
    }


def _attention(attention: Attention, assets: Assets) -> dict[str, object]:
    return {
        "videos published": attention.videos,
        "live rooms opened": attention.shows,
        **_at_video(attention, assets),
    }


def _at_video(attention: Attention, assets: Assets) -> dict[str, object]:
    return {
        "likes": attention.likes,
        "comments": f"{attention.comments}, by {attention.commenters} accounts",
        "shares": attention.shares,
        "views": attention.views,
        "gifts": _paid(attention.gifts, attention.gift_units, assets),
        "tips": _paid(attention.tips, attention.tip_units, assets),
        "paid views": _paid(attention.sales, attention.sale_units, assets),
        "income": _amounts(attention.income, assets),
    }


def _paid(count: int, units: Sequence[AssetUnits], assets: Assets) -> str:
    return f"{count}, for {' and '.join(_amounts(units, assets))}" if units else str(count)


def _amounts(units: Iterable[AssetUnits], assets: Assets) -> list[str]:
    return [assets[item.asset].format(item.units) for item in units]


def _count(count: int, asset: str | None, assets: Assets) -> str:
    return str(count) if asset is None else assets[asset].format(count)


def _coverage(counted: Coverage) -> dict[str, object]:
    return {
        "source": counted.source,
        "counted": f"final blocks {counted.first_height} to {counted.at.height}",
    }


def _period(day: int | None) -> str:
    return "all that was counted" if day is None else f"the day {day}"


def _day(day: DayStatistics) -> str:
    return f"{day.day}, from {utc(day.begins_ms)} to {utc(day.ends_ms)}"


def _day_row(item: DayStatistics) -> tuple[object, ...]:
    chain, attention = item.chain, item.chain.attention
    return (
        item.day,
        utc(item.begins_ms),
        chain.active_accounts,
        chain.new_accounts,
        chain.traffic.transactions,
        chain.traffic.failed,
        attention.videos,
        attention.views,
        attention.likes,
        attention.comments,
        attention.shares,
        attention.gifts,
    )


def _print_actions(actions: Sequence[ActionCount]) -> None:
    if not actions:
        return
    print_line("")
    rows = [(each.type, each.succeeded, each.failed) for each in actions]
    print_table(("ACTION", "SUCCEEDED", "FAILED"), rows)
