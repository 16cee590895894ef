"""Proof of contribution: who is ranked, paired and paid; in batches, and by a later beacon."""

from random import Random

from consensus.record import replace
from tests.vm.liveliness import PAIRING, W_M, W_W, Liveliness
from tests.vm.world import ANNA
from vm.modules.account import RevokeAttestation
from vm.modules.activity import ActivityKind
from vm.modules.poc import (
    CONTRIBUTIONS,
    CREATORS,
    FANS,
    NEW,
    STANDINGS,
    WALK,
    Creator,
    Dimensions,
    coefficient_of,
    level_of,
    note_creation,
)

BLOCKS = 3  # from the first block of a day to the one that decides, of 4 producers


def creator_row(stage: Liveliness, creator: bytes) -> Creator:
    return CREATORS.get(stage.world.state, creator) or NEW


def paid(stage: Liveliness, creators: list[bytes]) -> list[int]:
    return [stage.held(each) for each in creators]


def test_pairs_are_drawn_by_a_beacon_after_the_list_is_frozen() -> None:
    stage = Liveliness()
    fan, *creators = stage.attest(3)
    for creator in creators:
        stage.do(fan, creator=creator)
    stage.live()
    for _ in range(BLOCKS):
        assert sum(paid(stage, creators)) == 0
        stage.blocks(1)
    assert sum(paid(stage, creators)) == W_M + W_W
    assert WALK.get(stage.world.state) is None
    assert list(CONTRIBUTIONS.every(stage.world.state)) == []
    assert stage.sound()


def test_each_account_counts_once_a_day_for_a_kind() -> None:
    stage = Liveliness()
    fan, other, creator = stage.attest(3)
    stage.do(fan, ActivityKind.PLAY, times=3, creator=creator)
    stage.do(fan, times=2, creator=creator)
    stage.do(other, ActivityKind.PLAY, creator=creator)
    row = creator_row(stage, creator)
    assert (row.plays, row.interactions, row.fans) == (2, 1, 2)
    ((_, contribution),) = CONTRIBUTIONS.every(stage.world.state)
    assert contribution.units == 3
    stage.live()
    stage.do(fan, creator=creator)
    assert creator_row(stage, creator).interactions == 2
    assert len(list(FANS.every(stage.world.state))) == 2
    assert stage.sound()


def test_the_vertical_dimension_counts_the_newest_in_one_channel() -> None:
    stage = Liveliness()
    (creator,) = stage.attest(1)
    found = list[int]()
    for channel in ("music", "music", "games", None, "games", "games"):
        stage.call(lambda context, channel=channel: note_creation(context, creator, channel))  # type: ignore[misc]
        found.append(creator_row(stage, creator).in_a_row)
    assert found == [1, 2, 1, 0, 1, 2]
    row = Creator(6, "games", 2, 10, 20, 30, 0, None, 0, 0, 0)
    assert coefficient_of(Dimensions(1, 2, 3, 4, 5), row) == 6 + 4 + 30 + 80 + 150
    assert [level_of(each) for each in (0, 1, 2, 3, 4, 2**48 - 1)] == [0, 1, 2, 2, 3, 48]


def test_creators_of_different_levels_are_not_paired() -> None:
    stage = Liveliness()
    *fans, small, large = stage.attest(6)
    for fan in fans:
        stage.do(fan, creator=large)
        stage.do(fan, ActivityKind.PLAY, creator=large)
    stage.live()
    stage.do(fans[0], creator=small)  # is listed with a coefficient of 2, the other by now with 12
    stage.live()
    stage.blocks(BLOCKS)
    assert paid(stage, [small, large]) == [0, 0]
    assert {creator for (*_, creator), _ in STANDINGS.every(stage.world.state)} == {small, large}


def test_an_idle_creator_is_paired_for_some_days_only_with_who_contributed() -> None:
    stage = Liveliness()
    fan, busy, idle = stage.attest(3)
    stage.do(fan, creator=idle)
    stage.do(fan, creator=busy)
    for day in range(6):
        stage.live()
        stage.blocks(BLOCKS)
        assert creator_row(stage, busy).pairings == min(day + 1, 1 + PAIRING.idle_days)
        stage.do(fan, creator=busy)
    assert creator_row(stage, idle).pairings == 1 + PAIRING.idle_days
    assert creator_row(stage, idle).standing is None
    assert stage.sound()


def test_two_idle_creators_are_paid_nothing() -> None:
    stage = Liveliness()
    fan, *creators = stage.attest(3)
    for creator in creators:
        stage.do(fan, creator=creator)
    for _ in range(2):
        stage.live()
        stage.blocks(BLOCKS)
    assert [creator_row(stage, each).pairings for each in creators] == [1, 1]


def test_who_is_no_person_any_more_is_dropped() -> None:
    stage = Liveliness()
    fan, *creators = stage.attest(3)
    for creator in creators:
        stage.do(fan, creator=creator)
    stage.live()
    stage.do(fan, creator=creators[0])
    assert stage.act(ANNA.public, RevokeAttestation(creators[0])) == "ok"
    stage.blocks(BLOCKS)
    assert creator_row(stage, creators[0]).standing is None
    assert stage.sound()


def test_a_hundred_and_one_are_paired_in_batches_and_the_pool_is_the_limit() -> None:
    stage = Liveliness()
    fans, creators = stage.attest(26), stage.attest(101)
    for place, creator in enumerate(creators):
        stage.do(fans[place % 26], creator=creator)
    stage.live()
    stage.blocks(BLOCKS)
    assert 0 < sum(1 for units in paid(stage, creators) if units) <= 64
    assert stage.sound()
    stage.blocks(1)
    assert [creator_row(stage, each).pairings for each in creators].count(1) == 100
    assert sum(paid(stage, creators)) == 50 * (W_M + W_W)
    assert stage.decide(replace(PAIRING, promoted_units=150_000_000, other_units=1)) == "ok"
    assert stage.sound()
    for place, creator in enumerate(creators):
        stage.do(fans[place % 26], creator=creator)
    before, pool = sum(paid(stage, creators)), stage.pot("poc.pool")
    fresh = stage.pot("incentive")
    stage.live()
    fresh -= stage.pot("incentive")
    pool += fresh - fresh * 600_000 // 10**6
    stage.blocks(BLOCKS + 1)
    pairs = pool // 150_000_001
    assert 0 < pairs < 50
    assert sum(paid(stage, creators)) - before == pairs * 150_000_001
    assert stage.sound()


def test_a_list_that_is_long_delays_the_next_and_loses_nobody() -> None:
    stage = Liveliness()
    random = Random(7)
    fans, creators = stage.attest(40), stage.attest(150)
    for _ in range(8):
        for place, creator in enumerate(creators):
            if random.random() < 0.7:
                stage.do(fans[place % 40], creator=creator)
        stage.live()
        stage.blocks(random.randrange(6))
        assert stage.sound()
    stage.blocks(8)
    assert all(creator_row(stage, each).pairings for each in creators)
