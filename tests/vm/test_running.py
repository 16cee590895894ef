"""Governed actions stand in no transaction; carried out, all of them hold or none does."""

from dataclasses import dataclass
from typing import Annotated

import pytest

from consensus.codec import Wire
from consensus.errors import ActionFailed, InvalidTransaction
from consensus.kinds import AccountId, Counter, Uint
from consensus.record import Record, record
from tests.vm.world import ANNA, BEN, World, pay
from vm.context import Context
from vm.declare import GOVERNED_GAS, Action, Module
from vm.modules.tokens import balance_of
from vm.receipt import Event
from vm.registry import MODULES, Registry
from vm.running import Running
from vm.table import Table
from vm.transition import BlockExecution

decree = Module("decree", "Decrees, for this test.")


@record("decree.row")
class Row(Record):
    """What was decreed last, and by whom."""

    value: Counter
    by: AccountId


ROW: Table[Row] = decree.table(Row)
ODD = decree.error("odd", "Only even numbers.")


@decree.event
@record("decree.done")
class Done(Record):
    """It was decreed."""

    value: Counter


@decree.action(gas=GOVERNED_GAS, governed=True)
@record("decree.set")
class Set(Action):
    """Decree a number."""

    value: Annotated[int, Uint(10)]

    @property
    def subject(self) -> str:
        return "odd" if self.value % 2 else ""

    def in_words(self) -> str:
        return f"decree {self.value}"

    def apply(self, context: Context) -> None:
        ROW.put(context.state, Row(self.value, context.sender))
        context.emit(Done(self.value))
        if self.value % 2:
            raise ODD.failed(field="value")


REGISTRY = Registry((*MODULES, decree))
POLICY = b"p" * 32


@dataclass
class Hall:
    """Where decrees are carried out."""

    running: Running

    def carry_out(self, *actions: Action | list[Wire]) -> ActionFailed | None:
        wires = [a.pack() if isinstance(a, Action) else a for a in actions]
        return self.running.context(ANNA.public, 3).declared.carry_out(POLICY, wires)


@pytest.fixture
def world() -> World:
    return World.begin()


@pytest.fixture
def hall(world: World) -> Hall:
    return Hall(Running(world.block(), world.state, REGISTRY))


def test_what_is_governed_stands_in_no_transaction(world: World) -> None:
    execution = BlockExecution(world.state, world.block(), REGISTRY)
    with pytest.raises(InvalidTransaction) as caught:
        execution.check(world.order(pay(), Set(2)), 200)
    assert (caught.value.code, caught.value.field) == ("chain.governed-action", "actions[1]")


def test_the_policy_is_the_sender_and_the_events_are_of_the_transaction(hall: Hall) -> None:
    assert hall.carry_out(Set(2), Set(4)) is None
    assert ROW.get(hall.running.state) == Row(4, POLICY)
    assert hall.running.events == [Event(3, Done(2).pack()), Event(3, Done(4).pack())]


@pytest.mark.parametrize(
    ("last", "code", "field"),
    [
        (Set(3), "decree.odd", "[1].value"),
        (["decree.set", 1, 11], "invalid-encoding", "[1].value"),
        (["decree.unheard", 1], "chain.unknown-action", "[1]"),
        (pay(BEN), "chain.not-governed", "[1]"),
    ],
)
def test_all_or_nothing(hall: Hall, last: Action | list[Wire], code: str, field: str) -> None:
    held = balance_of(hall.running.state, BEN.public, "REEL")
    error = hall.carry_out(Set(2), last)
    assert error is not None
    assert (error.code, error.field) == (code, field)
    assert ROW.get(hall.running.state) is None
    assert hall.running.events == []
    assert balance_of(hall.running.state, BEN.public, "REEL") == held


def test_what_is_proposed_is_checked_before(hall: Hall) -> None:
    declared = hall.running.context(ANNA.public, 0).declared
    assert declared.scopes([Set(1).pack(), Set(2).pack()]) == ("decree.set:odd", "decree.set")
    with pytest.raises(ActionFailed) as caught:
        declared.scopes([Set(1).pack(), pay().pack()])
    assert (caught.value.code, caught.value.field) == ("chain.not-governed", "[1]")


def test_what_is_governed_says_what_it_does() -> None:
    @record("decree.mute")
    class Mute(Action):
        """Say nothing."""

    with pytest.raises(ValueError, match="in words"):
        decree.action(gas=1, governed=True)(Mute)


@pytest.mark.parametrize(
    ("gas", "duty", "free"),
    [(GOVERNED_GAS + 1, False, False), (GOVERNED_GAS, True, False), (GOVERNED_GAS, False, True)],
    ids=["gas", "duty", "free"],
)
def test_a_proposer_can_pay_for_what_is_governed(gas: int, duty: bool, free: bool) -> None:
    with pytest.raises(ValueError, match=r"decree\.set"):
        decree.action(gas=gas, duty=duty, free=free, governed=True)(Set)
