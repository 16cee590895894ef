"""K6: approved batches are public; the finance report needs 33% of super nodes; 33% of nodes can
demand an audit."""

from consensus.cid import RAW, cid_of
from tests.rules.disabled import Disabled
from tests.vm.alliance import KOL, NODES, SUPERS, USDT, Alliance
from tests.vm.assembly import stage
from tests.vm.days import POLICY
from vm.declare import Action
from vm.modules.finance import (
    AUDITS,
    PERIOD_DAYS,
    REPORTS,
    Audit,
    DemandAudit,
    PublishAudit,
    PublishReport,
    Report,
    is_report_overdue,
)
from vm.modules.orders import BATCHES

DISABLED = Disabled("vm.modules.finance.today", lambda view: 0)

PAPER = cid_of(RAW, b"report")


def test_batches_that_were_approved_stay_public() -> None:
    alliance = Alliance()
    alliance.issued_for(alliance.listed(10 * USDT), alliance.listed(20 * USDT))
    alliance.pass_time(10**6)
    batch = BATCHES.get(alliance.world.state, 1)
    assert batch is not None
    assert (batch.orders, batch.price, batch.fees) == ((1, 2), 2 * USDT, 30 * USDT)
    assert (batch.status, batch.issued) == ("approved", 15 * KOL)
    assert len(alliance.shares()) == 4


def decide(alliance: Alliance, action: Action, voters: list[bytes], number: int) -> list[str]:
    """What the proposal is after each vote of these, the first of whom proposes it."""
    policy = action.tag.split(".")[1].replace("_", "-")
    assert alliance.votes.propose(policy, action, by=voters[0]) == "ok"
    statuses = [alliance.votes.status(number)]
    for voter in voters[1:]:
        assert alliance.votes.vote(voter, "yes", number) == "ok"
        statuses.append(alliance.votes.status(number))
    return statuses


def test_a_third_of_super_nodes_reports_and_a_third_of_nodes_demands_an_audit() -> None:
    alliance = Alliance()
    state = alliance.world.state
    PERIOD_DAYS.set(state, 1)
    for policy, body in (("publish-report", "supers"), ("demand-audit", "nodes")):
        scope = f"finance.{policy.replace('-', '_')}"
        alliance.votes.permit(policy, stage(body, 33), scopes=(scope,), proposers=body)
    alliance.live(12)
    assert is_report_overdue(state, 0)
    # 33% of five are 1.65, of ten 3.3
    assert decide(alliance, PublishReport(0, PAPER), SUPERS[:2], 1) == ["open", "passed"]
    assert decide(alliance, DemandAudit(0), NODES[:4], 2) == ["open"] * 3 + ["passed"]
    assert REPORTS.get(state, 0) == Report(PAPER, 12)
    assert AUDITS.get(state, 0) == Audit(42, None, None)
    assert not is_report_overdue(state, 0)
    alliance.must(POLICY, PublishAudit(0, PAPER))
    assert AUDITS.get(state, 0) == Audit(42, PAPER, 12)
