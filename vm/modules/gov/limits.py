"""Limits: how many actions a policy may carry out in a span of time, so that even who has its
votes changes only so much a month (K5)."""

from typing import Annotated

from consensus.errors import ActionFailed
from consensus.kinds import Uint
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.chain import chain_constants
from vm.modules.gov.tables import (
    LIMITS,
    MAX_LIMIT,
    POLICIES,
    Limit,
    PolicyName,
    Span,
    gov,
)

LIMIT_REACHED = gov.error("limit-reached", "The policy can carry out no more in this span of time.")
UNLIMITED_POLICY = gov.error("unlimited-policy", "There is no policy of this name to limit.")
NO_SPAN = gov.error("no-span", "A limit is for a span of time.")


@gov.event
@record("gov.limit_set")
class LimitSet(Record):
    """A policy carries out at most so many actions in each span of so many seconds; 0: any
    number."""

    policy: PolicyName
    most: Annotated[int, Uint(MAX_LIMIT)]
    span_s: Span


@gov.action(gas=3_000, governed=True)
@record("gov.set_limit")
class SetLimit(Action):
    """Let a policy carry out at most so many actions in each span of so many seconds, counted from
    the beginning of the chain (K5); 0: any number."""

    name: PolicyName
    most: Annotated[int, Uint(MAX_LIMIT)]
    span_s: Span

    @property
    def subject(self) -> str:
        return self.name

    def in_words(self) -> str:
        if not self.most:
            return f"let the policy {self.name} carry out any number of actions"
        return (
            f"let the policy {self.name} carry out at most {self.most} actions in each "
            f"{self.span_s} s"
        )

    def apply(self, context: Context) -> None:
        state = context.state
        if POLICIES.get(state, self.name) is None:
            raise UNLIMITED_POLICY.failed(f"there is no policy {self.name}", field="name")
        if not self.most:
            LIMITS.delete(state, self.name)
        elif not self.span_s:
            raise NO_SPAN.failed("1 second at least is expected", field="span_s")
        else:
            before = LIMITS.get(state, self.name)
            used = _used(context, before) if before and before.span_s == self.span_s else 0
            limit = Limit(self.most, self.span_s, _span(context, self.span_s), used)
            LIMITS.put(state, limit, self.name)
        context.emit(LimitSet(self.name, self.most, self.span_s))


def over_limit(context: Context, policy: str, actions: int) -> ActionFailed | None:
    """The error (`actions`) if the policy cannot carry out so many actions now."""
    limit = LIMITS.get(context.state, policy)
    if limit is None:
        return None
    left = max(0, limit.most - _used(context, limit))
    if actions <= left:
        return None
    return LIMIT_REACHED.failed(
        f"{policy} carries out {limit.most} actions in {limit.span_s} s, and {left} are left",
        field="actions",
    )


def note_use(context: Context, policy: str, actions: int) -> None:
    """So many actions were carried out under the policy."""
    limit = LIMITS.get(context.state, policy)
    if limit is not None:
        used = _used(context, limit) + actions
        span = _span(context, limit.span_s)
        LIMITS.put(context.state, Limit(limit.most, limit.span_s, span, used), policy)


def _used(context: Context, limit: Limit) -> int:
    return limit.used if limit.span == _span(context, limit.span_s) else 0


def _span(context: Context, span_s: int) -> int:
    passed_ms = context.block.time_ms - chain_constants(context.state).genesis_time_ms
    return passed_ms // (1000 * span_s)
