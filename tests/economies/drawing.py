"""Actions drawn at random from what a chain's state holds, whatever modules declare them.

A field is filled from a row that the action may be about, else from any row that has something of
its name, else with a value of its kind; so that a good part of what is drawn can succeed.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from random import Random

from consensus.cid import RAW, cid_of
from consensus.codec import Wire, decode
from consensus.errors import Invalid
from consensus.kinds import Account, Asset, Boolean, Bytes, Kind, Link, Many, Nullable, Text, Uint
from consensus.record import Field, Nested, kind_of
from consensus.transaction import TaggedRecord
from vm.overlay import Overlay
from vm.registry import REGISTRY

CIDS = [cid_of(RAW, bytes([place])) for place in range(8)]
WORDS = [
    "a",
    "b1",
    "space",
    "de",
    "en",
    "XYZ",
    "QAX",
    "video/mp4",
    "gov.resolve",
    "fee.burn_ppm",
    "https://live.example/index.m3u8",
    "",
]
ASSET = kind_of(Asset)
# The names under which actions and tables speak of the same thing.
SAME = {"video": "cid", "parent": "cid", "replaces": "cid", "to": "account", "held": "asset"}
SAME |= {"paid": "asset", "base": "asset", "quote": "asset", "owner": "account"}
DAY_MS = 86_400_000
LARGEST = 10**12
FILLED, HALVED = 0.8, 0.4  # how often a field is filled from a row; how often with less of it


class Drawing:
    """`state` is what is drawn from, `note` must be told of each row written to it."""

    def __init__(self, random: Random, state: Overlay, accounts: Sequence[bytes]) -> None:
        self._random = random
        self._state = state
        self._accounts = accounts
        self._rows: dict[str, list[bytes]] = defaultdict(list)
        self._sources: dict[str, list[str]] = defaultdict(list)
        self._names: dict[str, set[str]] = {}
        for table in REGISTRY.tables.values():
            fields = [*table.key, *table.row.fields]
            self._names[table.name] = {meant(field.name) for field in fields if table.key}
            for field in table.key:
                self._sources[meant(field.name)].append(table.name)

    def note(self, key: bytes) -> None:
        """A row was written that was not there."""
        self._rows[REGISTRY.table_of(key).name].append(key)

    def action(self, tag: str, height: int, time_ms: int) -> list[Wire]:
        """An action of this type."""
        self._now = {"height": height, "ms": time_ms}
        type_ = REGISTRY.actions[tag].type
        about = self._about(tag.partition(".")[0], type_.fields)
        return [tag, type_.version, *(self._field(field, about) for field in type_.fields)]

    def _about(self, module: str, fields: Sequence[Field]) -> Mapping[str, Wire]:
        """What is in a row of the module, rather in one that has much in common with the action."""
        names = {meant(field.name) for field in fields}
        shared = {
            name: len(names & self._names[name]) ** 2
            for name, keys in self._rows.items()
            if keys and name.startswith(f"{module}.")
        }
        if not any(shared.values()):
            return {}
        return self._row(self._random.choices([*shared], [*shared.values()])[0])

    def _row(self, name: str) -> dict[str, Wire]:
        """The fields of a row of this table; nothing if the one drawn is gone."""
        table, keys = REGISTRY.tables[name], self._rows[name]
        place = self._random.randrange(len(keys))
        value = self._state.get(keys[place])
        if value is None:
            keys[place] = keys[-1]
            keys.pop()
            return {}
        key, row = decode(keys[place]), decode(value)
        if not isinstance(key, list) or not isinstance(row, list):
            raise TypeError("keys and rows are arrays")
        found = dict(zip((field.name for field in table.row.fields), row[2:], strict=True))
        found |= dict(zip((field.name for field in table.key), key[1:], strict=True))
        return found | {meant(name): value for name, value in found.items()}

    def _field(self, field: Field, about: Mapping[str, Wire]) -> Wire:
        if self._random.random() < FILLED:
            for name in (field.name, meant(field.name)):
                if name in about and _fits(field.kind, about[name]):
                    return self._less(field, about[name])
            sources = [name for name in self._sources[meant(field.name)] if self._rows[name]]
            if sources and not isinstance(field.kind, Account):
                found = self._row(self._random.choice(sources)).get(meant(field.name))
                if found is not None and _fits(field.kind, found):
                    return found
        return self._value(field.name, field.kind)

    def _less(self, field: Field, value: Wire) -> Wire:
        """The value, or of an amount some of it."""
        is_amount = field.name in ("amount", "units", "deposit", "reward")
        if isinstance(value, int) and is_amount and self._random.random() < HALVED:
            return self._random.randint(min(1, value), value)
        return value

    def _value(self, name: str, kind: Kind) -> Wire:
        random = self._random
        match kind:
            case Account():
                return random.choice(self._accounts)
            case Link():
                return random.choice(CIDS)
            case Boolean():
                return random.random() < 0.7
            case Uint():
                return self._number(name, kind)
            case Bytes():
                return bytes(max(kind.minimum, min(32, kind.maximum)))
            case Text():
                return self._text(kind)
        return self._composed(name, kind)

    def _composed(self, name: str, kind: Kind) -> Wire:
        match kind:
            case Nullable():
                return None if self._random.random() < 0.5 else self._value(name, kind.kind)
            case Many():
                return self._many(name, kind)
            case Nested():
                head: list[Wire] = [kind.type.tag, kind.type.version] if kind.type.tag else []
                return [*head, *(self._field(field, {}) for field in kind.type.fields)]
            case TaggedRecord():
                return ["gov.resolve", 1, "as it is"]
        raise TypeError(f"nothing is drawn of the kind {kind.label}")

    def _many(self, name: str, kind: Many) -> list[Wire]:
        size = self._random.randint(kind.minimum, min(kind.maximum, kind.minimum + 2))
        made = [self._value(name, kind.kind) for _ in range(size)]
        if all(isinstance(each, str | bytes | int) for each in made):
            return sorted(set(made)) if len(set(made)) >= kind.minimum else made  # type: ignore[type-var]
        return made

    def _number(self, name: str, kind: Uint) -> int:
        """A round number; a time or a height soon to come."""
        random, unit = self._random, name.rpartition("_")[2]
        if unit in self._now:
            soon = 3 * DAY_MS if unit == "ms" else 100
            return min(kind.maximum, self._now[unit] + random.randint(0, soon))
        digits = len(str(min(kind.maximum, LARGEST))) - 1
        drawn = int(str(random.randint(1, 9)).ljust(random.randint(1, digits + 1), "0"))
        return max(kind.minimum, min(kind.maximum, drawn))

    def _text(self, kind: Text) -> str:
        if kind.label == ASSET.label and self._rows["token.asset"] and self._random.random() < 0.8:
            return str(self._row("token.asset")["asset"])
        words = [*WORDS, *kind.pattern.split("|")]
        self._random.shuffle(words)
        return next(word for word in words if _fits(kind, word))


def meant(name: str) -> str:
    """The name under which a field's thing is known best."""
    return SAME.get(name, name)


def _fits(kind: Kind, value: Wire) -> bool:
    try:
        kind.unpack(value)
    except Invalid:
        return False
    return True
