"""Answers about the community's economy. Any thread may call."""

from typing import cast

from node.events import place_of
from node.query.answers import MAX_PAGE
from node.query.chain_view import ChainView, NotFound
from node.query.economy_answers import (
    AccountRebateAnswer,
    AssetItem,
    EconomyAnswer,
    NextStep,
    RebateAnswer,
    ReleaseEstimate,
    ReserveItem,
    RevenueAnswer,
    RevenueItem,
)
from node.query.state_queries import scan
from vm.modules.chain import chain_constants
from vm.modules.dividends.holdings import circulating
from vm.modules.economy import CLOCK, days_with_blocks, today
from vm.modules.market import reference_price
from vm.modules.rebate import (
    ACCRUALS,
    DAYS,
    RULES,
    open_day,
    owed_to,
    received_by,
    release_for,
)
from vm.modules.revenue import ACCOUNTS, DayAccount
from vm.modules.steps import SCHEDULE, next_step_day, price_factor, reward_factor
from vm.modules.tokens import ASSETS, AssetRow
from vm.modules.vesting import RESERVES
from vm.view import View


def economy(view: ChainView) -> EconomyAnswer:
    """The day, what circulates of each asset, and how far reserves are released."""
    state, clock = view.state, CLOCK.get(view.state)
    assets = ASSETS.scan(state, limit=MAX_PAGE)
    reserves = RESERVES.scan(state, limit=MAX_PAGE)
    return EconomyAnswer(
        day=today(state),
        days_with_blocks=days_with_blocks(state),
        day_over_ms=None if clock is None else clock.over_ms,
        price_factor=price_factor(state),
        reward_factor=reward_factor(state),
        next_step=_next_step(state),
        assets=tuple(_asset_item(view, asset, row) for (asset,), row in assets),
        reserves=tuple(
            ReserveItem(name, row.asset, row.units, row.released) for (name,), row in reserves
        ),
        at=place_of(view.block),
    )


def _next_step(state: View) -> NextStep | None:
    schedule, day = SCHEDULE.get(state), next_step_day(state)
    if schedule is None or day is None:
        return None
    return NextStep(day, schedule.price_step, schedule.reward_step)


def _asset_item(view: ChainView, asset: str, row: AssetRow) -> AssetItem:
    units = circulating(view.state, asset)
    return AssetItem(asset, row.decimals, row.minted, row.burned, units)


def revenue(view: ChainView, from_day: int, limit: int, cursor: str | None) -> RevenueAnswer:
    """The accounts of a day and those after it; raises InvalidEncoding (`cursor`)."""
    first = ACCOUNTS.prefix(from_day)
    found, following = scan(view, ACCOUNTS.prefix(), limit, cursor, first)
    items = tuple(
        RevenueItem(*cast(tuple[int, str], ACCOUNTS.key_parts(key)), DayAccount.decode(value))
        for key, value in found
    )
    return RevenueAnswer(today(view.state), items, following, place_of(view.block))


def rebate(view: ChainView) -> RebateAnswer:
    """How consumption is rewarded; raises NotFound where it is not."""
    state, rules = view.state, RULES.get(view.state)
    reserve = None if rules is None else RESERVES.get(state, rules.reserve)
    if rules is None or reserve is None:
        raise NotFound("no reserve rewards consumption on this chain")
    price = reference_price(state, chain_constants(state).native_asset, rules.quote)
    total = open_day(state)
    estimate = None
    if price:
        estimate = ReleaseEstimate(*release_for(state, rules, total, price))
    return RebateAnswer(
        rules,
        reserve.units - reserve.released,
        price,
        total.day,
        total.sums,
        estimate,
        place_of(view.block),
    )


def account_rebate(view: ChainView, account: bytes) -> AccountRebateAnswer:
    """What an account is due, and what it has got."""
    state, row = view.state, ACCRUALS.get(view.state, account)
    is_over = row is not None and DAYS.get(state, row.day) is not None
    return AccountRebateAnswer(
        account,
        row,
        is_over,
        owed_to(state, account),
        received_by(state, account),
        place_of(view.block),
    )
