"""What can be wrong with a node's data, and what would put it right."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from consensus.kinds import JsonObject
from storage.database import Write

# Told of what is being looked at and how many rows of it have been.
Tell: TypeAlias = Callable[[str, int], None]

TELL_EACH = 256  # rows


class Mend(Enum):
    """How a fault is put right."""

    WRITES = "from the rows beside it"
    PAGES = "from all rows of the state"
    REPLAY = "by running the blocks again, or from peers"
    SALVAGE = "by what LevelDB's own repair leaves, if that is a chain's"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it must be: a kind of row or file, a height if it has one.

    `writes` put it right if `mend` is WRITES; all in them follows from rows that are good, or
    is something that the node does without.
    """

    kind: str
    what: str
    height: int | None = None
    mend: Mend = Mend.REPLAY
    writes: tuple[Write, ...] = ()

    def __str__(self) -> str:
        place = "" if self.height is None else f" at height {self.height}"
        return f"{self.kind}{place} {self.what}"

    def to_json(self) -> JsonObject:
        """The fault's JSON form."""
        return {
            "kind": self.kind,
            "height": self.height,
            "what": self.what,
            "mend": self.mend.name.lower(),
        }


def wrong_row(kind: str, what: str, key: bytes, value: bytes | None, height: int | None) -> Fault:
    """A row that should have this value (None: not be there), which follows from others."""
    return Fault(kind, what, height, Mend.WRITES, ((key, value),))
