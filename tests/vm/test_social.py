"""Likes and comments: once, counted, on videos that there are, and free all day for a member."""

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from consensus.cid import DAG_PB, RAW, Cid, cid_of
from consensus.errors import ActionFailed, InvalidEncoding, InvalidTransaction
from tests.vm.stage import Stage
from tests.vm.world import ANNA, BEN, CLEO, World, apply_to, commit_to, pay, publish
from vm.declare import Action
from vm.modules.mana import MANA, REGENERATION_S, Mana, mana_of
from vm.modules.social import (
    COMMENTS,
    COUNTS,
    LARGEST_COMMENT_BYTES,
    LIKERS,
    MAX_COMMENT_BYTES,
    Comment,
    Commented,
    Counts,
    Like,
    Liked,
    Liker,
    Unlike,
    Unliked,
    WriteComment,
    counts_of,
)
from vm.modules.stake import Bond
from vm.modules.tokens import mint
from vm.registry import REGISTRY
from vm.simulation import quote
from vm.touched import touched_keys
from vm.transition import BlockExecution

VIDEO = publish().cid
OTHER = publish(b"other").cid
UNKNOWN = cid_of(RAW, b"unknown")
WORDS = cid_of(RAW, b"well done")
TOKEN = 10**8
DAY_MS = 86_400_000


@pytest.fixture
def stage() -> Stage:
    made = Stage()
    for action in (publish(), publish(b"other")):
        commit_to(made.world.state, action, by=CLEO)
        assert made.act(CLEO.public, action) == "ok"
    made.events.clear()
    return made


def sound(stage: Stage) -> bool:
    return list(REGISTRY.broken_invariants(stage.world.state)) == []


def test_a_video_is_liked_once_by_each(stage: Stage) -> None:
    assert stage.act(ANNA.public, Like(VIDEO)) == "ok"
    assert stage.act(BEN.public, Like(VIDEO)) == "ok"
    assert stage.act(ANNA.public, Like(VIDEO)) == "social.already-liked"
    assert stage.act(ANNA.public, Like(OTHER)) == "ok"
    state = stage.world.state
    assert COUNTS.get(state, VIDEO) == Counts(2, 0)
    assert {account for (_, account), _ in LIKERS.every(state, VIDEO)} == {ANNA.public, BEN.public}
    assert LIKERS.get(state, VIDEO, ANNA.public) == Liker(stage.time_ms)
    assert stage.events == [
        Liked(VIDEO, ANNA.public, 1),
        Liked(VIDEO, BEN.public, 2),
        Liked(OTHER, ANNA.public, 1),
    ]
    assert sound(stage)


def test_a_like_can_be_taken_back_and_given_again(stage: Stage) -> None:
    assert stage.act(ANNA.public, Unlike(VIDEO)) == "social.not-liked"
    stage.act(ANNA.public, Like(VIDEO))
    assert stage.act(BEN.public, Unlike(VIDEO)) == "social.not-liked"
    assert stage.act(ANNA.public, Unlike(VIDEO)) == "ok"
    assert counts_of(stage.world.state, VIDEO) == Counts(0, 0)
    assert stage.events[-1] == Unliked(VIDEO, ANNA.public, 0)
    assert sound(stage)
    assert stage.act(ANNA.public, Like(VIDEO)) == "ok"
    assert counts_of(stage.world.state, VIDEO) == Counts(1, 0)


def test_comments_are_numbered_and_keep_their_order(stage: Stage) -> None:
    for number, author in enumerate((ANNA, BEN, ANNA)):
        stage.time_ms += 1_000
        assert stage.act(author.public, WriteComment(VIDEO, WORDS, 9)) == "ok"
        comment = Comment(author.public, WORDS, 9, stage.time_ms)
        assert COMMENTS.get(stage.world.state, VIDEO, number) == comment
        assert stage.events[-1] == Commented(VIDEO, number, author.public, WORDS, 9)
    assert [number for (_, number), _ in COMMENTS.every(stage.world.state, VIDEO)] == [0, 1, 2]
    assert counts_of(stage.world.state, VIDEO) == Counts(0, 3)
    assert counts_of(stage.world.state, OTHER) == Counts(0, 0)
    assert sound(stage)


def failure(stage: Stage, action: Action) -> tuple[str, str]:
    with pytest.raises(ActionFailed) as caught:
        action.apply(stage.context(ANNA.public))
    return caught.value.code, caught.value.field


def test_what_cannot_be_names_its_field(stage: Stage) -> None:
    assert failure(stage, Like(UNKNOWN)) == ("social.unknown-video", "video")
    assert failure(stage, Unlike(UNKNOWN)) == ("social.not-liked", "video")
    assert failure(stage, WriteComment(UNKNOWN, WORDS, 9)) == ("social.unknown-video", "video")
    tree = cid_of(DAG_PB, b"well done")
    assert failure(stage, WriteComment(VIDEO, tree, 9)) == ("social.not-raw", "cid")
    limit = MAX_COMMENT_BYTES.default
    large = WriteComment(VIDEO, WORDS, limit + 1)
    assert failure(stage, large) == ("social.too-large", "size_bytes")
    assert stage.act(ANNA.public, WriteComment(VIDEO, WORDS, limit)) == "ok"


@pytest.mark.parametrize("size", [0, LARGEST_COMMENT_BYTES + 1])
def test_a_comments_size_has_bounds(size: int) -> None:
    with pytest.raises(InvalidEncoding) as caught:
        WriteComment(VIDEO, WORDS, size).encode()
    assert caught.value.field == "size_bytes"


def test_rows_that_do_not_agree_are_found(stage: Stage) -> None:
    state = stage.world.state
    COUNTS.put(state, Counts(1, 0), VIDEO)
    LIKERS.put(state, Liker(0), OTHER, ANNA.public)
    COUNTS.put(state, Counts(0, 0), UNKNOWN)
    COMMENTS.put(state, Comment(ANNA.public, WORDS, 9, 0), OTHER, 1)
    found = list(REGISTRY.broken_invariants(state))
    assert len(found) == 4, found


@pytest.mark.parametrize(
    ("action", "touched"),
    [
        (Like(VIDEO), {"content.video", "social.liker", "social.counts"}),
        (Unlike(VIDEO), {"content.video", "social.liker", "social.counts"}),
        (WriteComment(VIDEO, WORDS, 9), {"content.video", "social.counts"}),
    ],
)
def test_what_is_read_ahead(action: Action, touched: set[str]) -> None:
    keys = touched_keys(World.begin().order(action, max_fee=0))
    names = {REGISTRY.table_of(key).name for key in keys}
    assert names == {"account.sender", "mana.account"} | touched


# What a member can do in a day


def member(bonded: int = 100 * TOKEN, gas: int | None = None) -> World:
    """A devnet on which Anna has 100 tokens bonded for long, or so much mana."""
    stage = Stage()
    mint(stage.world.state, ANNA.public, "REEL", bonded)
    commit_to(stage.world.state, publish(), by=CLEO)
    stage.act(CLEO.public, publish())
    assert stage.act(ANNA.public, Bond(bonded)) == "ok"
    most = mana_of(stage.world.state, ANNA.public, stage.time_ms).max_gas
    row = Mana(most if gas is None else gas, stage.time_ms, bonded)
    MANA.put(stage.world.state, row, ANNA.public)
    return stage.world


def gas_of(world: World, action: Action) -> int:
    return quote(world.state, world.order(action, max_fee=0, nonce=10**6)).gas


@pytest.mark.parametrize(
    ("action", "gas"), [(Like(VIDEO), 5_070), (WriteComment(VIDEO, WORDS, 5_000), 6_600)]
)
def test_100_tokens_are_a_thousand_a_day_and_no_two_thousand(action: Action, gas: int) -> None:
    """`genesis/devnet.toml` says how these numbers come."""
    world = member()
    row = MANA.get(world.state, ANNA.public)
    assert row is not None
    assert (row.gas, REGENERATION_S.read(world.state)) == (7_000_000, 86_400)
    order = world.order(action, max_fee=0, nonce=10**6, valid_until_height=10**7)
    assert quote(world.state, order).gas == gas
    assert 7_000_000 // gas in range(1_060, 1_381)


def test_a_member_likes_and_unlikes_all_day_for_nothing() -> None:
    """A thousand free actions spread over the day, by a member that begins it with nothing."""
    world = member(gas=0)
    nonce = 0
    for hour in range(1, 21):
        block = replace(world.block(), time_ms=world.block().time_ms + hour * DAY_MS // 20)
        execution = BlockExecution(world.state, block)
        for _ in range(50):
            action = Unlike(VIDEO) if nonce % 2 else Like(VIDEO)
            order = world.order(action, nonce=nonce, max_fee=0)
            assert apply_to(execution, order).status == "ok"
            nonce += 1
        for key, value in execution.finish().writes.items():
            world.state.put(key, value) if value is not None else world.state.delete(key)
    assert nonce == 1_000
    assert list(REGISTRY.broken_invariants(world.state)) == []


def test_a_member_cannot_spam() -> None:
    world = member()
    gas = gas_of(world, Like(VIDEO))
    world = member(gas=10 * gas)
    execution = BlockExecution(world.state, world.block())
    for nonce in range(10):
        action = Unlike(VIDEO) if nonce % 2 else Like(VIDEO)
        assert apply_to(execution, world.order(action, nonce=nonce, max_fee=0)).status == "ok"
    refused: list[tuple[Action, str]] = [
        (Like(VIDEO), "mana.too-little"),
        (pay(), "mana.not-free"),
        (publish(b"spam"), "mana.not-free"),
    ]
    for other, code in refused:
        with pytest.raises(InvalidTransaction) as caught:
            apply_to(execution, world.order(other, nonce=10, max_fee=0))
        assert caught.value.code == code


# A naive model

PEOPLE = [ANNA.public, BEN.public, CLEO.public]
VIDEOS = [VIDEO, OTHER, UNKNOWN]


class SocialMachine(RuleBasedStateMachine):
    """Anything in any order: the chain and a set and a list agree."""

    @initialize()
    def begin(self) -> None:
        """Two videos."""
        self.stage = Stage()
        for action in (publish(), publish(b"other")):
            commit_to(self.stage.world.state, action, by=CLEO)
            self.stage.act(CLEO.public, action)
        self.likes: set[tuple[Cid, bytes]] = set()
        self.comments: list[tuple[Cid, bytes]] = []

    @rule(who=st.sampled_from(PEOPLE), video=st.sampled_from(VIDEOS))
    def like(self, who: bytes, video: Cid) -> None:
        """Like."""
        good = video != UNKNOWN and (video, who) not in self.likes
        assert (self.stage.act(who, Like(video)) == "ok") is good
        if good:
            self.likes.add((video, who))

    @rule(who=st.sampled_from(PEOPLE), video=st.sampled_from(VIDEOS))
    def unlike(self, who: bytes, video: Cid) -> None:
        """Unlike."""
        good = (video, who) in self.likes
        assert (self.stage.act(who, Unlike(video)) == "ok") is good
        self.likes.discard((video, who))

    @rule(who=st.sampled_from(PEOPLE), video=st.sampled_from(VIDEOS))
    def comment(self, who: bytes, video: Cid) -> None:
        """Comment."""
        good = video != UNKNOWN
        assert (self.stage.act(who, WriteComment(video, WORDS, 9)) == "ok") is good
        if good:
            self.comments.append((video, who))

    @invariant()
    def agrees(self) -> None:
        """Rows and counts are the model's."""
        state = self.stage.world.state
        assert {key for key, _ in LIKERS.every(state)} == self.likes
        for video in VIDEOS:
            authors = [who for on, who in self.comments if on == video]
            assert [row.author for _, row in COMMENTS.every(state, video)] == authors
            likes = sum(on == video for on, _ in self.likes)
            assert counts_of(state, video) == Counts(likes, len(authors))
        assert sound(self.stage)


TestSocialMachine = SocialMachine.TestCase
TestSocialMachine.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)
