"""A load: what is due when, what a node that is busy gets again, and what the report counts."""

import json
from collections.abc import Sequence

import trio
from trio.testing import MockClock

from consensus.keys import KeyPair
from consensus.record import replace
from consensus.transaction import Transaction, decode_transaction, transaction_id
from node.client import Client
from node.failure import Failure, Unreachable
from node.load.driver import RETRY_S, Driver
from node.load.offers import Lane, Offer, Terms, make_offers
from node.load.outcome import Outcome, percentiles
from node.query.answers import PROBLEM_PREFIX, BatchResult, StatusAnswer
from tests.node.test_live_status import STATUS

TERMS = Terms(bytes(32), "REEL", 1_000, 100)
KEYS = [KeyPair.from_seed(bytes([number]) * 32) for number in range(3)]
TAKEN = BatchResult(bytes(32), None)
BUSY = BatchResult(None, {"type": f"{PROBLEM_PREFIX}mempool-full"})
POOR = BatchResult(None, {"type": f"{PROBLEM_PREFIX}insufficient-balance"})


def offers(count: int, per_s: float = 10) -> list[Offer]:
    return list(make_offers(TERMS, KEYS, count, per_s))


def test_offers_are_signed_in_turn_and_due_at_a_steady_rate() -> None:
    made = offers(7)
    sent = [decode_transaction(offer.data) for offer in made]
    for transaction in sent:
        transaction.check_signatures()
    assert [offer.due_s for offer in made] == [number / 10 for number in range(7)]
    assert [each.sender for each in sent[:4]] == [each.public for each in (*KEYS, KEYS[0])]
    assert [each.nonce for each in sent] == [0, 0, 0, 1, 1, 1, 2]
    assert len({offer.id for offer in made}) == 7


def test_a_lane_gives_what_is_due_and_first_what_was_given_back() -> None:
    lane = Lane(offers(6))
    assert [offer.number for offer in lane.take(0.25, 10)] == [0, 1, 2]
    assert lane.take(0.25, 10) == []
    assert lane.next_due_s == 0.3
    first, second = lane.take(9, 2)
    lane.give_back(second)
    lane.give_back(first)
    assert (lane.next_due_s, lane.left) == (0.0, 3)
    assert [offer.number for offer in lane.take(9, 10)] == [3, 4, 5]
    assert lane.left == 0
    assert lane.next_due_s is None


def test_percentiles_are_those_of_the_nearest_rank() -> None:
    assert percentiles([3, 1, 2, 4]) == {"p50": 2, "p90": 4, "p99": 4, "max": 4}
    hundred = percentiles(range(1, 101))
    assert hundred == {"p50": 50, "p90": 90, "p99": 99, "max": 100}
    assert set(percentiles([]).values()) == {None}


def test_the_outcome_counts_each_offer_once() -> None:
    first, second, third, _ = offers(4)
    outcome = Outcome(offered=4)
    for offer in (first, second, third):
        outcome.accept(offer)
    outcome.refuse("mempool-full")
    outcome.settle([first.id, bytes(32)], 0.5, 1)
    outcome.settle([first.id, second.id], 2.1, 1)
    told = json.loads(json.dumps(outcome.to_json(1, 1_000)))
    assert (told["offered"], told["accepted"], told["final"], told["not_final"]) == (4, 3, 2, 1)
    assert (told["not_taken"], told["refusals"]) == (1, {"mempool-full": 1})
    assert told["final_per_s"] == 1, "what was final after the offers ended does not count"
    assert told["latency_ms"] == {"p50": 500, "p90": 2000, "p99": 2000, "max": 2000}
    assert told["finality_slots"] == 0.5


class FakeNode(Client):
    """A node that answers batches as told, and makes final at once what it takes, each in a block
    of its own."""

    def __init__(self, *answers: BatchResult | Failure) -> None:
        super().__init__("http://127.0.0.1:1")
        self.answers = list(answers)
        self.taken: list[tuple[float, Transaction]] = []

    async def status(self) -> StatusAnswer:
        await trio.lowlevel.checkpoint()
        return replace(STATUS, final=replace(STATUS.final, height=len(self.taken)))

    async def submit_batch(self, transactions: Sequence[bytes]) -> tuple[BatchResult, ...]:
        await trio.lowlevel.checkpoint()
        return tuple(self._take(data) for data in transactions)

    def _take(self, data: bytes) -> BatchResult:
        answer = self.answers.pop(0) if self.answers else TAKEN
        if isinstance(answer, Failure):
            raise answer
        if answer is TAKEN:
            self.taken.append((trio.current_time(), decode_transaction(data)))
        return answer

    async def transaction_ids(self, height: int) -> list[bytes]:
        await trio.lowlevel.checkpoint()
        return [transaction_id(self.taken[height - 1][1].encode())]


def outcome_of(
    nodes: Sequence[FakeNode], made: Sequence[Offer], seconds: float, drain_s: float = 5
) -> Outcome:
    """What becomes of offers, on a clock that begins at 0 and jumps to the next deadline."""
    driver = Driver(nodes, made, seconds)

    async def main() -> None:
        await driver.run(drain_s, lambda _: None)

    trio.run(main, clock=MockClock(autojump_threshold=0))
    return driver.outcome


def test_each_is_sent_when_it_is_due() -> None:
    node = FakeNode()
    outcome = outcome_of([node], offers(20), 2)
    late = [sent - number / 10 for number, (sent, _) in enumerate(node.taken)]
    assert len(late) == 20
    assert all(0 <= each < 0.05 for each in late)
    assert (outcome.accepted, outcome.final, outcome.refused) == (20, 20, {})


def test_what_a_node_is_too_busy_for_is_sent_again_before_what_is_due_later() -> None:
    node = FakeNode(BUSY, Unreachable("gone"))
    outcome = outcome_of([node], offers(20), 3)
    assert outcome.refused == {"mempool-full": 1, "no-answer": 11}, "all that were due by then"
    assert (outcome.accepted, outcome.final) == (20, 20)
    assert [each.nonce for _, each in node.taken] == sorted(n // 3 for n in range(20))
    assert node.taken[0][0] >= 2 * RETRY_S, "a second after each refusal"
    assert max(outcome.latencies_s) >= 2 * RETRY_S, "latency counts from when it was due"


def test_what_a_node_will_never_take_is_not_sent_again() -> None:
    outcome = outcome_of([FakeNode(POOR)], offers(5), 1)
    assert (outcome.refused, outcome.accepted) == ({"insufficient-balance": 1}, 4)


def test_offers_end_though_a_node_takes_nothing() -> None:
    outcome = outcome_of([FakeNode(*[BUSY] * 1_000)], offers(20), 2)
    assert outcome.accepted == 0
    assert 20 < outcome.refused["mempool-full"] <= 60, "each at most thrice in two seconds and one"


def test_each_node_has_its_own_part() -> None:
    nodes = [FakeNode(), FakeNode()]
    outcome = outcome_of(nodes, offers(10), 1, drain_s=1)
    assert [len(node.taken) for node in nodes] == [5, 5]
    assert (outcome.accepted, outcome.final) == (10, 5), "what is final is read from the first"
