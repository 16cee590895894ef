"""Live rooms: packets are prepaid, guests use them, and what was paid for these ranks the room."""

import pytest

from consensus.address import format_address
from tests.vm.fans import PRICE, A, B, C, D, Fans
from tests.vm.world import key
from vm.modules.gifts import Give
from vm.modules.live import (
    GUESTS,
    GUESTS_KEPT_S,
    LEAST_PACKETS,
    MOST_SHOW_S,
    PACKET_UNITS,
    PREPAID,
    ROOMS,
    SHOWS,
    BuyPackets,
    CloseRoom,
    Enter,
    Guest,
    Invite,
    OpenRoom,
    Prepaid,
    Room,
    Show,
    UpdateRoom,
    close_due,
)
from vm.modules.live.holding import FORGOTTEN_A_BLOCK
from vm.modules.ranking import CREATOR, PLACES, ROOM
from vm.modules.revenue import REVENUE_POT

STREAM = "https://live.example/cleo/index.m3u8"
OPEN = OpenRoom("A concert", STREAM, is_public=True)
PACKET = PACKET_UNITS.default
CLEO = format_address(C)


class Concert(Fans):
    """Cleo has bought twelve packets and opened her room, to everybody or to who is invited."""

    def __init__(self, *, is_public: bool = True, packets: int = 12) -> None:
        super().__init__()
        self.must(C, BuyPackets(packets))
        self.must(C, OpenRoom("A concert", STREAM, is_public))

    def show(self, number: int = 0) -> Show:
        """The show."""
        row = SHOWS.get(self.world.state, number)
        if row is None:
            raise AssertionError("no show")
        return row

    def wait(self, seconds: int) -> None:
        """Time passes; a block follows."""
        self.time_ms += 1000 * seconds
        self.step(close_due)


def test_a_room_opens_when_it_holds_enough_packets_and_its_owner_a_space() -> None:
    fans, least = Fans(), LEAST_PACKETS.default
    assert fans.act(C, OPEN) == "live.too-few-packets"
    fans.must(C, BuyPackets(least - 1))
    assert fans.act(C, OPEN) == "live.too-few-packets"
    fans.must(C, BuyPackets(1))
    assert fans.pot(REVENUE_POT) == least * PACKET
    assert PREPAID.get(fans.world.state, C) == Prepaid(least, least * PACKET)
    fans.must(A, BuyPackets(least))
    assert fans.act(A, OPEN) == "live.no-space"
    fans.must(C, OPEN)
    assert fans.act(C, OPEN) == "live.already-open"
    until_ms = fans.time_ms + 1000 * MOST_SHOW_S.default
    assert ROOMS.get(fans.world.state, C) == Room(0, "A concert", STREAM, True, until_ms)
    assert fans.sound()


def test_packets_cost_what_they_cost_when_they_are_bought() -> None:
    fans = Fans()
    fans.must(C, BuyPackets(10))
    PACKET_UNITS.set(fans.world.state, 3 * PACKET)
    fans.must(C, BuyPackets(10))
    fans.must(C, OPEN)
    for who in (B, D):
        fans.must(who, Enter(C))
    assert fans.points(ROOM, CLEO) == 4 * PACKET, "two of twenty that cost 40 together"
    assert PREPAID.get(fans.world.state, C) == Prepaid(18, 36 * PACKET)
    assert fans.act(D, BuyPackets(1_000_000)) == "token.insufficient-balance"


def test_who_enters_uses_a_packet_once_a_show_and_its_price_ranks_the_room() -> None:
    concert = Concert()
    assert [key[2] for key, _ in PLACES.every(concert.world.state, ROOM)] == [CLEO]
    concert.must(B, Enter(C))
    assert concert.act(B, Enter(C)) == "live.already-entered"
    assert concert.act(C, Enter(C)) == "live.own-room"
    assert concert.act(B, Enter(A)) == "live.not-open"
    concert.must(D, Enter(C))
    show = concert.show()
    assert (show.packets_used, show.points) == (2, 2 * PACKET)
    assert concert.points(ROOM, CLEO) == 2 * PACKET
    assert concert.sound()


def test_a_public_room_is_for_persons_and_for_who_is_invited() -> None:
    concert = Concert()
    assert concert.act(A, Enter(C)) == "live.not-invited", "else keys for nothing use its packets"
    concert.must(C, Invite((A,)))
    concert.must(A, Enter(C))
    assert GUESTS.get(concert.world.state, 0, A) == Guest(True, True)


def test_a_private_room_is_for_who_is_invited() -> None:
    concert = Concert(is_public=False)
    assert concert.act(B, Enter(C)) == "live.not-invited"
    assert concert.act(B, Invite((B,))) == "live.not-open"
    assert concert.act(C, Invite((C,))) == "live.own-room"
    concert.must(C, Invite((A, B)))
    assert concert.act(C, Invite((D, B))) == "live.already-invited"
    assert concert.act(C, Invite((D, D))) == "live.already-invited"
    concert.must(B, Enter(C))
    show = concert.show()
    assert (show.invited, show.packets_used) == (2, 1)
    assert concert.sound()


def test_without_packets_nobody_enters_until_there_are_more() -> None:
    concert = Concert(packets=10)
    guests = [key(f"guest {i}").public for i in range(11)]
    concert.must(C, Invite(tuple(guests)))
    for guest in guests[:10]:
        concert.must(guest, Enter(C))
    assert PREPAID.get(concert.world.state, C) is None
    assert concert.act(guests[10], Enter(C)) == "live.no-packets"
    concert.must(C, BuyPackets(1))
    concert.must(guests[10], Enter(C))
    assert concert.points(ROOM, CLEO) == 11 * PACKET
    assert concert.sound()


def test_gifts_vote_for_a_room_while_it_is_open() -> None:
    concert = Concert()
    concert.must(B, Give("rose", C, None, None))
    assert concert.points(ROOM, CLEO) == concert.points(CREATOR, CLEO) == PRICE // 5
    concert.must(C, CloseRoom(None))
    concert.must(A, Give("rose", C, None, None))
    assert (concert.points(ROOM, CLEO), concert.points(CREATOR, CLEO)) == (200, 400)
    assert list(PLACES.every(concert.world.state, ROOM)) == []
    assert concert.sound()


def test_a_closed_room_keeps_its_score_and_its_packets() -> None:
    concert = Concert()
    concert.must(B, Enter(C))
    assert concert.act(C, CloseRoom(2)) == "live.peak-too-high"
    concert.must(C, CloseRoom(1))
    assert concert.show().peak == 1
    assert concert.act(C, CloseRoom(None)) == "live.not-open"
    assert concert.act(C, UpdateRoom("Encore", STREAM)) == "live.not-open"
    concert.must(C, OPEN)
    assert concert.points(ROOM, CLEO) == PACKET
    concert.must(B, Enter(C))
    assert (concert.show(1).packets_used, concert.points(ROOM, CLEO)) == (1, 2 * PACKET)


def test_a_room_is_closed_when_its_time_is_over() -> None:
    concert = Concert()
    concert.wait(MOST_SHOW_S.default - 1)
    concert.must(C, UpdateRoom("Encore", "ipfs://bafyother"))
    row = ROOMS.get(concert.world.state, C)
    assert row is not None
    assert (row.title, row.stream) == ("Encore", "ipfs://bafyother")
    concert.wait(1)
    assert ROOMS.get(concert.world.state, C) is None
    assert concert.show().closed_ms == concert.time_ms
    assert concert.sound()


def test_guests_are_forgotten_in_batches_and_the_show_is_kept() -> None:
    concert = Concert()
    guests = [key(f"guest {i}").public for i in range(FORGOTTEN_A_BLOCK + 6)]
    concert.must(C, Invite(tuple(guests[:60])))
    concert.must(C, Invite(tuple(guests[60:])))
    concert.must(C, CloseRoom(None))
    concert.wait(GUESTS_KEPT_S.default)
    assert len(list(GUESTS.every(concert.world.state, 0))) == 6
    assert concert.sound()
    concert.wait(1)
    assert list(GUESTS.every(concert.world.state, 0)) == []
    concert.wait(1)
    assert concert.show().invited == len(guests)
    assert concert.sound()


@pytest.mark.parametrize("broken", ["room", "guest", "packets"])
def test_rows_that_do_not_agree_are_found(broken: str) -> None:
    concert = Concert()
    concert.must(B, Enter(C))
    state = concert.world.state
    if broken == "room":
        ROOMS.delete(state, C)
    elif broken == "guest":
        GUESTS.delete(state, 0, B)
    else:
        PLACES.delete(state, *next(iter(PLACES.every(state, ROOM)))[0])
    assert not concert.sound()
