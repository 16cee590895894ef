"""Every field of every action: missing, null, of another kind, at its bounds and beyond them.

All follows from what the modules declare; an action that is added is tested with them.
"""

from collections.abc import Iterator, Mapping

import pytest

from consensus.codec import Wire, decode, encode
from consensus.errors import Invalid, InvalidEncoding
from consensus.kinds import Json, Nullable
from consensus.record import Record
from tests.refusals.bounds import (
    beyond,
    beyond_json,
    least,
    most,
    other_jsons,
    other_wires,
    typical,
    wire_of,
)
from tests.refusals.places import Place, places_of
from vm.declare import Action
from vm.forms import ACTION, GOVERNED, formed
from vm.registry import REGISTRY

MODULES = sorted({tag.partition(".")[0] for tag in REGISTRY.actions})


def actions_of(module: str) -> list[type[Action]]:
    return [
        declared.type for tag, declared in REGISTRY.actions.items() if tag.startswith(f"{module}.")
    ]


def example(cls: type[Record]) -> list[Wire]:
    """An action that has something in each of its fields."""
    return wire_of(cls, *(typical(field.kind) for field in cls.fields))


def json_of(cls: type[Record], wire: Wire) -> Mapping[str, Json]:
    return {"type": cls.tag, **formed(cls).unpack(wire).to_json()}


def read_json(cls: type[Action], json: Json) -> list[Wire]:
    form = GOVERNED if REGISTRY.actions[cls.tag].governed else ACTION
    return form.from_json(json)


def read_bytes(data: bytes) -> Action:
    return REGISTRY.unpack_action(decode(data))


def places(cls: type[Action]) -> Iterator[Place]:
    """Each place of the example, in which actions of proposals have a JSON form."""
    return places_of(example(cls), formed(cls))


def refusal(read: object, *arguments: object) -> tuple[str, str]:
    """The code and the field of what reading this raises."""
    with pytest.raises(Invalid) as caught:
        read(*arguments)  # type: ignore[operator]
    assert isinstance(caught.value, InvalidEncoding)
    assert caught.value.message
    return caught.value.code, caught.value.field


def unreadable(path: str) -> tuple[str, str]:
    return "invalid-encoding", path


@pytest.mark.parametrize("module", MODULES)
def test_a_value_at_its_bounds_is_read(module: str) -> None:
    for cls in actions_of(module):
        whole = example(cls)
        for place in places(cls):
            for value in (least(place.kind), most(place.kind)):
                wire = place.write(whole, value)
                assert read_bytes(encode(wire)).pack() == wire, place.path
                assert read_json(cls, json_of(cls, wire)) == wire, place.path


@pytest.mark.parametrize("module", MODULES)
def test_a_value_beyond_its_bounds_or_of_another_kind_is_refused_in_bytes(module: str) -> None:
    for cls in actions_of(module):
        whole = example(cls)
        for place in places_of(whole, cls):
            for value in (*beyond(place.kind), *other_wires(place.kind)):
                data = encode(place.write(whole, value))
                assert refusal(read_bytes, data) == unreadable(place.path), value


@pytest.mark.parametrize("module", MODULES)
def test_a_value_beyond_its_bounds_or_of_another_kind_is_refused_in_json(module: str) -> None:
    for cls in actions_of(module):
        whole = json_of(cls, example(cls))
        for place in places(cls):
            for value in (*beyond_json(place.kind), *other_jsons(place.kind)):
                json = place.write_json(whole, value)
                assert refusal(read_json, cls, json) == unreadable(place.path), value


@pytest.mark.parametrize("module", MODULES)
def test_a_field_that_is_missing_is_named(module: str) -> None:
    """In JSON; bytes have no names, and say how many fields there are. What may be null may be
    missing."""
    for cls in actions_of(module):
        whole = json_of(cls, example(cls))
        for place in places(cls):
            if not place.is_field:
                continue
            json = place.leave_out(whole)
            if isinstance(place.kind, Nullable):
                assert read_json(cls, json) == place.write(example(cls), None)
            else:
                assert refusal(read_json, cls, json) == unreadable(place.path)


@pytest.mark.parametrize("module", MODULES)
def test_a_field_too_many_or_too_few_is_refused(module: str) -> None:
    for cls in actions_of(module):
        whole = example(cls)
        more: list[Wire] = [*whole, None]
        assert refusal(read_bytes, encode(more)) == unreadable("")
        if len(whole) > 2:
            assert refusal(read_bytes, encode(whole[:-1])) == unreadable("")
        json = {**json_of(cls, whole), "unheard_of": 1}
        assert refusal(read_json, cls, json) == unreadable("unheard_of")


@pytest.mark.parametrize("module", MODULES)
def test_another_version_is_refused(module: str) -> None:
    for cls in actions_of(module):
        for version in (0, 2):
            data = encode([cls.tag, version, *example(cls)[2:]])
            assert refusal(read_bytes, data) == unreadable("")


def test_what_is_no_action_is_refused() -> None:
    for wire in (None, 7, [], [None, 1], ["", 1], ["token.steal", 1]):
        with pytest.raises(Invalid) as caught:
            REGISTRY.unpack_action(wire)  # type: ignore[arg-type]
        assert caught.value.code == "chain.unknown-action"
    assert refusal(ACTION.from_json, {"type": "token.steal"}) == unreadable("type")
    assert refusal(ACTION.from_json, {}) == unreadable("type")
    assert refusal(ACTION.from_json, []) == unreadable("")
