"""Memory: what one peer may hold, what all together, and who goes when that is too much."""

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from consensus.block import MAX_BLOCK_TRANSACTIONS
from consensus.compact import CompactBlock
from consensus.record import Record
from p2p.budget import Budget, Share
from p2p.counters import Traffic
from p2p.handler import Verdict
from p2p.limits import (
    DEFAULT_BUDGET_BYTES,
    INBOX_BYTES,
    ITEM_OVERHEAD_BYTES,
    KNOWN_ITEM_BYTES,
    KNOWN_ITEMS,
    LANE_BYTES,
    PEER_BYTES,
)
from p2p.messages import MAX_TRANSACTION_IDS, Priority, TransactionIds
from p2p.parcel import parcel_of
from p2p.recent import RecentSet
from p2p.sendqueue import SendQueue
from tests.p2p.nodes import QUIET, RawPeer, block, eventually, nodes_in_shape, raw_peer, votes

MIB = 1024 * 1024


def ids(start: int, count: int = MAX_TRANSACTION_IDS) -> TransactionIds:
    return TransactionIds(tuple(n.to_bytes(32, "big") for n in range(start, start + count)))


def grown(work: Callable[[], object]) -> int:
    """How many bytes what `work` returns takes."""
    tracemalloc.start()
    try:
        kept = work()
        size, _ = tracemalloc.get_traced_memory()
        assert kept is not None
        return size
    finally:
        tracemalloc.stop()


def test_the_bound_is_what_the_documents_say() -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
    assert f"at most {-(-PEER_BYTES // MIB)} MiB" in page
    assert f"{-(-sum(LANE_BYTES.values()) // MIB)} MiB wait to be sent" in page
    assert f"{LANE_BYTES[Priority.CONSENSUS] // MIB} MiB of blocks and votes" in page
    assert f"together is at most {DEFAULT_BUDGET_BYTES // MIB} MiB" in page


@pytest.mark.parametrize("message", [ids, lambda n: votes(*range(n, n + 64))], ids=["ids", "votes"])
def test_what_waits_takes_no_more_than_it_counts(message: Callable[[int], Record]) -> None:
    counted = [0]

    def fill() -> SendQueue:
        queue = SendQueue(Traffic(), lambda change: counted.append(counted.pop() + change))
        for start in range(0, 512 * 16, 512):
            queue.put_parcel(parcel_of(message(start)))
        return queue

    size = grown(fill)
    assert 0.3 * counted[0] < size <= counted[0] + 16_384  # a queue's own objects


def test_what_a_peer_is_known_to_have_takes_no_more_than_is_planned() -> None:
    def fill() -> RecentSet:
        known = RecentSet(KNOWN_ITEMS)
        for number in range(3 * KNOWN_ITEMS):
            known.add(number.to_bytes(34, "big"))
        return known

    assert grown(fill) <= 2 * KNOWN_ITEMS * KNOWN_ITEM_BYTES


def test_the_largest_share_is_given_back_when_the_sum_is_too_large() -> None:
    shares: list[Share] = []

    def shed() -> None:
        max(shares, key=lambda share: share.held_bytes).give_back()

    budget = Budget(100, shed)
    shares += [Share(budget) for _ in range(3)]
    for share, held in zip(shares, (30, 50, 20), strict=True):
        share.count(held)
    assert budget.held_bytes == 100
    shares[2].count(1)
    assert [share.held_bytes for share in shares] == [30, 0, 21]
    shares[1].count(1_000)
    shares[0].count(-30)
    assert budget.held_bytes == 21


async def test_over_the_budget_the_peer_with_most_unread_bytes_goes() -> None:
    config = replace(QUIET, budget_bytes=MIB)
    async with (
        nodes_in_shape([[], [0]], config) as (node, friend),
        raw_peer(node, 90),
        raw_peer(node, 91),
    ):
        await node.handler.until_peers(3)
        for number in range(160):
            sent = block(number, MAX_BLOCK_TRANSACTIONS)
            node.network.broadcast(sent)
            await friend.handler.until_message(sent)
            assert node.network.budget.held_bytes <= 2 * MIB
        assert friend.id in node.peer_ids()
        assert len(node.peer_ids()) < 3, "nobody was let go"


async def test_nothing_is_held_when_all_is_read_and_said() -> None:
    async with nodes_in_shape([[], [0]]) as (node, friend), raw_peer(node) as greedy:
        await node.handler.until_peers(2)
        node.network.broadcast(block(1, MAX_BLOCK_TRANSACTIONS))
        friend.network.broadcast(votes(*range(64)))
        await greedy.link.stream.send_all(b"\x00\x02\x00\x00\x10")
        await node.handler.until_votes(64)
        await friend.handler.until(lambda: bool(friend.handler.messages(CompactBlock)))
        await greedy.aclose()
        await node.handler.until_peers(1)
        await eventually(lambda: node.network.budget.held_bytes == 0)
        assert friend.network.budget.held_bytes == 0


async def test_what_the_handler_has_no_time_for_is_dropped_unless_it_is_consensus() -> None:
    go = trio.Event()

    async with nodes_in_shape([[]]) as (node,), raw_peer(node) as busy:

        async def gossip(peer: bytes, message: Record, raw: bytes) -> Verdict:
            await go.wait()
            node.handler.received.append((peer, message))
            return Verdict.ACCEPT

        node.handler.gossip = gossip  # type: ignore[method-assign]
        fit = INBOX_BYTES // parcel_of(ids(0)).held_bytes
        for number in range(fit + 4):
            await busy.send(ids(number * MAX_TRANSACTION_IDS))
        await eventually(lambda: node.network.counters.dropped == 3)
        sent = await fill_consensus_inbox(busy)
        go.set()
        await node.handler.until_peers(1)
        await eventually(lambda: len(node.handler.vote_keys()) == sent)
        assert len(node.handler.messages(TransactionIds)) == fit + 1
        assert node.network.counters.dropped == 3


async def fill_consensus_inbox(peer: RawPeer) -> int:
    """Send more votes than the inbox holds, and no more than the rate allows."""
    count = 64 * (INBOX_BYTES // parcel_of(votes(*range(64))).held_bytes + 8)
    for start in range(0, count, 64):
        await peer.send(votes(*range(start, start + 64)))
    return count


def test_a_lane_counts_items_with_what_they_take() -> None:
    held = [0]
    queue = SendQueue(Traffic(), lambda change: held.append(held.pop() + change))
    queue.put_parcel(parcel_of(ids(0, 3)))
    assert held == [3 * (34 + ITEM_OVERHEAD_BYTES)]
    queue.drop(parcel_of(ids(2, 2)))
    assert held == [2 * (34 + ITEM_OVERHEAD_BYTES)]
    queue.take()
    assert held == [0]
    assert LANE_BYTES[Priority.TRANSACTIONS] > 0
