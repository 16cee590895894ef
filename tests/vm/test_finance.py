"""Finance reports and audits: for which period, once, and when they are overdue."""

from consensus.cid import RAW, cid_of
from tests.vm.days import POLICY, Days
from vm.declare import Action
from vm.modules.finance import (
    AUDIT_DAYS,
    AUDITS,
    PERIOD_DAYS,
    REPORT_DAYS,
    REPORTS,
    Audit,
    DemandAudit,
    PublishAudit,
    PublishReport,
    Report,
    is_audit_overdue,
    is_report_overdue,
    periods_over,
    report_due_day,
)

PAPER, FINDINGS = cid_of(RAW, b"report"), cid_of(RAW, b"findings")


def foundation() -> Days:
    """Periods of three days; a report is due two days later, an audit four."""
    days = Days()
    for parameter, value in ((PERIOD_DAYS, 3), (REPORT_DAYS, 2), (AUDIT_DAYS, 4)):
        parameter.set(days.world.state, value)
    return days


def result(days: Days, action: Action) -> str:
    """What becomes of a policy's action."""
    return days.act(POLICY, action).removeprefix("finance.")


def test_a_period_that_is_over_is_reported_once() -> None:
    days = foundation()
    days.live(2)
    assert result(days, PublishReport(0, PAPER)) == "not-over"
    days.live()
    assert periods_over(days.world.state) == 1
    assert result(days, PublishReport(1, PAPER)) == "not-over"
    assert result(days, PublishReport(0, PAPER)) == "ok"
    assert result(days, PublishReport(0, FINDINGS)) == "already-reported"
    assert REPORTS.get(days.world.state, 0) == Report(PAPER, 3)
    assert days.sound()


def test_a_report_is_overdue_from_the_day_after_it_was_due() -> None:
    days = foundation()
    days.live(4)
    state = days.world.state
    assert report_due_day(state, 0) == 4
    assert not is_report_overdue(state, 0)
    days.live()
    assert is_report_overdue(state, 0)
    assert not is_report_overdue(state, 1)
    assert result(days, PublishReport(0, PAPER)) == "ok", "late is better than never"
    assert not is_report_overdue(state, 0)


def test_an_audit_is_demanded_once_and_published_once() -> None:
    days = foundation()
    assert result(days, DemandAudit(0)) == "not-over"
    days.live(3)
    assert result(days, PublishAudit(0, FINDINGS)) == "no-audit"
    assert result(days, DemandAudit(0)) == "ok", "a period without a report, too"
    assert result(days, DemandAudit(0)) == "already-demanded"
    state = days.world.state
    assert AUDITS.get(state, 0) == Audit(7, None, None)
    days.live(4)
    assert not is_audit_overdue(state, 0)
    days.live()
    assert is_audit_overdue(state, 0)
    assert result(days, PublishAudit(0, FINDINGS)) == "ok"
    assert result(days, PublishAudit(0, PAPER)) == "already-audited"
    assert AUDITS.get(state, 0) == Audit(7, FINDINGS, 8)
    assert not is_audit_overdue(state, 0)
    assert days.sound()
