"""What may be declared, and what follows from it."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import jsonschema_rs
import pytest

from consensus.address import format_address
from consensus.cid import RAW, Cid, cid_of
from consensus.codec import encode
from consensus.errors import InvalidEncoding
from consensus.kinds import AccountId, Counter, Text
from consensus.record import Record, record
from tests.vm.world import ANNA, BEN, World, apply_to, commit_to, pay, publish
from vm.context import Context
from vm.declare import Action, Module, sentence_of
from vm.forms import (
    event_schema,
    event_to_json,
    transaction_from_json,
    transaction_schema,
    transaction_to_json,
)
from vm.modules.content import OWNED
from vm.modules.tokens import BALANCES
from vm.overlay import EmptyView, Overlay
from vm.parameter import VALUES, Parameter, ParameterValue
from vm.reference import reference
from vm.registry import MODULES, REGISTRY, Registry
from vm.table import Table
from vm.transition import BlockExecution


def module() -> Module:
    return Module("book", "Keeps notes.")


@record("book.note")
class Note(Record):
    """A note."""

    text: Annotated[str, Text(5)]


@record("book.bare")
class Bare(Record):
    text: Annotated[str, Text(5)]


@record("other.note")
class Foreign(Record):
    """Of another module."""


@record("book.typed")
class Typed(Record):
    """Hides its type."""

    type: Annotated[str, Text(5)]


@pytest.mark.parametrize(
    "declare",
    [
        lambda: Module("Book", "Upper case."),
        lambda: module().event(Bare),
        lambda: module().event(Foreign),
        lambda: module().event(Typed),
        lambda: module().error("Not found", "Spaces."),
        lambda: module().parameter(
            "size", default=5, minimum=6, maximum=7, unit="bytes", sentence="Out of bounds."
        ),
        lambda: module().parameter(
            "a-b", default=6, minimum=6, maximum=7, unit="bytes", sentence="A hyphen."
        ),
        lambda: module().table(
            Note, a=Counter, b=Counter, c=Counter, d=Counter, e=Counter, f=Counter
        ),
        lambda: Registry([module(), module()]),
        lambda: Registry([noted(), noted()]),
    ],
)
def test_malformed_declarations_are_refused(declare: Callable[[], object]) -> None:
    with pytest.raises((ValueError, InvalidEncoding)):
        declare()


def noted() -> Module:
    made = module()
    made.event(Note)
    return made


def test_a_new_module_needs_its_declaration_and_a_line_in_the_registry() -> None:
    notes = module()
    table: Table[Note, bytes] = notes.table(Note, author=AccountId)

    @notes.action(gas=7)
    @record("book.write")
    class Write(Action):
        """Keep a note."""

        text: Annotated[str, Text(5)]

        def apply(self, context: Context) -> None:
            table.put(context.state, Note(self.text), context.sender)

    registry = Registry((*MODULES, notes))
    world = World.begin()
    execution = BlockExecution(world.state, world.block(), registry)
    receipt = apply_to(execution, world.order(Write("hello")))
    assert receipt.status == "ok"
    assert execution.finish().writes[table.state_key(ANNA.public)] == Note("hello").encode()
    assert registry.action_gas(Write("x"), world.state) == 7


def test_keys_are_arrays_that_sort_by_their_parts() -> None:
    cid = cid_of(RAW, b"")
    key = OWNED.state_key(ANNA.public, 7, cid)
    assert key == encode(["content.owned", ANNA.public, 7, cid])
    assert OWNED.key_parts(key) == (ANNA.public, 7, cid)
    for count in range(3):
        assert key.startswith(OWNED.prefix(*(ANNA.public, 7, cid)[:count]))
    heights = [0, 23, 24, 255, 256, 65_535, 65_536, 2**32]
    keys = [OWNED.state_key(ANNA.public, height, cid) for height in heights]
    assert keys == sorted(keys)


@pytest.mark.parametrize(
    ("parts", "field"),
    [((b"short", 1, cid_of(RAW, b"")), "owner"), ((bytes(32), -1, cid_of(RAW, b"")), "height")],
)
def test_a_key_part_out_of_bounds_is_named(parts: tuple[bytes, int, Cid], field: str) -> None:
    with pytest.raises(InvalidEncoding) as caught:
        OWNED.state_key(*parts)
    assert caught.value.field == field


def test_a_key_part_of_another_type_is_refused_though_its_equal_was_looked_up() -> None:
    cid = cid_of(RAW, b"")
    OWNED.state_key(bytes(32), 1, cid)
    with pytest.raises(InvalidEncoding) as caught:
        OWNED.state_key(bytes(32), True, cid)
    assert caught.value.field == "height"


def test_a_key_of_another_table_or_length_is_refused() -> None:
    other = BALANCES.state_key(ANNA.public, "REEL")
    for key in (other, encode(["content.owned", ANNA.public]), encode(7)):
        with pytest.raises(InvalidEncoding):
            OWNED.key_parts(key)
    with pytest.raises(InvalidEncoding, match="no table"):
        REGISTRY.table_of(encode(["nothing.here", 1]))
    with pytest.raises(InvalidEncoding):
        REGISTRY.table_of(encode(7))


def test_keys_are_read_as_people_spell_them() -> None:
    cid = cid_of(RAW, b"")
    texts = [format_address(ANNA.public), "7", str(cid)]
    assert OWNED.key_from_text(texts) == (ANNA.public, 7, cid)
    assert OWNED.key_from_text(texts[:1]) == (ANNA.public,)
    for i, bad in enumerate(["reel1", "07x", str(cid).upper()]):
        with pytest.raises(InvalidEncoding) as caught:
            OWNED.key_from_text([*texts[:i], bad])
        assert caught.value.field == ("owner", "height", "cid")[i]
    with pytest.raises(InvalidEncoding, match="3 parts"):
        OWNED.key_from_text([*texts, "more"])


def test_every_row_is_found_over_several_pages() -> None:
    state = Overlay(EmptyView())
    for i in range(600):
        VALUES.put(state, ParameterValue(i), f"m.p{i}")
    assert sorted(row.value for _, row in VALUES.every(state)) == list(range(600))


def test_a_parameter_has_its_default_until_it_is_set_within_bounds() -> None:
    state = Overlay(EmptyView())
    size = Parameter("book.size", 5, 2, 7, "bytes", "How long.")
    assert size.read(state) == 5
    size.set(state, 7)
    assert size.read(state) == 7
    for value in (1, 8):
        with pytest.raises(InvalidEncoding) as caught:
            size.set(state, value)
        assert caught.value.field == "book.size"
    assert size.read(state) == 7


def test_transactions_and_events_have_json_forms_that_fit_their_schemas() -> None:
    world = World.begin()
    commit_to(world.state, publish())
    orders = [world.order(pay(memo="tea"), payer=BEN), world.order(publish(), nonce=1)]
    for order in orders:
        json = transaction_to_json(order)
        jsonschema_rs.validator_for(transaction_schema()).validate(json)
        assert transaction_from_json(json) == order
    for event in world.run(*orders).events:
        jsonschema_rs.validator_for(event_schema()).validate(event_to_json(event))


def test_errors_in_a_transactions_json_are_named() -> None:
    json: dict[str, Any] = transaction_to_json(World.begin().order(pay()))
    (action,) = json["actions"]
    for changed, field in (
        ({"nonce": -1}, "nonce"),
        ({"actions": []}, "actions"),
        ({"actions": [{**action, "amount": "x"}]}, "actions[0].amount"),
        ({"actions": [{**action, "type": "token.steal"}]}, "actions[0].type"),
        ({"actions": [{}]}, "actions[0].type"),
        ({"actions": [7]}, "actions[0]"),
        ({"colour": 1}, "colour"),
    ):
        with pytest.raises(InvalidEncoding) as caught:
            transaction_from_json({**json, **changed})
        assert caught.value.field == field


def test_the_reference_page_is_up_to_date() -> None:
    page = Path(__file__).parents[2] / "docs" / "modules.md"
    assert page.read_text("utf-8") == reference(), "run: python -m vm.reference > docs/modules.md"


def test_every_declaration_has_its_sentence() -> None:
    for declared in REGISTRY.actions.values():
        assert sentence_of(declared.type).endswith(".")
    for sentence in [e.sentence for e in REGISTRY.errors.values()]:
        assert sentence.endswith(".")
