"""Closing: at a term's end those with the most votes are the body's members, and the next term
begins."""

from typing import Annotated

from consensus.errors import ActionFailed
from consensus.kinds import AccountId, Counter
from consensus.record import AtMost, Record, record, replace
from vm.context import Context
from vm.modules.chain import chain_constants
from vm.modules.elections.tables import (
    AGENDA,
    CANDIDATES,
    DEPOSITS_POT,
    ELECTIONS,
    MOST_CANDIDATES,
    MOST_SEATS,
    Candidate,
    Election,
    elections,
)
from vm.modules.fee import TREASURY
from vm.modules.gov import body_named, check_eligible, reaches, replace_members
from vm.modules.gov.tables import BodyName
from vm.modules.tokens import credit, drain_pot, fill_pot

CLOSINGS_A_BLOCK = 1

DEPOSIT_PERCENT = elections.parameter(
    "deposit_percent",
    default=5,
    minimum=0,
    maximum=100,
    unit="percent",
    sentence="The share of the units voting whose votes a candidate needs to have its deposit back "
    "(P6); with fewer, or none, it goes to the treasury.",
)


@elections.event
@record("elections.closed")
class Closed(Record):
    """A body's term is over, and its seats are those of the elected, most votes first; nobody: too
    few were elected, and its members stay for another term."""

    body: BodyName
    term: Counter
    elected: Annotated[tuple[AccountId, ...], AtMost(MOST_SEATS)]


@elections.begin_block
def close_due(context: Context) -> None:
    """End the terms whose time is over, a bounded number a block."""
    for _, body in AGENDA.take(context.state, context.block.time_ms, limit=CLOSINGS_A_BLOCK):
        election = ELECTIONS.get(context.state, body)
        if election is None:
            raise RuntimeError(f"holders do not elect {body}, and it is due")
        _close(context, body, election)


def _close(context: Context, body: str, election: Election) -> None:
    state = context.state
    rows = list(CANDIDATES.scan(state, body, limit=MOST_CANDIDATES))
    standing = {account: row for (_, account), row in rows}
    elected = _elected(context, body, election.seats, standing)
    if len(elected) >= max(1, body_named(state, body).least):
        replace_members(context, body, elected)
    else:
        elected = []
    for account, candidate in standing.items():
        CANDIDATES.delete(state, body, account)
        _settle(context, account, candidate, election.cast)
    _begin_term(context, body, election)
    context.emit(Closed(body, election.term, tuple(elected)))


def _elected(
    context: Context, body: str, seats: int, standing: dict[bytes, Candidate]
) -> list[bytes]:
    """Who has votes and may be a member, the most votes first, ties by id; as many as seats."""
    ranked = sorted(standing, key=lambda account: (-standing[account].votes, account))
    fit = [each for each in ranked if standing[each].votes and _may_sit(context, body, each)]
    return fit[: min(seats, body_named(context.state, body).cap)]


def _may_sit(context: Context, body: str, account: bytes) -> bool:
    try:
        check_eligible(context, body, account)
    except ActionFailed:
        return False
    return True


def _settle(context: Context, account: bytes, candidate: Candidate, cast: int) -> None:
    if not candidate.deposit:
        return
    state, asset = context.state, chain_constants(context.state).native_asset
    drain_pot(state, DEPOSITS_POT, asset, candidate.deposit)
    if reaches(candidate.votes, DEPOSIT_PERCENT.read(state), cast):
        credit(state, account, asset, candidate.deposit)
    else:
        fill_pot(state, TREASURY, asset, candidate.deposit)


def _begin_term(context: Context, body: str, election: Election) -> None:
    closes_ms = context.block.time_ms + 1000 * election.term_s
    following = replace(
        election,
        term=election.term + 1,
        opens_ms=closes_ms - 1000 * election.open_s,
        closes_ms=closes_ms,
        standing=0,
        cast=0,
    )
    ELECTIONS.put(context.state, following, body)
    AGENDA.add(context.state, closes_ms, body)
