"""Agendas: what falls due at a time or height, found without looking at what does not.

One row lists each entry in the order of time, one more holds the earliest time, so that a block in
which nothing falls due reads a single row.
"""

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar, TypeVarTuple, cast

from consensus.record import Record
from vm.table import KeyPart, Table
from vm.view import State, View

E = TypeVar("E", bound=Record)
N = TypeVar("N", bound=Record)
K = TypeVarTuple("K")


class Agenda(Generic[*K]):
    """Entries of a key `K`, each at a time (ms from the Unix epoch; one agenda may count heights in
    place of times), kept in the tables `due` (key: time, then `K`) and `first`, whose row holds a
    time alone."""

    def __init__(
        self, due: Table[E, int, *K], entry: E, first: Table[N], make_first: Callable[[int], N]
    ) -> None:
        self._due = due
        self._entry = entry
        self._first = first
        self._make_first = make_first

    def add(self, state: State, time_ms: int, *key: *K) -> None:
        """List an entry."""
        self._due.put(state, self._entry, time_ms, *key)
        first = self._first_ms(state)
        if first is None or time_ms < first:
            self._first.put(state, self._make_first(time_ms))

    def remove(self, state: State, time_ms: int, *key: *K) -> None:
        """Take an entry off the list."""
        self._due.delete(state, time_ms, *key)
        if time_ms == self._first_ms(state):
            self._note_first(state)

    def take(self, state: State, now_ms: int, *, limit: int) -> list[tuple[int, *K]]:
        """Take off the list, and return in order, what is due by now: at most `limit` entries."""
        first = self._first_ms(state)
        if first is None or first > now_ms:
            return []
        taken = [key for key, _ in self._due.scan(state, limit=limit) if key[0] <= now_ms]
        for key in taken:
            self._due.delete(state, *key)
        self._note_first(state)
        return taken

    def disagreements(self, view: View, wanted: set[tuple[KeyPart, ...]]) -> Iterator[str]:
        """A sentence for each way in which the list is not that of the `wanted` (time, key…)."""
        listed = {cast(tuple[KeyPart, ...], key) for key, _ in self._due.every(view)}
        if listed != wanted:
            yield f"{len(listed ^ wanted)} entries of {self._due.name} are not as they must be"
        earliest = min((cast(int, key[0]) for key in listed), default=None)
        if self._first_ms(view) != earliest:
            yield f"{self._first.name} says {self._first_ms(view)}, the earliest is {earliest}"

    def _note_first(self, state: State) -> None:
        rows = [key for key, _ in self._due.scan(state, limit=1)]
        if rows:
            self._first.put(state, self._make_first(rows[0][0]))
        else:
            self._first.delete(state)

    def _first_ms(self, view: View) -> int | None:
        row = self._first.get(view)
        return None if row is None else cast(int, getattr(row, row.fields[0].name))
