"""Publication: content is claimed once, by the id its profile gives it, and paid by size."""

import pytest

from consensus.cid import DAG_CBOR, DAG_PB, RAW, cid_of
from tests.vm.world import ANNA, BEN, GENESIS_TIME_MS, World, publish
from vm.modules.content import OWNED, VIDEOS, Publish, Video

CHUNK = 262_144


@pytest.fixture
def world() -> World:
    return World.begin()


def test_a_video_gets_its_owner(world: World) -> None:
    action = publish()
    world.run(world.order(action))
    video = VIDEOS.get(world.state, action.cid)
    time_ms = GENESIS_TIME_MS + 1000
    assert video == Video(
        ANNA.public, "kubo-cidv1-256k-174", 5, "video/mp4", "A day out", 1, time_ms
    )


def test_content_is_claimed_once(world: World) -> None:
    outcome = world.run(world.order(publish()), world.order(publish(title="Mine"), by=BEN))
    assert [r.status for r in outcome.receipts] == ["ok", "content.already-published"]
    video = VIDEOS.get(world.state, publish().cid)
    assert video is not None
    assert video.owner == ANNA.public
    assert list(OWNED.every(world.state, BEN.public)) == []


def test_an_owners_videos_are_listed_in_order_of_publication(world: World) -> None:
    actions = [publish(b"%d" % i) for i in range(4)]
    for nonce, action in enumerate(actions):
        world.run(
            world.order(action, nonce=nonce),
            world.order(publish(b"b%d" % nonce), by=BEN, nonce=nonce),
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
    action = Publish(cid_of(codec, b""), "kubo-cidv1-256k-174", size_bytes, "video/mp4", "t")
    outcome = world.run(world.order(action, max_fee=10**9))
    assert outcome.receipts[0].status == status


def test_gas_grows_with_each_begun_mib(world: World) -> None:
    sizes = (1, 2**20, 2**20 + 1, 2**21)
    gas = [publish(size_bytes=size).derived_gas(world.state) for size in sizes]
    assert gas == [1_000, 1_000, 2_000, 2_000]
