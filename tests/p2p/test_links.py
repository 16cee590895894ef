"""Links with faults, in virtual time: order, delays, loss, partitions, closing, back-pressure."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
import trio
import trio.testing

from consensus.errors import InvalidEncoding
from p2p.config import NetworkConfig, Timing
from p2p.links import (
    LEAST_RETRANSMISSION_S,
    MAX_DELAY_MS,
    MAX_IN_FLIGHT_BYTES,
    MAX_LOSS_PPM,
    NO_FAULTS,
    SEGMENT_BYTES,
    FaultyStream,
    LinkFaults,
    Links,
    describe,
)
from tests.p2p.nodes import Node, eventually, key, start

PEER = b"p" * 32
LATENCY_S = 0.08
SLOW = LinkFaults(latency_ms=80)
CUT = LinkFaults(blocked=(PEER,))


@dataclass
class Way:
    """One way of a link: what is sent into `stream` comes out of `far`."""

    links: Links
    stream: FaultyStream
    far: trio.abc.Stream
    nursery: trio.Nursery

    def is_still(self) -> bool:
        """Whether no task carries anything."""
        return not self.nursery.child_tasks

    async def arrivals(self, count: int) -> list[tuple[float, bytes]]:
        """When so many bytes came, piece by piece."""
        found: list[tuple[float, bytes]] = []
        while sum(len(data) for _, data in found) < count:
            data = await self.far.receive_some()
            assert data
            found.append((trio.current_time(), bytes(data)))
        return found


@asynccontextmanager
async def way(faults: LinkFaults, seed: bytes = b"") -> AsyncIterator[Way]:
    """A way to PEER whose other end takes nothing that is not received there."""
    near, far = trio.testing.lockstep_stream_pair()
    links = Links(faults, seed)
    async with trio.open_nursery() as nursery:
        links.nursery = nursery
        made = Way(links, links.wrap(near, PEER), far, nursery)
        yield made
        await made.stream.aclose()


async def came(
    made: Way, count: int, send: Callable[[], Awaitable[None]]
) -> list[tuple[float, bytes]]:
    """What comes, and when, of so many bytes that `send` sends meanwhile."""
    found: list[tuple[float, bytes]] = []

    async def receive() -> None:
        found.extend(await made.arrivals(count))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        await send()
    return found


async def bytes_at(made: Way, count: int, apart_s: float) -> list[float]:
    """How long each of so many bytes is under way, sent one by one; checks their order."""
    start_s = trio.current_time()

    async def send() -> None:
        for number in range(count):
            await trio.sleep_until(start_s + number * apart_s)
            await made.stream.send_all(bytes([number]))

    found = await came(made, count, send)
    assert [data for _, data in found] == [bytes([number]) for number in range(count)]
    return [round(at - start_s - number * apart_s, 6) for number, (at, _) in enumerate(found)]


async def test_nothing_is_between_without_faults(autojump_clock: trio.testing.MockClock) -> None:
    async with way(NO_FAULTS) as made, trio.open_nursery() as nursery:
        nursery.start_soon(made.stream.send_all, b"hello")
        assert await made.far.receive_some() == b"hello"
        nursery.start_soon(made.far.send_all, b"back")
        assert await made.stream.receive_some() == b"back"
        assert made.is_still()


async def test_order_is_kept_and_delays_are_within_bounds(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with way(LinkFaults(latency_ms=80, jitter_ms=20)) as made:
        delays = await bytes_at(made, 200, apart_s=0.005)
    assert 0.06 <= min(delays) < 0.07
    assert 0.09 < max(delays) <= 0.1


async def test_a_delay_is_never_negative(autojump_clock: trio.testing.MockClock) -> None:
    async with way(LinkFaults(latency_ms=1, jitter_ms=100)) as made:
        delays = await bytes_at(made, 200, apart_s=1)
    assert min(delays) == 0
    assert 0.09 < max(delays) <= 0.101


@pytest.mark.parametrize(("latency_ms", "again_s"), [(80, LEAST_RETRANSMISSION_S), (500, 1.0)])
async def test_a_lost_segment_comes_after_its_retransmission(
    latency_ms: int, again_s: float, autojump_clock: trio.testing.MockClock
) -> None:
    async with way(LinkFaults(latency_ms=latency_ms, loss_ppm=200_000)) as made:
        delays = await bytes_at(made, 200, apart_s=10)
    soon, late = latency_ms / 1000, latency_ms / 1000 + again_s
    assert set(delays) == {soon, late}
    assert 20 <= delays.count(late) <= 60


async def test_what_follows_a_lost_segment_waits_for_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    size = 40 * SEGMENT_BYTES
    data = bytes(number // SEGMENT_BYTES for number in range(size))
    async with way(LinkFaults(latency_ms=80, loss_ppm=100_000)) as made:
        start_s = trio.current_time()

        async def send() -> None:
            await made.stream.send_all(data)
            await trio.sleep(0.01)
            await made.stream.send_all(b"!")

        found = await came(made, size + 1, send)
    assert b"".join(piece for _, piece in found) == data + b"!"
    before = sum(len(piece) for at, piece in found if at == start_s + LATENCY_S)
    assert 0 < before < size
    assert before % SEGMENT_BYTES == 0
    assert {round(at - start_s, 6) for at, _ in found} == {LATENCY_S, 0.28}


async def test_faults_change_while_something_is_under_way(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with way(SLOW) as made:
        start_s = trio.current_time()
        await made.stream.send_all(b"slow")
        made.links.change(NO_FAULTS)
        await made.stream.send_all(b"quick")
        found = await made.arrivals(9)
        assert b"".join(data for _, data in found) == b"slowquick"
        assert found[0][0] == start_s + LATENCY_S
        await trio.testing.wait_all_tasks_blocked()
        assert made.is_still()


async def test_nothing_passes_to_or_from_one_that_is_blocked(
    autojump_clock: trio.testing.MockClock,
) -> None:
    heard: list[bytes | bytearray] = []

    async def listen(stream: trio.abc.Stream) -> None:
        heard.append(await stream.receive_some())

    async with way(CUT) as made, trio.open_nursery() as nursery:
        await made.stream.send_all(b"to")
        nursery.start_soon(made.far.send_all, b"from")
        nursery.start_soon(listen, made.stream)
        nursery.start_soon(listen, made.far)
        await trio.sleep(1000)
        assert heard == []
        made.links.change(CUT)
        await trio.testing.wait_all_tasks_blocked()
        assert heard == []
        assert made.links.change(NO_FAULTS) == {PEER}
        await trio.testing.wait_all_tasks_blocked()
        assert sorted(heard) == [b"from", b"to"]


async def test_the_end_of_a_blocked_connection_is_not_seen(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with way(CUT) as made:
        await made.far.aclose()
        with trio.move_on_after(1000) as scope:
            await made.stream.receive_some()
        assert scope.cancelled_caught
        made.links.change(NO_FAULTS)
        assert await made.stream.receive_some() == b""


async def test_others_pass_while_one_is_blocked(autojump_clock: trio.testing.MockClock) -> None:
    async with way(LinkFaults(blocked=(b"q" * 32,))) as made, trio.open_nursery() as nursery:
        nursery.start_soon(made.stream.send_all, b"hello")
        assert await made.far.receive_some() == b"hello"


@pytest.mark.parametrize("faults", [SLOW, CUT])
async def test_a_writer_waits_when_too_much_is_under_way(
    faults: LinkFaults, autojump_clock: trio.testing.MockClock
) -> None:
    async with way(faults) as made, trio.open_nursery() as nursery:
        await made.stream.send_all(bytes(MAX_IN_FLIGHT_BYTES - 1))
        done = trio.Event()

        async def write() -> None:
            await made.stream.send_all(bytes(2 * MAX_IN_FLIGHT_BYTES))
            await made.stream.wait_send_all_might_not_block()
            done.set()

        nursery.start_soon(write)
        await trio.sleep(1000)
        assert not done.is_set()  # the far end has taken nothing
        made.links.change(NO_FAULTS)
        found = await made.arrivals(MAX_IN_FLIGHT_BYTES)
        assert max(len(data) for _, data in found) < MAX_IN_FLIGHT_BYTES
        assert not done.is_set()
        await made.arrivals(2 * MAX_IN_FLIGHT_BYTES - 1)
        await done.wait()


async def test_a_cancelled_writer_leaves_nothing_behind_once_it_is_closed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with way(CUT) as made:
        with trio.move_on_after(1) as scope:
            await made.stream.send_all(bytes(2 * MAX_IN_FLIGHT_BYTES))
        assert scope.cancelled_caught
        assert not made.is_still()
        await made.stream.aclose()
        await trio.testing.wait_all_tasks_blocked()
        assert made.is_still()
        assert await made.far.receive_some() == b""
        with pytest.raises(trio.ClosedResourceError):
            await made.stream.send_all(b"more")


async def test_closing_wakes_a_writer_that_waits(autojump_clock: trio.testing.MockClock) -> None:
    async def write(stream: FaultyStream) -> None:
        with pytest.raises(trio.ClosedResourceError):
            await stream.send_all(bytes(2 * MAX_IN_FLIGHT_BYTES))

    async with way(SLOW) as made, trio.open_nursery() as nursery:
        nursery.start_soon(write, made.stream)
        await trio.sleep(1000)
        await made.stream.aclose()


async def test_what_breaks_under_way_is_told_later(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with way(SLOW) as made:
        await made.stream.send_all(b"hello")
        await made.far.aclose()
        await trio.sleep(1)
        with pytest.raises(trio.BrokenResourceError):
            await made.stream.send_all(b"hello")
        assert made.is_still()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("latency_ms", MAX_DELAY_MS + 1),
        ("jitter_ms", -1),
        ("loss_ppm", MAX_LOSS_PPM + 1),
        ("loss_ppm", 0.5),
        ("blocked", ["xy"]),
    ],
)
def test_impossible_faults(field: str, value: object) -> None:
    with pytest.raises(InvalidEncoding) as caught:
        LinkFaults.from_json({**NO_FAULTS.to_json(), field: value})  # type: ignore[dict-item]
    assert caught.value.field.startswith(field)


def test_faults_are_described_as_they_are_given() -> None:
    assert describe(NO_FAULTS) == "none"
    faults = LinkFaults(80, 20, 10_000, (PEER,))
    assert describe(faults) == ("latency 80ms, jitter 20ms, loss 1%, nothing to or from 70707070")
    assert describe(LinkFaults(loss_ppm=1_000)) == "loss 0.1%"


# Whole nodes, over real sockets

QUICK = NetworkConfig(
    discover=False,
    links=NO_FAULTS,
    timing=Timing(handshake_s=0.2, keep_alive_s=0.05, silence_s=0.1),
)


@asynccontextmanager
async def two_nodes(first: LinkFaults, second: LinkFaults) -> AsyncIterator[tuple[Node, Node]]:
    """Two nodes with these faults, of which the second dials the first."""
    async with trio.open_nursery() as nursery:
        one = await start(nursery, 1, replace(QUICK, links=first))
        two = await start(nursery, 2, replace(QUICK, links=second, peers=(one.address,)))
        yield one, two
        one.network.close()
        two.network.close()
    assert [node.network.counters.faults for node in (one, two)] == [0, 0]


async def test_nodes_meet_over_slow_links_that_lose_much() -> None:
    faults = LinkFaults(latency_ms=20, jitter_ms=10, loss_ppm=50_000)
    async with two_nodes(faults, faults) as (one, two):
        await one.handler.until_peers(1)
        await two.handler.until_peers(1)
        assert one.network.link_faults == faults


async def test_a_cut_link_dies_and_comes_back_when_it_is_healed() -> None:
    async with two_nodes(NO_FAULTS, NO_FAULTS) as (one, two):
        await one.handler.until_peers(1)
        await two.handler.until_peers(1)
        one.network.set_link_faults(LinkFaults(blocked=(two.id,)))
        two.network.set_link_faults(LinkFaults(blocked=(one.id,)))
        await one.handler.until_peers(0)
        await two.handler.until_peers(0)
        one.network.set_link_faults(NO_FAULTS)
        two.network.set_link_faults(NO_FAULTS)
        await one.handler.until_peers(1)
        await two.handler.until_peers(1)


@pytest.mark.parametrize("dialler_knows", [True, False])
async def test_one_side_is_enough_to_keep_nodes_apart(dialler_knows: bool) -> None:
    first = NO_FAULTS if dialler_knows else LinkFaults(blocked=(key(2).public,))
    second = LinkFaults(blocked=(key(1).public,)) if dialler_knows else NO_FAULTS
    async with two_nodes(first, second) as (one, two):
        await eventually(lambda: two.network.counters.dials_failed >= 3)
        assert (one.handler.arrivals, two.handler.arrivals) == (0, 0)
        (two if dialler_knows else one).network.set_link_faults(NO_FAULTS)
        await one.handler.until_peers(1)
        await two.handler.until_peers(1)
