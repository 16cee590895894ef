"""Agendas: what falls due at a time or a height, found without looking at what does not.

A module lists its entries in a table of its own, in the order in which they fall due. One row for
each list holds when its earliest does, and one for each clock, of time and of height, the earliest
of all lists: a block in which nothing falls due reads those two alone.
"""

from collections.abc import Iterator
from typing import Annotated, Generic, TypeVar, TypeVarTuple, cast

from consensus.kinds import Counter, Text
from consensus.record import Record, record
from vm.declare import Module
from vm.table import KeyPart, Table
from vm.view import State, View

agenda = Module("agenda", "What falls due at a time or a height, for all modules.")

MAX_LISTS = 64

E = TypeVar("E", bound=Record)
K = TypeVarTuple("K")


TIME, HEIGHT = "time", "height"
Clock = Annotated[str, Text(8, 1, f"{TIME}|{HEIGHT}")]
ListName = Annotated[str, Text(64, 3, r"[a-z]+\.[a-z_]+")]


@record("agenda.first")
class First(Record):
    """When the earliest entry of a list, named by its table, falls due: ms from the Unix epoch, or
    a height, by the clock of the list."""

    at: Counter


@record("agenda.next")
class Next(Record):
    """When the earliest entry of all lists of a clock falls due; no row if there is none."""

    at: Counter


FIRSTS: Table[First, str, str] = agenda.table(First, clock=Clock, list=ListName)
NEXT: Table[Next, str] = agenda.table(Next, clock=Clock)


class Agenda(Generic[*K]):
    """Entries of a key `K`, each due at a time (ms from the Unix epoch) or a height, kept in the
    table `due` (key: when, then `K`)."""

    def __init__(self, due: Table[E, int, *K], entry: E, clock: str = TIME) -> None:
        self._due = due
        self._entry = entry
        self._clock = clock

    def add(self, state: State, at: int, *key: *K) -> None:
        """List an entry."""
        self._due.put(state, self._entry, at, *key)
        first, following = self._first(state), NEXT.get(state, self._clock)
        if first is None or at < first.at:
            FIRSTS.put(state, First(at), self._clock, self._due.name)
        if following is None or at < following.at:
            NEXT.put(state, Next(at), self._clock)

    def remove(self, state: State, at: int, *key: *K) -> None:
        """Take an entry off the list."""
        self._due.delete(state, at, *key)
        if self._first(state) == First(at):
            self._note_first(state)

    def take(self, state: State, now: int, *, limit: int) -> list[tuple[int, *K]]:
        """Take off the list, and return in order, what is due by now: at most `limit` entries."""
        following = NEXT.get(state, self._clock)
        if following is None or following.at > now:
            return []
        first = self._first(state)
        if first is None or first.at > now:
            return []
        taken = [key for key, _ in self._due.scan(state, limit=limit) if key[0] <= now]
        for key in taken:
            self._due.delete(state, *key)
        self._note_first(state)
        return taken

    def disagreements(self, view: View, wanted: set[tuple[KeyPart, ...]]) -> Iterator[str]:
        """A sentence for each way in which the list is not that of the `wanted` (when, key…)."""
        listed = {cast(tuple[KeyPart, ...], key) for key, _ in self._due.every(view)}
        if listed != wanted:
            yield f"{len(listed ^ wanted)} entries of {self._due.name} are not as they must be"
        earliest = min((cast(int, key[0]) for key in listed), default=None)
        first = self._first(view)
        if first != (None if earliest is None else First(earliest)):
            yield f"the earliest entry of {self._due.name} is at {earliest}, not as {first} says"

    def _first(self, view: View) -> First | None:
        return FIRSTS.get(view, self._clock, self._due.name)

    def _note_first(self, state: State) -> None:
        rows = [key for key, _ in self._due.scan(state, limit=1)]
        if rows:
            FIRSTS.put(state, First(rows[0][0]), self._clock, self._due.name)
        else:
            FIRSTS.delete(state, self._clock, self._due.name)
        earliest = _earliest(state, self._clock)
        if earliest is None:
            NEXT.delete(state, self._clock)
        else:
            NEXT.put(state, Next(earliest), self._clock)


def _earliest(view: View, clock: str) -> int | None:
    firsts = FIRSTS.scan(view, clock, limit=MAX_LISTS)
    return min((first.at for _, first in firsts), default=None)


@agenda.invariant
def next_is_the_earliest(view: View) -> Iterator[str]:
    """What falls due next by a clock is the earliest of what does in any of its lists."""
    for clock in (TIME, HEIGHT):
        following, earliest = NEXT.get(view, clock), _earliest(view, clock)
        if following != (None if earliest is None else Next(earliest)):
            yield f"the earliest by {clock} is at {earliest}, not as {following} says"
