"""Finance: reports of the community's foundation for each period, and audits of them (K6).

A period is so many days: period 0 begins on day 0. Who decides that a report is published, that an
audit is due and that it is accepted are policies of the preset.
"""

from collections.abc import Iterator

from consensus.cid import Cid
from consensus.kinds import Counter
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action, Module
from vm.modules.economy import today
from vm.table import Table
from vm.view import View

finance = Module("finance", "Finance reports of the community's foundation, and audits of them.")

PERIOD_DAYS = finance.parameter(
    "period_days",
    default=30,
    minimum=1,
    maximum=366,
    unit="days",
    sentence="How long a period is for which the foundation reports (K6).",
)
REPORT_DAYS = finance.parameter(
    "report_days",
    default=10,
    minimum=1,
    maximum=366,
    unit="days",
    sentence="How many days after a period's end its report is due (K6).",
)
AUDIT_DAYS = finance.parameter(
    "audit_days",
    default=30,
    minimum=1,
    maximum=366,
    unit="days",
    sentence="How many days after it was demanded an audit is due (K6).",
)


@record("finance.report")
class Report(Record):
    """The content id of a period's report, and the day of its publication."""

    report: Cid
    day: Counter


@record("finance.audit")
class Audit(Record):
    """An audit of a period that was demanded: the day by whose end it is due, and what it has found
    (a content id), on which day, once it is published."""

    due_day: Counter
    findings: Cid | None
    day: Counter | None


REPORTS: Table[Report, int] = finance.table(Report, period=Counter)
AUDITS: Table[Audit, int] = finance.table(Audit, period=Counter)

NOT_OVER = finance.error("not-over", "The period is not over.")
REPORTED = finance.error("already-reported", "The period has its report: demand an audit of it.")
DEMANDED = finance.error("already-demanded", "An audit of the period was demanded already.")
NO_AUDIT = finance.error("no-audit", "No audit of the period was demanded.")
AUDITED = finance.error("already-audited", "The audit of the period is published already.")


@finance.event
@record("finance.reported")
class Reported(Record):
    """The report of a period is published."""

    period: Counter
    report: Cid


@finance.event
@record("finance.audit_demanded")
class AuditDemanded(Record):
    """An audit of a period is due by the end of a day."""

    period: Counter
    due_day: Counter


@finance.event
@record("finance.audited")
class Audited(Record):
    """The audit of a period is published."""

    period: Counter
    findings: Cid


@finance.action(gas=3_000, governed=True)
@record("finance.publish_report")
class PublishReport(Action):
    """Publish the foundation's finance report for a period that is over, once (K6)."""

    period: Counter
    report: Cid

    def in_words(self) -> str:
        return f"publish {self.report} as the finance report of period {self.period}"

    def apply(self, context: Context) -> None:
        state = context.state
        _check_over(state, self.period)
        if REPORTS.get(state, self.period) is not None:
            raise REPORTED.failed(field="period")
        REPORTS.put(state, Report(self.report, today(state)), self.period)
        context.emit(Reported(self.period, self.report))


@finance.action(gas=3_000, governed=True)
@record("finance.demand_audit")
class DemandAudit(Action):
    """Demand an audit of a period that is over, whether it was reported or not, once (K6)."""

    period: Counter

    def in_words(self) -> str:
        return f"demand an audit of the foundation's finances in period {self.period}"

    def apply(self, context: Context) -> None:
        state = context.state
        _check_over(state, self.period)
        if AUDITS.get(state, self.period) is not None:
            raise DEMANDED.failed(field="period")
        due_day = today(state) + AUDIT_DAYS.read(state)
        AUDITS.put(state, Audit(due_day, None, None), self.period)
        context.emit(AuditDemanded(self.period, due_day))


@finance.action(gas=3_000, governed=True)
@record("finance.publish_audit")
class PublishAudit(Action):
    """Publish what an audit that was demanded has found (K6)."""

    period: Counter
    findings: Cid

    def in_words(self) -> str:
        return f"publish {self.findings} as the audit of period {self.period}"

    def apply(self, context: Context) -> None:
        state, row = context.state, AUDITS.get(context.state, self.period)
        if row is None:
            raise NO_AUDIT.failed(field="period")
        if row.findings is not None:
            raise AUDITED.failed(field="period")
        AUDITS.put(state, Audit(row.due_day, self.findings, today(state)), self.period)
        context.emit(Audited(self.period, self.findings))


def periods_over(view: View) -> int:
    """How many periods are over: they have the numbers below this."""
    return today(view) // PERIOD_DAYS.read(view)


def report_due_day(view: View, period: int) -> int:
    """The day by whose end a period's report is due."""
    return (period + 1) * PERIOD_DAYS.read(view) + REPORT_DAYS.read(view) - 1


def is_report_overdue(view: View, period: int) -> bool:
    """Whether a period has no report and its day has gone by."""
    return REPORTS.get(view, period) is None and today(view) > report_due_day(view, period)


def is_audit_overdue(view: View, period: int) -> bool:
    """Whether an audit of a period was demanded, is not published, and its day has gone by."""
    row = AUDITS.get(view, period)
    return row is not None and row.findings is None and today(view) > row.due_day


def _check_over(view: View, period: int) -> None:
    over = periods_over(view)
    if period >= over:
        raise NOT_OVER.failed(f"{over} periods are over, numbered from 0", field="period")


@finance.invariant
def audits_say_when(view: View) -> Iterator[str]:
    """An audit has a day of publication if it is published, and only then."""
    for (period,), row in AUDITS.every(view):
        if (row.findings is None) != (row.day is None):
            yield f"the audit of period {period} has findings without a day, or the reverse"
