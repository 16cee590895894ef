"""The writer lets votes wait a moment for company, and nothing wait for longer than it may."""

import trio
import trio.testing

from consensus.record import Record
from p2p.budget import uncounted
from p2p.counters import Traffic
from p2p.messages import TRANSACTION_IDS_LINGER_S, VOTES_LINGER_S
from p2p.parcel import parcel_of
from p2p.sendqueue import SendQueue
from p2p.writer import Writer
from tests.p2p.nodes import votes
from tests.p2p.test_sendqueue import BLOCK, IDS, messages_in


class Sent(trio.abc.Stream):
    """A stream that notes what is sent, and when."""

    def __init__(self) -> None:
        self.at: list[tuple[float, bytes]] = []

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self.at.append((trio.current_time(), bytes(data)))
        await trio.lowlevel.checkpoint()

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        raise NotImplementedError("a writer does not read")

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


async def sent_after(*puts: tuple[float, Record]) -> list[tuple[float, list[Record]]]:
    """What goes out when, if these parcels are put at these times; the time is rounded to ms."""
    queue, stream = SendQueue(Traffic()), Sent()
    writer = Writer(stream, queue, uncounted)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(writer.run)
        begin = trio.current_time()
        for at, message in puts:
            await trio.sleep_until(begin + at)
            await trio.testing.wait_all_tasks_blocked()
            queue.put_parcel(parcel_of(message))
            writer.wake()
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    return [(round(at - begin, 3), messages_in(data)) for at, data in stream.at]


async def test_votes_go_out_together_after_a_moment(
    autojump_clock: trio.testing.MockClock,
) -> None:
    half = VOTES_LINGER_S / 2
    assert await sent_after((0.0, votes(1)), (half, votes(2))) == [(VOTES_LINGER_S, [votes(1, 2)])]


async def test_what_is_urgent_takes_along_what_lingers(
    autojump_clock: trio.testing.MockClock,
) -> None:
    half = VOTES_LINGER_S / 2
    assert await sent_after((0.0, votes(1)), (half, BLOCK)) == [(half, [votes(1), BLOCK])]


async def test_votes_shorten_the_wait_of_what_may_linger_for_longer(
    autojump_clock: trio.testing.MockClock,
) -> None:
    assert TRANSACTION_IDS_LINGER_S > 2 * VOTES_LINGER_S
    sent = await sent_after((0.0, IDS), (VOTES_LINGER_S / 2, votes(1)))
    assert sent == [(VOTES_LINGER_S, [votes(1), IDS])]


async def test_what_comes_later_lingers_anew(autojump_clock: trio.testing.MockClock) -> None:
    sent = await sent_after((0.0, votes(1)), (0.5, votes(2)))
    assert sent == [(VOTES_LINGER_S, [votes(1)]), (0.5 + VOTES_LINGER_S, [votes(2)])]
