"""Splits of pots: exact over time, in order, without a way back; and what cannot be one."""

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.errors import ActionFailed
from tests.vm.stage import Stage
from tests.vm.world import ANNA, BARE, BEN, CLEO, World
from vm.declare import Action
from vm.modules import pots
from vm.modules.dividends import UNCLAIMED_POT, Open
from vm.modules.pots import (
    CARRIED_POT,
    ORDER,
    PASSED,
    SPLITS,
    Destination,
    Order,
    PassedOn,
    RemoveSplit,
    SetSplit,
    Share,
    Split,
    SplitSet,
)
from vm.modules.tokens import ASSETS, Create, IssueToPot, Pay, balance_of, pot_of
from vm.registry import REGISTRY

POLICY = b"p" * 32
BURN = Destination(None, None, None)
WHOLE = 1_000_000


def pot(name: str) -> Destination:
    return Destination(name, None, None)


def account(who: bytes) -> Destination:
    return Destination(None, who, None)


@pytest.fixture
def stage() -> Stage:
    made = Stage(World.begin(BARE))
    made.act(POLICY, Create("USDT", "Tether", 6, 2**63, True, True, None))
    made.events.clear()
    return made


def come(stage: Stage, amount: int, name: str = "treasury") -> None:
    """A block in which so much comes to a pot."""
    assert stage.act(POLICY, IssueToPot(name, "USDT", amount, "")) == "ok"


def held(stage: Stage, name: str) -> int:
    return pot_of(stage.world.state, name, "USDT")


def sound(stage: Stage) -> bool:
    broken = list(REGISTRY.broken_invariants(stage.world.state))
    assert broken == []
    return not broken


def failure(stage: Stage, action: Action) -> tuple[str, str]:
    context = stage.context(POLICY)
    with pytest.raises(ActionFailed) as caught:
        action.apply(context)
    return caught.value.code, caught.value.field


def test_what_comes_to_a_pot_goes_on_in_the_same_block(stage: Stage) -> None:
    """P4: 80% to the holders, 20% to development."""
    stage.act(POLICY, Open("REEL", "USDT"))
    split = Split((Share(800_000, Destination(None, None, "REEL")),), pot("development"))
    assert stage.act(POLICY, SetSplit("treasury", split.shares, split.rest)) == "ok"
    assert stage.events[-1] == SplitSet("treasury", split)
    come(stage, 1_000)
    assert (held(stage, "treasury"), held(stage, UNCLAIMED_POT), held(stage, "development")) == (
        *(0, 800),
        200,
    )
    assert stage.events[-3:-1] == [
        PassedOn("treasury", split.shares[0].to, "USDT", 800),
        PassedOn("treasury", split.rest, "USDT", 200),
    ]
    assert sound(stage)


def test_small_amounts_are_shared_as_exactly_as_large_ones(stage: Stage) -> None:
    """One unit a block: nobody is favoured by rounding."""
    shares = (Share(800_000, account(ANNA.public)), Share(150_000, account(BEN.public)))
    stage.act(POLICY, SetSplit("treasury", shares, BURN))
    for _ in range(20):
        come(stage, 1)
        assert sound(stage)
    state, row = stage.world.state, ASSETS.get(stage.world.state, "USDT")
    assert [balance_of(state, who.public, "USDT") for who in (ANNA, BEN)] == [16, 3]
    assert row is not None
    assert row.burned == 1
    assert held(stage, CARRIED_POT) == 0


def test_pots_pass_on_from_the_upper_to_the_lower(stage: Stage) -> None:
    half = 500_000
    stage.act(POLICY, SetSplit("b", (Share(half, pot("c")),), account(BEN.public)))
    stage.act(POLICY, SetSplit("c", (Share(half, account(CLEO.public)),), BURN))
    stage.act(POLICY, SetSplit("a", (Share(half, pot("b")), Share(half, pot("c"))), BURN))
    assert ORDER.get(stage.world.state) == Order(("a", "b", "c"))
    come(stage, 800, "a")
    state = stage.world.state
    assert [balance_of(state, who.public, "USDT") for who in (BEN, CLEO)] == [200, 300]
    assert [held(stage, name) for name in "abc"] == [0, 0, 0]
    assert sound(stage)


def test_a_pot_to_which_nothing_comes_keeps_what_it_held_before_its_split(stage: Stage) -> None:
    come(stage, 50, "lower")
    upper = SetSplit("treasury", (Share(100_000, pot("lower")),), account(ANNA.public))
    for action in (SetSplit("lower", (), account(BEN.public)), upper):
        assert stage.act(POLICY, action) == "ok"
    come(stage, 9)
    assert held(stage, "lower") == 50, "a tenth of 9, rounded down, is nothing"
    come(stage, 1)
    assert held(stage, "lower") == 0
    assert balance_of(stage.world.state, BEN.public, "USDT") == 51


def test_nothing_comes_back_to_a_pot(stage: Stage) -> None:
    assert failure(stage, SetSplit("a", (), pot("a"))) == ("pots.cycle", "")
    stage.act(POLICY, SetSplit("a", (), pot("b")))
    stage.act(POLICY, SetSplit("b", (), pot("c")))
    assert failure(stage, SetSplit("c", (Share(1, pot("a")),), BURN)) == ("pots.cycle", "")
    assert stage.act(POLICY, SetSplit("b", (), BURN)) == "ok"
    assert stage.act(POLICY, SetSplit("c", (Share(1, pot("a")),), BURN)) == "ok"
    assert sound(stage)


def test_what_is_no_split_is_named(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    two = Destination("a", None, "REEL")
    gold = Destination(None, None, "GOLD")
    bad = [
        (SetSplit("a", (Share(WHOLE, BURN), Share(1, BURN)), BURN), ("pots.above-whole", "shares")),
        (SetSplit("a", (Share(1, two),), BURN), ("pots.two-places", "shares[0].to")),
        (SetSplit("a", (), two), ("pots.two-places", "rest")),
        (
            SetSplit("a", (Share(1, gold),), BURN),
            ("token.unknown-asset", "shares[0].to.holders"),
        ),
        (RemoveSplit("a"), ("pots.no-split", "pot")),
    ]
    for action, expected in bad:
        assert failure(stage, action) == expected
    monkeypatch.setattr(pots, "MOST_SPLITS", 1)
    assert stage.act(POLICY, SetSplit("a", (Share(WHOLE, BURN),), BURN)) == "ok"
    assert failure(stage, SetSplit("b", (), BURN)) == ("pots.too-many-splits", "pot")
    assert stage.act(POLICY, SetSplit("a", (), BURN)) == "ok"


def test_an_asset_in_which_the_holders_are_not_paid_stays(stage: Stage) -> None:
    stage.act(POLICY, SetSplit("treasury", (), Destination(None, None, "REEL")))
    come(stage, 30)
    assert held(stage, "treasury") == 30
    stage.act(POLICY, Open("REEL", "USDT"))
    come(stage, 5)
    assert (held(stage, "treasury"), held(stage, UNCLAIMED_POT)) == (0, 35)
    assert sound(stage)


def test_what_rounding_left_comes_back_with_another_split_or_none(stage: Stage) -> None:
    thirds = (Share(333_333, account(ANNA.public)), Share(333_333, account(BEN.public)))
    stage.act(POLICY, SetSplit("treasury", thirds, account(CLEO.public)))
    come(stage, 2)
    assert held(stage, CARRIED_POT) == 2
    assert (
        stage.act(POLICY, Pay("treasury", ANNA.public, "USDT", 1, "")) == "token.insufficient-pot"
    )
    assert stage.act(POLICY, SetSplit("treasury", (), account(CLEO.public))) == "ok"
    assert balance_of(stage.world.state, CLEO.public, "USDT") == 2
    stage.act(POLICY, SetSplit("treasury", thirds, BURN))
    come(stage, 2)
    assert stage.act(POLICY, RemoveSplit("treasury")) == "ok"
    assert stage.events[-1] == SplitSet("treasury", None)
    assert (held(stage, CARRIED_POT), held(stage, "treasury")) == (0, 2)
    assert (ORDER.get(stage.world.state), SPLITS.get(stage.world.state, "treasury")) == (None, None)
    assert list(PASSED.every(stage.world.state)) == []
    assert sound(stage)


@given(
    ppms=st.lists(st.integers(1, 200_000), min_size=1, max_size=5),
    amounts=st.lists(st.one_of(st.integers(1, 9), st.integers(1, 10**15)), max_size=12),
)
def test_every_share_is_its_ppm_of_all_that_ever_passed_rounded_down(
    ppms: list[int], amounts: list[int]
) -> None:
    stage = Stage(World.begin(BARE))
    stage.act(POLICY, Create("USDT", "Tether", 6, 2**63, True, True, None))
    people = [bytes([place + 1]) * 32 for place in range(len(ppms) + 1)]
    shares = tuple(Share(ppm, account(who)) for ppm, who in zip(ppms, people, strict=False))
    stage.act(POLICY, SetSplit("treasury", shares, account(people[-1])))
    total, parts = 0, [*ppms, WHOLE - sum(ppms)]
    for amount in amounts:
        come(stage, amount)
        total += amount
        got = [balance_of(stage.world.state, who, "USDT") for who in people]
        assert got == [int(Fraction(total * ppm, WHOLE)) for ppm in parts]
        assert held(stage, CARRIED_POT) == total - sum(got)
    assert sound(stage)


def test_the_invariants_see_a_wrong_order_and_what_is_not_kept(stage: Stage) -> None:
    stage.act(POLICY, SetSplit("a", (Share(1, pot("b")),), BURN))
    stage.act(POLICY, SetSplit("b", (), BURN))
    broken: Counter[str] = Counter()
    state = stage.world.state
    for order in (("b", "a"), ("a",), ("a", "b", "c")):
        ORDER.put(state, Order(order))
        broken[" ".join(order)] = len(list(REGISTRY.broken_invariants(state)))
    assert broken == {"b a": 1, "a": 1, "a b c": 1}
    ORDER.put(state, Order(("a", "b")))
    assert sound(stage)
    PASSED.put(state, pots.Passed(1), "a", "USDT")
    assert len(list(REGISTRY.broken_invariants(state))) == 1


def test_only_proposals_split() -> None:
    assert all(REGISTRY.actions[cls.tag].governed for cls in (SetSplit, RemoveSplit))
