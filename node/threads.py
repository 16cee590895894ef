"""How the threads of a node's process share the interpreter, and what its heap keeps.

A thread that comes back from the disk or the network waits for the interpreter until whoever has
it gives it up: after 5 ms, unless that is set shorter. Checking a block of 1,000 transfers at a
million accounts reads some 7,000 rows and pages, so beside a thread that computes it would take
several times as long (docs/decisions/state-at-size.md).
"""

import ctypes
import gc
import sys
from collections.abc import Callable
from contextlib import suppress

import trio

SWITCH_INTERVAL_S = 0.001
MAX_HEAPS = 2
LARGE_BYTES = 1024 * 1024
TRIM_EVERY_S = 15.0
# malloc.h of the GNU C library
_M_ARENA_MAX, _M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD = -8, -3, -1


def share_interpreter() -> None:
    """Let no thread of this process keep the interpreter from the others for long."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)


def share_heap() -> None:
    """Let threads that are still to start share few heaps, and what is large go back to the system
    as soon as it is freed.

    By default there are eight heaps for a core, each of which keeps most of what was ever freed in
    it; and who has once freed a message of some MiB keeps twice as much from then on. Other C
    libraries than GNU's are left alone.
    """
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_ARENA_MAX, MAX_HEAPS)
        mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(_M_TRIM_THRESHOLD, LARGE_BYTES)


def settle_heap() -> None:
    """Take all that is reachable now for permanent: the collector never looks through it again.

    Modules and declarations are most of a node's objects. With them in its count it puts a full
    collection off until a quarter as many new ones have come, so that what closed connections
    leave in cycles would lie about for hours.
    """
    gc.collect()
    gc.freeze()


async def trim_heap() -> None:
    """Collect what lies in cycles, and give back to the system what lies free between what is
    used, over and over; the latter only where the C library knows how."""
    trim: Callable[[int], object] | None = None
    with suppress(OSError, AttributeError):
        trim = ctypes.CDLL(None).malloc_trim
    while True:
        await trio.sleep(TRIM_EVERY_S)
        gc.collect()
        if trim is not None:
            await trio.to_thread.run_sync(trim, 0)
