"""Publication: content is claimed once, by who has committed to it, and paid by size; versions."""

import pytest

from consensus.cid import DAG_CBOR, DAG_PB, RAW, Cid, cid_of
from consensus.errors import ActionFailed, InvalidEncoding
from consensus.record import replace
from tests.vm.stage import Stage
from tests.vm.world import ANNA, BARE, BEN, CLEO, GENESIS_TIME_MS, SALT, World, commit_to, publish
from vm.declare import Action
from vm.modules.agenda import NEXT, TIME
from vm.modules.content import (
    CLIPS,
    COMMIT_BLOCKS,
    COMMITMENTS,
    OWNED,
    VIDEOS,
    Claim,
    Commit,
    Line,
    Publish,
    Update,
    Video,
    forget_commitments,
    owner_of,
)
from vm.modules.content.committing import COMMIT_S, MOST_COMMITMENTS, Committed, Lapsed, let_lapse
from vm.modules.content.publishing import Published
from vm.modules.content.tables import LAPSES
from vm.modules.content.updating import Updated
from vm.registry import REGISTRY

CHUNK = 262_144
VIDEO = publish().cid


@pytest.fixture
def stage() -> Stage:
    made = Stage(World.begin(BARE))
    COMMIT_BLOCKS.set(made.world.state, 3)
    return made


def commit(name: bytes = b"video", by: bytes = ANNA.public) -> Commit:
    return Commit(Claim(by, publish(name).cid, SALT).commitment)


def wait(stage: Stage, blocks: int) -> None:
    """So many blocks follow, each a second later."""
    for _ in range(blocks):
        stage.world.height += 1
        stage.time_ms += 1000
        stage.step(let_lapse)


def failure(stage: Stage, sender: bytes, action: Action) -> tuple[str, str]:
    with pytest.raises(ActionFailed) as caught:
        action.apply(stage.context(sender))
    return caught.value.code.removeprefix("content."), caught.value.field


def sound(stage: Stage) -> bool:
    broken = list(REGISTRY.broken_invariants(stage.world.state))
    assert broken == []
    return not broken


# Commitments


def test_who_has_committed_gets_the_video(stage: Stage) -> None:
    assert stage.act(ANNA.public, commit()) == "ok"
    lapses_ms = stage.time_ms + 1000 * COMMIT_S.default
    assert stage.events == [Committed(ANNA.public, commit().commitment, 4, lapses_ms)]
    wait(stage, 3)
    assert stage.act(ANNA.public, publish(licence="CC-BY-4.0")) == "ok"
    expected = Video(
        line=Line(ANNA.public, VIDEO, None),
        first=VIDEO,
        number=1,
        replaces=None,
        parent=None,
        profile="kubo-cidv1-256k-174",
        size_bytes=5,
        media_type="video/mp4",
        title="A day out",
        licence="CC-BY-4.0",
        height=4,
        time_ms=GENESIS_TIME_MS + 4000,
    )
    assert VIDEOS.get(stage.world.state, VIDEO) == expected
    made = Published(VIDEO, ANNA.public, VIDEO, 1, None, 5, "video/mp4", "A day out")
    assert stage.events[-1] == made
    assert owner_of(stage.world.state, VIDEO) == ANNA.public
    assert list(COMMITMENTS.every(stage.world.state)) == []
    assert NEXT.get(stage.world.state, TIME) is None
    assert sound(stage)


def test_a_commitment_has_an_age(stage: Stage) -> None:
    assert failure(stage, ANNA.public, publish()) == ("not-committed", "salt")
    stage.act(ANNA.public, commit())
    for _ in range(3):
        assert failure(stage, ANNA.public, publish()) == ("too-early", "salt")
        wait(stage, 1)
    assert stage.act(ANNA.public, publish()) == "ok"


def test_a_copied_commitment_is_of_no_use(stage: Stage) -> None:
    """And takes nothing from who made it."""
    assert stage.act(BEN.public, commit()) == "ok"
    assert stage.act(ANNA.public, commit()) == "ok"
    wait(stage, 3)
    assert failure(stage, BEN.public, publish()) == ("not-committed", "salt")
    assert stage.act(ANNA.public, publish()) == "ok"


def test_a_copied_publication_comes_too_late(stage: Stage) -> None:
    stage.act(ANNA.public, commit())
    wait(stage, 3)
    shown = publish()
    assert failure(stage, BEN.public, shown) == ("not-committed", "salt")
    assert stage.act(BEN.public, commit(by=BEN.public)) == "ok"
    wait(stage, 2)
    assert failure(stage, BEN.public, shown) == ("too-early", "salt")
    assert stage.act(ANNA.public, shown) == "ok"
    wait(stage, 1)
    assert failure(stage, BEN.public, shown) == ("already-published", "cid")


def test_another_salt_or_content_is_not_what_was_committed_to(stage: Stage) -> None:
    stage.act(ANNA.public, commit())
    wait(stage, 3)
    for action in (publish(salt=bytes(31) + b"\x01"), publish(b"other")):
        assert failure(stage, ANNA.public, action) == ("not-committed", "salt")


def test_a_commitment_is_used_up(stage: Stage) -> None:
    commit_to(stage.world.state, publish())
    wait(stage, 3)
    assert stage.act(ANNA.public, publish()) == "ok"
    assert stage.act(ANNA.public, commit()) == "ok"
    assert sound(stage)


def test_a_commitment_lapses(stage: Stage) -> None:
    stage.act(ANNA.public, commit())
    stage.act(BEN.public, commit())
    wait(stage, 3)
    stage.time_ms += 1000 * COMMIT_S.default - 3000 - 1
    stage.step(let_lapse)
    assert len(list(COMMITMENTS.every(stage.world.state))) == 2
    stage.time_ms += 1
    assert failure(stage, ANNA.public, publish()) == ("not-committed", "salt")
    stage.step(let_lapse)
    lapsed = {Lapsed(who.public, commit().commitment) for who in (ANNA, BEN)}
    assert set(stage.events[-2:]) == lapsed
    assert list(COMMITMENTS.every(stage.world.state)) == []
    assert sound(stage)


def test_so_many_lapse_in_a_block(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vm.modules.content.committing.LAPSES_A_BLOCK", 2)
    for i in range(5):
        stage.act(ANNA.public, commit(b"%d" % i))
    stage.time_ms += 1000 * COMMIT_S.default
    for left in (3, 1, 0, 0):
        stage.step(let_lapse)
        assert len(list(LAPSES.every(stage.world.state))) == left
        assert sound(stage)


def test_a_commitment_is_made_once_and_so_many_wait(stage: Stage) -> None:
    for i in range(MOST_COMMITMENTS):
        assert stage.act(ANNA.public, commit(b"%d" % i)) == "ok"
    assert failure(stage, ANNA.public, commit(b"3")) == ("already-committed", "commitment")
    assert failure(stage, ANNA.public, commit()) == ("too-many-commitments", "")
    assert stage.act(BEN.public, commit()) == "ok"


def test_a_chain_that_goes_on_from_a_state_knows_no_commitments(stage: Stage) -> None:
    stage.act(ANNA.public, commit())
    stage.act(BEN.public, commit())
    forget_commitments(stage.world.state)
    assert list(COMMITMENTS.every(stage.world.state)) == []
    assert sound(stage)


# Publication


@pytest.fixture
def world() -> World:
    return World.begin()


def test_content_is_claimed_once(world: World) -> None:
    for who in (ANNA, BEN):
        commit_to(world.state, publish(), by=who)
    outcome = world.run(world.order(publish()), world.order(publish(title="Mine"), by=BEN))
    assert [r.status for r in outcome.receipts] == ["ok", "content.already-published"]
    assert owner_of(world.state, VIDEO) == ANNA.public
    assert list(OWNED.every(world.state, BEN.public)) == []


def test_a_block_lets_commitments_lapse() -> None:
    world = World.begin()
    commit_to(world.state, publish())
    late_ms = world.block().time_ms + 10**12
    outcome = world.run(time_ms=late_ms)
    assert Lapsed(ANNA.public, commit().commitment).pack() in [e.data for e in outcome.events]


def test_an_owners_videos_are_listed_in_order_of_publication(world: World) -> None:
    actions = [publish(b"%d" % i) for i in range(4)]
    others = [publish(b"b%d" % i) for i in range(4)]
    commit_to(world.state, *actions)
    commit_to(world.state, *others, by=BEN)
    for nonce, (action, other) in enumerate(zip(actions, others, strict=True)):
        world.run(
            world.order(action, nonce=nonce),
            world.order(other, by=BEN, nonce=nonce),
        )
    listed = [cid for (_, _, cid), _ in OWNED.every(world.state, ANNA.public)]
    assert listed == [action.cid for action in actions]


@pytest.mark.parametrize(
    ("codec", "size_bytes", "status"),
    [
        (RAW, CHUNK, "ok"),
        (RAW, CHUNK + 1, "content.wrong-codec"),
        (DAG_PB, CHUNK, "content.wrong-codec"),
        (DAG_PB, CHUNK + 1, "ok"),
        (DAG_CBOR, CHUNK + 1, "content.wrong-codec"),
        (DAG_PB, 2**32, "ok"),
        (DAG_PB, 2**32 + 1, "content.too-large"),
    ],
)
def test_cid_and_size_must_suit_the_profile(
    world: World, codec: int, size_bytes: int, status: str
) -> None:
    action = publish(cid=cid_of(codec, b""), size_bytes=size_bytes)
    commit_to(world.state, action)
    outcome = world.run(world.order(action, max_fee=10**9))
    assert outcome.receipts[0].status == status


def test_gas_grows_with_each_begun_mib(world: World) -> None:
    sizes = (1, 2**20, 2**20 + 1, 2**21)
    gas = [publish(size_bytes=size).derived_gas(world.state) for size in sizes]
    assert gas == [1_000, 1_000, 2_000, 2_000]


# Versions and clips


def published(stage: Stage, name: bytes, by: bytes = ANNA.public, **changed: object) -> Cid:
    """Publish what was committed to long ago."""
    action = publish(name, **changed)  # type: ignore[arg-type]
    key = next(who for who in (ANNA, BEN, CLEO) if who.public == by)
    stage.world.height = max(stage.world.height, 10)
    commit_to(stage.world.state, action, by=key)
    assert stage.act(by, action) == "ok"
    return action.cid


def test_a_version_replaces_the_newest_of_the_own_video(stage: Stage) -> None:
    one = published(stage, b"1")
    two = published(stage, b"2", replaces=one, title="Better")
    three = published(stage, b"3", replaces=two)
    videos = [VIDEOS.get(stage.world.state, cid) for cid in (one, two, three)]
    rows = [video for video in videos if video is not None]
    assert [(row.first, row.number, row.replaces) for row in rows] == [
        (one, 1, None),
        (one, 2, one),
        (one, 3, two),
    ]
    assert [row.line for row in rows] == [Line(ANNA.public, three, None), None, None]
    assert owner_of(stage.world.state, three) == ANNA.public
    assert [key[2] for key, _ in OWNED.every(stage.world.state, ANNA.public)] == [one]
    assert isinstance(stage.events[-1], Published)
    assert (stage.events[-1].first, stage.events[-1].number) == (one, 3)
    assert sound(stage)


def test_what_cannot_be_replaced_is_named(stage: Stage) -> None:
    one = published(stage, b"1")
    published(stage, b"2", replaces=one)
    for sender, replaced, code in (
        (ANNA, one, "not-newest"),
        (BEN, one, "not-owner"),
        (ANNA, cid_of(RAW, b"none"), "unknown-video"),
    ):
        action = publish(b"new", replaces=replaced)
        assert failure(stage, sender.public, action) == (code, "replaces")


def test_a_clip_names_its_parent_of_any_owner(stage: Stage) -> None:
    film = published(stage, b"film")
    first = published(stage, b"clip", by=BEN.public, parent=film)
    stage.world.height += 1
    second = published(stage, b"a clip", by=ANNA.public, parent=film)
    assert [key[2] for key, _ in CLIPS.every(stage.world.state, film)] == [first, second]
    assert isinstance(stage.events[-1], Published)
    assert stage.events[-1].parent == film
    for parent in (cid_of(RAW, b"none"), publish(b"new").cid):
        action = publish(b"new", parent=parent)
        assert failure(stage, ANNA.public, action) == ("unknown-video", "parent")
    assert sound(stage)


def test_the_owner_changes_what_is_said_of_a_video(stage: Stage) -> None:
    one = published(stage, b"1")
    two = published(stage, b"2", replaces=one)
    before = [VIDEOS.get(stage.world.state, cid) for cid in (one, two)]
    action = Update(one, "video/webm", "Another title", "MIT OR CC0-1.0")
    assert stage.act(ANNA.public, action) == "ok"
    assert stage.events[-1] == Updated(one, "video/webm", "Another title", "MIT OR CC0-1.0")
    after = [VIDEOS.get(stage.world.state, cid) for cid in (one, two)]
    assert before[0] is not None
    assert after == [
        replace(
            before[0], media_type="video/webm", title="Another title", licence="MIT OR CC0-1.0"
        ),
        before[1],
    ]
    assert failure(stage, BEN.public, action) == ("not-owner", "cid")
    unknown = replace(action, cid=cid_of(RAW, b"none"))
    assert failure(stage, ANNA.public, unknown) == ("unknown-video", "cid")
    assert sound(stage)


@pytest.mark.parametrize(
    ("licence", "good"),
    [
        ("CC-BY-4.0", True),
        ("GPL-2.0+ WITH Bison-exception-2.2", True),
        ("LicenseRef-fans-only", True),
        ("", False),
        ("all rights reserved", False),
        ("MIT  OR X", False),
        ("MIT OR", False),
        ("a" * 65, False),
    ],
)
def test_a_licence_is_a_short_spdx_expression(licence: str, good: bool) -> None:
    action = publish(licence=licence)
    if good:
        assert Publish.unpack(action.pack()) == action
        return
    with pytest.raises(InvalidEncoding) as caught:
        action.pack()
    assert caught.value.field == "licence"
