"""Dividends: who earns what, exactly, and that nothing is paid that did not come in (P4)."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.errors import ActionFailed
from tests.vm.offences import offend
from tests.vm.stage import Stage
from tests.vm.world import ANNA, BARE, BEN, CLEO, CONSENSUS, FUNDS, PRODUCERS, World, pay
from vm.context import Context
from vm.declare import Action
from vm.modules import fee
from vm.modules.dividends import (
    PAIR,
    UNCLAIMED_POT,
    Claim,
    Open,
    PairName,
    claimable,
    open_pair,
    opening,
    settle,
    share_out,
    tables,
)
from vm.modules.dividends.claiming import Claimed
from vm.modules.dividends.opening import Opened
from vm.modules.dividends.sharing import Shared
from vm.modules.pots import Destination, SetSplit, pass_on
from vm.modules.slashing import Report
from vm.modules.stake import Bond, Unbond, release_due
from vm.modules.tokens import (
    ASSETS,
    AssetRow,
    Create,
    IssueToPot,
    Pay,
    Transfer,
    balance_of,
    drain_pot,
    fill_pot,
    mint,
    pot_of,
)
from vm.registry import REGISTRY

POLICY = b"p" * 32
UNIT = 10**6  # of USDT


@pytest.fixture
def stage() -> Stage:
    """Holders of REEL are paid in USDT, of which the pot `till` holds 10,000."""
    made = Stage(World.begin(BARE))
    made.act(POLICY, Create("USDT", "Tether", 6, 10**15, True, True, None))
    made.act(POLICY, IssueToPot("till", "USDT", 10_000 * UNIT, ""))
    assert made.act(POLICY, Open("REEL", "USDT")) == "ok"
    made.events.clear()
    return made


def share(stage: Stage, amount: int, held: str = "REEL", paid: str = "USDT") -> None:
    """A block in which so much comes in."""

    def come(context: Context) -> None:
        drain_pot(context.state, "till", paid, amount)
        share_out(context.state, held, paid, amount)

    stage.step(come, *REGISTRY.end_steps)


def claimed(stage: Stage, account: bytes, held: str = "REEL", paid: str = "USDT") -> int:
    """What the account gets by a claim now."""
    before = balance_of(stage.world.state, account, paid)
    stage.act(account, Claim(held, paid))
    return balance_of(stage.world.state, account, paid) - before


def sound(stage: Stage) -> bool:
    broken = list(REGISTRY.broken_invariants(stage.world.state))
    assert broken == []
    return not broken


def test_of_200_usdt_a_holder_of_a_hundredth_gets_2() -> None:
    """P4's own example, with supplies that do not divide by powers of two."""
    for circulating in (10_000_000_000 * 10**8, 51 * 10**15 + 300, 700):
        stage = Stage(World.begin(BARE))
        stage.act(POLICY, Create("PALT", "Palt", 8, 10**18, True, True, None))
        stage.act(POLICY, Create("USDT", "Tether", 6, 10**15, True, True, None))
        for account, units in ((ANNA, circulating // 100), (BEN, circulating * 99 // 100)):
            mint(stage.world.state, account.public, "PALT", units)
        stage.act(POLICY, IssueToPot("till", "USDT", 400 * UNIT, ""))
        stage.act(POLICY, Open("PALT", "USDT"))
        share(stage, 200 * UNIT, "PALT")
        assert claimed(stage, ANNA.public, "PALT") == 2 * UNIT
        share(stage, 200 * UNIT, "PALT")
        assert claimed(stage, ANNA.public, "PALT") == 2 * UNIT
        assert claimed(stage, BEN.public, "PALT") == 2 * 198 * UNIT
        assert pot_of(stage.world.state, UNCLAIMED_POT, "USDT") == 0
        assert sound(stage)


def test_opening_is_told_and_done_once(stage: Stage) -> None:
    assert stage.act(POLICY, Open("USDT", "REEL")) == "ok"
    assert stage.events == [Opened("USDT", "REEL")]
    assert stage.act(POLICY, Open("REEL", "USDT")) == "dividends.pair-exists"
    assert stage.act(POLICY, Open("REEL", "GOLD")) == "token.unknown-asset"
    assert stage.act(POLICY, Open("GOLD", "REEL")) == "token.unknown-asset"
    assert sound(stage)


def test_what_circulates_in_the_block_of_opening_counts_from_the_next_on(stage: Stage) -> None:
    stage.act(POLICY, IssueToPot("reserve", "REEL", 2 * FUNDS, ""))

    def pay_and_open(context: Context) -> None:
        acting = replace(context, sender=POLICY)
        Pay("reserve", CLEO.public, "REEL", FUNDS, "").apply(acting)
        Open("REEL", "REEL").apply(acting)
        Pay("reserve", CLEO.public, "REEL", FUNDS, "").apply(acting)

    stage.step(pay_and_open, *REGISTRY.end_steps)
    pair = PAIR.get(stage.world.state, "REEL", "REEL")
    assert pair is not None
    assert pair.units == 4 * FUNDS
    assert sound(stage)


def test_there_are_so_many_pairs_and_pots_at_most(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "MOST_POTS", 1)
    assert stage.act(POLICY, Open("REEL", "REEL")) == "ok"
    stage.act(POLICY, IssueToPot("more", "USDT", 1, ""))
    assert stage.act(POLICY, Open("USDT", "USDT")) == "dividends.too-many-pots"
    monkeypatch.setattr(opening, "MOST_PAIRS", 2)
    monkeypatch.setattr(opening, "MOST_POTS", 10)
    assert stage.act(POLICY, Open("USDT", "USDT")) == "dividends.too-many-pairs"


def test_who_buys_in_the_block_earns_nothing_of_it_and_who_sells_does(stage: Stage) -> None:
    def come_and_buy(context: Context) -> None:
        drain_pot(context.state, "till", "USDT", 100)
        share_out(context.state, "REEL", "USDT", 100)
        pay(CLEO, FUNDS).apply(replace(context, sender=ANNA.public))

    stage.step(come_and_buy, *REGISTRY.end_steps)
    assert claimed(stage, CLEO.public) == 0
    assert claimed(stage, ANNA.public) == 50
    share(stage, 100)
    assert [claimed(stage, who.public) for who in (ANNA, BEN, CLEO)] == [0, 100, 50]
    assert sound(stage)


def test_what_is_bonded_counts_for_its_owner_until_it_is_back_and_no_longer(stage: Stage) -> None:
    stage.act(ANNA.public, Bond(FUNDS))
    share(stage, 100)
    stage.act(ANNA.public, Unbond(FUNDS // 2))
    share(stage, 100)
    stage.time_ms += 15 * 86_400_000
    stage.step(release_due, *REGISTRY.end_steps)
    share(stage, 100)
    assert [claimed(stage, who.public) for who in (ANNA, BEN)] == [150, 150]
    assert sound(stage)


def test_what_is_slashed_earns_for_those_who_have_it_then(stage: Stage) -> None:
    guilty = PRODUCERS[0].public
    stage.act(ANNA.public, pay(PRODUCERS[0], FUNDS))
    stage.act(guilty, Bond(FUNDS))
    share(stage, 100)
    assert stage.act(CLEO.public, Report(offend(stage.world.genesis, CONSENSUS[0]))) == "ok"
    share(stage, 10**6)
    kept, rewarded = FUNDS * 9 // 10, FUNDS // 200
    total = kept + rewarded + FUNDS
    assert claimed(stage, guilty) == 50 + 10**6 * kept // total
    assert claimed(stage, CLEO.public) == 10**6 * rewarded // total
    assert sound(stage)


def test_what_pots_hold_earns_nothing(stage: Stage) -> None:
    cap = 10**17
    stage.act(POLICY, IssueToPot("reserve", "REEL", cap - 2 * FUNDS, ""))
    share(stage, 100)
    stage.act(POLICY, Pay("reserve", CLEO.public, "REEL", 2 * FUNDS, ""))
    share(stage, 100)
    assert [claimed(stage, who.public) for who in (ANNA, BEN, CLEO)] == [75, 75, 50]
    assert sound(stage)


def test_while_nobody_holds_any_it_waits(stage: Stage) -> None:
    stage.act(POLICY, Create("PALT", "Palt", 8, 100, True, True, None))
    stage.act(POLICY, Open("PALT", "USDT"))
    share(stage, 30, "PALT")
    stage.act(POLICY, IssueToPot("reserve", "PALT", 100, ""))
    stage.act(POLICY, Pay("reserve", ANNA.public, "PALT", 1, ""))
    stage.step(*REGISTRY.end_steps)
    assert claimed(stage, ANNA.public, "PALT") == 30
    assert pot_of(stage.world.state, UNCLAIMED_POT, "USDT") == 0
    assert sound(stage)


def test_an_asset_that_pays_its_own_holders(stage: Stage) -> None:
    stage.act(POLICY, Open("REEL", "REEL"))
    stage.act(POLICY, IssueToPot("till", "REEL", 1_000, ""))
    share(stage, 1_000, "REEL", "REEL")
    assert claimed(stage, ANNA.public, "REEL", "REEL") == 500
    share_of_ben = claimed(stage, BEN.public, "REEL", "REEL")
    assert share_of_ben == 500
    assert sound(stage)


def test_less_than_a_unit_stays_earned(stage: Stage) -> None:
    share(stage, 1)
    assert stage.act(ANNA.public, Claim("REEL", "USDT")) == "dividends.nothing-earned"
    share(stage, 1)
    assert claimed(stage, ANNA.public) == 1
    assert stage.act(ANNA.public, Claim("REEL", "USDT")) == "dividends.nothing-earned"
    assert claimed(stage, BEN.public) == 1
    assert stage.events[-1] == Claimed(BEN.public, "REEL", "USDT", 1)
    assert stage.events[0] == Shared("REEL", "USDT", 1, 2 * FUNDS)
    assert sound(stage)


@pytest.mark.parametrize(("held", "paid"), [("USDT", "REEL"), ("REEL", "GOLD")])
def test_only_what_is_open_is_claimed(stage: Stage, held: str, paid: str) -> None:
    context = stage.context(ANNA.public)
    with pytest.raises(ActionFailed) as caught:
        Claim(held, paid).apply(context)
    assert (caught.value.code, caught.value.field) == ("dividends.no-pair", "paid")


@given(
    st.lists(st.tuples(st.integers(1, 2**62), st.integers(1, 2**62 - 1)), min_size=1, max_size=6)
)
def test_the_largest_amounts_are_shared_to_the_unit(rounds: list[tuple[int, int]]) -> None:
    """As much as 64 bits hold, again and again: each gets its exact share, rounded down."""
    stage = Stage(World.begin(BARE))
    state = stage.world.state
    for asset in ("PALT", "GOLD"):
        ASSETS.put(state, AssetRow(asset, 0, 0, 0, 2**64 - 1, True, True, None), asset)
    mint(state, ANNA.public, "PALT", 2**63)
    mint(state, BEN.public, "PALT", 2**63 - 1)
    stage.act(POLICY, IssueToPot("till", "GOLD", 2**64 - 1, ""))
    stage.act(POLICY, Open("PALT", "GOLD"))
    total = 2**64 - 1
    came = 0
    for amount, back in rounds:
        coming = min(amount, pot_of(state, "till", "GOLD"))
        share(stage, coming, "PALT", "GOLD")
        came += coming
        stage.act(ANNA.public, Claim("PALT", "GOLD"))
        assert balance_of(state, ANNA.public, "GOLD") == came * 2**63 // total
        stage.act(CLEO.public, pay(BEN, back, "GOLD"))
    stage.act(BEN.public, Claim("PALT", "GOLD"))
    assert balance_of(state, BEN.public, "GOLD") == came * (2**63 - 1) // total
    assert sound(stage)


HOLDERS = [ANNA.public, BEN.public, CLEO.public]
STEP = st.one_of(
    st.tuples(st.just("pay"), st.integers(0, 2), st.integers(0, 2), st.integers(1, FUNDS)),
    st.tuples(st.just("bond"), st.integers(0, 2), st.just(0), st.integers(1, FUNDS)),
    st.tuples(st.just("claim"), st.integers(0, 2), st.just(0), st.just(0)),
    st.tuples(st.just("come"), st.just(0), st.just(0), st.integers(1, 10**6)),
)


class Holders:
    """What each holds in all, what of it is free, and what it has earned: exact fractions."""

    def __init__(self) -> None:
        self.held = {ANNA.public: FUNDS, BEN.public: FUNDS, CLEO.public: 0}
        self.free = dict(self.held)
        self.earned = dict.fromkeys(self.held, Fraction(0))
        self.came = 0

    def act(self, context: Context, what: str, who: bytes, to: bytes, units: int) -> None:
        """One step of a block, on the chain and here, if it can be done."""
        acting = replace(context, sender=who)
        if what == "come":
            drain_pot(context.state, "till", "USDT", units)
            share_out(context.state, "REEL", "USDT", units)
            self.came += units
        elif what == "claim" and self.earned[who] >= 1:
            Claim("REEL", "USDT").apply(acting)
            self.earned[who] %= 1
        elif what == "pay" and self.free[who] >= units:
            Transfer(to, "REEL", units, "").apply(acting)
            for changed in (self.held, self.free):
                changed[who] -= units
                changed[to] += units
        elif what == "bond" and self.free[who] >= units:
            Bond(units).apply(acting)
            self.free[who] -= units


@given(st.lists(st.lists(STEP, max_size=6), max_size=8))
def test_however_much_happens_in_a_block_it_earns_by_what_was_before(
    blocks: list[list[tuple[str, int, int, int]]],
) -> None:
    stage, model = Stage(World.begin(BARE)), Holders()
    stage.act(POLICY, Create("USDT", "Tether", 6, 10**15, True, True, None))
    stage.act(POLICY, IssueToPot("till", "USDT", 10**9, ""))
    stage.act(POLICY, Open("REEL", "USDT"))
    for steps in blocks:
        before, model.came = dict(model.held), 0

        def block(context: Context, steps: list[tuple[str, int, int, int]] = steps) -> None:
            for what, place, other, units in steps:
                model.act(context, what, HOLDERS[place], HOLDERS[other], units)

        stage.step(block, *REGISTRY.end_steps)
        for who, units in before.items():
            model.earned[who] += Fraction(model.came * units, 2 * FUNDS)
            assert claimable(stage.world.state, who, "REEL", "USDT") == int(model.earned[who])
        assert sound(stage)


def test_the_integers_hold_what_they_can_come_to() -> None:
    step = (2**64 - 1) * tables.UNIT_PARTS + 2**64
    assert step * 2**53 < 2 ** (8 * tables.INDEX_BYTES)
    assert (2**64 - 1) * tables.UNIT_PARTS + 2**64 * 2 < 2 ** (8 * tables.EARNED_BYTES)
    assert tables.HEAD_START_PARTS * 2**63 < tables.UNIT_PARTS


def test_fees_become_dividends_in_the_block_that_takes_them() -> None:
    world = World.begin(BARE)
    fee.TREASURY_PPM.set(world.state, 500_000)
    fee.BURN_PPM.set(world.state, 0)
    open_pair(world.state, PairName("REEL", "REEL"), 2 * FUNDS)
    stage = Stage(world)
    to_holders = SetSplit("treasury", (), Destination(None, None, "REEL"))
    assert stage.act(POLICY, to_holders) == "ok"
    cost = world.run(world.order(pay(CLEO, FUNDS // 2))).receipts[0].fee
    pair = PAIR.get(world.state, "REEL", "REEL")
    assert pair is not None
    assert pair.units == 2 * FUNDS - cost // 2
    assert list(REGISTRY.broken_invariants(world.state)) == []
    assert claimed(stage, BEN.public, "REEL", "REEL") == cost // 2 // 2
    assert claimed(stage, CLEO.public, "REEL", "REEL") == 0
    assert sound(stage)


def test_the_invariants_see_what_is_nobodys(stage: Stage) -> None:
    share(stage, 5)
    fill_pot(stage.world.state, UNCLAIMED_POT, "USDT", 1)
    drain_pot(stage.world.state, "till", "USDT", 1)
    assert len(list(REGISTRY.broken_invariants(stage.world.state))) == 1
    mint(stage.world.state, CLEO.public, "REEL", 1)
    assert len(list(REGISTRY.broken_invariants(stage.world.state))) == 2


def test_nothing_ends_a_block_after_holders_are_settled() -> None:
    assert REGISTRY.end_steps[-2:] == [pass_on, settle]


def governed(action: type[Action]) -> bool:
    return REGISTRY.actions[action.tag].governed


def test_only_proposals_open_pairs() -> None:
    assert governed(Open)
    assert not governed(Claim)
