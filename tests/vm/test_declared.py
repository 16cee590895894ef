"""Every declared action, with every field missing, of the wrong kind, at and beyond its bounds.

Modules added later are tested here without a word of their own.
"""

from collections.abc import Iterator, Sequence

import jsonschema_rs
import pytest

from consensus.cid import RAW, Cid, cid_of
from consensus.codec import UINT64_MAX, Wire, encode
from consensus.errors import ActionFailed, InvalidEncoding, InvalidTransaction
from consensus.kinds import Account, Boolean, Bytes, Kind, Link, Many, Nullable, Text, Uint
from consensus.record import Field, Nested
from consensus.transaction import TaggedRecord, Transaction
from tests.vm.world import ANNA, World, apply_to
from vm.forms import ACTION, GOVERNED, TypedForm, row_schema, row_to_json, typed_schema
from vm.modules.gov import policy_id
from vm.overlay import Overlay
from vm.receipt import Receipt
from vm.registry import REGISTRY
from vm.running import Running
from vm.transition import BlockExecution

TAGS = list(REGISTRY.actions)
GOVERNED_TAGS = [tag for tag in TAGS if REGISTRY.actions[tag].governed]
SAMPLES: list[Wire] = [None, True, 7, "text", b"bytes", [], cid_of(RAW, b"")]
TEXTS = ["a", "A", "a/a", "a.a", "a.aa", "https://a"]
PLAIN: dict[type[Kind], list[Wire]] = {
    Account: [bytes(32)],
    Link: [cid_of(RAW, b"")],
    Boolean: [False, True],
    TaggedRecord: [["gov.resolve", 1, "a"]],
}


def text_of(kind: Text) -> str:
    """A text that the kind takes."""
    for made in ["", *(text * kind.minimum for text in TEXTS), *TEXTS, *kind.pattern.split("|")]:
        try:
            return kind.unpack(made)
        except InvalidEncoding:
            continue
    raise ValueError(f"no example for {kind.label}: add one to TEXTS")


def fitting(kind: Kind) -> list[Wire]:
    """Values that the kind takes, a plain one first and those at its bounds among them."""
    match kind:
        case Account() | Link() | Boolean() | TaggedRecord():
            return PLAIN[type(kind)]
        case Uint():
            return [kind.minimum, kind.maximum]
        case Bytes():
            return [bytes(kind.minimum), bytes(kind.maximum)]
        case Text():
            return [text_of(kind), *([] if kind.pattern else ["a" * kind.maximum])]
        case Nullable():
            return [None, *fitting(kind.kind)]
        case Many():
            plain = fitting(kind.kind)[0]
            return [[plain] * kind.minimum, [plain] * kind.maximum]
        case Nested():
            return [[*head_of(kind), *body] for body in fitting_bodies(kind.type.fields)]
    raise ValueError(f"no examples for {kind.label}: add its kind here")


def refused(kind: Kind) -> list[tuple[Wire, str]]:
    """Values that the kind refuses, each with the path of what is wrong below its field."""
    match kind:
        case Uint():
            above = [kind.maximum + 1] if kind.maximum < UINT64_MAX else []
            return whole([kind.minimum - 1, *above], int)
        case Bytes():
            return whole([bytes(kind.maximum + 1), *below(kind.minimum, b"x")], bytes)
        case Account():
            return whole([bytes(31), bytes(33)], bytes)
        case Text():
            odd = "\n" if kind.pattern else "\x07"
            return whole([odd, "a" * (kind.maximum + 1), *below(kind.minimum, "a")], str)
        case Link() | Boolean():
            return whole([], Cid if isinstance(kind, Link) else bool)
        case Nullable():
            return [item for item in refused(kind.kind) if item[0] is not None]
        case Many():
            plain = fitting(kind.kind)[0]
            inside = [([value], f"[0]{path}") for value, path in refused(kind.kind)]
            return [*whole([[plain] * (kind.maximum + 1)], list), *inside]
        case TaggedRecord():
            return whole([[], ["gov.resolve"], [1, 1]], list)
        case Nested():
            inner = refused_bodies(kind.type.fields)
            return [*whole([[]], list), *(([*head_of(kind), *b], f".{path}") for b, path in inner)]
    raise ValueError(f"no examples for {kind.label}: add its kind here")


def whole(values: list[Wire], right: type) -> list[tuple[Wire, str]]:
    """These values and one of every type but the right one."""
    return [(value, "") for value in [*values, *(v for v in SAMPLES if type(v) is not right)]]


def below(minimum: int, filler: bytes | str) -> list[Wire]:
    return [filler * (minimum - 1)] if minimum else []


def head_of(kind: Nested) -> list[Wire]:
    return [kind.type.tag, kind.type.version] if kind.type.tag else []


def fitting_bodies(fields: Sequence[Field]) -> Iterator[list[Wire]]:
    """All fields plain, then each field in turn at each of its bounds."""
    plain = [fitting(field.kind)[0] for field in fields]
    yield plain
    for i, field in enumerate(fields):
        for value in fitting(field.kind)[1:]:
            yield [*plain[:i], value, *plain[i + 1 :]]


def refused_bodies(fields: Sequence[Field]) -> Iterator[tuple[list[Wire], str]]:
    """Each field in turn with each value that it refuses, and the path to it."""
    plain = [fitting(field.kind)[0] for field in fields]
    for i, field in enumerate(fields):
        for value, path in refused(field.kind):
            yield [*plain[:i], value, *plain[i + 1 :]], f"{field.name}{path}"


def fields_of(tag: str) -> tuple[Field, ...]:
    return REGISTRY.actions[tag].type.fields


def form_of(tag: str) -> TypedForm:
    return GOVERNED if REGISTRY.actions[tag].governed else ACTION


def carry_out(world: World, wire: list[Wire]) -> tuple[ActionFailed | None, Overlay]:
    """What becomes of a governed action, and the state then."""
    state = Overlay(world.state)
    context = Running(world.block(), state, REGISTRY).context(ANNA.public, 0)
    return context.declared.carry_out(policy_id("any"), [wire]), state


def check_refused(world: World, wire: list[Wire], field: str) -> None:
    if REGISTRY.actions[str(wire[0])].governed:
        error, state = carry_out(world, wire)
        assert error is not None
        assert (error.code, error.field) == ("invalid-encoding", field.removeprefix("actions"))
        assert not state.writes()
        return
    execution = world.start()
    with pytest.raises(InvalidTransaction) as caught:
        apply_to(execution, world.order(wire, max_fee=10**8))
    assert (caught.value.code, caught.value.field) == ("invalid-encoding", field)
    assert execution.finish() == world.start().finish()


@pytest.fixture(scope="module")
def world() -> World:
    return World.begin()


@pytest.mark.parametrize("tag", TAGS)
def test_a_field_of_the_wrong_kind_or_out_of_bounds_is_named(world: World, tag: str) -> None:
    for body, path in refused_bodies(fields_of(tag)):
        check_refused(world, [tag, 1, *body], f"actions[0].{path}")


@pytest.mark.parametrize("tag", TAGS)
def test_fields_missing_or_too_many_are_refused(world: World, tag: str) -> None:
    plain = next(fitting_bodies(fields_of(tag)))
    for size in range(len(plain)):
        check_refused(world, [tag, 1, *plain[:size]], "actions[0]")
    check_refused(world, [tag, 1, *plain, None], "actions[0]")
    check_refused(world, [tag, 2, *plain], "actions[0]")


@pytest.mark.parametrize("tag", TAGS)
def test_a_field_missing_or_unknown_in_json_is_named(tag: str) -> None:
    form = form_of(tag)
    json = form.to_json([tag, 1, *next(fitting_bodies(fields_of(tag)))])
    for field in fields_of(tag):
        if isinstance(field.kind, Nullable):
            continue
        with pytest.raises(InvalidEncoding, match="missing") as caught:
            form.from_json({name: json[name] for name in json if name != field.name})
        assert caught.value.field == field.name
    with pytest.raises(InvalidEncoding, match="unknown field") as caught:
        form.from_json({**json, "colour": 1})
    assert caught.value.field == "colour"


@pytest.mark.parametrize("tag", TAGS)
def test_json_at_the_bounds_fits_the_schema_and_comes_back(tag: str) -> None:
    validator = jsonschema_rs.validator_for(typed_schema(REGISTRY.actions[tag].type))
    for body in fitting_bodies(fields_of(tag)):
        json = form_of(tag).to_json([tag, 1, *body])
        validator.validate(json)
        assert form_of(tag).from_json(json) == [tag, 1, *body]


@pytest.mark.parametrize("tag", GOVERNED_TAGS)
def test_at_the_bounds_what_is_governed_holds_or_changes_nothing(world: World, tag: str) -> None:
    for body in fitting_bodies(fields_of(tag)):
        error, state = carry_out(world, [tag, 1, *body])
        if error is not None:
            assert error.code in REGISTRY.errors
            assert not state.writes()
        assert list(REGISTRY.broken_invariants(state)) == []
        assert REGISTRY.unpack_governed([tag, 1, *body]).in_words()


@pytest.mark.parametrize("tag", [tag for tag in TAGS if tag not in GOVERNED_TAGS])
def test_at_the_bounds_an_action_passes_or_fails_by_a_declared_error(
    world: World, tag: str
) -> None:
    for body in fitting_bodies(fields_of(tag)):
        execution = world.start()
        result = try_to_apply(execution, world.order([tag, 1, *body], max_fee=10**8))
        if isinstance(result, InvalidTransaction):
            assert result.code in REGISTRY.errors
            assert execution.finish() == world.start().finish()
            continue
        after = Overlay(world.state)
        for key, value in execution.finish().writes.items():
            after.put(key, value) if value is not None else after.delete(key)
        assert list(REGISTRY.broken_invariants(after)) == []
        if result.status != "ok":
            assert result.status in REGISTRY.errors
            assert changed_tables(after, world) == PAYING


def try_to_apply(
    execution: BlockExecution, transaction: Transaction
) -> Receipt | InvalidTransaction:
    try:
        return apply_to(execution, transaction)
    except InvalidTransaction as error:
        return error


PAYING = {
    "account.sender",
    "token.balance",
    "token.asset",
    "token.pot",
    "producer.attendance",
    "producer.beacon",
    "producer.watch",
    "chain.progress",
    "rewards.unshared",
    "economy.clock",
}


def changed_tables(after: Overlay, world: World) -> set[str]:
    """The tables in which a block left another row than the one before it."""
    return {
        REGISTRY.table_of(key).name
        for key, value in after.writes().items()
        if value != world.state.get(key)
    }


@pytest.mark.parametrize("name", list(REGISTRY.tables))
def test_a_row_at_the_bounds_has_a_json_form_that_fits_its_schema(name: str) -> None:
    table = REGISTRY.tables[name]
    validator = jsonschema_rs.validator_for(row_schema(table))
    key = encode([name, *(fitting(field.kind)[0] for field in table.key)])
    for body in fitting_bodies(table.row.fields):
        json = row_to_json(key, encode([name, table.row.version, *body]))
        assert json["table"] == name
        validator.validate(json)
