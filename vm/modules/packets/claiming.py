"""Claiming: who comes first has a share, once; and the end of packets.

An equal share is paid at once. Random shares are drawn when all are claimed or the time is over,
so that coming sooner, later or seeing others' shares gains nothing.
"""

from consensus.keys import verifies
from consensus.kinds import AccountId, Amount, Counter, Signature
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.draws import deciding_height
from vm.modules.packets.tables import (
    AGENDA,
    CLAIMS,
    DRAW_AGENDA,
    DRAWN,
    EQUAL,
    HELD_POT,
    OPEN,
    OVER,
    PACKETS,
    ClaimRow,
    Invitation,
    Packet,
    packet_row,
    packets,
    put_packet,
)
from vm.modules.personhood import is_person
from vm.modules.tokens import credit, drain_pot

ENDED_A_BLOCK = 8  # each with 100 claims at most to remove

NOT_OPEN = packets.error("not-open", "All shares are claimed, or the packet's time is over.")
CLAIMED_ALREADY = packets.error("claimed-already", "The account has claimed its share already.")
BAD_SIGNATURE = packets.error(
    "bad-signature", "The key of the packet's link has not signed that this account may claim."
)
NOT_A_PERSON = packets.error(
    "not-a-person", "This packet is for persons: be attested, or bond the minimum."
)


@packets.event
@record("packets.claimed")
class Claimed(Record):
    """An account has claimed a share: so many units, or 0 if shares are to be drawn."""

    packet: Counter
    account: AccountId
    units: Amount


@packets.event
@record("packets.ended")
class Ended(Record):
    """A packet is over: so much has gone back to its sender."""

    packet: Counter
    returned: Amount


@packets.action(gas=8_000, free=True)
@record("packets.claim")
class Claim(Action):
    """Claim a share of a packet, once (K9). `signature` is by the key of its link, over this
    account's `packets.invitation`; null if the packet has no link."""

    packet: Counter
    signature: Signature | None

    def apply(self, context: Context) -> None:
        state, sender, row = context.state, context.sender, packet_row(context.state, self.packet)
        self._check(context, row)
        share = row.equal_share if row.split == EQUAL else 0
        drain_pot(state, HELD_POT, row.asset, share)
        credit(state, sender, row.asset, share)
        CLAIMS.put(state, ClaimRow(row.claimed, share), self.packet, sender)
        claimed = replace(row, left=row.left - share, claimed=row.claimed + 1)
        put_packet(state, self.packet, claimed)
        context.emit(Claimed(self.packet, sender, share))
        if claimed.claimed == claimed.parts:
            _end(context, self.packet, claimed)

    def _check(self, context: Context, row: Packet) -> None:
        if row.status != OPEN or context.block.time_ms >= row.until_ms:
            raise NOT_OPEN.failed(field="packet")
        if CLAIMS.get(context.state, self.packet, context.sender) is not None:
            raise CLAIMED_ALREADY.failed(field="packet")
        if not self._is_invited(context, row.link):
            raise BAD_SIGNATURE.failed(field="signature")
        if row.persons_only and not is_person(context.state, context.sender):
            raise NOT_A_PERSON.failed()

    def _is_invited(self, context: Context, link: bytes | None) -> bool:
        if link is None or self.signature is None:
            return link is self.signature
        invitation = Invitation(context.block.chain, self.packet, context.sender)
        return verifies(link, invitation.encode(), self.signature)


@packets.begin_block
def end_packets(context: Context) -> None:
    """End the packets whose time is over, and remove those that have been over long enough: a
    bounded number a block."""
    for _, number in AGENDA.take(context.state, context.block.time_ms, limit=ENDED_A_BLOCK):
        row = packet_row(context.state, number)
        if row.status == OPEN:
            AGENDA.add(context.state, row.due_ms, number)
            _end(context, number, row)
        elif row.status == DRAWN:  # blocks were so long that its draw comes later
            AGENDA.add(context.state, row.due_ms, number)
        else:
            for key, _ in CLAIMS.scan(context.state, number, limit=row.parts):
                CLAIMS.delete(context.state, *key)
            PACKETS.delete(context.state, number)


def _end(context: Context, number: int, row: Packet) -> None:
    """Nobody can claim any more: give back what is left, or let claimed shares be drawn."""
    if row.split == EQUAL or not row.claimed:
        finish(context, number, row)
        return
    height = deciding_height(context.block)
    put_packet(context.state, number, replace(row, status=DRAWN, draw_height=height))
    DRAW_AGENDA.add(context.state, height, number)


def finish(context: Context, number: int, row: Packet) -> None:
    """A packet is over: its sender gets back what is left."""
    drain_pot(context.state, HELD_POT, row.asset, row.left)
    credit(context.state, row.sender, row.asset, row.left)
    put_packet(context.state, number, replace(row, left=0, status=OVER))
    context.emit(Ended(number, row.left))
