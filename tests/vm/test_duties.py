"""Duties: a producer's node sends them without a fee, each can succeed once, none can fail."""

from collections.abc import Callable

import pytest

from consensus.errors import InvalidBlock, InvalidTransaction
from consensus.record import record, replace
from consensus.transaction import Transaction
from tests.vm.offences import offend
from tests.vm.world import (
    ANNA,
    CONSENSUS,
    FUNDS,
    PRODUCERS,
    World,
    apply_to,
    commitment_of,
    key,
    pay,
    sized,
)
from vm.context import Context
from vm.declare import Action, Module
from vm.modules import fee
from vm.modules.account import next_nonce
from vm.modules.producer import (
    BEACONS,
    NO_PROFILE,
    OFFENCES,
    Recommit,
    Register,
    Stand,
    possession_message,
)
from vm.modules.slashing import Report
from vm.modules.tokens import balance_of, mint
from vm.registry import MODULES, REGISTRY, Registry
from vm.simulation import quote, simulate
from vm.transition import BlockExecution


@pytest.fixture
def world() -> World:
    return World.begin()


def recommit(place: int = 0, salt: bytes = b"second salt") -> Recommit:
    return Recommit(commitment_of(place, salt))


def report(world: World, place: int = 1) -> Report:
    return Report(offend(world.genesis, CONSENSUS[place]))


def test_these_actions_are_duties() -> None:
    duties = {tag for tag, declared in REGISTRY.actions.items() if declared.duty}
    assert duties == {"producer.recommit", "slashing.report"}


def test_a_duty_costs_nothing_and_takes_its_room_and_nonce(world: World) -> None:
    duty = world.duty(recommit(), report(world))
    outcome = world.run(duty)
    (receipt,) = outcome.receipts
    size = len(duty.encode())
    gas = 1_000 + 10 * size + 500 + 2_000 + 8_000
    assert (receipt.status, receipt.gas, receipt.fee) == ("ok", gas, 0)
    assert (outcome.gas, outcome.size_bytes, outcome.fees) == (gas, size, {})
    assert [event.transaction for event in outcome.events] == [0, 0]
    assert next_nonce(world.state, PRODUCERS[0].public) == 1
    beacon = BEACONS.get(world.state, PRODUCERS[0].public)
    assert beacon is not None
    assert beacon.following == commitment_of(0, b"second salt")
    assert OFFENCES.get(world.state, PRODUCERS[1].public) is not None
    assert balance_of(world.state, PRODUCERS[0].public, "REEL") == 0
    assert list(REGISTRY.broken_invariants(world.state)) == []


def test_a_duty_is_free_in_any_asset_and_at_any_price(world: World) -> None:
    fee.PRICES.put(world.state, fee.Price(2**64 - 1), "REEL")
    assert world.run(world.duty(recommit())).receipts[0].fee == 0
    outcome = world.run(world.duty(report(world), place=2, fee_asset="NONE"))
    assert outcome.receipts[0].status == "ok"


def test_the_same_actions_can_be_sent_and_paid_for_by_anyone(world: World) -> None:
    mint(world.state, PRODUCERS[0].public, "REEL", FUNDS)
    outcome = world.run(
        world.order(recommit(), by=PRODUCERS[0]), world.order(report(world), by=ANNA)
    )
    assert [receipt.status for receipt in outcome.receipts] == ["ok", "ok"]
    assert all(receipt.fee > 0 for receipt in outcome.receipts)


def resigned(transaction: Transaction, *places: int) -> Transaction:
    """The same signed anew, with these consensus keys alone."""
    bare = replace(transaction, signatures=())
    return bare.signed(*(CONSENSUS[place] for place in places))


Make = Callable[[World], Transaction]
REFUSED: list[tuple[str, str, Make]] = [
    ("producer.not-a-duty", "actions[0]", lambda w: w.duty(pay())),
    ("producer.not-a-duty", "actions[0]", lambda w: w.duty(Stand(False))),
    ("producer.not-a-duty", "actions[1]", lambda w: w.duty(recommit(), pay())),
    (
        "producer.duty-without-fee",
        "max_fee",
        lambda w: resigned(replace(w.duty(recommit()), max_fee=1), 0),
    ),
    (
        "producer.duty-without-fee",
        "payer",
        lambda w: resigned(replace(w.duty(recommit()), payer=PRODUCERS[0].public), 0),
    ),
    ("account.signature-missing", "signatures", lambda w: resigned(w.duty(recommit()), 1)),
    ("account.signature-missing", "signatures", lambda w: resigned(w.duty(recommit()), 0, 1)),
    (
        "account.signature-missing",
        "signatures",
        lambda w: replace(w.duty(recommit()), sender=ANNA.public),
    ),
    (
        "account.signature-unneeded",
        "signatures",
        lambda w: w.duty(recommit()).signed(PRODUCERS[0]),
    ),
    (
        "mana.not-free",
        "actions[0]",
        lambda w: replace(w.duty(recommit()), signatures=()).signed(PRODUCERS[0]),
    ),
    ("account.nonce-ahead", "nonce", lambda w: w.duty(recommit(), nonce=1)),
    ("chain.wrong-chain", "chain", lambda w: w.duty(recommit(), chain=bytes(32))),
    ("chain.expired", "valid_until_height", lambda w: w.duty(recommit(), valid_until_height=0)),
    (
        "producer.salt-reused",
        "actions[0].following.salt",
        lambda w: w.duty(recommit(0, b"first salt")),
    ),
    (
        "producer.already-recommitted",
        "actions[1]",
        lambda w: w.duty(recommit(), recommit(0, b"third salt")),
    ),
    (
        "slashing.already-barred",
        "actions[1].evidence.key",
        lambda w: w.duty(report(w), report(w)),
    ),
    (
        "slashing.unknown-key",
        "actions[0].evidence.key",
        lambda w: w.duty(Report(offend(w.genesis, key("nobody")))),
    ),
    (
        "slashing.not-proved",
        "actions[0].evidence.first.signature",
        lambda w: w.duty(Report(replace(report(w).evidence, key=CONSENSUS[2].public))),
    ),
]


@pytest.mark.parametrize(("code", "field", "make"), REFUSED)
def test_what_is_no_duty_or_fails_is_in_no_block(
    world: World, code: str, field: str, make: Make
) -> None:
    execution = world.start()
    untouched = world.start().finish()
    for run in (lambda t: execution.check(t, len(t.encode())), lambda t: apply_to(execution, t)):
        with pytest.raises(InvalidTransaction) as caught:
            run(make(world))
        assert (caught.value.code, caught.value.field) == (code, field)
    with pytest.raises(InvalidBlock) as spoiled:
        world.run(make(world))
    assert spoiled.value.code == code
    assert spoiled.value.field == f"body.transactions[0].{field}"
    assert execution.finish() == untouched
    assert code in REGISTRY.errors


def test_a_duty_is_tried_at_admission_and_nothing_is_left_of_it(world: World) -> None:
    execution = world.start()
    apply_to(execution, world.order(pay()))
    duty = world.duty(recommit(), report(world))
    for _ in range(2):
        execution.check(duty, len(duty.encode()))
    alone = world.start()
    apply_to(alone, world.order(pay()))
    assert execution.finish() == alone.finish()
    assert apply_to(execution, duty).status == "ok"


def test_after_a_duty_that_failed_the_block_goes_on(world: World) -> None:
    execution = world.start()
    apply_to(execution, world.duty(report(world)))
    for place in (0, 2):
        with pytest.raises(InvalidTransaction):
            apply_to(execution, world.duty(report(world), place=place, nonce=int(place == 0)))
    apply_to(execution, world.duty(recommit(), nonce=1))
    apply_to(execution, world.order(pay()))
    good = [world.duty(report(world)), world.duty(recommit(), nonce=1), world.order(pay())]
    assert execution.finish() == world.run(*good)


def test_a_duty_succeeds_once(world: World) -> None:
    world.run(world.duty(recommit()), world.duty(report(world), place=2))
    for duty, code in (
        (world.duty(recommit(0, b"third salt"), nonce=1), "producer.already-recommitted"),
        (world.duty(report(world), place=3), "slashing.already-barred"),
    ):
        with pytest.raises(InvalidBlock) as caught:
            world.run(duty)
        assert caught.value.code == code


def test_duties_take_room_like_all(world: World) -> None:
    execution = world.start()
    limit = fee.MAX_BODY_BYTES.default
    duty = world.duty(recommit())
    with pytest.raises(InvalidTransaction) as caught:
        execution.apply(sized(duty, limit + 1))
    assert caught.value.code == fee.BLOCK_FULL.code
    execution.apply(sized(duty, limit))
    with pytest.raises(InvalidTransaction) as caught:
        apply_to(execution, world.duty(report(world), place=2))
    assert caught.value.code == fee.BLOCK_FULL.code


def test_who_registers_has_duties_from_then_on(world: World) -> None:
    fresh = key("fresh")
    message = possession_message(world.genesis.chain, ANNA.public, fresh.public)
    register = Register(fresh.public, "anna", NO_PROFILE, 0, commitment_of(9), fresh.sign(message))
    duty = world.order(recommit(9), by=ANNA, nonce=1, max_fee=0)
    duty = replace(duty, signatures=()).signed(fresh)
    with pytest.raises(InvalidTransaction):
        apply_to(world.start(), replace(duty, nonce=0))
    outcome = world.run(world.order(register), duty)
    assert [receipt.status for receipt in outcome.receipts] == ["ok", "ok"]


def test_a_duty_is_quoted_and_simulated_as_free(world: World) -> None:
    duty = world.duty(recommit())
    assert quote(world.state, duty).fee == 0
    tried = simulate(world.state, world.block(), duty)
    receipt, events = tried.receipt, tried.events
    assert (receipt.status, receipt.fee, len(events)) == ("ok", 0, 1)
    with pytest.raises(InvalidTransaction):
        simulate(world.state, world.block(), world.duty(recommit(0, b"first salt")))


def test_another_module_declares_a_duty_in_one_word(world: World) -> None:
    notes = Module("notes", "Says things.")

    @notes.action(gas=1, duty=True)
    @record("notes.say")
    class Say(Action):
        """Say nothing."""

        def apply(self, context: Context) -> None:
            return None

    execution = BlockExecution(world.state, world.block(), Registry((*MODULES, notes)))
    assert apply_to(execution, world.duty(Say(), recommit())).status == "ok"
