"""How proved facts look: in JSON, and as names and values for people."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TypeAlias

from consensus.address import format_address
from consensus.block import Header
from consensus.certificate import split_certificate
from consensus.errors import Invalid
from consensus.kinds import Json, JsonObject
from consensus.light_answer import EVENTS, RECEIPTS, Facts, LightAnswer, ListItem
from consensus.light_rows import Terms
from node.output import print_fields, print_line
from vm.forms import event_to_json
from vm.receipt import Event, Receipt
from vm.registry import REGISTRY

Section: TypeAlias = Mapping[str, object] | str


def final_form(facts: Facts, answer: LightAnswer, terms: Terms) -> JsonObject:
    """The block that facts hold after, and how many made it final."""
    final = facts.final
    signed = split_certificate(answer.certificate, facts.producers, field="certificate")
    return {
        "height": final.height,
        "slot": final.slot,
        "time": _time(terms.start_ms(final.slot)),
        "block": str(facts.place.id),
        "signed": len(signed),
        "producers": len(facts.producers.members),
    }


def block_form(header: Header, terms: Terms) -> JsonObject:
    """A proved block, of which nothing but the header is known."""
    return {
        "height": header.height,
        "block": str(header.id()),
        "slot": header.slot,
        "time": _time(terms.start_ms(header.slot)),
        "parent": None if header.parent is None else str(header.parent),
        "producer": None if header.producer is None else format_address(header.producer),
        "dynasty": header.dynasty,
        "state_root": header.state_root.hex(),
        "transactions_root": header.transactions_root.hex(),
        "receipts_root": header.receipts_root.hex(),
        "events_root": header.events_root.hex(),
    }


def row_form(key: bytes, value: bytes | None) -> JsonObject:
    """A row, null where there is none; in hex if this release has no such table."""
    try:
        table = REGISTRY.table_of(key)
        row = None if value is None else table.row.decode(value).to_json()
        return {"table": table.name, "key": table.key_to_json(key), "row": row}
    except Invalid:
        return {"key": key.hex(), "row": None if value is None else value.hex()}


def item_form(item: ListItem) -> JsonObject:
    """A proved item of a block's list."""
    return {"list": item.list, "item": _item(item)}


def _item(item: ListItem) -> Json:
    try:
        if item.list == RECEIPTS:
            return Receipt.decode(item.item).to_json()
        if item.list == EVENTS:
            return event_to_json(Event.decode(item.item))
    except Invalid:
        pass  # of another release: its bytes are proved all the same
    return item.item.hex()


def row_sections(form: JsonObject, absent: str = "no such row") -> list[Section]:
    """A row for people: where it is, and what it holds."""
    row, key = form["row"], form["key"]
    place: dict[str, object] = {"key": key}
    if isinstance(key, dict):
        place = {"table": form["table"], **key}
    if row is None:
        return [place, absent]
    if isinstance(row, dict):
        return [place, row or "present, without fields"]
    return [place, {"value": row}]


def print_sections(sections: Iterable[Section]) -> None:
    """Names and values, or sentences, with an empty line between them."""
    for i, section in enumerate(sections):
        if i:
            print_line("")
        if isinstance(section, str):
            print_line(section)
        else:
            print_fields({name.replace("_", " "): _plain(value) for name, value in section.items()})


def _plain(value: object) -> object:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value


def _time(time_ms: int) -> str:
    try:
        made = datetime.fromtimestamp(time_ms / 1000, UTC)
    except (ValueError, OverflowError):  # far beyond any calendar
        return f"{time_ms} ms after 1970"
    return made.isoformat(timespec="milliseconds").replace("+00:00", "Z")
