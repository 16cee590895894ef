"""Dividing: the random shares of a packet, drawn by a beacon that nobody knew while it was open.

An amount of units in n shares of one at least: n - 1 numbers from 0 to units - n are drawn, and in
order they cut what is above n units into n pieces, each of which is a share together with one unit.
Lots say which place has which share, so that all places are alike: the mean of each is units ÷ n.
"""

from itertools import pairwise

from consensus.kinds import AccountId, Amount, Counter
from consensus.record import Record, record, replace
from vm.context import Context
from vm.modules.draws import below, draw_seed, lot
from vm.modules.packets.claiming import finish
from vm.modules.packets.tables import (
    CLAIMS,
    DRAW_AGENDA,
    HELD_POT,
    Packet,
    packet_row,
    packets,
)
from vm.modules.tokens import credit, drain_pot

DIVIDED_A_BLOCK = 8  # each with 100 shares at most


@packets.event
@record("packets.drawn")
class Drawn(Record):
    """An account was paid the share that was drawn for it."""

    packet: Counter
    account: AccountId
    units: Amount


def random_shares(seed: bytes, units: int, parts: int) -> tuple[int, ...]:
    """The shares of the places, in order: each is one unit at least, their sum is `units`."""
    spare = units - parts
    cuts = sorted(below(seed, turn, spare + 1) for turn in range(parts - 1))
    pieces = [1 + high - low for low, high in pairwise([0, *cuts, spare])]
    order = sorted(range(parts), key=lambda place: lot(seed, place.to_bytes(4, "big")))
    drawn = dict(zip(order, pieces, strict=True))
    return tuple(drawn[place] for place in range(parts))


@packets.begin_block
def divide_packets(context: Context) -> None:
    """Draw and pay the shares of packets whose beacon is there: a bounded number a block."""
    for _, number in DRAW_AGENDA.take(context.state, context.block.height, limit=DIVIDED_A_BLOCK):
        _divide(context, number, packet_row(context.state, number))


def _divide(context: Context, number: int, row: Packet) -> None:
    state, left = context.state, row.left
    shares = random_shares(
        draw_seed("packets.divide", context.block.beacon, number), row.units, row.parts
    )
    for (_, account), claim in list(CLAIMS.scan(state, number, limit=row.parts)):
        share = shares[claim.place]
        CLAIMS.put(state, replace(claim, units=share), number, account)
        drain_pot(state, HELD_POT, row.asset, share)
        credit(state, account, row.asset, share)
        context.emit(Drawn(number, account, share))
        left -= share
    finish(context, number, replace(row, left=left))
