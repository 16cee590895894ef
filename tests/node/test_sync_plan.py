"""Who is asked for which blocks: whatever peers answer, all are asked for, and little waits."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.sync.plan import MAX_ANSWER_BYTES, MAX_ASKED, MAX_WAITING_BYTES, Plan, Span

HONEST = b"honest"
LIARS = [b"liar %d" % i for i in range(9)]
BLOCK = bytes(MAX_ANSWER_BYTES // 4)
FIRST = 5


class Model:
    """Plays a plan against peers that do what the data says."""

    def __init__(self, blocks: int) -> None:
        self.last = FIRST + blocks - 1
        self.plan = Plan(FIRST, self.last)
        self.spans: dict[bytes, Span] = {}
        self.taken: list[int] = []

    def ask(self, peer: bytes, most: int, last: int | None = None) -> None:
        span = self.plan.ask(peer, self.last if last is None else last, most)
        if span is None:
            return
        assert peer not in self.spans
        assert 1 <= span.count <= most
        assert self.plan.next <= span.first
        assert span.end - 1 <= self.last
        self.spans[peer] = span
        for height in range(span.first, span.end):
            assert sum(height in each for each in self.spans.values()) <= MAX_ASKED

    def answer(self, peer: bytes, count: int) -> None:
        """A peer brings so many of the blocks, as many as one answer has room for."""
        span = self.spans.pop(peer, None)
        if span is not None:
            self.plan.came(peer, [BLOCK] * min(count, span.count, 4))
            assert self.plan.waiting_bytes <= MAX_WAITING_BYTES

    def fail(self, peer: bytes) -> None:
        if self.spans.pop(peer, None) is not None:
            self.plan.failed(peer)

    def take(self) -> None:
        block = self.plan.take()
        if block is not None:
            assert block.height == FIRST + len(self.taken)
            self.taken.append(block.height)

    def refuse(self) -> None:
        block = self.plan.take()
        if block is not None and block.peer != HONEST:
            self.plan.refuse(block)
        elif block is not None:
            self.taken.append(block.height)


DEEDS = st.tuples(
    st.sampled_from(["ask", "answer", "fail", "take", "refuse"]),
    st.sampled_from([HONEST, *LIARS]),
    st.integers(1, 40),
)


@settings(deadline=None)
@given(st.integers(1, 60), st.lists(DEEDS, max_size=200))
def test_whatever_peers_do_the_bounds_hold_and_one_honest_peer_is_enough(
    blocks: int, deeds: list[tuple[str, bytes, int]]
) -> None:
    model = Model(blocks)
    for deed, peer, number in deeds:
        if deed == "ask":
            model.ask(peer, number)
        elif deed == "answer":
            model.answer(peer, number)
        elif deed == "fail":
            model.fail(peer)
        elif deed == "take":
            model.take()
        else:
            model.refuse()
    for liar in LIARS:  # they stay silent, and their time passes
        model.fail(liar)
    turns = 0
    while not model.plan.is_done:
        turns += 1
        assert turns <= 2 * blocks + 2
        model.ask(HONEST, 40)
        model.answer(HONEST, 40)
        while (before := len(model.taken)) >= 0:
            model.take()
            if len(model.taken) == before:
                break
    assert model.taken == list(range(FIRST, FIRST + blocks))


@settings(deadline=None)
@given(st.lists(DEEDS, max_size=100))
def test_who_stays_silent_holds_nobody_up(deeds: list[tuple[str, bytes, int]]) -> None:
    """One peer that was asked and never answers, nor is its time up."""
    model = Model(40)
    model.ask(LIARS[0], 40)
    for _ in range(100):
        model.ask(HONEST, 4)
        model.answer(HONEST, 4)
        model.take()
    assert model.plan.is_done


def test_a_second_peer_is_asked_only_when_nothing_else_is_left() -> None:
    plan = Plan(1, 10)
    assert plan.ask(b"a", 10, 6) == Span(1, 6)
    assert plan.ask(b"b", 10, 6) == Span(7, 4)
    assert plan.ask(b"c", 10, 4) == Span(1, 4)
    assert plan.ask(b"d", 10, 9) == Span(5, 6)
    assert plan.ask(b"e", 10, 9) is None


def test_a_peer_is_asked_for_nothing_that_it_does_not_say_it_has() -> None:
    plan = Plan(1, 10)
    assert plan.ask(b"a", 3, 6) == Span(1, 3)
    assert plan.ask(b"b", 3, 6) == Span(1, 3)
    assert plan.ask(b"c", 3, 6) is None
    assert plan.ask(b"d", 4, 6) == Span(4, 1)


def test_little_is_asked_for_ahead_of_a_block_that_does_not_come() -> None:
    plan = Plan(1, 1000)
    assert plan.ask(b"a", 1000, 1) == Span(1, 1)
    asked = [b"%d" % i for i in range(20) if plan.ask(b"%d" % i, 1000, 1) not in (None, Span(1, 1))]
    assert 2 <= len(asked) <= MAX_WAITING_BYTES // MAX_ANSWER_BYTES


def test_what_a_refused_blocks_peer_brought_is_asked_for_again() -> None:
    plan = Plan(1, 4)
    plan.ask(b"a", 4, 2)
    plan.ask(b"b", 4, 2)
    plan.came(b"a", [b"1", b"2"])
    plan.came(b"b", [b"3", b"4"])
    bad = plan.take()
    assert bad is not None
    plan.refuse(bad)
    assert plan.waiting_bytes == 2
    assert plan.ask(b"c", 4, 9) == Span(1, 2)


@pytest.mark.parametrize("count", [0, 3])
def test_a_short_answer_leaves_the_rest_to_be_asked_for(count: int) -> None:
    plan = Plan(1, 9)
    plan.ask(b"a", 9, 9)
    plan.came(b"a", [b"x"] * count)
    assert plan.ask(b"b", 9, 9) == Span(1 + count, 9 - count)
