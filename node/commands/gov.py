"""`reelect gov`: propose, vote, withdraw, and see what is proposed and decided."""

from cyclopts import App

from consensus.address import format_address
from consensus.kinds import JsonObject
from node.commands.arguments import JsonFlag
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions, known_asset
from node.commands.governance import (
    KnownProposal,
    read_ballots,
    read_proposal,
    read_proposals,
)
from node.commands.proposing import app as propose
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, check_action, send
from node.output import print_fields, print_json, print_line, print_table, utc
from node.query.chain_view import Finality
from vm.forms import formed
from vm.modules.gov import Ballot, Proposal, Tally, Vote, Withdraw, stage_in_words
from vm.modules.gov.tables import OPEN

app = App(name="gov", help="Propose, vote, and see what is proposed and decided.")
app.command(propose)


@app.command
async def vote(
    proposal: int,
    choice: str,
    *,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Vote on a proposal, in the stage that it is in. A vote is final.

    Parameters
    ----------
    proposal
        Its number, as `reelect gov list` shows it.
    choice
        yes, no or abstain.
    """
    await _send(options, Vote(proposal, choice), as_json=json)


@app.command
async def withdraw(
    proposal: int, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Take back a proposal of one's own that is still open; its deposit comes back.

    Parameters
    ----------
    proposal
        Its number.
    """
    await _send(options, Withdraw(proposal), as_json=json)


@app.command(name="list")
async def list_(
    *,
    status: str | None = None,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List the proposals, the newest first.

    Parameters
    ----------
    status
        Only those that are open, passed, rejected, vetoed, withdrawn, failed or void.
    finality
        Read the final state, or that of the head, which may still change.
    """
    async with options.client() as client:
        found = await read_proposals(client, finality)
    items = [
        (number, row)
        for number, row in sorted(found.items(), reverse=True)
        if status in {None, row.status}
    ]
    if json:
        form = formed(Proposal)
        print_json([{"proposal": n, **form.unpack(row.pack()).to_json()} for n, row in items])
        return
    rows = [(n, row.status, row.policy, row.stage + 1, row.title) for n, row in items]
    print_table(("PROPOSAL", "STATUS", "POLICY", "STAGE", "TITLE"), rows)


@app.command
async def show(
    proposal: int,
    *,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show a proposal: what it would do, who must agree, and every vote.

    Parameters
    ----------
    proposal
        Its number, as `reelect gov list` shows it.
    finality
        Read the final state, or that of the head, which may still change.
    """
    async with options.client() as client:
        found = await read_proposal(client, proposal, finality)
        ballots = await read_ballots(client, proposal, finality)
        if json:
            print_json(_json_of(found, ballots))
            return
        asset = await known_asset(client)
    row = found.row
    print_fields(
        {
            "proposal": proposal,
            "title": row.title,
            "text": row.text,
            "status": f"{row.status}: {row.code}" if row.code else row.status,
            "policy": row.policy,
            "proposer": format_address(row.proposer),
            "deposit": asset.format(row.deposit),
        }
    )
    for i, sentence in enumerate(found.does(), 1):
        print_line(f"{i}. {sentence}")
    for place, tally in enumerate(found.tallies):
        print_line("")
        print_line(_stage_heading(found, place))
        print_fields(_votes(tally, is_open=row.status == OPEN and place == row.stage))
    if ballots:
        print_line("")
        votes = [(s + 1, b.choice, b.weight, format_address(a)) for s, a, b in ballots]
        print_table(("STAGE", "VOTE", "WEIGHT", "ACCOUNT"), votes)


def _stage_heading(found: KnownProposal, place: int) -> str:
    policy = found.policy
    if policy is None or policy.revision != found.row.revision:
        return f"stage {place + 1}, of a policy that has changed since"
    of = len(policy.stages)
    return f"stage {place + 1} of {of}: {stage_in_words(policy.stages[place])}"


def _votes(tally: Tally, *, is_open: bool) -> dict[str, object]:
    return {
        "closes" if is_open else "closed by": utc(tally.closes_ms),
        "yes": tally.yes,
        "no": tally.no,
        "abstain": tally.abstain,
        "of": tally.size,
    }


def _json_of(found: KnownProposal, ballots: list[tuple[int, bytes, Ballot]]) -> JsonObject:
    return {
        "proposal": found.number,
        **formed(Proposal).unpack(found.row.pack()).to_json(),
        "does": found.does(),
        "stages": [tally.to_json() for tally in found.tallies],
        "votes": [
            {"stage": stage, "account": format_address(account), **ballot.to_json()}
            for stage, account, ballot in ballots
        ],
    }


async def _send(options: SendOptions, action: Vote | Withdraw, *, as_json: bool) -> None:
    check_action(action)
    async with options.client() as client:
        await send(client, options, [action], as_json=as_json)
