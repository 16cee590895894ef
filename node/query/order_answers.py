"""What a node answers about service orders and the foundation's finances."""

from typing import Annotated

from consensus.kinds import Amount, Asset, Counter
from consensus.record import AtMost, Record, part
from node.query.answers import MAX_PAGE, Place
from vm.modules.finance import Audit, Report
from vm.modules.orders import Terms


@part
class OrderTermsAnswer(Record):
    """On which terms service orders are placed now: the asset in which they are paid, how much of
    the issued asset was ever issued and burned, its cap, how much is left to issue for orders, the
    lowest price of a batch (units of the fees' asset per whole token; null: the market has none),
    what part of an order its users share (ppm), and for how many seconds an order waits."""

    terms: Terms
    paid_in: Asset
    issued: Amount
    burned: Amount
    cap: Amount
    left: Amount
    lowest_price: Amount | None
    users_ppm: Counter
    decide_s: Counter
    at: Place


@part
class PeriodItem(Record):
    """A period that is over: its first and last day, the day by whose end its report is due, the
    report and the audit, if there are any, and whether they are overdue."""

    period: Counter
    first_day: Counter
    last_day: Counter
    due_day: Counter
    report: Report | None
    is_report_overdue: bool
    audit: Audit | None
    is_audit_overdue: bool


@part
class PeriodsAnswer(Record):
    """Periods that are over, the newest first; where to go on (`before`), if there are older
    ones."""

    today: Counter
    items: Annotated[tuple[PeriodItem, ...], AtMost(MAX_PAGE)]
    before: Counter | None
    at: Place
