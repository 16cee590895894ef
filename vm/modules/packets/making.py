"""Making a packet: its amount is held until it is shared out, or comes back."""

from consensus.keys import is_public_key
from consensus.kinds import AccountId, Amount, Asset, Counter, PublicKey
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.packets.tables import (
    HELD_POT,
    LONGEST_MS,
    NUMBERING,
    OPEN,
    Numbering,
    Packet,
    Parts,
    Split,
    packets,
    put_packet,
)
from vm.modules.tokens import Memo, PositiveAmount, debit, fill_pot, transferable_row

TOO_SMALL = packets.error("too-small", "Each share must be one unit at least.")
NOT_A_KEY = packets.error("not-a-key", "The link's key is no Ed25519 public key.")
ENDS_TOO_EARLY = packets.error("ends-too-early", "A packet ends later than now.")
ENDS_TOO_LATE = packets.error("ends-too-late", "A packet ends within 31 days.")


@packets.event
@record("packets.made")
class Made(Record):
    """An account has made a packet of this number."""

    packet: Counter
    sender: AccountId
    asset: Asset
    units: Amount
    parts: Parts


@packets.action(gas=8_000)
@record("packets.make")
class Make(Action):
    """Make a packet that those who come first share, each once, until a time within 31 days (K9).
    With a `link` only those claim for whom its key signs; if `persons_only`, only those who count
    as one person. What nobody has claimed comes back, and of equal shares what rounding leaves."""

    asset: Asset
    units: PositiveAmount
    parts: Parts
    split: Split
    link: PublicKey | None
    persons_only: bool
    until_ms: Counter
    greeting: Memo

    def apply(self, context: Context) -> None:
        state, now_ms = context.state, context.block.time_ms
        transferable_row(state, self.asset)
        if self.units < self.parts:
            raise TOO_SMALL.failed(f"{self.parts} shares of {self.units} units", field="units")
        if self.link is not None and not is_public_key(self.link):
            raise NOT_A_KEY.failed(field="link")
        if self.until_ms <= now_ms:
            raise ENDS_TOO_EARLY.failed(f"now it is {now_ms} ms", field="until_ms")
        if self.until_ms > now_ms + LONGEST_MS:
            raise ENDS_TOO_LATE.failed(field="until_ms")
        debit(state, context.sender, self.asset, self.units, field="units")
        fill_pot(state, HELD_POT, self.asset, self.units)
        number = (NUMBERING.get(state) or Numbering(1)).packet
        NUMBERING.put(state, Numbering(number + 1))
        put_packet(state, number, self._row(context.sender))
        context.emit(Made(number, context.sender, self.asset, self.units, self.parts))

    def _row(self, sender: bytes) -> Packet:
        return Packet(
            sender=sender,
            asset=self.asset,
            units=self.units,
            parts=self.parts,
            split=self.split,
            link=self.link,
            persons_only=self.persons_only,
            greeting=self.greeting,
            until_ms=self.until_ms,
            left=self.units,
            claimed=0,
            status=OPEN,
            draw_height=0,
        )
