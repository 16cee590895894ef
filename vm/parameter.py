"""Parameters: integers in the state that govern the modules, each within its bounds."""

from dataclasses import dataclass, field
from typing import Annotated

from consensus.codec import UINT64_MAX
from consensus.errors import Invalid, InvalidEncoding
from consensus.kinds import Text, Uint
from consensus.record import Record, record
from vm.table import Table, key_fields
from vm.view import State, View

PARTS_PER_MILLION = 1_000_000

ParameterName = Annotated[str, Text(64, 1, r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")]


@record("parameter.value")
class ParameterValue(Record):
    """A parameter that was set; one without a row has its default."""

    value: Annotated[int, Uint(UINT64_MAX)]


VALUES: Table[ParameterValue, str] = Table(ParameterValue, key_fields({"name": ParameterName}))


@dataclass(frozen=True, slots=True)
class Parameter:
    """An integer that governs a module.

    `unit` is what it counts (gas, bytes, ppm…); `sentence` says what it does.
    """

    name: str
    default: int
    minimum: int
    maximum: int
    unit: str
    sentence: str
    state_key: bytes = field(init=False)

    def __post_init__(self) -> None:
        if not 0 <= self.minimum <= self.default <= self.maximum <= UINT64_MAX:
            raise ValueError(f"{self.name}: 0 <= minimum <= default <= maximum < 2^64 must hold")
        object.__setattr__(self, "state_key", VALUES.state_key(self.name))

    def read(self, view: View) -> int:
        """The value now."""
        row = VALUES.get_at(view, self.state_key)
        return self.default if row is None else row.value

    def check(self, value: int) -> int:
        """`value`; raises InvalidEncoding naming the parameter if it is out of bounds."""
        try:
            return Uint(self.maximum, self.minimum).unpack(value)
        except Invalid as error:
            raise InvalidEncoding(error.message, field=self.name) from None

    def set(self, state: State, value: int) -> None:
        """Write the value; raises InvalidEncoding if it is out of bounds."""
        VALUES.put(state, ParameterValue(self.check(value)), self.name)
