"""How the threads of a node's process share the interpreter.

A thread that comes back from the disk or the network waits for the interpreter until whoever has
it gives it up: after 5 ms, unless that is set shorter. Checking a block of 1,000 transfers at a
million accounts reads some 7,000 rows and pages, so beside a thread that computes it would take
several times as long (docs/decisions/state-at-size.md).
"""

import sys

SWITCH_INTERVAL_S = 0.001


def share_interpreter() -> None:
    """Let no thread of this process keep the interpreter from the others for long."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
