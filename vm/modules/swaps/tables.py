"""The module `swaps`: its rows, and what must hold between them (K9)."""

from collections import Counter as Tally
from collections.abc import Iterator
from typing import Annotated

from consensus.kinds import AccountId, Asset, Counter, Digest, Text
from consensus.record import Record, record
from vm.declare import Module
from vm.modules.agenda import Agenda
from vm.modules.tokens import POTS, PositiveAmount
from vm.table import Table
from vm.view import State, View

swaps = Module("swaps", "Transfers that a secret's hash and a time lock, as for swaps of chains.")

HELD_POT = "swaps.held"
LONGEST_MS = 31 * 24 * 3_600_000
KEPT_MS = 31 * 24 * 3_600_000  # how long the secret of one that is over can be read

OPEN, CLAIMED, REFUNDED = "open", "claimed", "refunded"
Status = Annotated[str, Text(8, 1, f"{OPEN}|{CLAIMED}|{REFUNDED}")]


@record("swaps.numbering")
class Numbering(Record):
    """The number of the next swap."""

    swap: Counter


@record("swaps.swap")
class Swap(Record):
    """An amount that `to` gets by a secret whose SHA-256 is `digest`, before `until_ms` (ms from
    the Unix epoch); else it goes back to its sender. When it is over it stays, with the secret if
    it was claimed, for 31 days after `until_ms`."""

    sender: AccountId
    to: AccountId
    asset: Asset
    units: PositiveAmount
    digest: Digest
    until_ms: Counter
    status: Status
    secret: Digest | None

    @property
    def due_ms(self) -> int:
        """When it goes back; or, once it is over, when it is removed."""
        return self.until_ms if self.status == OPEN else self.until_ms + KEPT_MS


@record("swaps.received")
class Received(Record):
    """Lists a swap by who gets its amount."""


@record("swaps.due")
class Due(Record):
    """Lists a swap by when it goes back, or is removed."""


NUMBERING: Table[Numbering] = swaps.table(Numbering)
SWAPS: Table[Swap, int] = swaps.table(Swap, swap=Counter)
RECEIVED: Table[Received, bytes, int] = swaps.table(Received, account=AccountId, swap=Counter)
DUE: Table[Due, int, int] = swaps.table(Due, due_ms=Counter, swap=Counter)
AGENDA: Agenda[int] = Agenda(DUE, Due())

UNKNOWN_SWAP = swaps.error("unknown-swap", "There is no such swap, or it was removed.")


def swap_row(view: View, number: int) -> Swap:
    """The swap; raises ActionFailed (`swap`) if there is none."""
    row = SWAPS.get(view, number)
    if row is None:
        raise UNKNOWN_SWAP.failed(f"there is no swap {number}", field="swap")
    return row


def put_swap(state: State, number: int, row: Swap) -> None:
    """Write a swap that is not on the agenda, and list it."""
    SWAPS.put(state, row, number)
    AGENDA.add(state, row.due_ms, number)


@swaps.invariant
def swaps_are_kept(view: View) -> Iterator[str]:
    """The pot holds what is locked by the swaps that are open; all are listed by when they are due
    and by who gets them."""
    rows = {number: row for (number,), row in SWAPS.every(view)}
    locked: Tally[str] = Tally()
    for row in rows.values():
        locked[row.asset] += row.units if row.status == OPEN else 0
    held = {asset: pot.amount for (name, asset), pot in POTS.every(view) if name == HELD_POT}
    if held != +locked:
        yield f"the pot {HELD_POT} holds {held}, {dict(locked)} is locked"
    if {key for key, _ in RECEIVED.every(view)} != {(row.to, n) for n, row in rows.items()}:
        yield "swaps are not listed by who gets them"
    yield from AGENDA.disagreements(view, {(row.due_ms, n) for n, row in rows.items()})
