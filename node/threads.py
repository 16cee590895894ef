"""How the threads of a node's process share the interpreter, and the heap.

A thread that comes back from the disk or the network waits for the interpreter until whoever has
it gives it up: after 5 ms, unless that is set shorter. Checking a block of 1,000 transfers at a
million accounts reads some 7,000 rows and pages, so beside a thread that computes it would take
several times as long (docs/decisions/state-at-size.md).
"""

import ctypes
import sys
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


async def trim_heap() -> None:
    """Give back to the system, over and over, what lies free between what is used; returns at once
    where the C library does not know how."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return
    while True:
        await trio.sleep(TRIM_EVERY_S)
        await trio.to_thread.run_sync(trim, 0)
