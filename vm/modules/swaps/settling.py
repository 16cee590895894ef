"""Settling: the secret pays before the time-out; after it the amount goes back by itself."""

from consensus.hashing import sha256
from consensus.kinds import AccountId, Amount, Counter, Digest
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.swaps.tables import (
    AGENDA,
    CLAIMED,
    HELD_POT,
    OPEN,
    RECEIVED,
    REFUNDED,
    SWAPS,
    Swap,
    put_swap,
    swap_row,
    swaps,
)
from vm.modules.tokens import credit, drain_pot

SETTLED_A_BLOCK = 64

NOT_OPEN = swaps.error("not-open", "The swap was claimed, or has gone back.")
WRONG_SECRET = swaps.error("wrong-secret", "This secret's SHA-256 is not that of the swap.")
TOO_LATE = swaps.error("too-late", "The swap's time-out is over: the amount goes back.")


@swaps.event
@record("swaps.claimed")
class Claimed(Record):
    """A swap's amount was paid by its secret, which everybody knows from now on."""

    swap: Counter
    to: AccountId
    units: Amount
    secret: Digest


@swaps.event
@record("swaps.refunded")
class Refunded(Record):
    """A swap's time-out is over: its amount has gone back."""

    swap: Counter
    to: AccountId
    units: Amount


@swaps.action(gas=6_000)
@record("swaps.claim")
class Claim(Action):
    """Pay a swap's amount to whom it is for, by its secret, before its time-out; anybody may send
    this, as nobody else is paid (K9)."""

    swap: Counter
    secret: Digest

    def apply(self, context: Context) -> None:
        row = swap_row(context.state, self.swap)
        if row.status != OPEN:
            raise NOT_OPEN.failed(f"it is {row.status}", field="swap")
        if context.block.time_ms >= row.until_ms:
            raise TOO_LATE.failed(f"it was until {row.until_ms} ms", field="swap")
        if sha256(self.secret) != row.digest:
            raise WRONG_SECRET.failed(field="secret")
        AGENDA.remove(context.state, row.due_ms, self.swap)
        _pay(context, self.swap, replace(row, status=CLAIMED, secret=self.secret), row.to)
        context.emit(Claimed(self.swap, row.to, row.units, self.secret))


@swaps.begin_block
def go_on(context: Context) -> None:
    """Give back what was not claimed in time, and remove what has been over long enough: a bounded
    number a block."""
    for _, number in AGENDA.take(context.state, context.block.time_ms, limit=SETTLED_A_BLOCK):
        row = swap_row(context.state, number)
        if row.status == OPEN:
            _pay(context, number, replace(row, status=REFUNDED), row.sender)
            context.emit(Refunded(number, row.sender, row.units))
        else:
            SWAPS.delete(context.state, number)
            RECEIVED.delete(context.state, row.to, number)


def _pay(context: Context, number: int, over: Swap, to: bytes) -> None:
    drain_pot(context.state, HELD_POT, over.asset, over.units)
    credit(context.state, to, over.asset, over.units)
    put_swap(context.state, number, over)
