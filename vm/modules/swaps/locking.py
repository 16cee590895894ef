"""Locking: one half of a swap, for whom it is and until when."""

from consensus.kinds import AccountId, Amount, Asset, Counter, Digest
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.swaps.tables import (
    HELD_POT,
    LONGEST_MS,
    NUMBERING,
    OPEN,
    RECEIVED,
    Numbering,
    Received,
    Swap,
    put_swap,
    swaps,
)
from vm.modules.tokens import PositiveAmount, debit, fill_pot, tradable_row

ENDS_TOO_EARLY = swaps.error("ends-too-early", "A swap's time-out is later than now.")
ENDS_TOO_LATE = swaps.error("ends-too-late", "A swap's time-out is within 31 days.")


@swaps.event
@record("swaps.locked")
class Locked(Record):
    """An account has locked an amount for another, by a secret's SHA-256 and a time-out."""

    swap: Counter
    sender: AccountId
    to: AccountId
    asset: Asset
    units: Amount
    digest: Digest
    until_ms: Counter


@swaps.action(gas=8_000)
@record("swaps.lock")
class Lock(Action):
    """Lock an amount of a tradable asset: `to` gets it by the 32 bytes whose SHA-256 is `digest`,
    before a time-out within 31 days; else it comes back by itself (K9, W1)."""

    to: AccountId
    asset: Asset
    units: PositiveAmount
    digest: Digest
    until_ms: Counter

    def apply(self, context: Context) -> None:
        state, sender, now_ms = context.state, context.sender, context.block.time_ms
        tradable_row(state, self.asset)
        if self.until_ms <= now_ms:
            raise ENDS_TOO_EARLY.failed(f"now it is {now_ms} ms", field="until_ms")
        if self.until_ms > now_ms + LONGEST_MS:
            raise ENDS_TOO_LATE.failed(field="until_ms")
        debit(state, sender, self.asset, self.units, field="units")
        fill_pot(state, HELD_POT, self.asset, self.units)
        number = (NUMBERING.get(state) or Numbering(1)).swap
        NUMBERING.put(state, Numbering(number + 1))
        row = Swap(
            sender, self.to, self.asset, self.units, self.digest, self.until_ms, OPEN, secret=None
        )
        put_swap(state, number, row)
        RECEIVED.put(state, Received(), self.to, number)
        context.emit(
            Locked(number, sender, self.to, self.asset, self.units, self.digest, self.until_ms)
        )
