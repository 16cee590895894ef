"""Whatever the shape of the network, each kind of gossip reaches all of 21 nodes, each item is
judged once by each, and what has been seen is forgotten in time."""

import random
from collections import Counter
from types import SimpleNamespace
from typing import cast

import pytest

from consensus.compact import CompactBlock
from consensus.evidence import Evidence
from consensus.record import Record, replace
from p2p.counters import Counters
from p2p.gossip import SEEN_ITEMS, Gossip
from p2p.handler import Verdict
from p2p.messages import BY_TYPE, TransactionIds, Votes
from p2p.peer import Peer
from p2p.recent import RecentSet
from tests.consensus.largest import EVIDENCE
from tests.p2p.nodes import Node, RecordingHandler, block, eventually, nodes_in_shape, votes

NODES = 21
DEGREE = 4
Shape = list[list[int]]  # whom of those before it each node dials


def random_shape() -> Shape:
    """A connected graph by chance, of about DEGREE neighbours each."""
    chance = random.Random(21)
    half = DEGREE // 2
    return [chance.sample(range(number), min(half, number)) for number in range(NODES)]


SHAPES: dict[str, Shape] = {
    "mesh": [list(range(number)) for number in range(NODES)],
    "ring": [[], *([number - 1] for number in range(1, NODES - 1)), [NODES - 2, 0]],
    "star": [[], *([0] for _ in range(NODES - 1))],
    "line": [[], *([number - 1] for number in range(1, NODES))],
    "random": random_shape(),
}


def transaction_ids(number: int) -> TransactionIds:
    return TransactionIds((number.to_bytes(32, "big"),))


def evidence(number: int) -> Evidence:
    return replace(EVIDENCE, key=number.to_bytes(32, "big"))


def announcing(node: Node) -> None:
    """Have a node announce transactions that it hears of, as one does that has fetched them."""
    known: set[bytes] = set()

    def judge(message: Record) -> Verdict:
        if not isinstance(message, TransactionIds):
            return Verdict.ACCEPT
        new = tuple(identity for identity in message.ids if identity not in known)
        known.update(new)
        if new:
            node.network.broadcast(TransactionIds(new))
        return Verdict.IGNORE

    node.handler.judge = judge


def items(handler: RecordingHandler) -> Counter[bytes]:
    """How often each item of gossip was judged."""
    found: Counter[bytes] = Counter()
    for _, message in handler.received:
        if isinstance(message, Votes):
            found.update(vote.encode() for vote in message.votes)
        elif isinstance(message, CompactBlock | Evidence):
            found[message.encode()] += 1
    return found


def announced(handler: RecordingHandler) -> set[bytes]:
    messages = [m for m in handler.messages(TransactionIds) if isinstance(m, TransactionIds)]
    return {identity for message in messages for identity in message.ids}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
async def test_everything_reaches_all_nodes_and_is_judged_once(shape: Shape) -> None:
    async with nodes_in_shape(shape) as nodes:
        own: list[set[bytes]] = []
        ids = [transaction_ids(number).ids[0] for number in range(NODES)]
        for number, node in enumerate(nodes):
            announcing(node)
            vote, sent = votes(number), [block(number), evidence(number)]
            for message in (*sent, vote, transaction_ids(number)):
                node.network.broadcast(message)
            own.append({vote.votes[0].encode(), *(message.encode() for message in sent)})
        everything = set().union(*own)
        for number, node in enumerate(nodes):
            handler, others = node.handler, everything - own[number]
            await handler.until(lambda h=handler, o=others: o <= items(h).keys())  # type: ignore[misc]
            missing = set(ids) - {ids[number]}
            await handler.until(lambda h=handler, m=missing: m <= announced(h))  # type: ignore[misc]
        for number, node in enumerate(nodes):
            node.network.broadcast(block(number))  # it is said again
        for number, node in enumerate(nodes):
            assert items(node.handler) == dict.fromkeys(everything - own[number], 1)
            assert node.network.counters.flooded == node.network.counters.violations == 0


def gossip() -> tuple[Gossip, Peer]:
    """A node's gossip, and a peer of it."""
    peer = SimpleNamespace(known=RecentSet(10), has=lambda _: None)
    return Gossip(RecordingHandler(), {}, Counters()), cast(Peer, peer)


def test_what_has_been_seen_is_bounded() -> None:
    seen, peer = gossip()
    kind = BY_TYPE[Votes]
    for start in range(0, 3 * SEEN_ITEMS, 64):
        payload = votes(*range(start, start + 64)).encode()
        assert seen.sift(peer, kind, payload) is not None
        assert len(seen._seen) <= 2 * SEEN_ITEMS
    assert seen.sift(peer, kind, payload) is None


def test_what_was_seen_may_come_again_after_a_while() -> None:
    seen, peer = gossip()
    kind, payload = BY_TYPE[CompactBlock], block(1).encode()
    assert seen.sift(peer, kind, payload) is not None
    seen.forget_old()
    assert seen.sift(peer, kind, payload) is None, "it was seen lately"
    seen.forget_old()
    seen.forget_old()
    assert seen.sift(peer, kind, payload) is not None


async def test_who_sent_a_block_is_known_and_nobody_else() -> None:
    async with nodes_in_shape([[], [0], [0]]) as (hub, left, right):
        hub.handler.judge = lambda _: Verdict.IGNORE
        left.network.broadcast(block(1))
        await hub.handler.until_message(block(1))
        assert hub.network.holders(block(1)) == [left.id]
        right.network.broadcast(block(1))
        await eventually(lambda: hub.network.holders(block(1)) == [left.id, right.id])
        assert hub.network.holders(block(2)) == []
