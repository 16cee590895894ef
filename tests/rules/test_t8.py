"""T8: the reward pool follows activity; proof of activity for a team and in proportion."""

from fractions import Fraction
from math import floor, isqrt

from consensus.record import replace
from tests.rules.disabled import Disabled
from tests.vm.liveliness import BASE, KINDS, PPM, Liveliness
from vm.modules.activity import RULES as ACTIVITY_RULES
from vm.modules.activity import ActivityKind, Valid, pool_of, root_of
from vm.modules.poa import Claim, shared_of

DISABLED = Disabled("vm.modules.poa.sharing.target_of", lambda *arguments: 0)
POA = Fraction(600_000, PPM)


def test_the_published_sums_of_roots() -> None:
    """N of e = 1/4 make V = N/2, N of e = 1/(4 N^2) make 1/2, and (N - 1)/2 lies between (4.3)."""
    for n in (1, 2, 5, 10, 100):
        best, nash = Fraction(1, 4), Fraction(1, 4 * n * n)
        sums = [n * root_of(floor(e * PPM)) for e in (best, nash)]
        assert sums[0] == PPM * Fraction(n, 2)
        assert sums[1] == PPM * Fraction(1, 2)
        assert sums[0] - sums[1] == PPM * Fraction(n - 1, 2)
    assert [root_of(e_ppm) for e_ppm in (0, 1, 3 * PPM)] == [0, 1_000, isqrt(3 * 10**12)]


def test_a_team_that_reaches_its_target_shares_equally_and_else_the_pool_rolls_over() -> None:
    stage = Liveliness()
    team = stage.attest(3)
    stage.weigh(replace(KINDS, share=Valid(PPM // 4 - 1, 4)))
    for account in team[:2]:
        stage.do(account)
    stage.do(team[2], ActivityKind.SHARE)  # a millionth less than e = 1/4: V* is missed by one
    pool = floor(BASE * POA)
    stage.live()
    assert (stage.pot("poa.pool"), stage.pot("poa.owed")) == (pool, 0)
    assert [stage.act(account, Claim((0,))) for account in team] == ["poa.not-shared"] * 3
    for account in team:
        stage.do(account)
    stage.live()
    each = floor(Fraction(2 * pool, 3))
    assert [stage.act(account, Claim((1,))) for account in team] == ["ok"] * 3
    assert [stage.held(account) for account in team] == [each] * 3
    assert stage.pot("poa.pool") == 2 * pool - 3 * each
    assert stage.sound()


def test_in_proportion_each_gets_by_its_root() -> None:
    stage = Liveliness()
    stage.set("poa.is_team", 0)
    much, little = stage.attest(2)
    stage.do(much, times=3)
    stage.do(little)
    stage.live()
    roots = [isqrt(3 * 10**12 // 4), isqrt(10**12 // 4)]
    pool = floor(BASE * POA)
    for account, root in zip((much, little), roots, strict=True):
        assert stage.act(account, Claim((0,))) == "ok"
        assert stage.held(account) == floor(Fraction(pool * root, sum(roots)))
    assert stage.sound()


def test_the_pool_is_the_base_times_todays_index_over_the_mean() -> None:
    stage, pools, indexes = Liveliness(), list[int](), list[int]()
    everybody = stage.attest(40)
    for active in (10, 13, 0, 40, 3, 7, 9, 11, 12):
        for account in everybody[:active]:
            stage.do(account)
        before = stage.pot("incentive")
        stage.live()
        pools.append(before - stage.pot("incentive"))
        mean = Fraction(sum(indexes[-7:]), len(indexes[-7:])) if indexes else Fraction(0)
        elasticity = Fraction(1)
        if mean:
            elasticity = min(max(active / mean, Fraction(1, 2)), Fraction(2))
        assert pools[-1] == floor(BASE * elasticity)
        indexes.append(active)
    assert len(set(pools)) > 5
    rules = ACTIVITY_RULES.get(stage.world.state)
    assert rules is not None
    assert pool_of(rules, 5, (0, 0)) == BASE, "1 while the mean is 0"


def test_no_share_without_anybody_active() -> None:
    stage = Liveliness()
    assert shared_of(stage.world.state, stage.today, 1_000) == (0, 0)
    stage.live()
    assert stage.pot("poa.pool") == floor(BASE * POA)
