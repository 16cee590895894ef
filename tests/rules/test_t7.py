"""T7: a room must hold prepaid packets to open; its audience, the packets used and the weight that
follows are public."""

from fractions import Fraction

from consensus.address import format_address
from tests.rules.disabled import Disabled
from tests.vm.fans import A, B, C, D, Fans
from vm.modules.live import (
    LEAST_PACKETS,
    PACKET_UNITS,
    SHOWS,
    BuyPackets,
    Enter,
    Invite,
    OpenRoom,
    prepaid_by,
)
from vm.modules.ranking import HALF_LIFE_S, ROOM

DISABLED = Disabled("vm.modules.live.attending.use_packet", lambda state, owner: 0)
OPEN = OpenRoom("A concert", "https://live.example/index.m3u8", is_public=True)


def test_a_room_without_enough_packets_does_not_open_and_each_guest_uses_one() -> None:
    fans, least, price = Fans(), LEAST_PACKETS.default, PACKET_UNITS.default
    fans.must(C, BuyPackets(least - 1))
    assert fans.act(C, OPEN) == "live.too-few-packets"
    fans.must(C, BuyPackets(1))
    fans.must(C, OPEN)
    fans.must(C, Invite((A,)))
    for guest in (A, B, D):
        fans.must(guest, Enter(C))
    show = SHOWS.get(fans.world.state, 0)
    assert show is not None
    assert (show.invited, show.packets_used, show.points) == (1, 3, 3 * price)
    assert prepaid_by(fans.world.state, C).packets == least - 3
    fans.time_ms += 1000 * HALF_LIFE_S.default
    assert fans.points(ROOM, format_address(C)) == Fraction(3 * price, 2)
