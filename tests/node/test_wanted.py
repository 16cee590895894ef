"""Announced transactions: each asked of one peer at a time, of all that announced it, bounded."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from node.wanted import MAX_IDS, MAX_QUESTIONS, MAX_SOURCES, WantedTransactions
from p2p.identity import PeerId
from p2p.messages import MAX_TRANSACTION_IDS

FIRST, SECOND, THIRD = (bytes([i]) * 32 for i in (1, 2, 3))


def ids(start: int, count: int = 1) -> tuple[bytes, ...]:
    return tuple(number.to_bytes(32, "big") for number in range(start, start + count))


def test_the_next_peer_is_asked_for_what_the_first_did_not_give() -> None:
    wanted = WantedTransactions()
    wanted.add(FIRST, ids(0, 3))
    assert wanted.questions() == [(FIRST, ids(0, 3))]
    wanted.add(SECOND, ids(1, 3))
    assert wanted.questions() == [(SECOND, ids(3))]
    wanted.answered(FIRST, set(ids(0, 2)))
    assert wanted.questions() == []  # the second has a question to answer first
    wanted.answered(SECOND, set(ids(3)))
    assert wanted.questions() == [(SECOND, ids(2))]
    wanted.answered(SECOND, set())
    assert (wanted.questions(), len(wanted)) == ([], 0)


def test_what_comes_settles_it_for_all_who_announced_it() -> None:
    wanted = WantedTransactions()
    for peer in (FIRST, SECOND, THIRD):
        wanted.add(peer, ids(0))
    assert wanted.questions() == [(FIRST, ids(0))]
    wanted.answered(FIRST, set(ids(0)))
    assert (wanted.questions(), len(wanted)) == ([], 0)


def test_a_question_is_no_larger_than_its_message() -> None:
    wanted = WantedTransactions()
    wanted.add(FIRST, ids(0, MAX_TRANSACTION_IDS + 2))
    for batch in (ids(0, MAX_TRANSACTION_IDS), ids(MAX_TRANSACTION_IDS, 2)):
        assert wanted.questions() == [(FIRST, batch)]
        assert wanted.questions() == []
        wanted.answered(FIRST, set(batch))
    assert wanted.questions() == []


def test_memory_is_bounded() -> None:
    wanted = WantedTransactions()
    wanted.add(FIRST, ids(0, 2 * MAX_IDS))
    assert len(wanted) == MAX_IDS
    for number in range(2 * MAX_SOURCES):
        wanted.add(number.to_bytes(32, "little"), ids(0))
    wanted.gone(FIRST)
    asked = []
    while questions := wanted.questions():
        ((peer, _),) = questions
        asked.append(peer)
        wanted.answered(peer, set())
    assert len(asked) == MAX_SOURCES - 1
    assert (len(wanted), wanted._under_way) == (0, set())


def test_questions_at_one_time_are_bounded_and_peers_take_turns() -> None:
    wanted = WantedTransactions()
    peers = [bytes([i]) * 32 for i in range(MAX_QUESTIONS + 1)]
    for i, peer in enumerate(peers):
        wanted.add(peer, ids(1_000 * i, MAX_TRANSACTION_IDS + 1))
    assert [peer for peer, _ in wanted.questions()] == peers[:-1]
    wanted.answered(peers[0], set())
    assert [peer for peer, _ in wanted.questions()] == [peers[-1]]


class Announcing(RuleBasedStateMachine):
    """Whatever peers announce, give, keep to themselves, and whenever they leave."""

    peers = st.integers(0, 4).map(lambda number: bytes([number]) * 32)

    def __init__(self) -> None:
        super().__init__()
        self.wanted = WantedTransactions()
        self.asked: dict[PeerId, tuple[bytes, ...]] = {}
        self.sources: dict[bytes, set[PeerId]] = {}  # who may still give it

    @rule(peer=peers, start=st.integers(0, 8), count=st.integers(1, 5))
    def announce(self, peer: PeerId, start: int, count: int) -> None:
        self.wanted.add(peer, ids(start, count))
        for identity in ids(start, count):
            self.sources.setdefault(identity, set()).add(peer)

    @rule()
    def ask(self) -> None:
        for peer, batch in self.wanted.questions():
            assert peer not in self.asked
            under_way = {identity for asked in self.asked.values() for identity in asked}
            assert not under_way & set(batch), "asked of two at one time"
            assert all(peer in self.sources[identity] for identity in batch)
            self.asked[peer] = batch
        idle = {peer for found in self.sources.values() for peer in found} - self.asked.keys()
        under_way = {identity for asked in self.asked.values() for identity in asked}
        for identity, found in self.sources.items():
            assert identity in under_way or not found & idle, "forgotten"

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        peer = data.draw(st.sampled_from(sorted(self.asked)))
        batch = self.asked.pop(peer)
        given = data.draw(st.sets(st.sampled_from(batch)))
        self.wanted.answered(peer, given)
        for identity in batch:
            if identity in given:
                self.sources.pop(identity, None)
            elif identity in self.sources:
                self.sources[identity].discard(peer)

    @rule(peer=peers)
    def leave(self, peer: PeerId) -> None:
        self.wanted.gone(peer)
        for found in self.sources.values():
            found.discard(peer)

    @invariant()
    def what_nobody_can_give_is_forgotten(self) -> None:
        assert len(self.wanted) == sum(bool(found) for found in self.sources.values())


TestAnnouncing = Announcing.TestCase
