"""The constitution: bodies and policies are set by proposals, as everything that they govern."""

from collections.abc import Collection, Iterator
from typing import Annotated

from consensus.kinds import Amount
from consensus.producers import MIN_PRODUCERS
from consensus.record import AtMost, Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.gov.membership import alternates_of, size_of
from vm.modules.gov.tables import (
    BODIES,
    MAX_SCOPES,
    MAX_STAGES,
    MEMBERS,
    POLICIES,
    Body,
    BodyName,
    Policy,
    PolicyName,
    Scope,
    Stage,
    Words,
    gov,
)
from vm.view import State, View

BAD_BODY = gov.error("bad-body", "The body cannot be like this.")
KIND_FIXED = gov.error("kind-fixed", "A body's kind cannot change, nor whether it holds the seats.")
NO_SUCH_BODY = gov.error("no-such-body", "The policy names a body that there is not.")
NO_SUCH_SCOPE = gov.error("no-such-scope", "The policy names a type that is no governed action.")
NO_SUCH_POLICY = gov.error("no-such-policy", "There is no policy of this name.")


@gov.event
@record("gov.body_set")
class BodySet(Record):
    """A body is new, or other than it was."""

    body: BodyName


@gov.event
@record("gov.policy_set")
class PolicySet(Record):
    """A policy is new, or other than it was, or is no more: open proposals under it are void."""

    policy: PolicyName


@gov.event
@record("gov.resolved")
class Resolved(Record):
    """A text has been agreed upon."""

    text: Words


@gov.action(gas=4_000, governed=True)
@record("gov.set_body")
class SetBody(Action):
    """Found a body, or change how it is made up; who is in it stays in it."""

    name: BodyName
    body: Body

    @property
    def subject(self) -> str:
        return self.name

    def in_words(self) -> str:
        return f"set the body {self.name}: {body_in_words(self.body)}"

    def apply(self, context: Context) -> None:
        put_body(context.state, self.name, self.body)
        context.emit(BodySet(self.name))


@gov.action(gas=6_000, governed=True)
@record("gov.set_policy")
class SetPolicy(Action):
    """Make a policy, or change it: proposals that are open under it become void."""

    name: PolicyName
    stages: Annotated[tuple[Stage, ...], AtMost(MAX_STAGES, 1)]
    scopes: Annotated[tuple[Scope, ...], AtMost(MAX_SCOPES, 1)]
    proposers: BodyName | None
    deposit: Amount

    @property
    def subject(self) -> str:
        return self.name

    def in_words(self) -> str:
        stages = ", then ".join(stage_in_words(stage) for stage in self.stages)
        return f"set the policy {self.name}: {stages}; it may do {', '.join(self.scopes)}"

    def apply(self, context: Context) -> None:
        before = POLICIES.get(context.state, self.name)
        revision = 1 if before is None else before.revision + 1
        policy = Policy(self.stages, self.scopes, self.proposers, self.deposit, revision)
        put_policy(context.state, context.declared.governed_types(), self.name, policy)
        context.emit(PolicySet(self.name))


@gov.action(gas=2_000, governed=True)
@record("gov.end_policy")
class EndPolicy(Action):
    """Allow nothing more under a policy: proposals that are open under it become void."""

    name: PolicyName

    @property
    def subject(self) -> str:
        return self.name

    def in_words(self) -> str:
        return f"end the policy {self.name}"

    def apply(self, context: Context) -> None:
        before = POLICIES.get(context.state, self.name)
        if before is None or not before.scopes:
            raise NO_SUCH_POLICY.failed(f"there is no policy {self.name}", field="name")
        # The row stays, so that the revisions of one name never repeat.
        ended = replace(before, scopes=(), revision=before.revision + 1)
        POLICIES.put(context.state, ended, self.name)
        context.emit(PolicySet(self.name))


@gov.action(gas=1_000, governed=True)
@record("gov.resolve")
class Resolve(Action):
    """Agree upon a text: it changes nothing on the chain."""

    text: Words

    def in_words(self) -> str:
        return f"resolve: {self.text}"

    def apply(self, context: Context) -> None:
        context.emit(Resolved(self.text))


def put_body(state: State, name: str, body: Body) -> None:
    """Write a body; raises ActionFailed (`body…`) for one that cannot be."""
    before = BODIES.get(state, name)
    if before is not None and (before.kind, before.seats) != (body.kind, body.seats):
        raise KIND_FIXED.failed(f"{name} is of {before.kind}", field="body")
    for field, why in _faults(state, name, body):
        raise BAD_BODY.failed(why, field=f"body.{field}")
    BODIES.put(state, body, name)


def _faults(view: View, name: str, body: Body) -> Iterator[tuple[str, str]]:
    """The fields of a body that cannot be as they are, and why."""
    rules = (body.cap, body.least, body.drawn_from, body.term_s, body.misses, body.seats)
    if body.kind != MEMBERS:
        if any((*rules, body.whole_window, body.alternates, body.alternates_from)):
            yield "kind", f"only a body of {MEMBERS} has rules of its members"
        return
    if body.cap < max(1, body.least):
        yield "cap", "at least 1 is expected, and no fewer than `least`"
    if size_of(view, name) > body.cap:
        yield "cap", f"there are {size_of(view, name)} members"
    if body.seats and body.least < MIN_PRODUCERS:
        yield "least", f"{MIN_PRODUCERS} producers at least must remain"
    if (body.misses or body.whole_window) and not body.window_s:
        yield "window_s", "votes that count are open for a time"
    yield from _faults_of_sources(view, name, body)


def _faults_of_sources(view: View, name: str, body: Body) -> Iterator[tuple[str, str]]:
    if len(alternates_of(view, name)) > body.alternates:
        yield "alternates", f"{len(alternates_of(view, name))} are named"
    if body.alternates_from is not None and not body.alternates:
        yield "alternates_from", "the body has no alternates"
    for field, source in (
        ("drawn_from", body.drawn_from),
        ("alternates_from", body.alternates_from),
    ):
        if source is not None and not _is_another(view, name, source):
            yield field, f"another body of {MEMBERS} is expected"


def _is_another(view: View, name: str, source: str) -> bool:
    row = BODIES.get(view, source)
    return source != name and row is not None and row.kind == MEMBERS


def put_policy(state: State, governed: Collection[str], name: str, policy: Policy) -> None:
    """Write a policy; raises ActionFailed for one that names what there is not. `governed` are
    the types of governed actions."""
    for i, stage in enumerate(policy.stages):
        if BODIES.get(state, stage.body) is None:
            raise NO_SUCH_BODY.failed(f"there is no body {stage.body}", field=f"stages[{i}].body")
    if policy.proposers is not None and BODIES.get(state, policy.proposers) is None:
        raise NO_SUCH_BODY.failed(f"there is no body {policy.proposers}", field="proposers")
    for i, scope in enumerate(policy.scopes):
        if scope.partition(":")[0] not in governed:
            raise NO_SUCH_SCOPE.failed(f"{scope} is no governed action", field=f"scopes[{i}]")
    POLICIES.put(state, policy, name)


def body_in_words(body: Body) -> str:
    """How a body is made up, for people."""
    if body.kind != MEMBERS:
        return body.kind
    parts = [f"{body.least} to {body.cap} members"]
    if body.drawn_from is not None:
        parts.append(f"from among {body.drawn_from}")
    if body.term_s:
        parts.append(f"for {body.term_s} s each")
    if body.misses:
        parts.append(
            f"out after {body.misses} votes missed in a row, at most one in {body.window_s} s, "
            f"and barred for {body.barred_s} s"
        )
    if body.whole_window:
        parts.append(f"each vote lasting {body.window_s} s unless all have voted")
    if body.alternates:
        source = f" from among {body.alternates_from}" if body.alternates_from else ""
        parts.append(f"with at most {body.alternates} alternates{source}")
    if body.seats:
        parts.append("who alone hold the producers' seats")
    return ", ".join(parts)


def stage_in_words(stage: Stage) -> str:
    """What a stage of a policy needs, for people."""
    whole = f"the votes of {stage.body}" if stage.of_votes else stage.body
    quorum = f", at least {stage.quorum}% voting" if stage.quorum else ""
    veto = f", vetoed by {stage.veto}%" if stage.veto else ""
    return f"{stage.percent}% of {whole} within {stage.open_s} s{quorum}{veto}"
