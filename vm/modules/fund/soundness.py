"""What must hold between the rows of funds."""

from collections import Counter as Tally
from collections.abc import Iterator

from vm.modules.chain import chain_constants
from vm.modules.fund.returning import claimable
from vm.modules.fund.tables import (
    AGENDA,
    FUNDS,
    HELD_POT,
    JOINED,
    MEMBERS,
    PASSED,
    PROPOSALS,
    VOTING,
    YES,
    Fund,
    Member,
    fund,
)
from vm.modules.tokens import POTS
from vm.view import View


@fund.invariant
def the_pot_holds_what_is_the_funds(view: View) -> Iterator[str]:
    """The pot holds what all funds have to invest, what was not claimed, and deposits."""
    wanted: Tally[str] = Tally()
    native = chain_constants(view).native_asset
    for (number,), row in FUNDS.every(view):
        statuses = [proposal.status for _, proposal in PROPOSALS.every(view, number)]
        deposits = statuses.count(VOTING) * row.terms.deposit_units
        wanted[row.terms.asset] += row.liquid + row.returned - row.claimed + deposits
        wanted[native] += row.founding_units
    held = {asset: pot.amount for (name, asset), pot in POTS.every(view) if name == HELD_POT}
    if held != +wanted:
        yield f"the pot {HELD_POT} holds {held}, funds have {dict(wanted)}"


@fund.invariant
def members_make_up_their_fund(view: View) -> Iterator[str]:
    """Shares, claims and yes votes of members are those of their fund, and nobody has claimed more
    than its part; the funds of each account are listed."""
    found: dict[int, list[Member]] = {number: [] for (number,), _ in FUNDS.every(view)}
    listed = {(number, account) for (account, number), _ in JOINED.every(view)}
    if listed != {key for key, _ in MEMBERS.every(view)}:
        yield "the funds of accounts are not listed as they must be"
    for (number, _), member in MEMBERS.every(view):
        found.setdefault(number, []).append(member)
    for number, members in found.items():
        row = FUNDS.get(view, number)
        if row is None:
            yield f"fund {number} has members and is not there"
        else:
            yield from _disagreements(view, number, row, members)


def _disagreements(view: View, number: int, row: Fund, members: list[Member]) -> Iterator[str]:
    told = (row.members, row.shares, row.claimed)
    of_members = (
        len(members),
        sum(member.shares for member in members),
        sum(member.claimed for member in members),
    )
    if told != of_members:
        yield f"fund {number} has (members, shares, claimed) {told}, its members {of_members}"
    if any(claimable(row, member) < 0 for member in members):
        yield f"a member of fund {number} has claimed more than its part"
    for proposal in row.open:
        found = PROPOSALS.get(view, number, proposal)
        yes = sum(
            member.shares
            for member in members
            if any(each.proposal == proposal and each.choice == YES for each in member.ballots)
        )
        if found is None or found.yes != yes:
            yield f"proposal {proposal} of fund {number} has not the yes votes of its members"


@fund.invariant
def proposals_are_listed(view: View) -> Iterator[str]:
    """Proposals are listed by when something becomes of them; the open ones are their fund's."""
    rows = dict(PROPOSALS.every(view))
    yield from AGENDA.disagreements(view, {(row.due_ms, *key) for key, row in rows.items()})
    found = {key for key, row in rows.items() if row.status in (VOTING, PASSED)}
    told = {(number, each) for (number,), row in FUNDS.every(view) for each in row.open}
    if found != told:
        yield f"open proposals are {sorted(found)}, the funds have {sorted(told)}"
