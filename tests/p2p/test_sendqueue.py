"""Send queues: order by priority, packing, bounds and drop rules."""

import math
from collections.abc import Iterable

import pytest

from consensus.block import MAX_BLOCK_TRANSACTIONS
from consensus.record import Record
from p2p.counters import Traffic
from p2p.frames import Frame, FrameReader
from p2p.limits import ITEM_OVERHEAD_BYTES, LANE_BYTES, MAX_SEND_BYTES
from p2p.messages import (
    BY_NUMBER,
    BY_TYPE,
    MAX_VOTES,
    VOTES_LINGER_S,
    Blocks,
    GetBlock,
    Priority,
    Status,
    TransactionIds,
    Votes,
)
from p2p.parcel import parcel_of
from p2p.sendqueue import LaneFull, SendQueue
from tests.p2p.nodes import GENESIS, block, vote, votes

IDS = TransactionIds((bytes(32), bytes([1]) * 32))
BLOCK = block(1)
ANSWER = Blocks((b"another",))
ASKED = GetBlock(GENESIS)


def put(queue: SendQueue, message: Record, request: int = 0) -> None:
    queue.put_frame(BY_TYPE[type(message)], request, message.encode())


def frames_in(data: bytes) -> list[Frame]:
    reader = FrameReader(lambda kind, request: 2**31)
    reader.append(data)
    found: list[Frame] = []
    while (frame := reader.next()) is not None:
        found.append(frame)
    return found


def messages_in(data: bytes) -> list[Record]:
    return [BY_NUMBER[f.kind].record.decode(f.payload) for f in frames_in(data)]


def test_consensus_overtakes_everything_in_one_send() -> None:
    queue = SendQueue(Traffic())
    put(queue, ANSWER, 1)
    queue.put_parcel(parcel_of(IDS))
    put(queue, ASKED, 2)
    queue.put_parcel(parcel_of(BLOCK))
    queue.put_parcel(parcel_of(votes(1)))
    queue.put_parcel(parcel_of(votes(2)))
    assert messages_in(queue.take()) == [votes(1, 2), BLOCK, ASKED, IDS, ANSWER]
    assert queue.take() == b""


def test_what_is_urgent_does_not_linger() -> None:
    queue = SendQueue(Traffic())
    assert queue.linger_s == math.inf
    queue.put_parcel(parcel_of(votes(1)))
    assert queue.linger_s == VOTES_LINGER_S
    queue.put_parcel(parcel_of(BLOCK))
    assert queue.linger_s == 0
    queue.take()
    assert queue.linger_s == math.inf


def test_a_long_queue_is_sent_in_parts_with_newcomers_first() -> None:
    queue = SendQueue(Traffic())
    large = Blocks((bytes(MAX_SEND_BYTES),))
    put(queue, large, 1)
    put(queue, ANSWER, 2)
    assert messages_in(queue.take()) == [large]
    assert queue.linger_s == 0
    queue.put_parcel(parcel_of(BLOCK))
    assert messages_in(queue.take()) == [BLOCK, ANSWER]


def test_more_votes_than_one_message_takes() -> None:
    queue = SendQueue(Traffic())
    for number in range(MAX_VOTES + 1):
        queue.put_parcel(parcel_of(votes(number)))
    first, second = messages_in(queue.take())
    assert isinstance(first, Votes)
    assert isinstance(second, Votes)
    assert [*first.votes, *second.votes] == [vote(n) for n in range(MAX_VOTES + 1)]


def test_what_the_peer_has_sent_meanwhile_is_not_sent() -> None:
    queue = SendQueue(Traffic())
    queue.put_parcel(parcel_of(votes(1, 2, 3)))
    queue.drop(parcel_of(votes(2, 9)))
    queue.drop(parcel_of(BLOCK))
    assert messages_in(queue.take()) == [votes(1, 3)]
    queue.put_parcel(parcel_of(votes(4)))
    queue.drop(parcel_of(votes(4)))
    assert queue.take() == b""
    assert queue.linger_s == math.inf


def test_announcements_drop_the_oldest() -> None:
    queue = SendQueue(Traffic())
    room = LANE_BYTES[Priority.TRANSACTIONS] // (34 + ITEM_OVERHEAD_BYTES)
    ids = [number.to_bytes(32, "big") for number in range(room + 2)]
    batches = [tuple(ids[i : i + 512]) for i in range(0, len(ids), 512)]
    dropped = [key for b in batches for key in queue.put_parcel(parcel_of(TransactionIds(b)))]
    assert [key[-32:] for key in dropped] == ids[:2]
    sent = [m for m in messages_in(queue.take()) if isinstance(m, TransactionIds)]
    assert sent[0].ids[0] == ids[2]


def test_a_full_consensus_lane_raises() -> None:
    queue = SendQueue(Traffic())
    parcels = (parcel_of(block(number, MAX_BLOCK_TRANSACTIONS)) for number in range(100))
    with pytest.raises(LaneFull, match="consensus"):
        exhaust(queue.put_parcel(parcel) for parcel in parcels)
    many = (parcel_of(votes(*range(n, n + 64))) for n in range(0, 10**6, 64))
    with pytest.raises(LaneFull):
        exhaust(queue.put_parcel(parcel) for parcel in many)


def exhaust(steps: Iterable[object]) -> None:
    for _ in steps:
        pass


def test_a_full_bulk_lane_holds_nothing_else_up() -> None:
    queue = SendQueue(Traffic())
    room = LANE_BYTES[Priority.BULK] // 1_000_000
    for number in range(room):
        put(queue, Blocks((bytes(1_000_000),)), number + 1)
    with pytest.raises(LaneFull, match="bulk"):
        put(queue, Blocks((bytes(1_000_000),)), room + 1)
    queue.put_parcel(parcel_of(BLOCK))
    assert messages_in(queue.take())[0] == BLOCK


def test_a_message_that_peers_would_refuse_is_not_sent() -> None:
    queue = SendQueue(Traffic())
    with pytest.raises(ValueError, match="status of 300 bytes; peers take 256"):
        queue.put_frame(BY_TYPE[Status], 0, bytes(300))


def test_what_is_taken_is_counted() -> None:
    sent = Traffic()
    queue = SendQueue(sent)
    queue.put_parcel(parcel_of(votes(1, 2)))
    queue.put_parcel(parcel_of(BLOCK))
    assert sent.named()["votes"] == (0, 0)
    size = len(queue.take())
    named = sent.named()
    assert (named["votes"][0], named["compact_block"][0]) == (1, 1)
    assert named["votes"][1] + named["compact_block"][1] == size
