"""Vesting: what is set aside, granted, unlocked, released by plan and burned."""

import dataclasses
from dataclasses import dataclass, field
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.errors import ActionFailed
from consensus.record import replace
from tests.vm.stage import Stage
from tests.vm.world import ANNA, BEN, CLEO, GENESIS_TIME_MS, World, key, pay
from vm.declare import Action
from vm.modules.dividends import UNCLAIMED_POT, Open
from vm.modules.economy import turn_day
from vm.modules.pots import Destination
from vm.modules.tokens import (
    ASSETS,
    Create,
    IssueToPot,
    Pay,
    balance_of,
    count_minted,
    fill_pot,
    pot_of,
)
from vm.modules.vesting import (
    GRANTS,
    LOCKED_POT,
    RESERVES,
    Cancel,
    Claim,
    Give,
    Phase,
    Plan,
    Release,
    Reserve,
    SetAside,
    Term,
    go_on,
    reserving,
    set_aside,
)
from vm.modules.vesting.granting import Cancelled, Claimed, Granted
from vm.modules.vesting.phases import PhaseOver
from vm.modules.vesting.reserving import Released, Reserved
from vm.modules.vesting.tables import PLANS
from vm.registry import REGISTRY

POLICY = b"p" * 32
DAY_MS = 60_000  # of devnet
TOKEN = 10**8
BURN = Destination(None, None, None)


@dataclass
class Days(Stage):
    """A stage on which a block is made in each day that is wanted. `supply` of TOK is in the pot
    `till`."""

    supply: int = 1_000
    height: int = field(default=1, init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.act(POLICY, Create("TOK", "Token", 8, self.supply, True, True, None))
        self.act(POLICY, IssueToPot("till", "TOK", self.supply, ""))
        self.events.clear()

    def day(self, day: int) -> None:
        """The first block of a day."""
        self.time_ms = GENESIS_TIME_MS + day * DAY_MS + 1_000
        self.height += 1
        block = dataclasses.replace(self.block, height=self.height)
        self.step(turn_day, go_on, *REGISTRY.end_steps, block=block)

    def held(self, account: bytes) -> int:
        """Of TOK."""
        return balance_of(self.world.state, account, "TOK")

    def pot(self, name: str) -> int:
        """Of TOK."""
        return pot_of(self.world.state, name, "TOK")

    @property
    def burned(self) -> int:
        """Of TOK."""
        row = ASSETS.get(self.world.state, "TOK")
        return 0 if row is None else row.burned


@pytest.fixture
def stage() -> Days:
    return Days()


def sound(stage: Stage) -> bool:
    broken = list(REGISTRY.broken_invariants(stage.world.state))
    assert broken == []
    return not broken


def failure(stage: Stage, sender: bytes, action: Action) -> tuple[str, str]:
    context = stage.context(sender)
    with pytest.raises(ActionFailed) as caught:
        action.apply(context)
    return caught.value.code, caught.value.field


def give(
    units: int, term: Term | None, reserve: str | None = None, to: bytes = ANNA.public
) -> Give:
    return Give(to, "share", "till", "TOK", units, term, reserve)


CLAIM = Claim(ANNA.public, "share")


def test_a_linear_grant_unlocks_day_by_day_and_anybody_claims_it(stage: Days) -> None:
    assert stage.act(POLICY, give(100, Term(10, 10, 17))) == "ok"
    assert stage.events == [Granted(ANNA.public, "share", "TOK", 100)]
    assert (stage.pot("till"), stage.pot(LOCKED_POT)) == (900, 100)
    for day, unlocked in ((9, 0), (10, 0), (11, 14), (12, 28), (16, 85), (17, 100)):
        stage.day(day)
        done = stage.act(CLEO.public, CLAIM)
        assert done == ("ok" if unlocked else "vesting.nothing-unlocked")
        assert stage.held(ANNA.public) == unlocked
        assert sound(stage)
    assert stage.events[-1] == Claimed(ANNA.public, "share", "TOK", 15)
    assert GRANTS.get(stage.world.state, ANNA.public, "share") is None
    assert stage.act(CLEO.public, CLAIM) == "vesting.no-grant"


def test_nothing_unlocks_before_the_cliff_and_then_all_that_has_come(stage: Days) -> None:
    stage.act(POLICY, give(100, Term(0, 5, 10)))
    stage.act(POLICY, give(60, Term(0, 7, 7), to=BEN.public))
    for day, anna, ben in ((4, 0, 0), (5, 50, 0), (6, 60, 0), (7, 70, 60), (500, 100, 60)):
        stage.day(day)
        stage.act(CLEO.public, CLAIM)
        stage.act(CLEO.public, Claim(BEN.public, "share"))
        assert (stage.held(ANNA.public), stage.held(BEN.public)) == (anna, ben)
    assert sound(stage)


@given(
    units=st.integers(1, 2**64 - 1),
    start=st.integers(0, 500),
    cliff=st.integers(0, 500),
    length=st.integers(1, 1000),
    days=st.lists(st.integers(0, 1600), max_size=6),
)
def test_what_unlocks_is_the_exact_share_rounded_down(
    units: int, start: int, cliff: int, length: int, days: list[int]
) -> None:
    stage = Days(supply=2**64 - 1)
    term = Term(start, start + min(cliff, length), start + length)
    stage.act(POLICY, give(units, term))
    for day in sorted(days):
        stage.day(day)
        stage.act(CLEO.public, CLAIM)
        elapsed = Fraction(min(day, term.end_day) - start, length)
        assert stage.held(ANNA.public) == (int(units * elapsed) if day >= term.cliff_day else 0)
    assert sound(stage)


def test_who_was_pre_issued_has_unlocked_just_as_the_community_has() -> None:
    """P3: 51% of 10 billion for the community, 49% for four others, however small the release."""
    supply, community = 10_000_000_000 * TOKEN, 5_100_000_000 * TOKEN
    stage = Days(supply=supply)
    stage.act(POLICY, SetAside("community", "till", "TOK", community, None))
    shares = [supply * percent // 100 for percent in (19, 15, 10, 5)]
    people = [key(f"pre-issued {i}").public for i in range(4)]
    for person, units in zip(people, shares, strict=True):
        assert stage.act(POLICY, give(units, None, "community", to=person)) == "ok"
    assert stage.pot("till") == 0
    released = 0
    for daily in (1, 3, 7 * TOKEN, 12_345_678_901_234_567, 1, community):
        units = min(daily, community - released)
        assert stage.act(POLICY, Release("community", "rewards", units)) == "ok"
        released += units
        for person in people:
            stage.act(CLEO.public, Claim(person, "share"))
        held = [stage.held(person) for person in people]
        assert held == [int(Fraction(units * released, community)) for units in shares]
        circulating = released + sum(held)
        assert 0 <= Fraction(released * 100, 51) - circulating < len(people) + 1
        assert sound(stage)
    assert stage.pot(LOCKED_POT) == 0
    assert [stage.held(person) for person in people] == shares


def test_a_reserve_is_released_up_to_what_it_has(stage: Days) -> None:
    assert stage.act(POLICY, SetAside("fund", "till", "TOK", 10, None)) == "ok"
    assert stage.act(POLICY, Release("fund", "gifts", 4)) == "ok"
    assert stage.events == [Reserved("fund", "TOK", 10), Released("fund", "gifts", "TOK", 4, 4)]
    assert failure(stage, POLICY, Release("fund", "gifts", 7)) == (
        "vesting.too-little-left",
        "units",
    )
    assert stage.act(POLICY, Release("fund", "gifts", 6)) == "ok"
    assert (stage.pot("gifts"), stage.pot(LOCKED_POT)) == (10, 0)
    assert sound(stage)


WEPOS = (
    *(Phase(1, 1_000_000), Phase(3, 2_000_000), Phase(3, 4_000_000), Phase(3, 8_000_000)),
    Phase(3, 16_000_000),
)


def test_wepos_gives_out_91_million_in_13_months_and_burns_what_a_phase_leaves() -> None:
    """W1: 91 M in five phases; W2: 9 M stays in the participation pool."""
    stage = Days(supply=100_000_000)
    plan = Plan("giveaway", 30, WEPOS, BURN)
    stage.act(POLICY, Pay("till", CLEO.public, "TOK", 9_000_000, ""))
    assert stage.act(POLICY, SetAside("wepos", "till", "TOK", 91_000_000, plan)) == "ok"
    assert stage.pot("till") == 0
    months = [1, 2, 2, 2, 4, 4, 4, 8, 8, 8, 16, 16, 16]
    over = {1: 0, 4: 1, 7: 2, 10: 3, 13: 4}
    kept, burned = 0, 0
    for day in range(13 * 30 + 2):
        stage.day(day)
        month = day // 30
        if day % 30 == 0 and month in over:
            burned += kept
            assert PhaseOver("wepos", over[month], BURN, "TOK", kept) in stage.events
            kept = 0
        if day % 30 == 0 and month < 13:
            kept += months[month] * 1_000_000
        assert (stage.pot("giveaway"), stage.burned) == (kept, burned)
        if day % 30 == 10:
            given = min(kept, 1_500_000)
            if given:
                assert stage.act(POLICY, Pay("giveaway", ANNA.public, "TOK", given, "")) == "ok"
            kept -= given
    assert stage.held(ANNA.public) + burned == 91_000_000
    assert burned == 91_000_000 - stage.held(ANNA.public) > 0
    assert PLANS.get(stage.world.state) is None
    assert stage.pot(LOCKED_POT) == 0
    assert sound(stage)


def test_an_outage_burns_no_phase(stage: Days) -> None:
    plan = Plan("gifts", 2, (Phase(1, 10), Phase(1, 20)), BURN)
    stage.day(0)
    stage.act(POLICY, SetAside("fund", "till", "TOK", 30, plan))
    seen = []
    for day in (0, 1, 200, 201, 300, 301, 302, 900):
        if day:
            stage.day(day)
        seen.append((stage.pot("gifts"), stage.burned))
        assert sound(stage)
    assert seen == [
        *((0, 0), (10, 0), (10, 0)),
        *((20, 10), (20, 10)),
        *((0, 30), (0, 30), (0, 30)),
    ]


def test_kol_pays_in_ten_months_and_moves_what_was_dropped_to_its_quota() -> None:
    """K1: 500 leaders x 1,000 a month x 10 months; deferred pay is carried, dropped pay moves."""
    stage = Days(supply=21_000_000)
    plan = Plan("leaders", 30, (Phase(10, 500 * 1_000),), Destination("quota", None, None))
    assert stage.act(POLICY, SetAside("leaders", "till", "TOK", 5_000_000, plan)) == "ok"
    leaders = [i.to_bytes(32, "big") for i in range(1, 501)]
    paid = 0
    for day in range(301):
        stage.day(day)
        if day % 30 == 0 and day < 300:
            met = leaders[: 490 + day // 30]
            for leader in met:
                assert stage.act(POLICY, Pay("leaders", leader, "TOK", 1_000, "")) == "ok"
            paid += 1_000 * len(met)
            assert stage.pot("leaders") == 500_000 * (day // 30 + 1) - paid
    assert stage.held(leaders[0]) == 10_000
    assert stage.pot("leaders") == 0
    assert stage.pot("quota") == 5_000_000 - paid == 1_000 * sum(range(1, 11))
    assert sound(stage)


def test_a_phase_takes_no_more_than_it_released(stage: Days) -> None:
    """What others put into the pot stays there."""
    plan = Plan("gifts", 1, (Phase(2, 10),), BURN)
    stage.act(POLICY, Pay("till", ANNA.public, "TOK", 500, ""))
    stage.act(POLICY, SetAside("fund", "till", "TOK", 20, plan))
    stage.day(0)
    stage.day(1)
    assert stage.act(POLICY, SetAside("other", "till", "TOK", 50, None)) == "ok"
    assert stage.act(POLICY, Release("other", "gifts", 50)) == "ok"
    stage.day(2)
    assert (stage.pot("gifts"), stage.burned) == (50, 20)
    assert sound(stage)


def test_what_a_phase_leaves_can_go_to_holders(stage: Days) -> None:
    to = Destination(None, None, "REEL")
    plan = Plan("gifts", 1, (Phase(1, 10),), to)
    action = SetAside("fund", "till", "TOK", 10, plan)
    assert failure(stage, POLICY, action) == ("vesting.bad-leftover", "plan.leftover")
    stage.act(POLICY, Open("REEL", "TOK"))
    assert stage.act(POLICY, action) == "ok"
    stage.day(0)
    stage.day(1)
    assert (stage.pot("gifts"), stage.pot(UNCLAIMED_POT)) == (0, 10)
    assert sound(stage)


def test_a_running_plan_is_released_by_nothing_else(stage: Days) -> None:
    plan = Plan("gifts", 1, (Phase(1, 10),), BURN)
    stage.act(POLICY, SetAside("fund", "till", "TOK", 15, plan))
    assert failure(stage, POLICY, Release("fund", "till", 1)) == ("vesting.by-plan", "reserve")
    stage.day(0)
    stage.day(1)
    assert stage.act(POLICY, Release("fund", "till", 5)) == "ok"
    assert RESERVES.get(stage.world.state, "fund") is not None
    assert sound(stage)


def test_a_grant_that_is_cancelled_pays_what_had_unlocked(stage: Days) -> None:
    stage.act(POLICY, give(100, Term(0, 0, 10)))
    stage.day(2)
    stage.act(ANNA.public, CLAIM)
    stage.day(5)
    assert stage.act(POLICY, Cancel(ANNA.public, "share", "back")) == "ok"
    assert stage.events[-1] == Cancelled(ANNA.public, "share", "TOK", 30, "back", 50)
    assert (stage.held(ANNA.public), stage.pot("back"), stage.pot(LOCKED_POT)) == (50, 50, 0)
    assert failure(stage, POLICY, Cancel(ANNA.public, "share", "back")) == (
        "vesting.no-grant",
        "grant",
    )
    assert sound(stage)


def test_what_cannot_be_granted_or_set_aside_is_named(
    stage: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    term, plan = Term(1, 1, 2), Plan("gifts", 1, (Phase(1, 10),), BURN)
    assert stage.act(POLICY, SetAside("fund", "till", "TOK", 10, plan)) == "ok"
    assert stage.act(POLICY, give(1, term)) == "ok"
    other, two = BEN.public, Destination("a", None, "REEL")
    bad: list[tuple[Action, tuple[str, str]]] = [
        (give(1, term), ("vesting.grant-exists", "grant")),
        (give(1, None, to=other), ("vesting.one-schedule", "term")),
        (give(1, term, "fund", to=other), ("vesting.one-schedule", "term")),
        (give(1, None, "none", to=other), ("vesting.no-reserve", "reserve")),
        (give(1, Term(3, 2, 5), to=other), ("vesting.bad-term", "term")),
        (give(1, Term(3, 6, 5), to=other), ("vesting.bad-term", "term")),
        (give(1, Term(3, 3, 3), to=other), ("vesting.bad-term", "term")),
        (give(1000, term, to=other), ("token.insufficient-pot", "units")),
        (replace(give(1, term, to=other), asset="GOLD"), ("token.unknown-asset", "asset")),
        (SetAside("fund", "till", "TOK", 1, None), ("vesting.reserve-exists", "reserve")),
        (SetAside("a", "till", "GOLD", 1, None), ("token.unknown-asset", "asset")),
        (SetAside("a", "till", "TOK", 1000, None), ("token.insufficient-pot", "units")),
        (SetAside("a", "till", "TOK", 9, plan), ("vesting.too-much-planned", "plan.phases")),
        (SetAside("a", "till", "TOK", 10, plan), ("vesting.pot-planned", "plan.pot")),
        (
            SetAside("a", "till", "TOK", 10, replace(plan, leftover=two)),
            ("vesting.bad-leftover", "plan.leftover"),
        ),
        (Release("none", "till", 1), ("vesting.no-reserve", "reserve")),
    ]
    for action, expected in bad:
        assert failure(stage, POLICY, action) == expected
    monkeypatch.setattr(reserving, "MOST_PLANS", 1)
    more = SetAside("a", "till", "TOK", 10, replace(plan, pot="more"))
    assert failure(stage, POLICY, more) == ("vesting.too-many-plans", "plan")
    assert sound(stage)


def test_a_block_releases_before_its_transactions() -> None:
    world = World.begin()
    count_minted(world.state, "REEL", 10)
    fill_pot(world.state, "till", "REEL", 10)
    plan = Plan("gifts", 1, (Phase(1, 10),), BURN)
    set_aside(world.state, "fund", Reserve("REEL", 10, 0, plan, 0), "till")
    outcome = world.run(world.order(pay()))
    first, transferred, *_ = outcome.events
    assert (first.transaction, transferred.transaction) == (None, 0)
    assert Released.unpack(first.data) == Released("fund", "gifts", "REEL", 10, 10)
    assert pot_of(world.state, "gifts", "REEL") == 10
    assert list(REGISTRY.broken_invariants(world.state)) == []


def test_only_claiming_is_for_everybody() -> None:
    assert [
        name
        for name, declared in REGISTRY.actions.items()
        if name.startswith("vesting.") and not declared.governed
    ] == ["vesting.claim"]
