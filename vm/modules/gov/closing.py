"""Closing: what becomes of a stage when it is decided, and of its proposal.

The last stage that passes carries the actions out in the same block, with the policy's authority.
"""

from typing import Annotated

from consensus.codec import encode
from consensus.hashing import sha256
from consensus.kinds import Counter, Text
from consensus.record import Record, record, replace
from vm.context import Context
from vm.modules.chain import chain_constants
from vm.modules.fee import TREASURY
from vm.modules.gov.counting import Outcome, count
from vm.modules.gov.discipline import note_absence
from vm.modules.gov.limits import note_use, over_limit
from vm.modules.gov.polls import AGENDA, Poll, open_poll, poll_of, tally_of
from vm.modules.gov.tables import (
    FAILED,
    PASSED,
    PROPOSALS,
    REJECTED,
    VETOED,
    VOID,
    Proposal,
    Status,
    gov,
)
from vm.modules.tokens import credit, drain_pot, fill_pot

CLOSINGS_A_BLOCK = 8
DEPOSITS_POT = "gov.deposits"


@gov.event
@record("gov.stage_passed")
class StagePassed(Record):
    """A stage of a proposal has passed, and the next one is open."""

    proposal: Counter
    stage: Counter


@gov.event
@record("gov.decided")
class Decided(Record):
    """A proposal is decided: passed and carried out, rejected, vetoed, withdrawn, void, or failed
    with the code of the error that stopped its actions."""

    proposal: Counter
    status: Status
    code: Annotated[str, Text(96)]


def policy_id(name: str) -> bytes:
    """The account in whose name the actions of a policy's proposals are carried out: SHA-256 of
    ["gov-policy", 1, name], which no key has."""
    return sha256(encode(["gov-policy", 1, name]))


def close(context: Context, poll: Poll, outcome: Outcome) -> None:
    """A stage is decided: go on to the next one, or decide the proposal."""
    note_absence(context, poll)
    if outcome is Outcome.VETOED:
        decide(context, poll.number, poll.proposal, VETOED)
    elif outcome is Outcome.REJECTED:
        decide(context, poll.number, poll.proposal, REJECTED)
    elif poll.is_last:
        _carry_out(context, poll)
    else:
        _unlist(context, poll.number, poll.proposal)
        following = replace(poll.proposal, stage=poll.proposal.stage + 1)
        open_poll(context, poll.number, following, poll.policy)
        context.emit(StagePassed(poll.number, poll.proposal.stage))


def _carry_out(context: Context, poll: Poll) -> None:
    proposal = poll.proposal
    error = over_limit(context, proposal.policy, len(proposal.actions))
    if error is None:
        error = context.declared.carry_out(policy_id(proposal.policy), proposal.actions)
    if error is None:
        note_use(context, proposal.policy, len(proposal.actions))
        decide(context, poll.number, proposal, PASSED)
    else:
        decide(context, poll.number, proposal, FAILED, error.code)


def decide(context: Context, number: int, proposal: Proposal, status: str, code: str = "") -> None:
    """End an open proposal; its deposit goes back, but to the treasury if it was vetoed."""
    state, asset = context.state, chain_constants(context.state).native_asset
    _unlist(context, number, proposal)
    PROPOSALS.put(state, replace(proposal, status=status, code=code), number)
    if proposal.deposit:
        drain_pot(state, DEPOSITS_POT, asset, proposal.deposit)
        if status == VETOED:
            fill_pot(state, TREASURY, asset, proposal.deposit)
        else:
            credit(state, proposal.proposer, asset, proposal.deposit)
    context.emit(Decided(number, status, code))


def _unlist(context: Context, number: int, proposal: Proposal) -> None:
    closes_ms = tally_of(context.state, number, proposal).closes_ms
    AGENDA.remove(context.state, closes_ms, number)


@gov.begin_block
def close_due(context: Context) -> None:
    """Close the stages whose time is over, a bounded number a block."""
    for _, number in AGENDA.take(context.state, context.block.time_ms, limit=CLOSINGS_A_BLOCK):
        proposal = PROPOSALS.get(context.state, number)
        if proposal is None:
            raise RuntimeError(f"there is no proposal {number}, and it is due")
        poll = poll_of(context.state, number, proposal)
        if poll is None:
            decide(context, number, proposal, VOID)
        else:
            close(context, poll, count(poll.stage, poll.tally))
