"""Proof of activity: who can claim what of which day, what creators get, what is refused."""

from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.record import replace
from tests.vm.liveliness import BASE, RULES, Liveliness
from tests.vm.world import ANNA, BEN
from vm.modules.account import RevokeAttestation
from vm.modules.activity import DIVISIONS, Done, Due, creator_ppm
from vm.modules.activity.tables import NO_COUNTS
from vm.modules.content import CreateSpace
from vm.modules.poa import DAYS, Claim, Divide, division_of

POOL = BASE * 6 // 10


def test_several_days_are_claimed_at_once_and_each_once() -> None:
    stage = Liveliness()
    first, second = stage.attest(2)
    for _ in range(2):
        stage.do(first)
        stage.live()
    stage.do(second)
    stage.live()
    assert stage.act(first, Claim((0, 1))) == "ok"
    assert stage.held(first) == 2 * POOL
    assert stage.act(first, Claim((0,))) == "poa.nothing-earned"
    assert stage.act(second, Claim((2, 2))) == "poa.nothing-earned"
    assert stage.held(second) == 0, "a claim is carried out whole or not at all"
    assert stage.act(second, Claim((2,))) == "ok"
    assert stage.act(second, Claim((3,))) == "poa.not-shared"
    assert stage.sound()


def test_being_online_alone_earns_nothing() -> None:
    stage = Liveliness()
    active, idle = stage.attest(2)
    stage.do(active)
    stage.live()
    assert stage.act(idle, Claim((0,))) == "poa.nothing-earned"


def test_creators_get_their_part_of_what_is_earned_at_their_videos() -> None:
    stage = Liveliness()
    fan, creator = stage.attest(2)
    stage.do(fan, times=3, creator=creator)
    stage.do(fan)
    stage.set("activity.creator_ppm", 0)  # what is done before goes as it was
    stage.live()
    assert stage.act(fan, Claim((0,))) == "ok"
    part = floor(Fraction(3, 4) * Fraction(200_000, 10**6) * POOL)
    assert (stage.held(creator), stage.held(fan)) == (part, POOL - part)
    assert stage.sound()


@given(
    st.integers(0, 10**12),
    st.lists(st.tuples(st.integers(1, 10**6), st.integers(0, 10**6)), min_size=1, max_size=5),
)
def test_a_division_is_exact_and_leaves_nothing_over(
    reward: int, acts: list[tuple[int, int]]
) -> None:
    dues = tuple(Due(bytes([i]) * 32, weight * ppm) for i, (weight, ppm) in enumerate(acts))
    e_ppm = sum(weight for weight, _ in acts)
    units, to_creators = division_of(reward, Done(NO_COUNTS, 0, e_ppm, dues))
    assert units + sum(to_creators.values()) == reward
    for i, (weight, ppm) in enumerate(acts):
        part = floor(Fraction(reward * weight * ppm, e_ppm * 10**6))
        assert to_creators[bytes([i]) * 32] == part


def test_a_spaces_owner_says_what_it_gets() -> None:
    stage = Liveliness()
    stage.set("account.handle_fee_units", 0)
    assert stage.act(ANNA.public, CreateSpace("room", "music", "A room")) == "ok"
    assert stage.act(BEN.public, Divide("room", 1)) == "content.not-space-owner"
    assert stage.act(ANNA.public, Divide("none", 1)) == "content.unknown-space"
    assert stage.act(ANNA.public, Divide("room", 500_001)) == "poa.above-most"
    assert creator_ppm(stage.world.state, "room") == 200_000
    assert stage.act(ANNA.public, Divide("room", 500_000)) == "ok"
    assert creator_ppm(stage.world.state, "room") == 500_000
    stage.set("activity.most_creator_ppm", 300_000)
    assert creator_ppm(stage.world.state, "room") == 300_000, "a bound that is lowered holds"
    assert creator_ppm(stage.world.state, None) == 200_000
    assert DIVISIONS.get(stage.world.state, "room") is not None


@pytest.mark.parametrize(("target", "shared"), [(1_000_000, POOL), (1_000_001, 0)])
def test_the_target_has_a_fixed_part(target: int, shared: int) -> None:
    stage = Liveliness()
    stage.set("poa.target_each", 0)
    stage.set("poa.target", target)
    for account in stage.attest(2):
        stage.do(account)
    stage.live()
    assert stage.pot("poa.owed") == shared


def test_a_pool_smaller_than_the_team_stays() -> None:
    stage = Liveliness()
    for account in stage.attest(3):
        stage.do(account)
    assert stage.decide(replace(RULES, base_units=3)) == "ok"
    stage.live()
    assert (stage.pot("poa.pool"), stage.pot("poa.owed")) == (1, 0)
    assert list(DAYS.every(stage.world.state)) == []
    assert stage.sound()


def test_what_counted_before_attestation_ended_is_paid() -> None:
    stage = Liveliness()
    (somebody,) = stage.attest(1)
    stage.do(somebody)
    assert stage.act(ANNA.public, RevokeAttestation(somebody)) == "ok"
    assert stage.do(somebody) == 0
    stage.live()
    assert stage.act(somebody, Claim((0,))) == "ok"
    assert stage.held(somebody) == POOL
