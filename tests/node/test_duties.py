"""A node's own duties: made when they are due, good in its next block, and few."""

from collections.abc import Sequence

import pytest

from consensus.evidence import DOUBLE_BLOCK, DOUBLE_VOTE, Evidence
from consensus.keys import KeyPair
from consensus.transaction import EncodedTransaction
from node.duties import MAX_DUTIES, duties, recommit_due
from tests.vm.offences import offend
from tests.vm.world import ANNA, CONSENSUS, PRODUCERS, REVEALS, World, commitment_of, key, pay
from vm.modules.producer import OFFENCES, Commitment, Producer, Recommit, current_beacon, register
from vm.modules.slashing import Report
from vm.transition import BlockExecution, Outcome

FIRST = PRODUCERS[0]
NEXT = commitment_of(0, b"second salt")


@pytest.fixture
def world() -> World:
    return World.begin()


def made(
    world: World,
    following: Commitment | None = None,
    evidence: Sequence[Evidence] = (),
    signer: KeyPair = CONSENSUS[0],
) -> list[EncodedTransaction]:
    """The first producer's duties for the next block."""
    state, chain = world.state, world.genesis.chain
    return duties(state, chain, world.height, FIRST.public, signer, following, evidence)


def run(world: World, pending: Sequence[EncodedTransaction]) -> Outcome:
    """The next block, with these; their signatures, ids and sizes are right."""
    execution = BlockExecution(world.state, world.block(used=world.height - 1))
    execution.begin()
    for item in pending:
        item.transaction.check_signatures()
        receipt = execution.apply(item)
        assert (receipt.status, receipt.fee) == ("ok", 0)
    made_here = execution.finish()
    outcome = world.run(*(item.transaction for item in pending))
    assert made_here == outcome
    return outcome


def actions_of(pending: Sequence[EncodedTransaction]) -> list[object]:
    return [item.transaction.actions[0][0] for item in pending]


def test_nothing_is_due_on_a_fresh_chain(world: World) -> None:
    assert made(world) == []
    assert made(world, NEXT) == []


def test_the_next_chain_is_fixed_when_half_is_used(world: World) -> None:
    for used in range(REVEALS // 2 - 1):
        assert current_beacon(world.state, FIRST.public).used == used
        assert not recommit_due(world.state, FIRST.public)
        assert made(world, NEXT) == []
        world.run()
    assert recommit_due(world.state, FIRST.public)
    assert made(world, None) == []
    (duty,) = made(world, NEXT)
    assert Recommit.unpack(duty.transaction.actions[0]) == Recommit(NEXT)
    run(world, [duty])
    assert not recommit_due(world.state, FIRST.public)
    assert made(world, NEXT) == []


def test_in_the_block_of_the_last_reveal_it_would_be_too_late(world: World) -> None:
    for _ in range(REVEALS - 2):
        world.run()
    run(world, made(world, NEXT))
    world = World.begin()
    for _ in range(REVEALS - 1):
        world.run()
    assert not recommit_due(world.state, FIRST.public)
    assert made(world, NEXT) == []


def test_who_is_no_producer_has_no_duties(world: World) -> None:
    evidence = [offend(world.genesis, CONSENSUS[1])]
    assert not recommit_due(world.state, ANNA.public)
    assert made(world, evidence=evidence, signer=CONSENSUS[1]) == []
    assert duties(world.state, bytes(32), 1, ANNA.public, CONSENSUS[0], NEXT, evidence) == []


def test_what_can_be_punished_is_reported_once_for_each_producer(world: World) -> None:
    evidence = [
        offend(world.genesis, key("nobody")),
        offend(world.genesis, CONSENSUS[1]),
        offend(world.genesis, CONSENSUS[1], DOUBLE_VOTE),
        offend(world.genesis, CONSENSUS[2], DOUBLE_VOTE),
    ]
    pending = made(world, evidence=evidence)
    reports = [Report.unpack(item.transaction.actions[0]) for item in pending]
    assert reports == [Report(evidence[1]), Report(evidence[3])]
    run(world, pending)
    for place, offence in ((1, DOUBLE_BLOCK), (2, DOUBLE_VOTE)):
        row = OFFENCES.get(world.state, PRODUCERS[place].public)
        assert row is not None
        assert (row.offence, row.reporter) == (offence, FIRST.public)
    assert made(world, evidence=evidence) == []


def test_a_block_has_few_duties_and_the_next_one_has_more(world: World) -> None:
    for _ in range(REVEALS // 2):
        world.run()
    guilty = [key(f"guilty {i}") for i in range(5)]
    for i, secret in enumerate(guilty):
        register(
            world.state, key(f"account {i}").public, Producer(secret.public, "x"), commitment_of(i)
        )
    evidence = [offend(world.genesis, secret) for secret in guilty]
    pending = made(world, NEXT, evidence)
    assert actions_of(pending) == ["producer.recommit", *["slashing.report"] * (MAX_DUTIES - 1)]
    assert [item.transaction.nonce for item in pending] == list(range(MAX_DUTIES))
    run(world, pending)
    rest = made(world, NEXT, evidence)
    assert actions_of(rest) == ["slashing.report"] * 2
    assert [item.transaction.nonce for item in rest] == [MAX_DUTIES, MAX_DUTIES + 1]
    run(world, rest)


def test_duties_hold_for_the_one_block_and_follow_the_senders_nonce(world: World) -> None:
    world.run(world.duty(Report(offend(world.genesis, CONSENSUS[3]))), world.order(pay()))
    (duty,) = made(world, evidence=[offend(world.genesis, CONSENSUS[1])])
    transaction = duty.transaction
    assert (transaction.nonce, transaction.valid_until_height) == (1, world.height)
    assert (transaction.payer, transaction.max_fee, transaction.fee_asset) == (None, 0, "REEL")
    assert [item.key for item in transaction.signatures] == [CONSENSUS[0].public]
