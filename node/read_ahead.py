"""What waiting transactions will touch is read before a block is made of them or checked.

At a million accounts a transfer touches about five rows and pages that no other does. A thread that
reads them one by one in the middle of a block's check gives up the interpreter for each, and beside
a thread that computes it waits for it each time (docs/decisions/state-at-size.md).
"""

from collections import deque
from collections.abc import Iterable

import trio

from consensus.transaction import Transaction
from storage.state import FinalState
from vm.touched import touched_keys

# A few transactions are read together: to wake a thread costs as much as several reads.
LINGER_S = 0.1
MAX_WAITING = 4096  # about as many as the state's cache has room for what they touch


class ReadAhead:
    """Reads from the final state, in a thread beside the node's work: what was asked for last, if
    it is too much. Blocks that are not final yet have what they changed in memory."""

    def __init__(self, state: FinalState) -> None:
        self._state = state
        self._waiting: deque[Transaction] = deque(maxlen=MAX_WAITING)
        self._asked = trio.Event()

    def want(self, transaction: Transaction) -> None:
        """Read, soon, what a valid transaction will touch."""
        self._waiting.append(transaction)
        self._asked.set()

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            await self._asked.wait()
            await trio.sleep(LINGER_S)
            self._asked = trio.Event()
            batch = tuple(self._waiting)
            self._waiting.clear()
            await trio.to_thread.run_sync(read_touched, self._state, batch)


def read_touched(state: FinalState, transactions: Iterable[Transaction]) -> None:
    """Read what the transactions will touch."""
    for transaction in transactions:
        for key in touched_keys(transaction):
            state.read_ahead(key)
