"""`reelect finance`: the foundation's finance reports, and audits of them (K6)."""

from typing import Annotated

from cyclopts import App, Parameter

from node.commands.arguments import JsonFlag, Most
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions
from node.commands.content_argument import content_id
from node.commands.proposal import NO_PROPOSAL_OPTIONS, ProposalOptions, propose
from node.commands.sending import NO_SEND_OPTIONS, SendOptions
from node.output import print_json, print_line, print_table
from node.query.chain_view import Finality
from node.query.order_answers import PeriodItem
from vm.modules.finance import DemandAudit, PublishAudit, PublishReport

app = App(name="finance", help="Finance reports of the foundation, audits, and what is overdue.")


@app.command(name="list")
async def list_(
    *,
    overdue: Annotated[bool, Parameter(negative=())] = False,
    most: Most = 100,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List periods that are over, the newest first: report, audit, and whether they are overdue.

    Parameters
    ----------
    overdue
        Only those of which a report or an audit is overdue.
    most
        How many periods to look at.
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        items = await client.periods(most=most, finality=finality)
    found = [item for item in items if not overdue or _is_overdue(item)]
    if json:
        print_json({"periods": [item.to_json() for item in found]})
        return
    if not found:
        print_line("nothing is overdue" if items else "no period is over yet")
        return
    print_table(
        ("PERIOD", "DAYS", "REPORT", "AUDIT"),
        (
            (item.period, f"{item.first_day}-{item.last_day}", _report(item), _audit(item))
            for item in found
        ),
    )


def _is_overdue(item: PeriodItem) -> bool:
    return item.is_report_overdue or item.is_audit_overdue


def _report(item: PeriodItem) -> str:
    if item.report is not None:
        return str(item.report.report)
    return f"{'overdue since' if item.is_report_overdue else 'due by'} day {item.due_day}"


def _audit(item: PeriodItem) -> str:
    if item.audit is None:
        return "-"
    if item.audit.findings is not None:
        return str(item.audit.findings)
    return f"{'overdue since' if item.is_audit_overdue else 'due by'} day {item.audit.due_day}"


@app.command
async def publish_report(
    period: int,
    report: str,
    *,
    proposal: ProposalOptions = NO_PROPOSAL_OPTIONS,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Propose to those who decide (`reelect gov vote`) that a finance report is published.

    Parameters
    ----------
    period
        The period, as `reelect finance list` numbers it.
    report
        The report: a file, whose content id is computed, or a content id. `reelect content add
        FILE` stores it, so that others can read it.
    """
    action = PublishReport(period, content_id("REPORT", report))
    async with options.client() as client:
        await propose(client, options, proposal, action, as_json=json)


@app.command
async def demand_audit(
    period: int,
    *,
    proposal: ProposalOptions = NO_PROPOSAL_OPTIONS,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Propose to those who decide (`reelect gov vote`) that a period's finances are audited.

    Parameters
    ----------
    period
        The period, as `reelect finance list` numbers it.
    """
    async with options.client() as client:
        await propose(client, options, proposal, DemandAudit(period), as_json=json)


@app.command
async def publish_audit(
    period: int,
    findings: str,
    *,
    proposal: ProposalOptions = NO_PROPOSAL_OPTIONS,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Propose to those who decide (`reelect gov vote`) that what an audit has found is published.

    Parameters
    ----------
    period
        The period, as `reelect finance list` numbers it.
    findings
        What it has found: a file, whose content id is computed, or a content id.
    """
    action = PublishAudit(period, content_id("FINDINGS", findings))
    async with options.client() as client:
        await propose(client, options, proposal, action, as_json=json)
