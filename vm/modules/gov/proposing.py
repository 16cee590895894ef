"""Proposing: what a policy may do is put to the vote, for a deposit."""

from collections.abc import Sequence
from typing import Annotated

from consensus.errors import ActionFailed
from consensus.kinds import AccountId, Counter
from consensus.record import AtMost, Record, record
from consensus.transaction import TaggedWire
from vm.context import Context
from vm.declare import GOVERNED_GAS, Action
from vm.modules.chain import chain_constants
from vm.modules.gov.closing import DEPOSITS_POT, decide
from vm.modules.gov.constitution import EndPolicy, SetPolicy
from vm.modules.gov.limits import over_limit
from vm.modules.gov.membership import body_named, is_member
from vm.modules.gov.polls import holds_seat, open_poll, weight_of
from vm.modules.gov.tables import (
    COUNTER,
    HOLDERS,
    MAX_PROPOSED,
    OPEN,
    POLICIES,
    SEATED,
    WITHDRAWN,
    YES,
    Policy,
    PolicyName,
    Proposal,
    ProposalCounter,
    Title,
    Words,
    gov,
)
from vm.modules.gov.voting import cast, open_proposal
from vm.modules.stake import bonded_by
from vm.modules.tokens import debit, fill_pot
from vm.view import View

UNKNOWN_POLICY = gov.error("unknown-policy", "There is no such policy.")
NOT_ALLOWED = gov.error("not-allowed", "The policy does not allow this action.")
OWN_POLICY = gov.error("own-policy", "A proposal cannot change the policy that it runs under.")
MAY_NOT_PROPOSE = gov.error("may-not-propose", "The account is not of the body that proposes here.")
NOT_PROPOSER = gov.error("not-proposer", "Only who made a proposal can withdraw it.")


@gov.event
@record("gov.proposed")
class Proposed(Record):
    """A proposal is open for the vote of its policy's first stage."""

    proposal: Counter
    policy: PolicyName
    proposer: AccountId
    title: Title


@gov.action(gas=20_000, free=True)
@record("gov.propose")
class Propose(Action):
    """Propose governed actions under a policy that allows them, for the policy's deposit, which
    comes back unless the proposal is vetoed. Who has a vote in the first stage votes yes by it."""

    policy: PolicyName
    title: Title
    text: Words
    actions: Annotated[tuple[TaggedWire, ...], AtMost(MAX_PROPOSED, 1)]

    def derived_gas(self, view: View) -> int:
        return GOVERNED_GAS * len(self.actions)

    def apply(self, context: Context) -> None:
        policy = POLICIES.get(context.state, self.policy)
        if policy is None:
            raise UNKNOWN_POLICY.failed(f"there is no policy {self.policy}", field="policy")
        if not _may_propose(context, policy):
            raise MAY_NOT_PROPOSE.failed(f"only {policy.proposers} propose here", field="policy")
        self._check_actions(policy, _scopes(context, self.actions))
        beyond = over_limit(context, self.policy, len(self.actions))
        if beyond is not None:
            raise beyond
        _take_deposit(context, policy.deposit)
        number = _next_number(context)
        poll = open_poll(context, number, self._proposal(context, policy), policy)
        context.emit(Proposed(number, self.policy, context.sender, self.title))
        weight = weight_of(context, poll, context.sender)
        if weight:
            cast(context, poll, YES, weight)

    def _check_actions(self, policy: Policy, scopes: Sequence[str]) -> None:
        for i, scope in enumerate(scopes):
            if not {scope, scope.partition(":")[0]} & set(policy.scopes):
                raise NOT_ALLOWED.failed(
                    f"the policy {self.policy} does not allow {scope}", field=f"actions[{i}]"
                )
            if scope in {f"{change.tag}:{self.policy}" for change in (SetPolicy, EndPolicy)}:
                raise OWN_POLICY.failed(field=f"actions[{i}]")

    def _proposal(self, context: Context, policy: Policy) -> Proposal:
        return Proposal(
            self.policy,
            policy.revision,
            context.sender,
            self.title,
            self.text,
            self.actions,
            policy.deposit,
            context.block.height,
            stage=0,
            status=OPEN,
            code="",
        )


@gov.action(gas=4_000)
@record("gov.withdraw")
class Withdraw(Action):
    """Take back a proposal of one's own that is still open, with its deposit."""

    proposal: Counter

    def apply(self, context: Context) -> None:
        proposal = open_proposal(context.state, self.proposal)
        if proposal.proposer != context.sender:
            raise NOT_PROPOSER.failed(field="proposal")
        decide(context, self.proposal, proposal, WITHDRAWN)


def _may_propose(context: Context, policy: Policy) -> bool:
    name, sender = policy.proposers, context.sender
    if name is None:
        return True
    kind = body_named(context.state, name).kind
    if kind == HOLDERS:
        return bonded_by(context.state, sender) > 0
    if kind == SEATED:
        return holds_seat(context, sender)
    return is_member(context.state, name, sender)


def _scopes(context: Context, actions: Sequence[TaggedWire]) -> tuple[str, ...]:
    try:
        return context.declared.scopes(actions)
    except ActionFailed as error:
        inner = error.within("actions")
        raise ActionFailed(inner.message, field=inner.field, code=inner.code) from None


def _take_deposit(context: Context, deposit: int) -> None:
    if deposit:
        asset = chain_constants(context.state).native_asset
        debit(context.state, context.sender, asset, deposit)
        fill_pot(context.state, DEPOSITS_POT, asset, deposit)


def _next_number(context: Context) -> int:
    row = COUNTER.get(context.state)
    number = 1 if row is None else row.following
    COUNTER.put(context.state, ProposalCounter(number + 1))
    return number
