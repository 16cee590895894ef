"""Voting: an account votes in the stage that a proposal is in, once; the vote that decides the
stage closes it."""

import dataclasses

from consensus.kinds import AccountId, Amount, Counter
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.gov.closing import close
from vm.modules.gov.counting import Outcome, foresee
from vm.modules.gov.discipline import note_presence
from vm.modules.gov.membership import body_named
from vm.modules.gov.polls import Poll, hasten, open_until_ms, poll_of, weight_of
from vm.modules.gov.tables import (
    BALLOTS,
    HOLDERS,
    NO,
    OPEN,
    PROPOSALS,
    TALLIES,
    YES,
    Ballot,
    Choice,
    Proposal,
    Tally,
    gov,
)
from vm.modules.stake import lock_bond
from vm.view import View

UNKNOWN_PROPOSAL = gov.error("unknown-proposal", "There is no such proposal.")
NOT_OPEN = gov.error("not-open", "The proposal is decided already, or its policy has changed.")
TOO_LATE = gov.error("too-late", "The vote has closed.")
NO_VOTE = gov.error("no-vote", "The account has no vote in this stage.")
VOTED = gov.error("voted-already", "The account has voted in this stage: a vote is final.")


@gov.event
@record("gov.voted")
class Voted(Record):
    """An account has voted in a stage of a proposal, with the weight that it had then."""

    proposal: Counter
    stage: Counter
    account: AccountId
    choice: Choice
    weight: Amount


@gov.action(gas=4_000, free=True)
@record("gov.vote")
class Vote(Action):
    """Vote in the stage that a proposal is in; a vote is final. One that decides the last stage
    carries the proposal out, at once or when the body's window is over (K7). What of a bond has
    voted stays bonded until its stage closes (P5)."""

    proposal: Counter
    choice: Choice

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        proposal = open_proposal(state, self.proposal)
        poll = poll_of(state, self.proposal, proposal)
        if poll is None:
            raise NOT_OPEN.failed(f"the policy {proposal.policy} has changed", field="proposal")
        if context.block.time_ms >= poll.tally.closes_ms:
            raise TOO_LATE.failed(field="proposal")
        if BALLOTS.get(state, self.proposal, proposal.stage, sender) is not None:
            raise VOTED.failed(field="proposal")
        weight = weight_of(context, poll, sender)
        if not weight:
            raise NO_VOTE.failed(f"{poll.stage.body} vote in this stage", field="proposal")
        cast(context, poll, self.choice, weight)


def open_proposal(view: View, number: int) -> Proposal:
    """The proposal; raises ActionFailed (`proposal`) if there is none, or it is decided."""
    found = PROPOSALS.get(view, number)
    if found is None:
        raise UNKNOWN_PROPOSAL.failed(f"there is no proposal {number}", field="proposal")
    if found.status != OPEN:
        raise NOT_OPEN.failed(f"it is {found.status}", field="proposal")
    return found


def cast(context: Context, poll: Poll, choice: str, weight: int) -> None:
    """Count a vote that the sender has, and close the stage if that decides it."""
    state, account, place = context.state, context.sender, poll.proposal.stage
    tally = _counted(poll.tally, choice, weight)
    TALLIES.put(state, tally, poll.number, place)
    BALLOTS.put(state, Ballot(choice, weight, context.block.height), poll.number, place, account)
    context.emit(Voted(poll.number, place, account, choice, weight))
    note_presence(context, poll, account)
    of_holders = body_named(state, poll.stage.body).kind == HOLDERS
    if of_holders:
        lock_bond(state, account, weight, tally.closes_ms, context.block.time_ms)
    outcome = foresee(poll.stage, tally, countable=not of_holders)
    if outcome is not Outcome.OPEN:
        _end(context, dataclasses.replace(poll, tally=tally), outcome)


def _end(context: Context, poll: Poll, outcome: Outcome) -> None:
    """A stage is decided: close it, or let it close as soon as its body's window is over."""
    until_ms = open_until_ms(context.state, poll)
    if context.block.time_ms >= until_ms:
        close(context, poll, outcome)
    elif until_ms < poll.tally.closes_ms:
        hasten(context.state, poll, until_ms)


def _counted(tally: Tally, choice: str, weight: int) -> Tally:
    if choice == YES:
        return replace(tally, yes=tally.yes + weight)
    if choice == NO:
        return replace(tally, no=tally.no + weight)
    return replace(tally, abstain=tally.abstain + weight)
