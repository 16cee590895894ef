"""Ranking: what fees vote for, how scores decay, and whom each policy recommends."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.address import format_address
from consensus.cid import Cid
from tests.vm.fans import PRICE, VIDEO, A, B, C, D, Fans
from tests.vm.world import BEN, commit_to, key, publish
from vm.modules.content.ruling import TakeDown
from vm.modules.gifts import Give
from vm.modules.ranking import (
    BACKINGS,
    CREATOR,
    HALF_LIFE_S,
    PERIOD_BLOCKS,
    PLACES,
    POLICIES,
    POLICY,
    REPEAT_WINDOW_S,
    SHOWN,
    SLOTS,
    SLOTS_SHOWN,
    SetWeight,
    Slots,
    add_points,
    end_windows,
    fill_slots,
    note_response,
    points_at,
    seen_by,
    strengthened,
)
from vm.modules.ranking import VIDEO as VIDEO_KIND
from vm.modules.ranking.strength import MOST_TICK, TICKS
from vm.modules.social import Tip
from vm.modules.tokens import Create, Issue

WEEK_S = HALF_LIFE_S.default
CLEO = format_address(C)


# Strengths, against exact sums


@given(st.integers(0, 2**40), st.integers(0, 10**6))
def test_a_vote_is_worth_its_points_when_it_is_given(points: int, tick: int) -> None:
    assert points_at(strengthened(0, points, tick), tick) == points


@given(
    st.lists(st.tuples(st.integers(1, 10**12), st.integers(0, 400)), min_size=1, max_size=20),
    st.integers(0, 400),
)
def test_scores_are_the_sums_of_halved_points(votes: list[tuple[int, int]], later: int) -> None:
    """Against powers of two to 60 digits: they differ by less than a part in 10^9, and a half."""
    ordered = sorted(votes, key=lambda vote: vote[1])
    strength, now = 0, ordered[-1][1] + later
    for points, tick in ordered:
        strength = strengthened(strength, points, tick)
    with localcontext(prec=60):
        halved = (Decimal(2) ** (Decimal(tick - now) / 64) for _, tick in ordered)
        exact = sum((p * h for (p, _), h in zip(ordered, halved, strict=True)), Decimal(0))
        assert abs(points_at(strength, now) - exact) <= exact / 10**9 + Decimal("0.5")


@given(st.integers(1, 10**9), st.integers(1, 10**9), st.integers(0, 10**5), st.integers(0, 10**5))
def test_who_is_ahead_stays_ahead(one: int, other: int, first: int, then: int) -> None:
    """The ranking needs no order but that of strengths, whenever it is read."""
    left, right = strengthened(0, one, first), strengthened(0, other, then)
    at = max(first, then) + 100
    if left > right:
        assert points_at(left, at) >= points_at(right, at)


def test_strengths_fit_64_bits_for_as_long_as_ticks_are_counted() -> None:
    strength = 0
    for _ in range(100):
        strength = strengthened(strength, 2**64 - 1, MOST_TICK + 10**9)
    assert strength < 2**64
    assert points_at(strengthened(0, 1, 0), MOST_TICK) == 0


def test_a_score_is_half_after_the_half_life() -> None:
    fans = Fans()
    fans.must(B, Give("rose", C, VIDEO, None))
    assert fans.points(VIDEO_KIND, str(VIDEO)) == fans.points(CREATOR, CLEO) == PRICE // 5
    for halves in (1, 2, 3):
        fans.time_ms += 1000 * WEEK_S
        assert fans.points(VIDEO_KIND, str(VIDEO)) == PRICE // 5 >> halves


def test_another_half_life_holds_from_the_next_vote_on() -> None:
    fans = Fans()
    fans.must(B, Give("rose", C, None, None))
    fans.time_ms += 1000 * WEEK_S
    HALF_LIFE_S.set(fans.world.state, 2 * WEEK_S)
    assert fans.points(CREATOR, CLEO) == 100
    fans.must(A, Give("rose", C, None, None))
    assert fans.points(CREATOR, CLEO) == 300
    fans.time_ms += 2000 * WEEK_S
    assert fans.points(CREATOR, CLEO) == 150
    assert fans.sound()


# Votes


def test_later_versions_share_the_score_of_the_first() -> None:
    fans, second = Fans(), publish(b"second", replaces=VIDEO)
    commit_to(fans.world.state, second, by=key("cleo"))
    fans.must(C, second)
    fans.must(B, Tip(second.cid, "REEL", 100, None))
    assert fans.points(VIDEO_KIND, str(VIDEO)) == 5


def test_further_votes_in_the_window_weigh_half_of_the_one_before() -> None:
    fans, expected = Fans(), 0
    for turn in range(4):
        fans.must(B, Give("rose", C, None, None))
        expected += 200 >> turn
        assert fans.points(CREATOR, CLEO) == expected
    fans.must(A, Give("rose", C, None, None))
    assert fans.points(CREATOR, CLEO) == expected + 200, "by another account: whole"
    fans.must(B, Give("rose", D, None, None))
    assert fans.points(CREATOR, format_address(D)) == 200, "for another creator: whole"
    fans.time_ms += 1000 * REPEAT_WINDOW_S.default
    before = fans.points(CREATOR, CLEO)
    fans.must(B, Give("rose", C, None, None))
    assert fans.points(CREATOR, CLEO) == before + 200, "in another window: whole"
    assert fans.sound()


def test_windows_that_are_over_are_forgotten() -> None:
    fans = Fans()
    for who in (A, B):
        fans.must(who, Give("rose", C, None, None))
    assert len(list(BACKINGS.every(fans.world.state))) == 2
    fans.time_ms += 1000 * REPEAT_WINDOW_S.default
    fans.step(end_windows)
    assert list(BACKINGS.every(fans.world.state)) == []
    assert fans.sound()


def test_only_the_native_asset_votes_until_others_have_a_weight() -> None:
    fans = Fans()
    for action in (
        Create("USDT", "Tether", 6, 10**9, True, True, None),
        Issue(B, "USDT", 10**6, ""),
    ):
        assert fans.decide(action) == "ok"
    fans.must(B, Tip(VIDEO, "USDT", 1_000, None))
    assert fans.ranked() == 0
    assert fans.decide(SetWeight("NONE", 1)) == "token.unknown-asset"
    assert fans.decide(SetWeight("USDT", 3_000_000)) == "ok"
    fans.must(B, Tip(VIDEO, "USDT", 1_000, None))
    assert fans.points(VIDEO_KIND, str(VIDEO)) == 150
    assert fans.decide(SetWeight("REEL", 0)) == "ok"
    fans.must(A, Tip(VIDEO, "REEL", 1_000, None))
    assert fans.points(VIDEO_KIND, str(VIDEO)) == 150


# Slots


class Ranked(Fans):
    """Seven videos of Cleo's, of 70, 60, … 10 points; three slots."""

    def __post_init__(self) -> None:
        super().__post_init__()
        state = self.world.state
        PERIOD_BLOCKS.set(state, 30)
        SLOTS_SHOWN.set(state, 3)
        self.videos: list[Cid] = []
        for place in range(7):
            action = publish(b"video %d" % place)
            commit_to(state, action, by=key("cleo"))
            self.must(C, action)
            self.videos.append(action.cid)
            self.support(action.cid, 70 - 10 * place)

    def support(self, cid: Cid, points: int) -> None:
        """A video gets these points."""
        self.step(lambda context: add_points(context, VIDEO_KIND, str(cid), points))

    def fill(self, policy: str, period: int = 1) -> list[int]:
        """The slots that a policy fills in a period, as places in the rank."""
        POLICY.set(self.world.state, POLICIES.index(policy))
        self.world.height = 30 * period
        for _ in range(8):
            self.step(fill_slots)
            self.world.height += 1
        return self.shown(self.slots.subjects)

    @property
    def slots(self) -> Slots:
        """Those of videos."""
        row = SLOTS.get(self.world.state, VIDEO_KIND)
        if row is None:
            raise AssertionError("nothing is recommended")
        return row

    def shown(self, subjects: tuple[str, ...]) -> list[int]:
        """Their places in the rank."""
        names = [str(cid) for cid in self.videos]
        return [names.index(subject) for subject in subjects]


def test_by_rank_the_highest_scores_are_recommended() -> None:
    assert Ranked().fill("rank") == [0, 1, 2]


def test_rotation_gives_all_candidates_their_turn() -> None:
    ranked = Ranked()
    turns = [place for period in range(7) for place in ranked.fill("rotation", period + 7)]
    assert turns[:7] == [0, 1, 2, 3, 4, 5, 6]
    assert [turns.count(place) for place in range(7)] == [3] * 7


def test_least_shown_shows_all_as_often() -> None:
    ranked = Ranked()
    turns = [place for period in range(7) for place in ranked.fill("least-shown", period + 1)]
    assert [turns.count(place) for place in range(7)] == [3] * 7
    shown = [SHOWN.get(ranked.world.state, VIDEO_KIND, str(cid)) for cid in ranked.videos]
    assert [row.periods for row in shown if row is not None] == [3] * 7


def test_random_slots_are_drawn_by_a_later_beacon_from_frozen_candidates() -> None:
    ranked = Ranked()
    POLICY.set(ranked.world.state, POLICIES.index("random"))
    ranked.world.height = 30
    ranked.step(fill_slots)
    assert SLOTS.get(ranked.world.state, VIDEO_KIND) is None, "its beacon is not there yet"
    ranked.support(ranked.videos[6], 10**9)
    drawn = [ranked.fill("random", period) for period in range(2, 30)]
    assert len({tuple(places) for places in drawn}) > 10
    assert {place for places in drawn for place in places} == set(range(7))


def test_by_hash_each_viewer_has_its_own_choice_and_keeps_it() -> None:
    ranked = Ranked()
    assert ranked.fill("hash") == [0, 1, 2, 3, 4, 5, 6]
    viewers = [key(f"viewer {i}").public for i in range(60)]
    seen = [ranked.shown(seen_by(ranked.slots, viewer, 3)) for viewer in viewers]
    assert seen == [ranked.shown(seen_by(ranked.slots, viewer, 3)) for viewer in viewers]
    assert {place for places in seen for place in places} == set(range(7))
    assert ranked.shown(seen_by(ranked.slots, None, 3)) == [0, 1, 2]


def test_the_fastest_to_answer_buyers_come_first() -> None:
    ranked = Ranked()
    state = ranked.world.state
    slow, fast = publish(b"slow"), publish(b"fast")
    for who, action, waited_ms in ((BEN, slow, 9_000), (key("dora"), fast, 1_000)):
        commit_to(state, action, by=who)
        ranked.must(who.public, action)
        ranked.videos.append(action.cid)
        ranked.support(action.cid, 5)
        note_response(state, who.public, waited_ms)
    assert ranked.fill("fastest-response") == [8, 7, 0]


def test_what_was_taken_down_is_not_recommended() -> None:
    ranked = Ranked()
    assert ranked.decide(TakeDown(ranked.videos[1], "stolen")) == "ok"
    assert ranked.fill("rank") == [0, 2, 3]


def test_a_ranking_that_does_not_agree_is_found() -> None:
    fans = Fans()
    fans.must(B, Give("rose", C, None, None))
    (place, row), *_ = PLACES.every(fans.world.state)
    PLACES.delete(fans.world.state, *place)
    assert not fans.sound()
    PLACES.put(fans.world.state, row, *place)
    assert fans.sound()
    BACKINGS.delete(fans.world.state, B, C)
    assert not fans.sound()


@pytest.mark.parametrize("ticks", [0, 1, TICKS - 1, TICKS, 10 * TICKS + 7])
def test_votes_of_the_same_tick_add_up(ticks: int) -> None:
    strength = strengthened(strengthened(0, 30, ticks), 12, ticks)
    assert points_at(strength, ticks) == 42
