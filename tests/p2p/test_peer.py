"""One connection over a stream in memory: what is queued, who may say what, time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trio
import trio.testing

from consensus.compact import CompactBlock
from consensus.record import Record
from p2p.budget import Budget
from p2p.config import Timing
from p2p.connections import newer_stays
from p2p.counters import Counters
from p2p.limits import ITEM_OVERHEAD_BYTES, LANE_BYTES
from p2p.messages import (
    BY_TYPE,
    Blocks,
    GetBlock,
    GetStatus,
    Goodbye,
    MessageKind,
    Priority,
    Status,
    TransactionIds,
    Votes,
)
from p2p.parcel import Parcel, open_parcel, parcel_of
from p2p.peer import Peer
from p2p.questions import PeerGone, RequestTimeout
from p2p.transport import FAREWELL_S, Link
from tests.p2p.nodes import GENESIS, LOCALHOST, RawPeer, block, transport, votes

BLOCK = block(1)
STATUS = Status(GENESIS, 3, GENESIS, 1, 5, 10_000)


@dataclass
class Owner:
    """A network that only records."""

    counters: Counters = field(default_factory=Counters)
    budget: Budget = field(default_factory=lambda: Budget(2**40, lambda: None))
    answering: trio.CapacityLimiter = field(default_factory=lambda: trio.CapacityLimiter(8))
    giving: trio.CapacityLimiter = field(default_factory=lambda: trio.CapacityLimiter(8))
    delivered: list[Record] = field(default_factory=list)
    penalties: list[str] = field(default_factory=list)

    def sift(self, peer: Peer, kind: MessageKind, payload: bytes) -> Parcel | None:
        return open_parcel(kind, payload)

    async def deliver(self, peer: Peer, parcel: Parcel, message: Record) -> None:
        self.delivered.append(message)

    async def serve(self, peer: Peer, request: Record) -> Record:
        return STATUS if isinstance(request, GetStatus) else Blocks((b"a block",))

    def own_status(self) -> Status:
        return STATUS

    def penalise(self, peer: Peer, points: float, why: str) -> None:
        self.penalties.append(why)


async def linked(owner: Owner, timing: Timing) -> tuple[Peer, RawPeer]:
    """A peer that is not served yet, and its other end."""
    near, far = trio.testing.memory_stream_pair()
    dialler, listener = transport(1), transport(2)
    links: list[Link] = []

    async def accept() -> None:
        links.append(await listener.accept(far))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(accept)
        link = await dialler.dial(near, listener.id)
    return Peer(link, LOCALHOST, 7400, owner, timing), RawPeer(links[0])


@asynccontextmanager
async def served(timing: Timing | None = None) -> AsyncIterator[tuple[Peer, RawPeer, Owner]]:
    """A peer that is served, its other end, and its owner."""
    owner = Owner()
    peer, raw = await linked(owner, timing or Timing())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(peer.run)
        yield peer, raw, owner
        peer.end("the test is over")
    await raw.aclose()
    assert owner.counters.faults == 0


async def all_until(raw: RawPeer, last: Record) -> list[Record]:
    """The gossip that comes, up to `last`."""
    found: list[Record] = []
    while not found or found[-1] != last:
        frame = await raw.next_frame()
        for kind in (Votes, CompactBlock, TransactionIds):
            if BY_TYPE[kind].number == frame.kind:
                found.append(kind.decode(frame.payload))
    return found


async def test_what_a_peer_turns_out_to_have_is_not_sent_to_it() -> None:
    owner = Owner()
    peer, raw = await linked(owner, Timing())
    peer.offer(parcel_of(votes(1, 2)))
    peer.has(parcel_of(votes(1)))
    peer.offer(parcel_of(votes(1, 3)))
    peer.offer(parcel_of(BLOCK))
    peer.offer(parcel_of(BLOCK))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(peer.run)
        assert await all_until(raw, BLOCK) == [votes(2, 3), BLOCK]
        peer.end("the test is over")
    await raw.aclose()


async def test_what_was_dropped_may_be_offered_again() -> None:
    owner = Owner()
    peer, raw = await linked(owner, Timing())
    room = LANE_BYTES[Priority.TRANSACTIONS] // (34 + ITEM_OVERHEAD_BYTES)
    ids = [number.to_bytes(32, "big") for number in range(room + 1)]
    for start in range(0, len(ids), 512):
        peer.offer(parcel_of(TransactionIds(tuple(ids[start : start + 512]))))
    assert owner.counters.dropped == 1
    peer.offer(parcel_of(TransactionIds((ids[0],))))
    assert owner.counters.dropped == 2
    async with trio.open_nursery() as nursery:
        nursery.start_soon(peer.run)
        found: Record = STATUS
        while not (isinstance(found, TransactionIds) and found.ids[-1] == ids[0]):
            found, _ = await raw.next_of(TransactionIds)
        peer.end("the test is over")
    await raw.aclose()


async def test_votes_wait_for_company_but_not_for_long(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with served() as (peer, raw, _):
        await raw.next_of(GetStatus)
        began = trio.current_time()
        peer.offer(parcel_of(votes(1)))
        await trio.sleep(0.015)
        peer.offer(parcel_of(votes(2)))
        assert (await raw.next_of(Votes))[0] == votes(1, 2)
        assert trio.current_time() - began == pytest.approx(0.02)
        peer.offer(parcel_of(votes(3)))
        peer.offer(parcel_of(BLOCK))
        assert await all_until(raw, BLOCK) == [votes(3), BLOCK]
        assert trio.current_time() - began == pytest.approx(0.02)


async def test_a_peer_is_asked_for_its_status_again_and_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with served() as (peer, raw, owner):
        for turn in range(3):
            _, number = await raw.next_of(GetStatus)
            await trio.sleep(0.5)
            await raw.send(Status(GENESIS, turn, GENESIS, 0, 0, 12_000), number)
            await trio.testing.wait_all_tasks_blocked()
            assert peer.round_trip_s == 0.5
            assert peer.clock_offset_ms == 2_000
            assert peer.status is not None
            assert peer.status.head_height == turn
        assert len(owner.delivered) == 3


async def test_one_that_reads_but_never_answers_is_told_so_and_left(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with served() as (peer, raw, _):
        began = trio.current_time()
        goodbye, _ = await raw.next_of(Goodbye)
        assert goodbye == Goodbye("no answer within 15 s")
        with pytest.raises(EOFError):
            await raw.next_frame()
        assert trio.current_time() - began == 15 + FAREWELL_S
        assert peer.ending


async def test_one_that_takes_nothing_is_left(autojump_clock: trio.testing.MockClock) -> None:
    near, far = trio.testing.lockstep_stream_pair()
    dialler, listener = transport(1), transport(2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(listener.accept, far)
        link = await dialler.dial(near, listener.id)
    peer = Peer(link, LOCALHOST, 7400, Owner(), Timing())
    began = trio.current_time()
    await peer.run()
    assert trio.current_time() - began <= 20 + FAREWELL_S
    assert peer.end_reason == "no answer within 15 s"


async def test_a_request_without_answer_times_out(autojump_clock: trio.testing.MockClock) -> None:
    async with served() as (peer, raw, _):
        began = trio.current_time()
        with pytest.raises(RequestTimeout, match="within 3 s"):
            await peer.request(GetBlock(GENESIS), 3)
        assert trio.current_time() - began == 3
        _, number = await raw.next_of(GetBlock)
        await raw.send(Blocks(()), number)
        await raw.send(GetStatus(), 1)
        await raw.next_of(Status)
        assert not peer.ending, "a late answer is no offence"


async def test_requests_end_with_their_connection() -> None:
    async with served() as (peer, raw, _):
        async with trio.open_nursery() as nursery:

            async def ask() -> None:
                with pytest.raises(PeerGone, match="lost or closed"):
                    await peer.request(GetBlock(GENESIS), 60)

            nursery.start_soon(ask)
            await raw.next_of(GetBlock)
            peer.end("lost or closed")
        with pytest.raises(PeerGone):
            await peer.request(GetBlock(GENESIS), 60)


async def test_only_requests_can_be_asked() -> None:
    async with served() as (peer, _, _):
        with pytest.raises(ValueError, match="compact_block is not a request"):
            await peer.request(BLOCK, 1)


def test_both_sides_keep_the_same_of_two_connections() -> None:
    assert newer_stays(b"a", b"b", restarted=False)
    assert not newer_stays(b"b", b"a", restarted=False)


def test_a_restarted_or_persistent_peer_gets_its_new_connection() -> None:
    for dialler in (b"a", b"b"):
        assert newer_stays(dialler, dialler, restarted=False)
        for old in (b"a", b"b"):
            assert newer_stays(dialler, old, restarted=True)
