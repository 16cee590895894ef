"""Agendas against lists that are looked through."""

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from consensus.kinds import Counter
from consensus.record import Record, record
from vm.declare import Module
from vm.modules.agenda import HEIGHT, NEXT, TIME, Agenda, agenda
from vm.overlay import EmptyView, Overlay
from vm.table import Table

made = Module("made", "Three lists, two of them by the same clock.")


@record("made.one")
class One(Record):
    """An entry of the first list."""


@record("made.two")
class Two(Record):
    """An entry of the second list."""


@record("made.three")
class Three(Record):
    """An entry of the third list."""


ONE: Table[One, int, int] = made.table(One, at=Counter, name=Counter)
TWO: Table[Two, int, int] = made.table(Two, at=Counter, name=Counter)
THREE: Table[Three, int, int] = made.table(Three, at=Counter, name=Counter)


@dataclass
class Listed:
    """An agenda, its clock, and what must be on it."""

    agenda: Agenda[int]
    clock: str
    entries: set[tuple[int, int]] = field(default_factory=set)


class Agendas(RuleBasedStateMachine):
    """Entries come, go and fall due in three lists."""

    def __init__(self) -> None:
        super().__init__()
        self.state = Overlay(EmptyView())
        self.lists = [
            Listed(Agenda(ONE, One()), TIME),
            Listed(Agenda(TWO, Two()), TIME),
            Listed(Agenda(THREE, Three(), HEIGHT), HEIGHT),
        ]

    @rule(place=st.integers(0, 2), at=st.integers(0, 9), name=st.integers(0, 3))
    def add(self, place: int, at: int, name: int) -> None:
        """List an entry, perhaps one that is listed."""
        listed = self.lists[place]
        listed.agenda.add(self.state, at, name)
        listed.entries.add((at, name))

    @rule(place=st.integers(0, 2), at=st.integers(0, 9), name=st.integers(0, 3))
    def remove(self, place: int, at: int, name: int) -> None:
        """Take an entry off, perhaps one that is not listed."""
        listed = self.lists[place]
        listed.agenda.remove(self.state, at, name)
        listed.entries.discard((at, name))

    @rule(place=st.integers(0, 2), now=st.integers(0, 9), limit=st.integers(1, 4))
    def take(self, place: int, now: int, limit: int) -> None:
        """What is due comes in order, the earliest first, and no more than asked for."""
        listed = self.lists[place]
        due = sorted(entry for entry in listed.entries if entry[0] <= now)[:limit]
        assert listed.agenda.take(self.state, now, limit=limit) == due
        listed.entries.difference_update(due)

    @invariant()
    def rows_agree(self) -> None:
        """Each list holds its entries, and one row for each clock what is next in any of them."""
        for listed in self.lists:
            assert not list(listed.agenda.disagreements(self.state, {*listed.entries}))
        for clock in (TIME, HEIGHT):
            times = [at for it in self.lists if it.clock == clock for at, _ in it.entries]
            row = NEXT.get(self.state, clock)
            assert (None if row is None else row.at) == min(times, default=None)
        assert not [found for check in agenda.invariants for found in check(self.state)]


TestAgendas = Agendas.TestCase
TestAgendas.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
