"""Answers about service orders and the foundation's finances. Any thread may call."""

from node.events import place_of
from node.query.chain_view import ChainView, NotFound
from node.query.order_answers import OrderTermsAnswer, PeriodItem, PeriodsAnswer
from vm.modules.economy import today
from vm.modules.finance import (
    AUDITS,
    PERIOD_DAYS,
    REPORTS,
    is_audit_overdue,
    is_report_overdue,
    periods_over,
    report_due_day,
)
from vm.modules.market import reference_price
from vm.modules.orders import DECIDE_S, TERMS, USERS_PPM, left_to_issue, paying_asset
from vm.modules.tokens import asset_row
from vm.view import View


def order_terms(view: ChainView) -> OrderTermsAnswer:
    """On which terms orders are placed now; raises NotFound where none are taken."""
    state, terms = view.state, TERMS.get(view.state)
    if terms is None:
        raise NotFound("no service orders are taken on this chain")
    row = asset_row(state, terms.asset)
    return OrderTermsAnswer(
        terms=terms,
        paid_in=paying_asset(state, terms),
        issued=row.minted,
        burned=row.burned,
        cap=row.cap,
        left=left_to_issue(state, terms),
        lowest_price=reference_price(state, terms.asset, terms.fee_asset),
        users_ppm=USERS_PPM.read(state),
        decide_s=DECIDE_S.read(state),
        at=place_of(view.block),
    )


def periods(view: ChainView, before: int, limit: int) -> PeriodsAnswer:
    """The newest periods that are over, of those with a number below `before`."""
    end = min(before, periods_over(view.state))
    start = max(0, end - limit)
    items = tuple(_period(view.state, number) for number in reversed(range(start, end)))
    return PeriodsAnswer(today(view.state), items, start or None, place_of(view.block))


def _period(state: View, number: int) -> PeriodItem:
    days = PERIOD_DAYS.read(state)
    return PeriodItem(
        period=number,
        first_day=number * days,
        last_day=(number + 1) * days - 1,
        due_day=report_due_day(state, number),
        report=REPORTS.get(state, number),
        is_report_overdue=is_report_overdue(state, number),
        audit=AUDITS.get(state, number),
        is_audit_overdue=is_audit_overdue(state, number),
    )
