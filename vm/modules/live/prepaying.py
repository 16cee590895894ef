"""Prepaying: live data packets are paid for before a room opens (T7)."""

from consensus.kinds import AccountId, Amount
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.chain import chain_constants
from vm.modules.live.tables import PACKET_UNITS, PREPAID, Packets, Prepaid, live
from vm.modules.revenue import take_in
from vm.modules.tokens import debit
from vm.view import State, View

NO_PACKETS = live.error(
    "no-packets", "The room holds no live data packet: its owner must buy some first."
)
TOO_MANY = live.error("too-many", "The account cannot hold so many packets.")

MOST_HELD_UNITS = 10**18


@live.event
@record("live.packets_bought")
class PacketsBought(Record):
    """An account has paid for live data packets."""

    owner: AccountId
    packets: Packets
    units: Amount


@live.action(gas=4_000)
@record("live.buy_packets")
class BuyPackets(Action):
    """Pay for live data packets at the price that holds, in the native asset: the platform's
    income, which does not come back (T7). Each serves one guest of one show."""

    packets: Packets

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        asset, units = chain_constants(state).native_asset, self.packets * PACKET_UNITS.read(state)
        before = prepaid_by(state, sender)
        if before.units + units > MOST_HELD_UNITS:
            raise TOO_MANY.failed(field="packets")
        debit(state, sender, asset, units, field="packets")
        take_in(state, source=live.name, asset=asset, fee=units)
        PREPAID.put(state, Prepaid(before.packets + self.packets, before.units + units), sender)
        context.emit(PacketsBought(sender, self.packets, units))

    def touches(self, sender: bytes) -> tuple[bytes, ...]:
        return (PREPAID.state_key(sender),)


def prepaid_by(view: View, owner: bytes) -> Prepaid:
    """The packets that an account holds."""
    return PREPAID.get(view, owner) or Prepaid(0, 0)


def use_packet(state: State, owner: bytes) -> int:
    """Take a packet of an account's; returns what was paid for it, rounded down, which never adds
    up to more than was paid. Raises ActionFailed if there is none."""
    row = prepaid_by(state, owner)
    if not row.packets:
        raise NO_PACKETS.failed()
    units = row.units // row.packets
    if row.packets == 1:
        PREPAID.delete(state, owner)
    else:
        PREPAID.put(state, Prepaid(row.packets - 1, row.units - units), owner)
    return units
