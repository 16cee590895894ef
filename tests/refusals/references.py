"""What the fields of actions refer to: what stands in the keys of the state's rows.

A field refers to something by its name, if a key has a part of that name and kind; a text also if a
row of its module's tables has it in its key, whatever the part's name.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from consensus.codec import Wire, encode
from consensus.kinds import Kind, Link, Text
from tests.economies.drawing import meant
from vm.registry import REGISTRY
from vm.view import View

MOST_ROWS = 1_000_000
# Parts of keys that are there for their order.
ORDERS = ("closes_ms", "height", "place", "time_ms", "until_ms")


class Column(NamedTuple):
    """A part of a table's key."""

    table: str
    name: str
    label: str


NAMED = {
    (meant(part.name), part.kind.label)
    for table in REGISTRY.tables.values()
    for part in table.key
    if part.name not in ORDERS
}


@dataclass
class References:
    """What can be referred to in a state."""

    state: View
    _values: dict[Column, set[Wire]] = field(default_factory=lambda: defaultdict(set))

    def __post_init__(self) -> None:
        for state_key, _ in self.state.scan(b"", start=b"", limit=MOST_ROWS):
            table = REGISTRY.table_of(state_key)
            for part, value in zip(table.key, table.key_parts(state_key), strict=True):
                self._values[Column(table.name, meant(part.name), part.kind.label)].add(value)

    def refers(self, module: str, name: str, kind: Kind, value: Wire) -> bool:
        """Whether a field of the module's actions that has this value refers to something."""
        is_named = (meant(name), kind.label) in NAMED
        return is_named or isinstance(kind, Link) or bool(self._own(module, kind, value))

    def others(self, module: str, name: str, kind: Kind, value: Wire) -> list[Wire]:
        """What it could refer to instead, where it most likely looks or else anywhere."""
        same = [
            column
            for column in self._values
            if (column.name, column.label) == (meant(name), kind.label)
        ]
        columns = same or self._own(module, kind, value)
        columns.sort(key=lambda column: self._likelihood(column, module, value))
        for column in reversed(columns):
            if others := self._values[column] - {value}:
                return sorted(others, key=encode)
        return []

    def _own(self, module: str, kind: Kind, value: Wire) -> list[Column]:
        """The columns of the module's tables in which this text stands."""
        return [
            column
            for column, values in self._values.items()
            if isinstance(kind, Text)
            and column.label == kind.label
            and column.table.startswith(f"{module}.")
            and value in values
        ]

    def _likelihood(self, column: Column, module: str, value: Wire) -> tuple[bool, bool, str]:
        is_own = column.table.startswith(f"{module}.")
        return is_own, value in self._values[column], column.table
