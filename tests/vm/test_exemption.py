"""Exemptions: who has nothing claims for nothing, once; it must succeed, and takes little room."""

from collections.abc import Callable
from typing import Any

import pytest

from consensus.errors import InvalidBlock, InvalidTransaction
from consensus.record import record, replace
from consensus.transaction import Transaction
from tests.vm.migrations import Migrations, claim_of
from tests.vm.world import ANNA, BARE, BEN, CLEO, FUNDS, World, apply_to, key, pay, sized
from vm.context import Context
from vm.declare import Action, Module
from vm.exemption import exemptions_of
from vm.modules.account import next_nonce
from vm.modules.account.attesting import let_attest
from vm.modules.claims import CLAIMED, ClaimHolding
from vm.modules.fee import BLOCK_FULL, MAX_BODY_BYTES, PRICES, Price
from vm.modules.mana import MAX_BLOCK_PPM, mana_of
from vm.modules.tokens import balance_of
from vm.registry import REGISTRY
from vm.simulation import quote, simulate


@pytest.fixture
def world() -> World:
    """The migration is open; Cleo has nothing, and never had."""
    made = World.begin(BARE)
    Migrations(made).open()
    return made


def claim(world: World, name: str = "first", account: bytes = CLEO.public) -> ClaimHolding:
    return claim_of(name, account, world.genesis.chain)


def order(world: World, *actions: Action, **changed: Any) -> Transaction:
    """Cleo's, for nothing."""
    options: dict[str, Any] = {"by": CLEO, "max_fee": 0, **changed}
    return world.order(*actions, **options)


def own(world: World, *names: str) -> Transaction:
    """Cleo's claims for herself, for nothing."""
    return order(world, *(claim(world, name) for name in names))


def test_an_account_that_has_nothing_claims_for_nothing(world: World) -> None:
    made = own(world, "first", "third")
    assert mana_of(world.state, CLEO.public, world.block().time_ms).max_gas == 0
    outcome = world.run(made)
    (receipt,) = outcome.receipts
    assert (receipt.status, receipt.fee, outcome.fees) == ("ok", 0, {})
    hashes = sum(len(claim(world, name).proof) for name in ("first", "third"))
    assert receipt.gas == 1_000 + 10 * len(made.encode()) + 500 + 2 * 5_000 + 50 * hashes
    assert outcome.gas == receipt.gas
    assert balance_of(world.state, CLEO.public, "REEL") == 80
    assert next_nonce(world.state, CLEO.public) == 1
    assert list(REGISTRY.broken_invariants(world.state)) == []


def test_what_was_claimed_pays_what_follows_in_the_same_block(world: World) -> None:
    PRICES.put(world.state, Price(1), "REEL")
    later = world.order(pay(amount=1), by=CLEO, nonce=1, max_fee=1)
    with pytest.raises(InvalidTransaction):
        apply_to(world.start(), replace(later, nonce=0))
    assert [each.status for each in world.run(own(world, "third"), later).receipts] == ["ok", "ok"]


def test_another_sends_it_for_a_fee_or_with_mana(world: World) -> None:
    without = world.order(claim(world, "second"), by=BEN, max_fee=0)
    with pytest.raises(InvalidTransaction) as caught:
        apply_to(world.start(), without)
    assert caught.value.code == "mana.too-little"
    let_attest(world.state, BEN.public)
    assert world.run(without).receipts[0].status == "ok"
    (paid,) = world.run(world.order(claim(world, "first"), by=ANNA)).receipts
    assert paid.fee > 0
    assert balance_of(world.state, ANNA.public, "REEL") == FUNDS - paid.fee
    assert balance_of(world.state, CLEO.public, "REEL") == 50


Make = Callable[[World], Transaction]
REFUSED: list[tuple[str, str, Make]] = [
    ("mana.not-free", "actions[1]", lambda w: order(w, claim(w), pay(amount=1))),
    ("mana.too-little", "max_fee", lambda w: order(w, claim(w, "first", BEN.public))),
    ("mana.too-little", "max_fee", lambda w: order(w, claim(w), payer=BEN)),
    ("claims.already-claimed", "actions[1].holder", lambda w: own(w, "first", "first")),
    (
        "claims.not-signed",
        "actions[0].signature",
        lambda w: order(w, replace(claim(w), signature=bytes(65))),
    ),
    ("claims.not-a-holding", "actions[0].proof", lambda w: order(w, replace(claim(w), units=1))),
    (
        "claims.unknown-migration",
        "actions[0].migration",
        lambda w: order(w, replace(claim(w), migration="x")),
    ),
    (
        "account.signature-missing",
        "signatures",
        lambda w: replace(own(w, "first"), signatures=()).signed(BEN),
    ),
    ("account.nonce-ahead", "nonce", lambda w: order(w, claim(w), nonce=1)),
]


@pytest.mark.parametrize(("code", "field", "make"), REFUSED)
def test_what_is_not_exempt_or_fails_is_in_no_block(
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
    assert execution.finish() == untouched


def test_a_claim_is_tried_at_admission_and_nothing_is_left_of_it(world: World) -> None:
    execution, made = world.start(), own(world, "first")
    for _ in range(2):
        execution.check(made, len(made.encode()))
    assert apply_to(execution, made).status == "ok"
    assert execution.finish() == world.run(made)


def test_the_first_of_two_claims_for_one_holder_takes_it(world: World) -> None:
    execution = world.start()
    dora = key("dora")
    apply_to(execution, order(world, claim(world, "first", dora.public), by=dora))
    with pytest.raises(InvalidTransaction) as caught:
        apply_to(execution, own(world, "first"))
    assert caught.value.code == "claims.already-claimed"


def test_claims_for_nothing_take_room_of_the_share_of_what_pays_no_fee(world: World) -> None:
    share = MAX_BODY_BYTES.default * MAX_BLOCK_PPM.default // 1_000_000
    execution = world.start()
    assert execution.apply(sized(own(world, "first"), share)).status == "ok"
    dora = key("dora")
    second = order(world, claim(world, "second", dora.public), by=dora)
    with pytest.raises(InvalidTransaction) as caught:
        apply_to(execution, second)
    assert caught.value.code == BLOCK_FULL.code
    paid = world.order(claim(world, "second", dora.public), by=ANNA)
    assert apply_to(execution, paid).status == "ok"


def test_it_is_quoted_and_simulated_as_free(world: World) -> None:
    made = replace(own(world, "first"), signatures=())
    assert quote(world.state, made).fee == 0
    tried = simulate(world.state, world.block(), made)
    receipt, events = tried.receipt, tried.events
    assert (receipt.status, receipt.fee, len(events)) == ("ok", 0, 1)


def test_an_exemption_is_the_row_that_is_written(world: World) -> None:
    made = own(world, "first")
    (row,) = exemptions_of(made)
    assert world.state.get(row) is None
    world.run(made)
    assert world.state.get(row) is not None
    assert CLAIMED.key_parts(row)[1] == claim(world).holder
    assert exemptions_of(replace(made, max_fee=1)) == ()
    assert exemptions_of(replace(made, actions=(["no.such", 1],))) == ()


def test_what_is_governed_is_not_exempt() -> None:
    notes = Module("notes", "Says things.")

    @record("notes.say")
    class Say(Action):
        """Say nothing."""

        def exemption(self, sender: bytes) -> bytes | None:
            return b"key"

        def in_words(self) -> str:
            return "say nothing"

        def apply(self, context: Context) -> None:
            return None

    with pytest.raises(ValueError, match="exempt"):
        notes.action(gas=1, governed=True)(Say)
