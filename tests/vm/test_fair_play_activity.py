"""What attacks on the reward pool gain, computed."""

from fractions import Fraction
from math import isqrt

from consensus.record import replace
from tests.vm.liveliness import BASE, EFFORT, KINDS, PAIRING, W_M, W_W, Liveliness
from tests.vm.world import BEN
from vm.modules.activity import ActivityKind
from vm.modules.poa import Claim
from vm.modules.poc import CREATORS

POOL = BASE * 6 // 10
BLOCKS = 3


def claimed(stage: Liveliness, accounts: list[bytes]) -> int:
    """What they get together of the first day."""
    for account in accounts:
        stage.act(account, Claim((0,)))
    return sum(stage.held(account) for account in accounts)


def test_parting_ones_doings_among_accounts_of_ones_own_gains_nothing() -> None:
    """By square roots n accounts would get n / sqrt(n) as much; those that nobody attests get
    nothing."""
    stage = Liveliness()
    stage.set("poa.is_team", 0)
    honest, whole = stage.attest(2)
    parts = [bytes([200 + i]) * 32 for i in range(4)]
    stage.do(honest, times=4)
    stage.do(whole, times=4)
    assert sum(stage.do(part, times=4) for part in parts) == 0
    stage.live()
    assert claimed(stage, [whole, *parts]) == POOL // 2


def test_each_further_attested_account_gains_a_share_and_no_more() -> None:
    """Who gets k accounts attested has k of N + k shares: what attesters are there to prevent."""
    for k in (1, 2, 4):
        stage = Liveliness()
        honest, farm = stage.attest(4), stage.attest(k)
        for account in (*honest, *farm):
            stage.do(account)
        stage.live()
        assert claimed(stage, farm) == k * (POOL // (4 + k))


def test_parting_ones_doings_among_attested_accounts_weighs_their_numbers_root() -> None:
    """In proportion, four accounts that do together what one did weigh sqrt(4) as much: beside an
    honest one of the same e they have 2 of 3 shares, not 1 of 2."""
    stage = Liveliness()
    stage.set("poa.is_team", 0)
    honest, parts = stage.attest(1)[0], stage.attest(4)
    stage.do(honest, times=4)
    for part in parts:
        stage.do(part)
    stage.live()
    assert claimed(stage, parts) == 4 * (POOL * isqrt(10**6 * 250_000) // (3 * 10**6))


def test_farms_and_brushing_end_at_the_days_cap() -> None:
    """However often one does something, each kind counts 4 times: six kinds give sqrt(6) as much
    as one."""
    stage = Liveliness()
    stage.set("poa.is_team", 0)
    honest, brusher = stage.attest(2)
    stage.do(honest, times=4)
    for kind in ActivityKind:
        assert stage.do(brusher, kind, times=1_000) == KINDS.of(kind).most_a_day
    stage.live()
    gained = Fraction(claimed(stage, [brusher]), claimed(stage, [honest]))
    assert abs(gained - Fraction(isqrt(6 * 10**12), 10**6)) < Fraction(1, 10**5)


def test_playing_ones_own_videos_gains_nothing() -> None:
    stage = Liveliness()
    (creator,) = stage.attest(1)
    assert stage.do(creator, ActivityKind.PLAY, times=100, creator=creator) == 0
    assert stage.do(BEN.public, ActivityKind.PLAY, times=100, creator=creator) == 0
    assert CREATORS.get(stage.world.state, creator) is None


def test_a_saboteur_who_does_less_than_a_quarter_can_sink_a_team_that_does_just_enough() -> None:
    """In team mode each who joins in raises the target by 1/2: one who does less costs the day.
    With a fixed target alone it cannot, and takes a share instead."""
    for target_each, shared in ((500_000, False), (0, True)):
        stage = Liveliness()
        stage.set("poa.target_each", target_each)
        stage.set("poa.target", 0 if target_each else 3 * 500_000)
        team = stage.attest(3)
        for account in team:
            stage.do(account)
        (saboteur,) = stage.attest(1)
        stage.weigh(replace(KINDS, play=replace(KINDS.play, weight_ppm=1)))
        stage.do(saboteur, ActivityKind.PLAY)
        stage.live()
        assert bool(stage.pot("poa.owed")) is shared
        assert claimed(stage, [saboteur]) == (POOL // 4 if shared else 0)


def test_raising_the_index_is_bounded_by_the_elasticity() -> None:
    """A day of fifty times as much makes a pool of twice the base, and the next one a smaller."""
    stage = Liveliness()
    everybody = stage.attest(50)
    stage.do(everybody[0])
    stage.live()
    before = stage.pot("incentive")
    for account in everybody:
        stage.do(account)
    stage.live()
    assert before - stage.pot("incentive") == 2 * BASE
    before = stage.pot("incentive")
    stage.do(everybody[0])
    stage.live()
    assert before - stage.pot("incentive") == BASE // 2


def test_an_idle_accomplice_earns_for_so_many_days_and_no_more() -> None:
    """Two accounts of one person: the one contributes, the other stands beside it. In the mean it
    gets W_w and a quarter of the gap; its standing ends after `idle_days`."""
    stage = Liveliness()
    fan, busy, idle = stage.attest(3)
    stage.do(fan, creator=idle)
    for _ in range(8):
        stage.do(fan, creator=busy)
        stage.live()
        stage.blocks(BLOCKS)
    row = CREATORS.get(stage.world.state, idle)
    assert row is not None
    assert row.earned <= W_M * (1 + PAIRING.idle_days)
    assert row.pairings == 1 + PAIRING.idle_days


def test_contributing_is_better_whatever_the_other_does() -> None:
    """The paper's game (4.4), against one who contributes and against one who does not."""
    gap = W_M - W_W
    assert Fraction(gap, 2) - EFFORT > Fraction(gap, 4), "1/2 of the gap with effort, 1/4 without"
    assert Fraction(3 * gap, 4) - EFFORT > Fraction(gap, 2), "3/4 with effort, 1/2 without"
    least = 4 * EFFORT
    assert Fraction(least, 2) - EFFORT == Fraction(least, 4), "with W_M - W_w = 4e it is all one"
