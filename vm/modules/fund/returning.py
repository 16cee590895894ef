"""Returns: whoever pays into a fund pays its members, by their shares; and leaving it.

What a member may claim is its part of all that has come back for the shares there are, less what it
has claimed: nothing goes through all members, and what rounding leaves is shared with what comes
next. Who leaves takes its part of both along, so that the others' parts stay what they are.
"""

from consensus.codec import UINT64_MAX
from consensus.kinds import AccountId, Amount, Counter
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.chain import chain_constants
from vm.modules.fund.deciding import reject
from vm.modules.fund.tables import (
    AGENDA,
    FUNDS,
    HELD_POT,
    JOINED,
    MEMBERS,
    PROPOSALS,
    YES,
    Fund,
    Member,
    fund,
    fund_row,
    gathered_row,
    member_row,
    proposal_row,
)
from vm.modules.tokens import Memo, PositiveAmount, credit, debit, drain_pot, fill_pot
from vm.view import State

NOTHING_RETURNED = fund.error("nothing-returned", "There is nothing to claim yet.")
TOO_MUCH = fund.error("too-much", "The fund cannot count so much for its shares.")


@fund.event
@record("fund.paid_in")
class PaidIn(Record):
    """An account has paid the members of a fund so much, for them to claim."""

    fund: Counter
    account: AccountId
    units: Amount
    memo: Memo


@fund.event
@record("fund.claimed")
class Claimed(Record):
    """A member has got its part of what came back."""

    fund: Counter
    account: AccountId
    units: Amount


@fund.event
@record("fund.left")
class Left(Record):
    """A member has left with its part of what the fund had to invest, and of what came back."""

    fund: Counter
    account: AccountId
    shares: Amount
    liquid_units: Amount
    returned_units: Amount


@fund.event
@record("fund.wound_up")
class WoundUp(Record):
    """The last member of a fund has left."""

    fund: Counter


@fund.action(gas=5_000)
@record("fund.pay_in")
class PayIn(Action):
    """Pay a fund's members, by their shares: so returns what was invested. Anybody may, when the
    fund takes no contributions any more (K9)."""

    fund: Counter
    units: PositiveAmount
    memo: Memo

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        row = gathered_row(state, self.fund, context.block.time_ms)
        if row.returned + self.units > UINT64_MAX:
            raise TOO_MUCH.failed(field="units")
        debit(state, sender, row.terms.asset, self.units, field="units")
        fill_pot(state, HELD_POT, row.terms.asset, self.units)
        FUNDS.put(state, replace(row, returned=row.returned + self.units), self.fund)
        context.emit(PaidIn(self.fund, sender, self.units, self.memo))


@fund.action(gas=4_000)
@record("fund.claim")
class Claim(Action):
    """As a member, take one's part of what has come back, in whole units (K9)."""

    fund: Counter

    def apply(self, context: Context) -> None:
        state, sender, row = context.state, context.sender, fund_row(context.state, self.fund)
        member = member_row(state, self.fund, sender)
        units = claimable(row, member)
        if not units:
            raise NOTHING_RETURNED.failed(field="fund")
        drain_pot(state, HELD_POT, row.terms.asset, units)
        credit(state, sender, row.terms.asset, units)
        FUNDS.put(state, replace(row, claimed=row.claimed + units), self.fund)
        MEMBERS.put(state, replace(member, claimed=member.claimed + units), self.fund, sender)
        context.emit(Claimed(self.fund, sender, units))


@fund.action(gas=20_000)
@record("fund.leave")
class Leave(Action):
    """Leave a fund, at any time: with one's part of what it has to invest, and of what came back.
    Yes votes on open proposals are gone with the shares: what then does not pass is not paid. With
    its last member the fund is wound up (K9)."""

    fund: Counter

    def apply(self, context: Context) -> None:
        state, sender, row = context.state, context.sender, fund_row(context.state, self.fund)
        member = member_row(state, self.fund, sender)
        _take_back_yes(state, self.fund, row, member)
        if member.shares == row.shares:
            row = _reject_all(context, self.fund, row)
        liquid = row.part_of(row.liquid, member.shares)
        returned = row.part_of(row.returned, member.shares)
        owed = returned - member.claimed
        drain_pot(state, HELD_POT, row.terms.asset, liquid + owed)
        credit(state, sender, row.terms.asset, liquid + owed)
        MEMBERS.delete(state, self.fund, sender)
        JOINED.delete(state, sender, self.fund)
        context.emit(Left(self.fund, sender, member.shares, liquid, owed))
        if member.shares == row.shares:
            _wind_up(context, self.fund, row)
            return
        left = replace(
            row,
            members=row.members - 1,
            shares=row.shares - member.shares,
            liquid=row.liquid - liquid,
            returned=row.returned - returned,
            claimed=row.claimed - member.claimed,
        )
        FUNDS.put(state, left, self.fund)


def claimable(row: Fund, member: Member) -> int:
    """What a member may claim now."""
    return row.part_of(row.returned, member.shares) - member.claimed


def _take_back_yes(state: State, number: int, row: Fund, member: Member) -> None:
    for ballot in member.ballots:
        if ballot.choice == YES and ballot.proposal in row.open:
            proposal = proposal_row(state, number, ballot.proposal)
            without = replace(proposal, yes=proposal.yes - member.shares)
            PROPOSALS.put(state, without, number, ballot.proposal)


def _reject_all(context: Context, number: int, row: Fund) -> Fund:
    """Nobody is left to vote: open proposals are rejected, of which there are few."""
    for proposal in row.open:
        found = proposal_row(context.state, number, proposal)
        AGENDA.remove(context.state, found.due_ms, number, proposal)
        row = reject(context, number, row, proposal, found)
    return row


def _wind_up(context: Context, number: int, row: Fund) -> None:
    native = chain_constants(context.state).native_asset
    drain_pot(context.state, HELD_POT, native, row.founding_units)
    credit(context.state, row.founder, native, row.founding_units)
    FUNDS.delete(context.state, number)
    context.emit(WoundUp(number))
