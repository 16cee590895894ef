"""Voting: a member proposes whom to pay, and members vote, each with all its shares, once.

As nobody joins any more, no one votes with more shares than there were when a proposal was made.
"""

from consensus.kinds import AccountId, Amount, Counter
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.fund.tables import (
    FUNDS,
    HELD_POT,
    MEMBERS,
    MOST_OPEN,
    PROPOSALS,
    VOTING,
    YES,
    Ballot,
    Choice,
    Proposal,
    fund,
    fund_row,
    gathered_row,
    member_row,
    proposal_row,
    put_proposal,
)
from vm.modules.tokens import Memo, PositiveAmount, debit, fill_pot

TOO_MANY_OPEN = fund.error("too-many-open", "16 proposals of the fund are open: wait for one.")
MORE_THAN_LIQUID = fund.error("more-than-liquid", "The fund has less than this to invest.")
NOT_VOTING = fund.error("not-voting", "The vote on the proposal is over.")
VOTED = fund.error("voted-already", "The account has voted on the proposal: a vote is final.")


@fund.event
@record("fund.proposed")
class Proposed(Record):
    """A member proposes to pay an account; the fund's proposal has this number."""

    fund: Counter
    proposal: Counter
    proposer: AccountId
    to: AccountId
    units: Amount


@fund.event
@record("fund.voted")
class Voted(Record):
    """A member has voted with its shares."""

    fund: Counter
    proposal: Counter
    account: AccountId
    choice: Choice
    shares: Amount


@fund.action(gas=10_000)
@record("fund.propose")
class Propose(Action):
    """As a member, propose to pay an account out of what the fund has to invest, for what the memo
    says; the fund's deposit comes back if the vote passes, else the fund has it (K9)."""

    fund: Counter
    to: AccountId
    units: PositiveAmount
    memo: Memo

    def apply(self, context: Context) -> None:
        state, sender, now_ms = context.state, context.sender, context.block.time_ms
        row = gathered_row(state, self.fund, now_ms)
        member_row(state, self.fund, sender)
        if len(row.open) == MOST_OPEN:
            raise TOO_MANY_OPEN.failed(field="fund")
        if self.units > row.liquid:
            raise MORE_THAN_LIQUID.failed(f"it has {row.liquid} units", field="units")
        debit(state, sender, row.terms.asset, row.terms.deposit_units)
        fill_pot(state, HELD_POT, row.terms.asset, row.terms.deposit_units)
        number = row.proposals + 1
        FUNDS.put(state, replace(row, proposals=number, open=(*row.open, number)), self.fund)
        due_ms = now_ms + 1000 * row.terms.vote_s
        put_proposal(state, self.fund, number, self._row(sender, row.shares, due_ms))
        context.emit(Proposed(self.fund, number, sender, self.to, self.units))

    def _row(self, proposer: bytes, shares: int, due_ms: int) -> Proposal:
        return Proposal(
            proposer=proposer,
            to=self.to,
            units=self.units,
            memo=self.memo,
            shares=shares,
            yes=0,
            no=0,
            status=VOTING,
            due_ms=due_ms,
            paid_units=0,
        )


@fund.action(gas=5_000, free=True)
@record("fund.vote")
class Vote(Action):
    """As a member, vote on a proposal with all one's shares; a vote is final, but who leaves takes
    a yes along (K9)."""

    fund: Counter
    proposal: Counter
    choice: Choice

    def apply(self, context: Context) -> None:
        state, sender, row = context.state, context.sender, fund_row(context.state, self.fund)
        member = member_row(state, self.fund, sender)
        proposal = proposal_row(state, self.fund, self.proposal)
        if proposal.status != VOTING or context.block.time_ms >= proposal.due_ms:
            raise NOT_VOTING.failed(field="proposal")
        if any(ballot.proposal == self.proposal for ballot in member.ballots):
            raise VOTED.failed(field="proposal")
        if self.choice == YES:
            proposal = replace(proposal, yes=proposal.yes + member.shares)
        else:
            proposal = replace(proposal, no=proposal.no + member.shares)
        PROPOSALS.put(state, proposal, self.fund, self.proposal)
        kept = tuple(ballot for ballot in member.ballots if ballot.proposal in row.open)
        ballots = (*kept, Ballot(self.proposal, self.choice))
        MEMBERS.put(state, replace(member, ballots=ballots), self.fund, sender)
        context.emit(Voted(self.fund, self.proposal, sender, self.choice, member.shares))
