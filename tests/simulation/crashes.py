"""Ends a scenario at every point where it writes or syncs, and looks at what is left.

As LevelDB's own tests do: the scenario runs again and again, each time to another operation of its
machine's disk or database, where the power goes, the process is killed, or the disk is full. What
this models, and what not, tells docs/decisions/what-a-crash-may-leave.md.
"""

import os
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from errno import ENOSPC
from functools import partial
from itertools import count
from typing import TypeVar

from storage.errors import StorageError
from tests.simulation.database import MemoryDatabase
from tests.simulation.disk import MemoryDisk

SECOND_END = 8  # one of so many first operations after a restart ends that too

T = TypeVar("T")


class End(BaseException):
    """The process stops here, whatever it was about to do."""


class _Least(random.Random):
    """The chance by which nothing is left of what was not synced."""

    def randint(self, a: int, b: int) -> int:
        return a


class _Most(random.Random):
    """The chance by which all of it is left, as when only the process is killed."""

    def randint(self, a: int, b: int) -> int:
        return b


class Left(Enum):
    """How much is left of what was not synced; PART: a first part by chance."""

    NOTHING = "nothing"
    PART = "part"
    ALL = "all"

    def chance(self, seed: object) -> random.Random:
        """What decides."""
        if self is Left.PART:
            return random.Random(repr(seed))
        return _Least() if self is Left.NOTHING else _Most()


@dataclass(frozen=True, slots=True)
class Ending:
    """The operation is `share` done when the power goes or the process is killed; or, if the disk
    `is_full`, when that is said, and the process goes on as it can and is ended later."""

    share: float
    left: Left
    is_full: bool = False


# A file is written in part. What is synced whole before the power goes is the next operation's
# beginning; what is not, is lost by the first ending.
DISK_ENDINGS = (
    Ending(0.0, Left.NOTHING),
    Ending(0.5, Left.NOTHING),
    Ending(0.5, Left.ALL),
    Ending(0.5, Left.PART),
    Ending(1.0, Left.ALL),
    Ending(1.0, Left.PART),
    *(Ending(share, Left.NOTHING, is_full=True) for share in (0.0, 0.5, 1.0)),
)
# A batch is written whole or not at all.
DATABASE_ENDINGS = (
    Ending(0.0, Left.NOTHING),
    Ending(1.0, Left.PART),
    Ending(1.0, Left.ALL),
    *(Ending(share, Left.ALL, is_full=True) for share in (0.0, 1.0)),
)
ENDINGS: Mapping[str, Sequence[Ending]] = {"disk": DISK_ENDINGS, "database": DATABASE_ENDINGS}


@dataclass
class Machine:
    """A node's machine: what a scenario and its check write to."""

    disk: MemoryDisk = field(default_factory=MemoryDisk)
    database: MemoryDatabase = field(default_factory=MemoryDatabase)

    def ends(self, process: Callable[[], None], store: str, operation: int, ending: Ending) -> bool:
        """Run a process that is to come to its end at this operation of this store; whether it has
        that many."""
        if store == "disk":
            error = OSError(ENOSPC, os.strerror(ENOSPC)) if ending.is_full else End()
            last = self.disk.operations + operation
            self.disk.fail_at(operation, error, share=ending.share)
        else:
            last = self.database.writes + operation
            end = None if ending.is_full else End()
            self.database.fail_at(operation, end, kept=ending.share >= 1)
        try:
            process()
        except End:
            return True
        except StorageError:
            if not ending.is_full:
                raise
            return True
        return (self.disk.operations if store == "disk" else self.database.writes) >= last

    def open_database(self) -> MemoryDatabase:
        """The database, for a process that opens it, or again after it has closed it."""
        if self.disk.is_dying or self.database.is_dying:
            raise End
        if not self.database.is_open:
            writes, self.database = self.database.writes, self.database.reopen()
            self.database.writes = writes
        return self.database

    def restart(self, left: Left, seed: object) -> None:
        """The power goes; then the next process is there."""
        self.disk.fail_at(0)
        self.disk.crash(left.chance(seed))
        self.database.crash(left.chance(seed))
        self.database = self.database.reopen()


@dataclass
class Crashes:
    """The operations at which a scenario was ended, in all its runs together how often."""

    points: int = 0
    ends: int = 0

    def note(self) -> None:
        """Count them among those of all scenarios in which nothing was lost and nothing wrong."""
        TOTAL.points += self.points
        TOTAL.ends += self.ends


TOTAL = Crashes()  # told at the end of all tests


def every_crash(
    scenario: Callable[[Machine, list[T]], None],
    check: Callable[[Machine, list[T]], None],
    *,
    start: Callable[[], Machine] = Machine,
    endings: Mapping[str, Sequence[Ending]] = ENDINGS,
) -> Crashes:
    """End `scenario` at each of its operations in every way, restart, and `check` what is left.

    `start` gives the machine that every run begins with. The scenario notes in the list what has
    returned and so must be durable; the check finds it there, and the machine as the next process
    does. It should let that process go on, and must hold when it is run again, for it is itself
    ended at one of its first operations now and then, before it runs to its end. A scenario may
    live through a StorageError; one that it lets out ends the process.
    """
    done = Crashes()
    for store, kinds in endings.items():
        points = 0
        for ending in kinds:
            ends = _every_operation(scenario, check, start, store, ending)
            done.ends += ends
            points = max(points, ends)
        done.points += points
    done.note()
    return done


def _every_operation(
    scenario: Callable[[Machine, list[T]], None],
    check: Callable[[Machine, list[T]], None],
    start: Callable[[], Machine],
    store: str,
    ending: Ending,
) -> int:
    """How many operations there were."""
    for operation in count(1):
        machine, told = start(), list[T]()
        run, look = partial(scenario, machine, told), partial(check, machine, told)
        is_ended = machine.ends(run, store, operation, ending)
        machine.restart(ending.left, operation)
        if is_ended and ending.left is Left.PART:
            machine.ends(look, store, 1 + operation % SECOND_END, Ending(1.0, Left.PART))
            machine.restart(Left.PART, operation)
        look()
        if not is_ended:
            return operation - 1
    raise RuntimeError("not reached")
