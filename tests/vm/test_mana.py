"""Mana: how it grows, what it pays for, and how little of a block it can take."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from consensus.errors import InvalidBlock, InvalidTransaction
from consensus.keys import KeyPair
from consensus.record import replace
from consensus.transaction import Transaction
from tests.vm.offences import offend
from tests.vm.stage import Stage
from tests.vm.world import (
    ANNA,
    BEN,
    CLEO,
    CONSENSUS,
    FUNDS,
    PRODUCERS,
    World,
    apply_to,
    pay,
    sized,
)
from vm.modules import fee
from vm.modules.account import Attest, RevokeAttestation, let_attest, next_nonce
from vm.modules.mana import (
    ATTESTED_GAS,
    BONDED_GAS,
    MANA,
    MAX_BLOCK_PPM,
    REGENERATION_S,
    Mana,
    ManaNow,
    check_mana,
    mana_of,
    note_bonded,
    use_mana,
)
from vm.modules.slashing import Report
from vm.modules.stake import Approve, Bond, Unbond
from vm.modules.tokens import balance_of, mint
from vm.parameter import VALUES
from vm.registry import REGISTRY
from vm.simulation import quote, simulate
from vm.touched import touched_keys

DAY_MS = 86_400_000
FULL = FUNDS // 2 * 700 // 10**6  # the most mana of who bonds half of FUNDS


@pytest.fixture
def stage() -> Stage:
    return Stage()


def now(stage: Stage, account: bytes = ANNA.public) -> ManaNow:
    return mana_of(stage.world.state, account, stage.time_ms)


# How it grows


def test_who_has_nothing_bonded_has_no_mana(stage: Stage) -> None:
    assert now(stage) == ManaNow(0, 0, DAY_MS)
    stage.time_ms += 9 * DAY_MS
    assert now(stage).gas == 0


def test_it_grows_linearly_from_nothing_to_its_most(stage: Stage) -> None:
    stage.act(ANNA.public, Bond(FUNDS // 2))
    assert now(stage) == ManaNow(0, FULL, DAY_MS)
    stage.time_ms += DAY_MS // 4
    assert now(stage).gas == FULL // 4
    stage.time_ms += DAY_MS // 2
    assert now(stage).gas == FULL * 3 // 4
    stage.time_ms += DAY_MS // 4
    assert now(stage).gas == FULL
    stage.time_ms += 50 * DAY_MS
    assert now(stage).gas == FULL


def test_both_divisions_round_down(stage: Stage) -> None:
    stage.act(ANNA.public, Bond(1_428))  # 0.9996 gas
    assert now(stage).max_gas == 0
    stage.act(ANNA.public, Bond(1))  # 1.0003
    assert now(stage).max_gas == 1
    stage.time_ms += DAY_MS - 1
    assert now(stage).gas == 0
    stage.time_ms += 1
    assert now(stage).gas == 1


def test_what_is_used_grows_again(stage: Stage) -> None:
    stage.act(ANNA.public, Bond(FUNDS // 2))
    stage.time_ms += DAY_MS
    use_mana(stage.world.state, ANNA.public, FULL, stage.time_ms)
    assert now(stage).gas == 0
    stage.time_ms += DAY_MS // 2
    use_mana(stage.world.state, ANNA.public, FULL // 4, stage.time_ms)
    assert now(stage).gas == FULL // 4
    with pytest.raises(RuntimeError, match="lacks 1 mana"):
        use_mana(stage.world.state, ANNA.public, FULL // 4 + 1, stage.time_ms)


def test_a_larger_bond_brings_no_mana_and_grows_faster(stage: Stage) -> None:
    stage.act(ANNA.public, Bond(FUNDS // 4))
    stage.time_ms += DAY_MS
    assert now(stage) == ManaNow(FULL // 2, FULL // 2, DAY_MS)
    stage.act(ANNA.public, Bond(FUNDS // 4))
    assert now(stage) == ManaNow(FULL // 2, FULL, DAY_MS)
    stage.time_ms += DAY_MS // 4
    assert now(stage).gas == FULL * 3 // 4


def test_what_is_unbonded_takes_its_part_of_the_most_away_at_once(stage: Stage) -> None:
    stage.act(ANNA.public, Bond(FUNDS // 2))
    stage.time_ms += DAY_MS
    stage.act(ANNA.public, Unbond(FUNDS // 4))
    assert now(stage) == ManaNow(FULL // 2, FULL // 2, DAY_MS)
    row = MANA.get(stage.world.state, ANNA.public)
    assert row == Mana(FULL // 2, stage.time_ms, FUNDS // 4)
    stage.act(ANNA.public, Bond(FUNDS // 4))
    assert now(stage).gas == FULL // 2
    stage.act(ANNA.public, Unbond(FUNDS // 2))
    assert MANA.get(stage.world.state, ANNA.public) is None
    stage.time_ms += DAY_MS
    stage.act(ANNA.public, Bond(FUNDS // 2))
    assert now(stage).gas == 0


def test_a_producers_mana_shrinks_with_what_it_forfeits(stage: Stage) -> None:
    producer = PRODUCERS[0].public
    mint(stage.world.state, producer, "REEL", FUNDS)
    stage.act(producer, Bond(FUNDS // 2))
    stage.time_ms += DAY_MS
    report = Report(offend(stage.world.genesis, CONSENSUS[0]))
    assert stage.act(ANNA.public, report) == "ok"
    assert now(stage, producer) == ManaNow(FULL * 9 // 10, FULL * 9 // 10, DAY_MS)
    assert list(REGISTRY.broken_invariants(stage.world.state)) == []


def test_parameters_hold_at_once_for_everybody(stage: Stage) -> None:
    stage.act(ANNA.public, Bond(FUNDS // 2))
    stage.time_ms += DAY_MS // 2
    REGENERATION_S.set(stage.world.state, 43_200)
    assert now(stage) == ManaNow(FULL, FULL, DAY_MS // 2)
    BONDED_GAS.set(stage.world.state, 350)
    assert now(stage) == ManaNow(FULL // 2, FULL // 2, DAY_MS // 2)
    BONDED_GAS.set(stage.world.state, 0)
    assert now(stage) == ManaNow(0, 0, DAY_MS // 2)


def test_the_largest_bond_fits_at_the_highest_rate(stage: Stage) -> None:
    state = stage.world.state
    BONDED_GAS.set(state, BONDED_GAS.maximum)
    ATTESTED_GAS.set(state, ATTESTED_GAS.maximum)
    let_attest(state, BEN.public)
    assert stage.act(BEN.public, Attest(ANNA.public, bytes(32))) == "ok"
    note_bonded(state, ANNA.public, 2**64 - 1, 0)
    most = (2**64 - 1) * BONDED_GAS.maximum // 10**6 + ATTESTED_GAS.maximum
    assert mana_of(state, ANNA.public, 2**53 - 1).gas == most < 2**64
    use_mana(state, ANNA.public, 1, 2**53 - 1)
    assert MANA.get(state, ANNA.public) == Mana(most - 1, 2**53 - 1, 2**64 - 1)


@pytest.mark.parametrize(
    ("gas", "wait_ms"),
    [(0, 0), (10, 0), (11, 8_641), (70, 518_400 + 1), (100, 777_601), (101, None)],
)
def test_how_long_to_wait_is_rounded_up(gas: int, wait_ms: int | None) -> None:
    regeneration_ms = 864_001
    at = ManaNow(10, 100, regeneration_ms)
    assert at.wait_ms(gas) == wait_ms
    if wait_ms:
        assert 10 + 100 * wait_ms // regeneration_ms >= gas
        assert 10 + 100 * (wait_ms - 1) // regeneration_ms < gas


def test_who_is_attested_has_mana_without_a_bond_until_the_attestation_ends(stage: Stage) -> None:
    state, attested = stage.world.state, CLEO.public
    ATTESTED_GAS.set(state, 8_640)
    let_attest(state, BEN.public)
    assert now(stage, attested).max_gas == 0
    assert stage.act(BEN.public, Attest(attested, bytes(32))) == "ok"
    assert (now(stage, attested).gas, now(stage, attested).max_gas) == (8_640, 8_640)
    use_mana(state, attested, 8_000, stage.time_ms)
    stage.time_ms += 1_000_000
    assert now(stage, attested).gas == 640 + 100
    assert list(REGISTRY.broken_invariants(state)) == []
    assert stage.act(BEN.public, RevokeAttestation(attested)) == "ok"
    assert (now(stage, attested).gas, now(stage, attested).max_gas) == (0, 0)
    ATTESTED_GAS.set(state, 0)
    assert stage.act(BEN.public, Attest(attested, bytes(32))) == "ok"
    assert now(stage, attested).max_gas == 0


def test_a_bond_adds_to_what_an_attestation_brings(stage: Stage) -> None:
    state = stage.world.state
    let_attest(state, BEN.public)
    assert stage.act(ANNA.public, Bond(100_000_000)) == "ok"
    by_bond = now(stage).max_gas
    assert stage.act(BEN.public, Attest(ANNA.public, bytes(32))) == "ok"
    assert now(stage).max_gas == by_bond + ATTESTED_GAS.default
    assert stage.act(ANNA.public, Unbond(100_000_000)) == "ok"
    assert now(stage).max_gas == ATTESTED_GAS.default
    assert list(REGISTRY.broken_invariants(state)) == []


def test_rows_that_do_not_agree_with_the_bonds_are_found(stage: Stage) -> None:
    stage.act(ANNA.public, Bond(300))
    state = stage.world.state
    MANA.put(state, Mana(0, 0, 299), ANNA.public)
    MANA.put(state, Mana(0, 0, 5), BEN.public)
    assert len(list(REGISTRY.broken_invariants(state))) == 2
    MANA.delete(state, BEN.public)
    MANA.delete(state, ANNA.public)
    (found,) = REGISTRY.broken_invariants(state)
    assert "has something bonded, and no mana" in found


# What it pays for


def holder(gas: int, *keys: KeyPair) -> World:
    """A world in whose next block these, Anna if nobody is named, have so much mana."""
    stage = Stage()
    for key in keys or (ANNA,):
        mint(stage.world.state, key.public, "REEL", FUNDS)
        assert stage.act(key.public, Bond(FUNDS)) == "ok"
        MANA.put(stage.world.state, Mana(gas, stage.time_ms, FUNDS), key.public)
    return stage.world


def free(world: World, *, max_fee: int = 0, **changed: Any) -> Transaction:
    """An order that mana pays for, unless max_fee is set."""
    return world.order(Approve(()), max_fee=max_fee, **changed)


def gas_of(world: World, transaction: Transaction) -> int:
    return quote(world.state, transaction).gas


def test_a_max_fee_of_0_lets_mana_pay_and_nothing_else() -> None:
    world = holder(100_000)
    order = free(world, fee_asset="NONE")
    gas = 1_000 + 10 * len(order.encode()) + 500 + REGISTRY.actions["stake.approve"].gas
    assert (quote(world.state, order).gas, quote(world.state, order).fee) == (gas, 0)
    before = balance_of(world.state, ANNA.public, "REEL")
    outcome = world.run(order)
    (receipt,) = outcome.receipts
    assert (receipt.status, receipt.gas, receipt.fee) == ("ok", gas, 0)
    assert (outcome.gas, outcome.fees) == (gas, {})
    assert balance_of(world.state, ANNA.public, "REEL") == before
    assert MANA.get(world.state, ANNA.public) == Mana(
        100_000 - gas, world.block().time_ms - 1_000, FUNDS
    )
    assert list(REGISTRY.broken_invariants(world.state)) == []


def test_it_must_suffice_to_the_last_gas() -> None:
    world = holder(100_000)
    gas = gas_of(world, free(world))
    enough, short = holder(gas), holder(gas - 1)
    assert apply_to(enough.start(), free(enough)).status == "ok"
    with pytest.raises(InvalidTransaction, match=f"the payer has {gas - 1} of at most") as caught:
        apply_to(short.start(), free(short))
    assert (caught.value.code, caught.value.field) == ("mana.too-little", "max_fee")
    assert "enough in 1 s, or pay a fee" in caught.value.message


def test_what_never_suffices_is_said_to() -> None:
    world = World.begin()
    with pytest.raises(InvalidTransaction, match="never has as much") as caught:
        apply_to(world.start(), free(world))
    assert caught.value.code == "mana.too-little"


def test_two_in_one_block_use_what_is_there_once() -> None:
    world = holder(100_000)
    gas = gas_of(world, free(world))
    world = holder(2 * gas - 1)
    execution = world.start()
    assert apply_to(execution, free(world)).status == "ok"
    with pytest.raises(InvalidTransaction) as caught:
        apply_to(execution, free(world, nonce=1))
    assert caught.value.code == "mana.too-little"


def test_a_payers_mana_pays_and_the_senders_stays() -> None:
    world = holder(100_000, ANNA, BEN)
    order = free(world, payer=BEN)
    (receipt,) = world.run(order).receipts
    left = {key: MANA.get(world.state, key.public) for key in (ANNA, BEN)}
    assert [row.gas if row else None for row in left.values()] == [100_000, 100_000 - receipt.gas]
    assert next_nonce(world.state, ANNA.public) == 1


def test_an_action_that_fails_uses_mana_and_the_nonce() -> None:
    world = holder(100_000)
    outcome = world.run(world.order(Unbond(FUNDS + 1), max_fee=0))
    (receipt,) = outcome.receipts
    assert (receipt.status, receipt.fee) == ("stake.too-little-bonded", 0)
    row = MANA.get(world.state, ANNA.public)
    assert row is not None
    assert row.gas == 100_000 - receipt.gas
    assert next_nonce(world.state, ANNA.public) == 1


def test_who_has_bonded_everything_can_unbond() -> None:
    world = holder(100_000)
    world.run(world.order(pay(BEN, FUNDS - 6_000), max_fee=10_000))
    assert balance_of(world.state, ANNA.public, "REEL") < 2_000
    outcome = world.run(world.order(Unbond(FUNDS), max_fee=0, nonce=1))
    assert outcome.receipts[0].status == "ok"
    assert MANA.get(world.state, ANNA.public) is None


def test_these_actions_are_free() -> None:
    found = {tag for tag, declared in REGISTRY.actions.items() if declared.free}
    likes = {"social.like", "social.unlike", "social.write_comment"}
    likes |= {"social.share", "social.count_views", "live.enter"}
    deciding = {"account.attest", "gov.propose", "gov.vote", "elections.vote", "fund.vote"}
    taking_part = {"checkin.check_in", "checkin.claim", "packets.claim", "poa.claim"} | {
        "rebate.claim"
    }
    tasks = {
        "tasks.register_node",
        "tasks.delegate",
        "tasks.claim_grant",
        "tasks.claim",
        "tasks.propose",
        "tasks.take",
    }
    others = {"stake.approve", "stake.unbond", "possession.prove", "claims.claim"} | {
        "stipends.claim",
        "apps.enable",
        "apps.disable",
    }
    assert found == others | likes | deciding | taking_part | tasks


REFUSED: list[tuple[str, str, Callable[[World], Transaction]]] = [
    ("mana.not-free", "actions[0]", lambda w: w.order(pay(), max_fee=0)),
    ("mana.not-free", "actions[1]", lambda w: w.order(Approve(()), Bond(1), max_fee=0)),
    ("mana.too-little", "max_fee", lambda w: free(w, by=BEN)),
    ("mana.too-little", "max_fee", lambda w: free(w, payer=CLEO)),
    ("account.nonce-ahead", "nonce", lambda w: free(w, nonce=1)),
    ("chain.expired", "valid_until_height", lambda w: free(w, valid_until_height=0)),
    ("account.signature-missing", "signatures", lambda w: replace(free(w), payer=BEN.public)),
    (
        "chain.unknown-action",
        "actions[0]",
        lambda w: w.order(["token.steal", 1], max_fee=0),
    ),
]


@pytest.mark.parametrize(("code", "field", "make"), REFUSED)
def test_refused_with_a_field_and_nothing_changed(
    code: str, field: str, make: Callable[[World], Transaction]
) -> None:
    world = holder(100_000)
    execution = world.start()
    for run in (lambda t: execution.check(t, len(t.encode())), lambda t: apply_to(execution, t)):
        with pytest.raises(InvalidTransaction) as caught:
            run(make(world))
        assert (caught.value.code, caught.value.field) == (code, field)
    with pytest.raises(InvalidBlock) as spoiled:
        world.run(make(world))
    assert spoiled.value.code == code
    assert execution.finish() == world.start().finish()
    assert code in REGISTRY.errors


def test_a_simulation_says_what_a_block_would() -> None:
    world = holder(100_000)
    order = free(world)
    receipt = simulate(world.state, world.block(), replace(order, signatures=())).receipt
    assert replace(world.run(order).receipts[0], transaction=receipt.transaction) == receipt


def test_a_free_transaction_touches_the_payers_mana() -> None:
    world = holder(100_000)
    keys = touched_keys(free(world, payer=BEN))
    assert MANA.state_key(BEN.public) in keys
    assert not any(key.startswith(b"\x83\x6dtoken.balance") for key in keys)


# How much of a block it takes


def test_free_transactions_have_a_share_of_a_blocks_gas() -> None:
    world = holder(10**8, ANNA, BEN)
    gas = gas_of(world, free(world))
    fee.MAX_BLOCK_GAS.set(world.state, 1_000_000)
    MAX_BLOCK_PPM.set(world.state, 2 * gas)  # of a million
    execution = world.start()
    assert apply_to(execution, free(world)).status == "ok"
    assert apply_to(execution, free(world, by=BEN)).status == "ok"
    with pytest.raises(InvalidTransaction) as caught:
        apply_to(execution, free(world, nonce=1))
    assert caught.value.code == fee.BLOCK_FULL.code
    assert apply_to(execution, free(world, nonce=1, max_fee=10**6)).status == "ok"
    assert apply_to(execution, world.order(pay(), nonce=2)).status == "ok"


def test_free_transactions_have_a_share_of_a_blocks_bytes() -> None:
    world = holder(10**8)
    share = fee.MAX_BODY_BYTES.default // 4
    fee.BYTE_GAS.set(world.state, 1)
    execution = world.start()
    execution.apply(sized(free(world), share))
    with pytest.raises(InvalidTransaction) as caught:
        execution.apply(sized(free(world, nonce=1), 1))
    assert caught.value.code == fee.BLOCK_FULL.code
    execution.apply(sized(world.order(pay(), nonce=1), 3 * share))


def test_free_transactions_have_a_share_of_a_blocks_transactions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fee, "MAX_BLOCK_TRANSACTIONS", 4)
    world = holder(10**8)
    execution = world.start()
    apply_to(execution, free(world))
    with pytest.raises(InvalidTransaction) as caught:
        apply_to(execution, free(world, nonce=1))
    assert caught.value.code == fee.BLOCK_FULL.code
    for nonce in (1, 2, 3):
        assert apply_to(execution, world.order(pay(), nonce=nonce)).status == "ok"


def test_one_that_no_share_ever_holds_is_refused_for_it() -> None:
    world = holder(10**8)
    MAX_BLOCK_PPM.set(world.state, 0)
    with pytest.raises(InvalidTransaction) as caught:
        apply_to(world.start(), free(world))
    assert caught.value.code == fee.TOO_MUCH_GAS.code


def test_a_paid_transaction_reads_nothing_of_mana() -> None:
    world = holder(100_000)
    execution = world.start()
    apply_to(execution, world.order(pay()))
    keys = execution.finish().writes
    assert not any(key.startswith(MANA.prefix()) for key in keys)
    assert not any(key.startswith(VALUES.prefix()) for key in keys)


# An exact model

PEOPLE = [ANNA.public, BEN.public, CLEO.public]
RATE = Fraction(700, 10**6)


class ManaMachine(RuleBasedStateMachine):
    """Bonding, waiting and using in any order: mana is what it is exactly, less than one gas a
    settling below it, and never above."""

    @initialize()
    def begin(self) -> None:
        """A new chain."""
        self.stage = Stage()
        mint(self.stage.world.state, CLEO.public, "REEL", FUNDS)
        self.bonded = dict.fromkeys(PEOPLE, 0)
        self.exact = dict.fromkeys(PEOPLE, Fraction(0))
        self.settled = dict.fromkeys(PEOPLE, 0)
        self.used = Fraction(0)
        self.grown = Fraction(0)

    def _most(self, who: bytes) -> int:
        return int(self.bonded[who] * RATE)

    @rule(who=st.sampled_from(PEOPLE), amount=st.integers(1, FUNDS // 4))
    def bond(self, who: bytes, amount: int) -> None:
        """More is bonded."""
        if self.stage.act(who, Bond(amount)) == "ok":
            self.bonded[who] += amount
            self.settled[who] += 1

    @rule(who=st.sampled_from(PEOPLE), amount=st.integers(1, FUNDS // 2))
    def unbond(self, who: bytes, amount: int) -> None:
        """Less is bonded."""
        if self.stage.act(who, Unbond(amount)) == "ok":
            self.bonded[who] -= amount
            self.exact[who] = min(self.exact[who], Fraction(self._most(who)))
            self.settled[who] += 1

    @rule(ms=st.one_of(st.integers(1, 10_000), st.integers(1, 2 * DAY_MS)))
    def wait(self, ms: int) -> None:
        """Time goes by."""
        self.stage.time_ms += ms
        for who in PEOPLE:
            growth = Fraction(self._most(who) * ms, DAY_MS)
            self.exact[who] = min(self.exact[who] + growth, Fraction(self._most(who)))
            self.grown += growth

    @rule(who=st.sampled_from(PEOPLE), ppm=st.integers(0, 10**6))
    def use(self, who: bytes, ppm: int) -> None:
        """A part of what is there is used."""
        gas = now(self.stage, who).gas * ppm // 10**6
        use_mana(self.stage.world.state, who, gas, self.stage.time_ms)
        self.exact[who] -= gas
        self.settled[who] += 1
        self.used += gas

    @invariant()
    def agrees(self) -> None:
        """Each account's mana is the model's, rounded down once a settling."""
        for who in PEOPLE:
            at = now(self.stage, who)
            assert at.max_gas == self._most(who)
            assert 0 <= self.exact[who] - at.gas <= self.settled[who] + 1
        assert self.used <= self.grown
        assert list(REGISTRY.broken_invariants(self.stage.world.state)) == []


TestManaMachine = ManaMachine.TestCase
TestManaMachine.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)


def test_who_can_never_have_as_much_hears_to_bond_more(stage: Stage) -> None:
    order = stage.world.order(Approve(()), by=CLEO, max_fee=0)
    with pytest.raises(InvalidTransaction, match="bond more") as caught:
        check_mana(stage.world.state, order, [True], 1, stage.time_ms)
    assert caught.value.code == "mana.too-little"
