"""The parameters of all modules: one table, changed by governance, each change on record."""

from typing import Annotated

from consensus.codec import UINT64_MAX
from consensus.errors import InvalidEncoding
from consensus.kinds import Counter, Uint
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action, Module
from vm.parameter import VALUES, ParameterName
from vm.table import Table

parameter = Module("parameter", "The values of all modules' parameters, and how they changed.")
parameter.adopt_table(VALUES)

Value = Annotated[int, Uint(UINT64_MAX)]


@record("parameter.change")
class Change(Record):
    """A parameter's value before and after a block that changed it."""

    before: Value
    after: Value


CHANGES: Table[Change, str, int] = parameter.table(Change, name=ParameterName, height=Counter)

UNKNOWN = parameter.error("unknown", "There is no parameter of this name.")
OUT_OF_BOUNDS = parameter.error("out-of-bounds", "The value is not within the parameter's bounds.")


@parameter.event
@record("parameter.changed")
class Changed(Record):
    """A parameter has another value from the next block on."""

    name: ParameterName
    before: Value
    after: Value


@parameter.action(gas=3_000, governed=True)
@record("parameter.set")
class Set(Action):
    """Give a parameter another value within its bounds: it holds from the next block on."""

    name: ParameterName
    value: Value

    @property
    def subject(self) -> str:
        return self.name

    def in_words(self) -> str:
        return f"set {self.name} to {self.value}"

    def apply(self, context: Context) -> None:
        state, height = context.state, context.block.height
        found = context.declared.parameter(self.name)
        if found is None:
            raise UNKNOWN.failed(f"there is no parameter {self.name}", field="name")
        before = found.read(state)
        try:
            found.set(state, self.value)
        except InvalidEncoding as error:
            raise OUT_OF_BOUNDS.failed(error.message, field="value") from None
        earlier = CHANGES.get(state, self.name, height)
        first = before if earlier is None else earlier.before
        CHANGES.put(state, Change(first, self.value), self.name, height)
        context.emit(Changed(self.name, before, self.value))
