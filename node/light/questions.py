"""What a light client asks, where nodes answer it, and whether an answer is about that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar

from consensus.errors import Invalid, InvalidProof
from consensus.light import Place, checking, conflict
from consensus.light_answer import EVENTS, RECEIPTS, TRANSACTIONS, Facts
from vm.receipt import Event, Receipt

Query: TypeAlias = Mapping[str, str | int | Sequence[str]]
R = TypeVar("R", Receipt, Event)


class Question(Protocol):
    """Something that nodes can prove."""

    @property
    def path(self) -> str:
        """Where it is asked, under /v1/light/."""

    @property
    def query(self) -> Query:
        """Its parameters there."""

    def check(self, facts: Facts) -> None:
        """Raise InvalidProof unless these facts answer it."""


@dataclass(frozen=True, slots=True)
class AskFinal:
    """What is the newest final block?"""

    path = "final"

    @property
    def query(self) -> Query:
        """None."""
        return {}

    def check(self, facts: Facts) -> None:
        """Every answer names it."""


@dataclass(frozen=True, slots=True)
class AskRows:
    """What does the final state hold under these keys?"""

    keys: tuple[bytes, ...]
    path = "rows"

    @property
    def query(self) -> Query:
        """The keys in hex."""
        return {"key": [key.hex() for key in self.keys]}

    def check(self, facts: Facts) -> None:
        """Each row must be there, or be shown to be absent."""
        if any(key not in facts.rows for key in self.keys):
            raise _other("rows")


@dataclass(frozen=True, slots=True)
class AskBlock:
    """Which block is final at this height? With `known` also: is it still that one?"""

    height: int
    known: Place | None = None

    @property
    def path(self) -> str:
        """Its own."""
        return f"blocks/{self.height}"

    @property
    def query(self) -> Query:
        """None."""
        return {}

    def check(self, facts: Facts) -> None:
        """The block must have the height, and be the one that is known to be final there."""
        if facts.block is None or facts.block.height != self.height:
            raise _other("block")
        if self.known is not None and facts.block.id() != self.known.id:
            with checking("block"):
                raise conflict(facts.block.id(), self.known)


@dataclass(frozen=True, slots=True)
class AskTransaction:
    """In which final block is this transaction, and what came of it?"""

    id: bytes

    @property
    def path(self) -> str:
        """Its own."""
        return f"transactions/{self.id.hex()}"

    @property
    def query(self) -> Query:
        """None."""
        return {}

    def check(self, facts: Facts) -> None:
        """Its id and its receipt must be in one block."""
        if facts.items_of(TRANSACTIONS) != [self.id] or receipt_of(facts).transaction != self.id:
            raise _other("transaction")


@dataclass(frozen=True, slots=True)
class AskEvent:
    """What happened in this block, as its event of this number?

    That the event has this number, the node says; that it is in the block, is proved.
    """

    height: int
    index: int

    @property
    def path(self) -> str:
        """Its own."""
        return f"events/{self.height}/{self.index}"

    @property
    def query(self) -> Query:
        """None."""
        return {}

    def check(self, facts: Facts) -> None:
        """One event must be in the block of this height."""
        if facts.block is None or facts.block.height != self.height:
            raise _other("block")
        event_of(facts)


def receipt_of(facts: Facts) -> Receipt:
    """The only proved receipt; raises InvalidProof if that is none."""
    return _read(Receipt, facts.items_of(RECEIPTS))


def event_of(facts: Facts) -> Event:
    """The only proved event; raises InvalidProof if that is none."""
    return _read(Event, facts.items_of(EVENTS))


def _read(kind: type[R], items: Sequence[bytes]) -> R:
    if len(items) != 1:
        raise _other(kind.tag)
    try:
        return kind.decode(items[0])
    except Invalid as error:
        raise InvalidProof(f"not a {kind.tag}: {error}", field="question") from error


def _other(what: str) -> InvalidProof:
    return InvalidProof(f"the answer is about another {what} than was asked for", field="question")
