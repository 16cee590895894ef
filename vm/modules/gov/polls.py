"""Polls: a body votes in a stage of a proposal, each account with the weight that it has."""

from dataclasses import dataclass

from consensus.record import replace
from vm.context import Context
from vm.modules.agenda import Agenda
from vm.modules.chain import chain_constants
from vm.modules.gov.membership import body_named, size_of
from vm.modules.gov.tables import (
    DUE,
    HOLDERS,
    POLICIES,
    PROPOSALS,
    ROLL,
    SEATED,
    TALLIES,
    Body,
    Due,
    Policy,
    Proposal,
    Stage,
    Tally,
)
from vm.modules.producer import BONDED_POT
from vm.modules.stake import bonded_by
from vm.modules.tokens import pot_of
from vm.view import State, View

AGENDA: Agenda[int] = Agenda(DUE, Due())


@dataclass(frozen=True, slots=True)
class Poll:
    """The stage that an open proposal is in, and its votes so far."""

    number: int
    proposal: Proposal
    policy: Policy
    tally: Tally

    @property
    def stage(self) -> Stage:
        """Whose vote it is, and what it needs."""
        return self.policy.stages[self.proposal.stage]

    @property
    def is_last(self) -> bool:
        """Whether the proposal is carried out if this passes."""
        return self.proposal.stage + 1 == len(self.policy.stages)


def open_poll(context: Context, number: int, proposal: Proposal, policy: Policy) -> Poll:
    """Write a proposal that enters a stage, whose body counts as it is now."""
    state, block = context.state, context.block
    stage = policy.stages[proposal.stage]
    body = body_named(state, stage.body)
    seated = tuple(item.producer for item in block.members.members)
    tally = Tally(
        height=block.height,
        opened_ms=block.time_ms,
        closes_ms=block.time_ms + 1000 * stage.open_s,
        size=_size(state, stage.body, body, len(seated)),
        seated=seated if body.kind == SEATED else (),
        yes=0,
        no=0,
        abstain=0,
    )
    PROPOSALS.put(state, proposal, number)
    TALLIES.put(state, tally, number, proposal.stage)
    AGENDA.add(state, tally.closes_ms, number)
    return Poll(number, proposal, policy, tally)


def open_until_ms(view: View, poll: Poll) -> int:
    """Until when (ms from the Unix epoch) the stage stays open though it is decided: where a body's
    votes last its whole window, till that is over or all have voted (K7)."""
    body, tally = body_named(view, poll.stage.body), poll.tally
    if not body.whole_window or tally.cast >= tally.size:
        return tally.opened_ms
    return min(tally.closes_ms, tally.opened_ms + 1000 * body.window_s)


def hasten(state: State, poll: Poll, closes_ms: int) -> None:
    """Let a stage close earlier than it would."""
    AGENDA.remove(state, poll.tally.closes_ms, poll.number)
    TALLIES.put(state, replace(poll.tally, closes_ms=closes_ms), poll.number, poll.proposal.stage)
    AGENDA.add(state, closes_ms, poll.number)


def _size(view: View, name: str, body: Body, seated: int) -> int:
    if body.kind == HOLDERS:
        return pot_of(view, BONDED_POT, chain_constants(view).native_asset)
    return seated if body.kind == SEATED else size_of(view, name)


def poll_of(view: View, number: int, proposal: Proposal) -> Poll | None:
    """The stage that an open proposal is in; None if its policy has changed since."""
    policy = POLICIES.get(view, proposal.policy)
    if policy is None or policy.revision != proposal.revision:
        return None
    return Poll(number, proposal, policy, tally_of(view, number, proposal))


def tally_of(view: View, number: int, proposal: Proposal) -> Tally:
    """The votes of the stage that a proposal is in, or ended in."""
    tally = TALLIES.get(view, number, proposal.stage)
    if tally is None:
        raise RuntimeError(f"proposal {number} has no tally of its stage {proposal.stage}")
    return tally


def weight_of(context: Context, poll: Poll, account: bytes) -> int:
    """What the account's vote counts; 0: it has none. Of members and producers, those have one
    that were there when the stage opened, and still are."""
    state, name = context.state, poll.stage.body
    body = body_named(state, name)
    if body.kind == HOLDERS:
        return bonded_by(state, account)
    if body.kind == SEATED:
        return int(account in poll.tally.seated and holds_seat(context, account))
    member = ROLL.get(state, name, account)
    return int(member is not None and member.height <= poll.tally.height)


def holds_seat(context: Context, account: bytes) -> bool:
    """Whether an account is a producer of the set that makes the blocks now."""
    return any(item.producer == account for item in context.block.members.members)
