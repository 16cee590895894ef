"""Addresses: spelling, whom to dial next, what strangers can do to the book."""

import random
from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from consensus.errors import InvalidEncoding
from p2p.addressbook import (
    FIRST_DELAY_S,
    LONGEST_DELAY_S,
    LONGEST_FIXED_DELAY_S,
    MAX_ADDRESSES,
    MAX_ANCHORS,
    MAX_HEARSAY_FAILURES,
    MAX_HEARSAY_PER_SOURCE,
    MAX_PER_GROUP,
    MAX_VERIFIED_FAILURES,
    STABLE_S,
    VERIFIED_FOR_S,
    AddressBook,
)
from p2p.identity import PeerId
from p2p.peeraddress import PeerAddress, address_group, is_credible, parse_peer_address
from p2p.savedfile import save

ME = bytes(32)


def address(number: int, host: str | None = None, port: int = 7400) -> PeerAddress:
    named = f"{10 + (number >> 8)}.{number & 255}.0.1" if host is None else host
    return PeerAddress(number.to_bytes(32, "big"), named, port)


def book(*fixed: PeerAddress, random: Callable[[], float] = lambda: 0.5) -> AddressBook:
    return AddressBook(ME, fixed, random)


def ready(
    of: AddressBook, now: float = 0.0, groups: Collection[str] = (), skip: PeerId = ME
) -> list[PeerAddress]:
    return of.candidates(now, groups, lambda peer: peer == skip)


@pytest.mark.parametrize(
    "text", [f"{'0a' * 32}@10.0.0.1:1", f"{'0a' * 32}@[::1]:65535", f"{'0a' * 32}@node.example:80"]
)
def test_an_address_reads_as_it_is_written(text: str) -> None:
    assert str(parse_peer_address(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10.0.0.1:1",
        f"{'0A' * 32}@10.0.0.1:1",
        f"{'0a' * 31}@10.0.0.1:1",
        f"{'0a' * 32}@10.0.0.1",
        f"{'0a' * 32}@10.0.0.1:0",
        f"{'0a' * 32}@10.0.0.1:65536",
        f"{'0a' * 32}@10.0.0.1:080",
        f"{'0a' * 32}@::1:80",
        f"{'0a' * 32}@a b:80",
        f"{'0a' * 32}@10.0.0.1:1\n",
    ],
)
def test_any_other_spelling_is_refused(text: str) -> None:
    with pytest.raises(InvalidEncoding, match="64 hex digits"):
        parse_peer_address(text)


def test_groups() -> None:
    assert address_group("10.1.2.3") == address_group("10.1.9.9") == "10.1.0.0/16"
    assert address_group("::ffff:10.1.2.3") == "10.1.0.0/16"
    assert address_group("2001:db8:1::1") == address_group("2001:db8:2::1") == "2001:db8::/32"
    assert address_group("127.0.0.1") == address_group("127.9.0.1") == "loopback"
    assert address_group("::1") == "loopback"
    assert address_group("node.example") == "node.example"


def test_what_strangers_may_tell() -> None:
    assert is_credible("10.0.0.1", told_by="10.0.0.2")
    assert is_credible("127.0.0.1", told_by="127.0.0.1")
    for host in ("127.0.0.1", "::1", "0.0.0.0", "::", "224.0.0.1", "node.example"):
        assert not is_credible(host, told_by="10.0.0.2")


def test_configured_nodes_come_first_then_new_groups_then_verified_ones() -> None:
    names = book(address(1))
    for number in (2, 3, 4):
        names.hear(address(number))
    names.reached(address(3), 0.0)
    order = ready(names, groups={address(2).group, address(3).group})
    assert order == [address(1), address(4), address(3), address(2)]
    assert ready(names, skip=address(1).id)[0] == address(3)


def test_a_failing_node_is_tried_ever_less_often() -> None:
    names = book(address(2))
    names.reached(address(1), 0.0)
    names.failed(address(2).id, 1e9)
    now, waits = 0.0, []
    for _ in range(12):
        names.failed(address(1).id, now)
        assert ready(names, now) == []
        wait = next(w for w in range(1, 200) if ready(names, now + w / 2)) / 2
        waits.append(wait)
        now += wait
    assert waits == sorted(waits)
    assert waits[0] <= FIRST_DELAY_S
    assert LONGEST_DELAY_S / 2 <= waits[-1] <= LONGEST_DELAY_S
    for _ in range(12):
        names.failed(address(2).id, 1e9)
    assert ready(names, 1e9 + LONGEST_FIXED_DELAY_S)[0] == address(2)


def test_delays_are_spread() -> None:
    early, late = book(address(1), random=lambda: 0.0), book(address(1), random=lambda: 0.99)
    for names in (early, late):
        for _ in range(5):
            names.failed(address(1).id, 0.0)
    assert ready(early, 4.0) != []
    assert ready(late, 4.0) == []
    assert ready(late, 8.0) != []


def test_only_a_connection_that_lasted_forgives_failures() -> None:
    names = book(address(1))
    for _ in range(6):
        names.failed(address(1).id, 0.0)
    names.ended(address(1).id, STABLE_S / 2, 100.0)
    assert ready(names, 101.0) == []
    names.ended(address(1).id, STABLE_S, 200.0)
    assert ready(names, 201.0) == [address(1)]


def test_hearsay_that_fails_is_dropped_and_the_rest_stays() -> None:
    names = book(address(1))
    names.hear(address(2))
    names.hear(address(3))
    names.reached(address(3), 0.0)
    for number in (1, 2, 3):
        for _ in range(MAX_HEARSAY_FAILURES):
            names.failed(address(number).id, 0.0)
    assert {a.id for a in ready(names, 1e9)} == {address(1).id, address(3).id}


def test_hearsay_does_not_replace_what_works() -> None:
    names = book(address(1))
    names.reached(address(2), 0.0)
    for number in (1, 2):
        names.hear(address(number, "6.6.6.6"))
    names.hear(PeerAddress(ME, "6.6.6.6", 1))
    assert set(ready(names)) == {address(1), address(2)}
    names.failed(address(2).id, 0.0)
    names.hear(address(2, "7.7.7.7"))
    assert set(ready(names, 1e9)) == {address(1), address(2)}, "a lie in a short absence"
    names.hear(address(2, "7.7.7.7"), of_itself=True)
    assert set(ready(names, 1e9)) == {address(1), address(2, "7.7.7.7")}


def test_a_node_that_is_gone_for_long_may_be_elsewhere() -> None:
    names = book()
    names.reached(address(2), 0.0)
    for _ in range(MAX_VERIFIED_FAILURES):
        names.failed(address(2).id, 0.0)
    names.hear(address(2, "7.7.7.7"))
    assert ready(names, 1e9) == [address(2, "7.7.7.7")]


def test_a_verified_address_is_dropped_only_after_a_long_time() -> None:
    names = book()
    names.reached(address(2), 0.0)
    for _ in range(3 * MAX_VERIFIED_FAILURES):
        names.failed(address(2).id, VERIFIED_FOR_S - 1)
    assert len(names) == 1
    names.failed(address(2).id, VERIFIED_FOR_S)
    assert len(names) == 0


@pytest.mark.parametrize("groups", [1, 1000])
def test_a_thousand_lies_of_one_peer_leave_the_honest_in_the_book(groups: int) -> None:
    seeds = random.Random(7)
    names = book(random=seeds.random)
    honest = [address(n) for n in range(1, 41)]
    for known in honest[:20]:
        names.reached(known, 0.0)
    for heard in honest[20:]:
        names.hear(heard, heard.group)
    for n in range(1000):
        lie = f"6.6.{n >> 8}.{n & 255}" if groups == 1 else f"{60 + (n >> 8)}.{n & 255}.0.1"
        names.hear(address(1000 + n, lie), "6.6.0.0/16")
    assert len(names) == 40 + (MAX_PER_GROUP if groups == 1 else MAX_HEARSAY_PER_SOURCE)
    order = ready(names)
    assert set(honest) <= set(order)
    assert set(order[:20]) == set(honest[:20]), "verified ones come first"
    liars = [a for a in order[20:42] if a not in honest]
    assert len(liars) <= 2, "a source has its turn like any other"
    tried = [names.untried(0.0, lambda _: False) for _ in range(60)]
    assert sum(a in honest for a in tried) >= 30


def test_a_full_book_makes_room_at_the_cost_of_who_filled_it() -> None:
    names = book()
    names.hear(address(1), "1.1.0.0/16")
    for n in range(5 * MAX_HEARSAY_PER_SOURCE):
        names.hear(address(1000 + n), f"6.{n // MAX_HEARSAY_PER_SOURCE}.0.0/16")
    assert len(names) == MAX_ADDRESSES
    names.hear(address(2), "2.2.0.0/16")
    names.reached(address(3), 0.0)
    assert len(names) == MAX_ADDRESSES
    assert {address(n) for n in (1, 2, 3)} <= set(ready(names))


def test_verified_addresses_of_one_neighbourhood_are_bounded() -> None:
    names = book()
    names.reached(address(1), 0.0)
    for n in range(2 * MAX_PER_GROUP):
        names.reached(address(100 + n, f"6.6.0.{n + 1}"), float(n))
    assert len(names) == 1 + MAX_PER_GROUP
    found = {a.id for a in ready(names)}
    assert {address(1).id, address(100 + 2 * MAX_PER_GROUP - 1).id} <= found
    assert address(100).id not in found, "who was reached longest ago goes"


def test_a_book_full_of_verified_addresses_takes_another_but_no_hearsay() -> None:
    names = book()
    for n in range(MAX_ADDRESSES):
        names.reached(address(n + 1), float(n))
    names.hear(address(5000))
    assert address(5000) not in ready(names)
    names.reached(address(5001), 0.0)
    assert address(5001) in ready(names)
    assert len(names) == MAX_ADDRESSES


def test_one_of_each_group_comes_before_a_second() -> None:
    names = book(address(1, "5.5.0.1"), address(2, "5.5.0.2"))
    for n, host in ((3, "7.7.0.1"), (4, "7.7.0.2"), (5, "8.8.0.1"), (6, "5.5.0.3")):
        names.reached(address(n, host), 0.0)
    order = [a.id[-1] for a in ready(names)]
    assert set(order[:2]) == {1, 2}, "configured ones in any case"
    assert set(order[2:4]) in ({3, 5}, {4, 5})
    assert 6 in order[4:]


def test_anchors_are_kept_and_come_first(tmp_path: Path) -> None:
    names = book()
    for n in range(1, 31):
        names.reached(address(n), 0.0)
    names.anchor([address(17).id, address(23).id, address(5).id])
    save(tmp_path / "peers", names.encode(0.0, 1e9))
    names.anchor([])
    assert not names.changed, "with nobody there the former ones stay"
    again = book(address(99))
    again.load(tmp_path / "peers", 50.0, 1e9)
    for n in range(1000, 1200):
        again.hear(address(n))
    order = ready(again, 50.0)
    assert order[0] == address(99)
    assert set(order[1:3]) == {address(17), address(23)}
    assert len({address(17), address(23)}) == MAX_ANCHORS
    assert again.sizes() == {"fixed": 1, "verified": 30, "hearsay": 200, "anchor": 2}


def test_when_a_node_was_reached_is_kept_by_the_wall_clock(tmp_path: Path) -> None:
    names = book()
    names.reached(address(2), 100.0)
    save(tmp_path / "peers", names.encode(150.0, 1e9))
    for wall_s, gone in ((1e9 + VERIFIED_FOR_S - 60, False), (1e9 + VERIFIED_FOR_S - 50, True)):
        again = book()
        again.load(tmp_path / "peers", 7.0, wall_s)
        for _ in range(MAX_VERIFIED_FAILURES):
            again.failed(address(2).id, 7.0)
        assert (len(again) == 0) is gone


def test_one_neighbourhood_cannot_fill_the_book() -> None:
    names = book()
    for number in range(1, 1000):
        names.hear(address(number, f"6.6.{number >> 8}.{number & 255}"))
    assert len(names) == MAX_PER_GROUP


def test_a_full_book_forgets_hearsay_only() -> None:
    names = book()
    for number in range(1, 201):
        names.reached(address(number), 0.0)
    for number in range(1000, 1000 + 2 * MAX_ADDRESSES):
        names.hear(address(number))
    assert len(names) == MAX_ADDRESSES
    assert {address(n).id for n in range(1, 201)} <= {a.id for a in ready(names)}
    told = names.sample(2000, address(1).id)
    assert {a.id for a in told} < {address(n).id for n in range(2, 201)}
    assert len(told) == 199 // 4, "only a part is told"
    assert len(names.sample(7, ME)) == 7


def test_the_book_outlives_a_restart(tmp_path: Path) -> None:
    names = book(address(1))
    names.reached(address(2), 0.0)
    names.hear(address(3))
    file = tmp_path / "peers"
    assert names.changed
    save(file, names.encode(0.0, 1e9))
    again = book(address(9))
    again.load(file, 0.0, 1e9)
    assert set(ready(again)) == {address(1), address(2), address(3), address(9)}
    assert again.sample(9, ME) == (address(2),)
    assert [path.name for path in tmp_path.iterdir()] == ["peers"]


@pytest.mark.parametrize("contents", [b"", b"\x80", bytes(1000), b"\xff" * 100])
def test_an_unreadable_book_is_left_aside(
    tmp_path: Path, contents: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "peers"
    file.write_bytes(contents)
    names = book(address(1))
    names.load(file, 0.0, 1e9)
    assert ready(names) == [address(1)]
    assert str(file) in caplog.text


def test_a_missing_book_is_no_news_and_an_unwritable_one_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = book()
    names.load(tmp_path / "none", 0.0, 1e9)
    assert caplog.text == ""
    save(tmp_path / "no such folder" / "peers", names.encode(0.0, 1e9))
    assert "no such folder" in caplog.text


def test_one_that_failed_may_be_dialled_at_once_when_it_is_told() -> None:
    names = book(address(1), address(2))
    for number in (1, 2):
        names.failed(address(number).id, 100.0)
    assert ready(names, 100.1) == []
    names.try_again({address(1).id, address(3).id})
    assert ready(names, 100.1) == [address(1)]
