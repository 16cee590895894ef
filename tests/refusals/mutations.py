"""What may be wrong with an action that succeeds: each of its values, and who sends it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

from consensus.cid import RAW, cid_of
from consensus.codec import UINT64_MAX, Wire
from consensus.kinds import Account, Boolean, Bytes, Kind, Link, Many, Nullable, Text, Uint
from tests.economies.walk import Step
from tests.refusals.bounds import fits
from tests.refusals.places import Place, places_of
from tests.refusals.references import References
from tests.vm.world import key
from vm.modules.chain import chain_constants
from vm.modules.tokens import balance_of, pot_of
from vm.registry import REGISTRY
from vm.view import View

NOBODY = key("nobody").public
UNKNOWN_TEXTS = ("unheard-of", "unheard_of", "UNHEARDOF", "unheard.of", "xx", "un")
UNKNOWN_CID = cid_of(RAW, b"unheard of")
ASSETS = ("asset", "paid", "quote", "base")


@dataclass(frozen=True)
class Mutation:
    """`what` is wrong with the step, and the step with that."""

    what: str
    step: Step


@dataclass
class Mutating:
    """The mutations of a step, in the state of its block, for which `accounts` exist."""

    step: Step
    state: View
    accounts: tuple[bytes, ...]

    def every(self) -> Iterator[Mutation]:
        """All of them."""
        if not REGISTRY.actions[self.step.action.tag].governed:
            yield from self._sent_by_others()
        for place in self._places:
            value = place.read(self._wire)
            made: list[Wire] = [value]
            for what, other in self._instead(place, value):
                if other not in made:
                    made.append(other)
                    wire = place.write(self._wire, other)
                    action = REGISTRY.actions[self.step.action.tag].type.unpack(wire)
                    yield Mutation(f"{place.path}: {what}", replace(self.step, action=action))

    @cached_property
    def _wire(self) -> list[Wire]:
        return self.step.action.pack()

    @cached_property
    def _places(self) -> list[Place]:
        return [*places_of(self._wire, type(self.step.action))]

    @cached_property
    def _references(self) -> References:
        return References(self.state)

    def _sent_by_others(self) -> Iterator[Mutation]:
        """By somebody whom it is not about, by somebody unknown, by each whom it names."""
        named = {
            place.path: cast(bytes, place.read(self._wire))
            for place in self._places
            if isinstance(place.kind, Account)
        }
        about = {self.step.sender, *named.values()}
        senders = {"another": self._another(about), "nobody": NOBODY}
        senders |= {f"its {path}": account for path, account in named.items()}
        for who, sender in senders.items():
            if sender != self.step.sender:
                yield Mutation(f"sent by {who}", replace(self.step, sender=sender))

    def _another(self, than: set[bytes]) -> bytes:
        return next(account for account in self.accounts if account not in than)

    def _instead(self, place: Place, value: Wire) -> Iterator[tuple[str, Wire]]:
        """Other values that can stand here, each with what it is."""
        kind = place.kind
        if isinstance(kind, Nullable):
            yield "null", None
            kind = kind.kind
        match kind:
            case Account():
                yield "nobody", NOBODY
                about = {self.step.sender, *([value] if isinstance(value, bytes) else [])}
                yield "another", self._another(about)
                yield "the sender", self.step.sender
            case Boolean():
                yield "otherwise", not value
            case Bytes():
                yield (
                    "otherwise",
                    bytes(255 - byte for byte in cast(bytes, value or bytes(kind.minimum))),
                )
            case Many():
                yield from _many(kind, cast(list[Wire], value or []))
            case Link() | Text() | Uint():
                yield from self._thing_or_number(place.name, kind, value)

    def _thing_or_number(self, name: str, kind: Kind, value: Wire) -> Iterator[tuple[str, Wire]]:
        """Other words of a few; or something that is not there and something else that is, if it
        refers to something; or the bounds of a number."""
        asked = (self.step.action.tag.partition(".")[0], name, kind, value)
        words = _words(kind) if isinstance(kind, Text) else []
        if words:
            yield from ((word, word) for word in words)
        elif self._references.refers(*asked):
            yield "unknown", _unknown(kind)
            yield from (("another", other) for other in self._references.others(*asked)[:1])
        elif isinstance(kind, Uint):
            yield "the least", kind.minimum
            if kind.maximum == UINT64_MAX:
                yield "more than there is", min(kind.maximum, self._held + 1)
            yield "the most", kind.maximum

    @property
    def _held(self) -> int:
        """What the sender, or the pot that it names, has of the asset that it names."""
        fields = {place.path: place.read(self._wire) for place in self._places}
        asset = chain_constants(self.state).native_asset
        asset = next((str(fields[name]) for name in ASSETS if fields.get(name)), asset)
        if "pot" in fields:
            return pot_of(self.state, str(fields["pot"]), asset)
        return balance_of(self.state, self.step.sender, asset)


def _many(kind: Many, value: list[Wire]) -> Iterator[tuple[str, Wire]]:
    yield "the fewest", value[: kind.minimum]
    if value and len(value) < kind.maximum:
        yield "the first twice", [value[0], *value]
    yield "backwards", value[::-1]


def _words(kind: Text) -> list[str]:
    """All texts that fit, if they are listed."""
    words = kind.pattern.strip("()").split("|")
    return words if len(words) > 1 and all(fits(kind, word) for word in words) else []


def _unknown(kind: Kind) -> Wire:
    """What nothing in any state is called."""
    match kind:
        case Link():
            return UNKNOWN_CID
        case Uint():
            return kind.maximum
    return next(text for text in UNKNOWN_TEXTS if fits(kind, text))
