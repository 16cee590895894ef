"""Government from a preset: the bodies and policies that a chain starts with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

from consensus.errors import Invalid, InvalidGenesis
from consensus.kinds import Amount, Json, Uint
from consensus.record import AtMost, Record, kind_of, part
from vm.modules.gov import (
    LIMITS,
    Body,
    Limit,
    Policy,
    Stage,
    enroll,
    name_alternates,
    put_body,
    put_policy,
)
from vm.modules.gov.tables import (
    MAX_LIMIT,
    MAX_MEMBERS,
    MAX_SCOPES,
    MAX_STAGES,
    MEMBERS,
    BodyName,
    PolicyName,
    Scope,
    Span,
)
from vm.modules.producer import may_hold_seat
from vm.registry import REGISTRY
from vm.view import State

# What a preset need not say.
_NO_RULES: Mapping[str, Json] = {
    "cap": 0,
    "least": 0,
    "term_s": 0,
    "misses": 0,
    "window_s": 0,
    "barred_s": 0,
    "seats": False,
    "whole_window": False,
    "alternates": 0,
}
_NOBODY: Mapping[str, Json] = {
    "first_accounts": 0,
    "first_producers": False,
    "first_spares": False,
    "spare_alternates": False,
}
_PLAIN_STAGE: Mapping[str, Json] = {"of_votes": False, "quorum": 0, "veto": 0}
_PLAIN_POLICY: Mapping[str, Json] = {"deposit": 0, "most": 0, "span_s": 0}


@part
class FirstMembers(Record):
    """Who is in a body from the start: so many of the accounts that genesis funds, in their order,
    the first producers or not, and the spare ones or not; or whether these are its alternates."""

    first_accounts: Annotated[int, Uint(MAX_MEMBERS)]
    first_producers: bool
    first_spares: bool
    spare_alternates: bool


@part
class PolicySection(Record):
    """`[policies.NAME]`: a policy without its revision; carries out at most `most` actions in each
    span of `span_s` seconds (0: any number)."""

    stages: Annotated[tuple[Stage, ...], AtMost(MAX_STAGES, 1)]
    scopes: Annotated[tuple[Scope, ...], AtMost(MAX_SCOPES, 1)]
    proposers: BodyName | None
    deposit: Amount
    most: Annotated[int, Uint(MAX_LIMIT)]
    span_s: Span


@dataclass(frozen=True, slots=True)
class Government:
    """The bodies, with who is in them from the start, the policies, and what limits these, by their
    names."""

    bodies: Mapping[str, tuple[Body, FirstMembers]]
    policies: Mapping[str, Policy]
    limits: Mapping[str, Limit]


R = TypeVar("R", bound=Record)


def parse_government(bodies: Mapping[str, Json], policies: Mapping[str, Json]) -> Government:
    """Read the sections `[bodies.*]` and `[policies.*]`; raises Invalid naming the key at fault."""
    read = {name: _policy(name, section) for name, section in policies.items()}
    return Government(
        {name: _body(name, section) for name, section in bodies.items()},
        {name: _unlimited(section) for name, section in read.items()},
        {name: _limit(name, section) for name, section in read.items() if section.most},
    )


def _body(name: str, section: Json) -> tuple[Body, FirstMembers]:
    path = f"bodies.{name}"
    table = {**_NOBODY, **_table(section, path)}
    first = {field.name: table.pop(field.name) for field in FirstMembers.fields}
    _check_name(BodyName, name, path)
    return _read(Body, {**_NO_RULES, **table}, path), _read(FirstMembers, first, path)


def _policy(name: str, section: Json) -> PolicySection:
    path = f"policies.{name}"
    table = {**_PLAIN_POLICY, **_table(section, path)}
    stages = table.get("stages")
    if isinstance(stages, list):
        table["stages"] = [
            {**_PLAIN_STAGE, **_table(stage, f"{path}.stages[{i}]")}
            for i, stage in enumerate(stages)
        ]
    _check_name(PolicyName, name, path)
    return _read(PolicySection, table, path)


def _unlimited(section: PolicySection) -> Policy:
    return Policy(section.stages, section.scopes, section.proposers, section.deposit, revision=1)


def _limit(name: str, section: PolicySection) -> Limit:
    if not section.span_s:
        raise InvalidGenesis("1 second at least is expected", field=f"policies.{name}.span_s")
    return Limit(section.most, section.span_s, span=0, used=0)


def _table(value: Json, path: str) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise InvalidGenesis(f"a section [{path}] is expected", field=path)
    return value


def _check_name(kind: object, name: str, path: str) -> None:
    try:
        kind_of(kind).unpack(name)
    except Invalid as error:
        raise error.within(path) from None


def _read(cls: type[R], table: Mapping[str, Json], path: str) -> R:
    try:
        return cls.from_json(dict(table))
    except Invalid as error:
        raise error.within(path) from None


@dataclass(frozen=True, slots=True)
class Founders:
    """Who can be in bodies from the start: the accounts that genesis funds, the first producers,
    and the spare ones."""

    accounts: Sequence[bytes]
    producers: Sequence[bytes]
    spares: Sequence[bytes]

    def chosen(self, first: FirstMembers) -> list[bytes]:
        """Those who are in a body, each once."""
        groups = (
            self.accounts[: first.first_accounts],
            self.producers if first.first_producers else (),
            self.spares if first.first_spares else (),
        )
        return list(dict.fromkeys(account for group in groups for account in group))


def put_government(
    state: State, government: Government, founders: Founders, genesis_time_ms: int
) -> None:
    """Write bodies, their first members and alternates, and policies with their limits; raises
    Invalid naming what cannot be."""
    governed = [tag for tag, declared in REGISTRY.actions.items() if declared.governed]
    for name, (body, first) in government.bodies.items():
        path = f"bodies.{name}"
        try:
            put_body(state, name, body)
        except Invalid as error:
            raise InvalidGenesis(error.message, field=error.field.replace("body", path)) from None
        _enroll(state, name, body, founders.chosen(first), genesis_time_ms)
        if first.spare_alternates:
            _name_alternates(state, name, body, tuple(founders.spares))
    for name, policy in government.policies.items():
        try:
            put_policy(state, governed, name, policy)
        except Invalid as error:
            raise error.within(f"policies.{name}") from None
    for name, limit in government.limits.items():
        LIMITS.put(state, limit, name)


def _name_alternates(state: State, name: str, body: Body, spares: tuple[bytes, ...]) -> None:
    if len(spares) > body.alternates:
        raise InvalidGenesis(f"{len(spares)} spare producers", field=f"bodies.{name}.alternates")
    name_alternates(state, name, spares)


def _enroll(
    state: State, name: str, body: Body, members: Sequence[bytes], genesis_time_ms: int
) -> None:
    path = f"bodies.{name}"
    if members and body.kind != MEMBERS:
        raise InvalidGenesis(f"{body.kind} are not listed", field=f"{path}.kind")
    if len(members) > body.cap:
        raise InvalidGenesis(f"{len(members)} members from the start", field=f"{path}.cap")
    for account in members:
        if body.seats and not may_hold_seat(state, account):
            raise InvalidGenesis("only producers hold seats", field=f"{path}.first_accounts")
        enroll(state, name, account, height=0, now_ms=genesis_time_ms)
