"""Protocol upgrades: from a height on that governance names, the rules are of a newer version.

A program that knows only older rules stops before that block, whatever it was doing: it could but
follow a chain of its own.
"""

from typing import Annotated

from consensus.errors import ProtocolTooNew
from consensus.kinds import Counter, Uint
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action, Module
from vm.table import Table
from vm.view import View

upgrade = Module("upgrade", "Which version of the rules holds, and which one from when on.")

KNOWN_PROTOCOL = 1
FIRST_PROTOCOL = 1

ProtocolVersion = Annotated[int, Uint(2**32, FIRST_PROTOCOL)]


@record("upgrade.plan")
class Plan(Record):
    """The version of the rules that holds from a height on; no row: none is planned."""

    protocol: ProtocolVersion
    height: Counter


@record("upgrade.protocol")
class Protocol(Record):
    """The version of the rules that holds, and since which height; no row: the first, always."""

    protocol: ProtocolVersion
    height: Counter


PLAN: Table[Plan] = upgrade.table(Plan)
PROTOCOL: Table[Protocol] = upgrade.table(Protocol)

NOT_NEWER = upgrade.error("not-newer", "The version of the rules is no newer than the present one.")
TOO_SOON = upgrade.error("too-soon", "The height is not above that of this block.")
NOT_PLANNED = upgrade.error("not-planned", "No upgrade is planned.")


@upgrade.event
@record("upgrade.planned")
class Planned(Record):
    """A version of the rules will hold from a height on."""

    protocol: ProtocolVersion
    height: Counter


@upgrade.event
@record("upgrade.cancelled")
class Cancelled(Record):
    """The planned upgrade will not be."""


@upgrade.event
@record("upgrade.activated")
class Activated(Record):
    """A version of the rules holds from this block on."""

    protocol: ProtocolVersion


@upgrade.action(gas=2_000, governed=True)
@record("upgrade.schedule")
class Schedule(Action):
    """Let a newer version of the rules hold from a height on, in the place of what was planned."""

    protocol: ProtocolVersion
    height: Counter

    def in_words(self) -> str:
        return f"upgrade the protocol to version {self.protocol} at height {self.height}"

    def apply(self, context: Context) -> None:
        present = protocol_of(context.state)
        if self.protocol <= present:
            raise NOT_NEWER.failed(f"version {present} holds already", field="protocol")
        if self.height <= context.block.height:
            raise TOO_SOON.failed(f"this is block {context.block.height}", field="height")
        PLAN.put(context.state, Plan(self.protocol, self.height))
        context.emit(Planned(self.protocol, self.height))


@upgrade.action(gas=2_000, governed=True)
@record("upgrade.cancel")
class Cancel(Action):
    """Cancel the upgrade that is planned."""

    def in_words(self) -> str:
        return "cancel the planned upgrade of the protocol"

    def apply(self, context: Context) -> None:
        if PLAN.get(context.state) is None:
            raise NOT_PLANNED.failed()
        PLAN.delete(context.state)
        context.emit(Cancelled())


def protocol_of(view: View) -> int:
    """The version of the rules that holds."""
    row = PROTOCOL.get(view)
    return FIRST_PROTOCOL if row is None else row.protocol


@upgrade.begin_block
def activate(context: Context) -> None:
    """Begin to apply a planned version at its height; raises ProtocolTooNew if it is not known
    here."""
    plan = PLAN.get(context.state)
    if plan is None or context.block.height < plan.height:
        return
    if plan.protocol > KNOWN_PROTOCOL:
        raise ProtocolTooNew(plan.protocol, plan.height)
    PLAN.delete(context.state)
    PROTOCOL.put(context.state, Protocol(plan.protocol, context.block.height))
    context.emit(Activated(plan.protocol))
