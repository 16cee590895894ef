"""`reelect election`: bodies whose seats holders elect for a term: candidates, votes, recall."""

from cyclopts import App

from consensus.address import format_address
from consensus.kinds import JsonObject
from node.client import Client
from node.commands.arguments import JsonFlag, argument
from node.commands.asking import (
    NO_NODE_OPTIONS,
    KnownAsset,
    NodeOptions,
    find_account,
    head_time_ms,
    known_asset,
)
from node.commands.content_argument import content_id
from node.commands.copied_state import copy_rows, no_rows
from node.commands.governance import read_members
from node.commands.proposal import NO_PROPOSAL_OPTIONS, ProposalOptions, propose
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, send
from node.failure import Refused, Usage
from node.output import print_fields, print_json, print_line, print_table, utc
from node.query.chain_view import Finality
from vm.modules.elections import (
    BALLOTS,
    CANDIDATES,
    ELECTIONS,
    NO_ELECTION,
    NOT_OPEN,
    NOT_STANDING,
    Ballot,
    Candidate,
    Election,
    Stand,
    Vote,
    Withdraw,
)
from vm.modules.gov import Dismiss
from vm.overlay import Overlay

MOST_BALLOTS = 10_000

app = App(name="election", help="Bodies that holders elect for a term: stand, vote, recall.")


@app.command(name="list")
async def list_(
    *,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List the bodies that holders elect, and how far their terms are. The chain's producers are
    elected all the time: `reelect producer list`.

    Parameters
    ----------
    finality
        Read the final state, or that of the head, which may still change.
    """
    async with options.client() as client:
        state, now_ms = no_rows(), await head_time_ms(client)
        await copy_rows(client, state, ELECTIONS, finality=finality)
    rows = list(ELECTIONS.every(state))
    if json:
        print_json({"elections": [{"body": body, **row.to_json()} for (body,), row in rows]})
        return
    if not rows:
        print_line("Holders elect no body; a proposal of elections.found lets them.")
        return
    print_table(
        ("BODY", "SEATS", "TERM", "NOW", "CANDIDATES", "TERM ENDS"),
        (
            (body, row.seats, row.term, _phase(row, now_ms), row.standing, utc(row.closes_ms))
            for (body,), row in rows
        ),
    )


@app.command
async def show(
    body: str,
    *,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show the election of a body: who sits now, when votes are taken, and the candidates, most
    votes first.

    Parameters
    ----------
    body
        Its name, as `reelect election list` shows it.
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        state, row = await _read(client, body, finality)
        await copy_rows(client, state, CANDIDATES, body, finality=finality)
        members = await read_members(client, body, finality)
        now_ms, asset = await head_time_ms(client), await known_asset(client)
    ranked = _ranked(state, body)
    sit = [format_address(account) for account in members]
    if json:
        candidates = [
            {"account": format_address(account), **candidate.to_json()}
            for account, candidate in ranked
        ]
        print_json({"body": body, **row.to_json(), "sit": sit, "candidates": candidates})
        return
    print_fields(_fields(body, row, now_ms, asset))
    for address in sit:
        print_line(f"sits now: {address}")
    print_line("")
    if not ranked:
        print_line("Nobody stands.")
        return
    print_table(
        ("CANDIDATE", "VOTES", "DEPOSIT", "PROGRAMME"),
        (
            (
                format_address(account),
                asset.format(candidate.votes),
                asset.format(candidate.deposit),
                candidate.programme,
            )
            for account, candidate in ranked
        ),
    )


@app.command
async def ballots(
    body: str,
    *,
    most: int = 100,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List who has voted in the present term of a body, with what weight, and for whom.

    Parameters
    ----------
    body
        Its name, as `reelect election list` shows it.
    most
        How many, by address.
    finality
        Read the final state, or that of the head, which may still change.
    """
    if not 1 <= most <= MOST_BALLOTS:
        raise Usage(f"1 to {MOST_BALLOTS} are possible", field="--most")
    async with options.client() as client:
        _, row = await _read(client, body, finality)
        listed = await client.first_rows(
            BALLOTS.name,
            body,
            most=most,
            wanted=lambda item: item.row["term"] == row.term,
            finality=finality,
        )
        found = [(str(item.key["account"]), Ballot.from_json(item.row)) for item in listed]
        asset = await known_asset(client)
    if json:
        print_json({"ballots": [{"account": who, **ballot.to_json()} for who, ballot in found]})
        return
    if not found:
        print_line(f"Nobody has voted in term {row.term} of {body}.")
        return
    print_table(
        ("ACCOUNT", "WEIGHT", "VOTED FOR"),
        (
            (who, asset.format(ballot.weight), [*map(format_address, ballot.candidates)])
            for who, ballot in found
        ),
    )


@app.command
async def stand(
    body: str,
    programme: str,
    *,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Stand for the next term of a body, before its vote opens. The deposit (`reelect election
    show`) comes back unless too few vote for the candidate.

    Parameters
    ----------
    body
        Its name.
    programme
        What the candidate wants to do: a file, whose content id is computed, or a content id.
    """
    action = Stand(body, content_id("PROGRAMME", programme))
    async with options.client() as client:
        await send(client, options, [action], as_json=json)


@app.command
async def withdraw(
    body: str, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Stand no more, before the vote opens; the deposit comes back.

    Parameters
    ----------
    body
        Its name.
    """
    async with options.client() as client:
        await send(client, options, [Withdraw(body)], as_json=json)


@app.command
async def vote(
    body: str,
    *candidates: str,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Vote for candidates, each with all that the account (--from) has bonded, while the vote is
    open. A vote is final, and what has voted stays bonded until the vote closes.

    Parameters
    ----------
    body
        Its name.
    candidates
        Addresses, @handles or names, at most as many as there are seats.
    """
    if not candidates:
        raise Usage("name at least one candidate", field="CANDIDATES")
    async with options.client() as client:
        state, row = await _read(client, body, Finality.HEAD)
        await copy_rows(client, state, CANDIDATES, body, finality=Finality.HEAD)
        now_ms = await head_time_ms(client)
        if not row.opens_ms <= now_ms < row.closes_ms:
            raise Refused(
                f"the vote is open from {utc(row.opens_ms)} to {utc(row.closes_ms)}",
                field="BODY",
                code=NOT_OPEN.code,
            )
        chosen: list[bytes] = []
        for name in candidates:
            account = await find_account(client, options.section, name, "CANDIDATES")
            if CANDIDATES.get(state, body, account) is None:
                raise Refused(
                    f"{name} does not stand for {body}: see `reelect election show {body}`",
                    field="CANDIDATES",
                    code=NOT_STANDING.code,
                )
            chosen.append(account)
        await send(client, options, [Vote(body, tuple(chosen))], as_json=json)


@app.command
async def recall(
    body: str,
    member: str,
    *,
    barred_s: int = 0,
    proposal: ProposalOptions = NO_PROPOSAL_OPTIONS,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Propose to recall a member before its term ends: under a policy of holders, they decide.

    Parameters
    ----------
    body
        Its name.
    member
        Address, @handle or name of who is to go.
    barred_s
        For how many seconds it cannot be a member again.
    """
    async with options.client() as client:
        account = await find_account(client, options.section, member, "MEMBER")
        action = Dismiss(body, account, barred_s)
        await propose(client, options, proposal, action, as_json=json)


async def _read(client: Client, body: str, finality: Finality) -> tuple[Overlay, Election]:
    """A state with a body's election, and the election; raises Refused if holders elect no body of
    this name."""
    argument("BODY", ELECTIONS.key[0].kind.from_json, body)
    state = no_rows()
    await copy_rows(client, state, ELECTIONS, finality=finality)
    row = ELECTIONS.get(state, body)
    if row is None:
        known = ", ".join(name for (name,), _ in ELECTIONS.every(state)) or "none"
        raise Refused(
            f"holders do not elect {body}; they elect: {known}",
            field="BODY",
            code=NO_ELECTION.code,
        )
    return state, row


def _ranked(state: Overlay, body: str) -> list[tuple[bytes, Candidate]]:
    """The candidates in the order in which they would be elected."""
    found = [(account, row) for (_, account), row in CANDIDATES.every(state, body)]
    return sorted(found, key=lambda item: (-item[1].votes, item[0]))


def _phase(row: Election, now_ms: int) -> str:
    if now_ms < row.opens_ms:
        return f"candidates stand until {utc(row.opens_ms)}"
    return "the vote is open"


def _fields(body: str, row: Election, now_ms: int, asset: KnownAsset) -> JsonObject:
    return {
        "body": body,
        "seats": row.seats,
        "term": f"{row.term}, of {row.term_s} s; it ends {utc(row.closes_ms)}",
        "now": _phase(row, now_ms),
        "the vote": f"{utc(row.opens_ms)} to {utc(row.closes_ms)}",
        "deposit": asset.format(row.deposit),
        "have voted": asset.format(row.cast),
        "candidates": row.standing,
    }
