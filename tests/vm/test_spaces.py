"""Spaces and names: a name resolves to the newest version while space and video have one owner."""

import pytest

from consensus.cid import RAW, Cid, cid_of
from consensus.errors import ActionFailed
from tests.vm.stage import Stage
from tests.vm.test_content import published, sound
from tests.vm.world import ANNA, BEN, CLEO, FUNDS, publish
from vm.declare import Action
from vm.modules.content import (
    IN_CHANNEL,
    NAMES,
    OWNED,
    SPACES,
    SPACES_OWNED,
    TAKEN_DOWN,
    Accept,
    AcceptSpace,
    CreateSpace,
    Place,
    Reassign,
    Restore,
    SetName,
    Space,
    TakeDown,
    TakenDown,
    Transfer,
    TransferSpace,
    UpdateSpace,
    is_served,
    owner_of,
    resolve,
)
from vm.modules.content.naming import NameSet
from vm.modules.content.ruling import Reassigned, Restored, WasTakenDown
from vm.modules.content.spaces import SpaceCreated, SpaceUpdated
from vm.modules.content.transferring import (
    Offered,
    SpaceOffered,
    SpaceTransferred,
    Transferred,
)
from vm.modules.tokens import balance_of, mint
from vm.registry import REGISTRY

POLICY = b"p" * 32
NONE = cid_of(RAW, b"none")
FILM = Place("films", "film")
PRICE = 100_000_000 * 4**3  # a handle of 5 letters lacks 3


@pytest.fixture
def stage() -> Stage:
    """Anna has the space `films` in the channel `cinema`."""
    made = Stage()
    mint(made.world.state, ANNA.public, "REEL", PRICE)
    assert made.act(ANNA.public, CreateSpace("films", "cinema", "Films")) == "ok"
    return made


def failure(stage: Stage, sender: bytes, action: Action) -> tuple[str, str]:
    with pytest.raises(ActionFailed) as caught:
        action.apply(stage.context(sender))
    return caught.value.code.removeprefix("content."), caught.value.field


def newest(stage: Stage, place: Place = FILM) -> Cid | None:
    line = resolve(stage.world.state, place)
    return None if line is None else line.newest


# Spaces


def test_a_space_costs_what_a_handle_does(stage: Stage) -> None:
    state = stage.world.state
    assert stage.events == [SpaceCreated("films", ANNA.public, "cinema", "Films", PRICE)]
    assert balance_of(state, ANNA.public, "REEL") == FUNDS
    assert SPACES.get(state, "films") == Space(ANNA.public, "cinema", "Films", None, 1)
    assert [key for key, _ in SPACES_OWNED.every(state)] == [(ANNA.public, "films")]
    assert [key for key, _ in IN_CHANNEL.every(state)] == [("cinema", "films")]
    assert failure(stage, BEN.public, CreateSpace("films", "x-rays", "Mine")) == (
        "space-taken",
        "space",
    )
    poor = CreateSpace("shorts", "cinema", "Shorts")
    assert failure(stage, CLEO.public, poor) == ("token.insufficient-balance", "")
    assert sound(stage)


def test_its_owner_changes_channel_and_title(stage: Stage) -> None:
    action = UpdateSpace("films", "art", "Old films")
    assert stage.act(ANNA.public, action) == "ok"
    assert stage.events[-1:] == [SpaceUpdated("films", "art", "Old films")]
    assert [key for key, _ in IN_CHANNEL.every(stage.world.state)] == [("art", "films")]
    assert failure(stage, BEN.public, action) == ("not-space-owner", "space")
    unknown = UpdateSpace("none", "art", "None")
    assert failure(stage, ANNA.public, unknown) == ("unknown-space", "space")
    assert sound(stage)


# Names


def test_a_name_stands_for_the_newest_version(stage: Stage) -> None:
    one = published(stage, b"1", place=FILM)
    assert stage.events[-1:] == [NameSet("films", "film", one)]
    assert newest(stage) == one
    two = published(stage, b"2", replaces=one)
    assert newest(stage) == two
    three = published(stage, b"3", replaces=two, place=FILM)
    assert newest(stage) == three
    assert stage.act(ANNA.public, SetName("films", "again", two)) == "ok"
    assert newest(stage, Place("films", "again")) == three
    assert newest(stage, Place("films", "none")) is None
    assert newest(stage, Place("none", "film")) is None
    assert sound(stage)


def test_what_cannot_be_named_is_refused(stage: Stage) -> None:
    film = published(stage, b"film", place=FILM)
    mine = published(stage, b"mine", by=BEN.public)
    bad: list[tuple[bytes, Action, tuple[str, str]]] = [
        (ANNA.public, publish(b"x", place=FILM), ("name-taken", "place.name")),
        (ANNA.public, publish(b"x", place=Place("none", "x")), ("unknown-space", "place.space")),
        (BEN.public, publish(b"x", place=FILM), ("not-space-owner", "place.space")),
        (ANNA.public, SetName("films", "mine", mine), ("not-owner", "cid")),
        (ANNA.public, SetName("films", "mine", NONE), ("unknown-video", "cid")),
        (ANNA.public, SetName("none", "mine", film), ("unknown-space", "space")),
        (BEN.public, SetName("films", "mine", mine), ("not-space-owner", "space")),
        (ANNA.public, SetName("films", "none", None), ("unknown-name", "name")),
    ]
    for sender, action, expected in bad:
        assert failure(stage, sender, action) == expected
    assert sound(stage)


def test_the_owner_sets_a_name_anew_and_takes_it_away(stage: Stage) -> None:
    published(stage, b"film", place=FILM)
    other = published(stage, b"other")
    assert stage.act(ANNA.public, SetName("films", "film", other)) == "ok"
    assert newest(stage) == other
    assert stage.act(ANNA.public, SetName("films", "film", None)) == "ok"
    assert stage.events[-1:] == [NameSet("films", "film", None)]
    assert newest(stage) is None
    assert list(NAMES.every(stage.world.state)) == []
    assert sound(stage)


# Transfers


def test_a_video_goes_with_all_versions_to_who_accepts(stage: Stage) -> None:
    one = published(stage, b"1", place=FILM)
    two = published(stage, b"2", replaces=one)
    assert stage.act(ANNA.public, Transfer(one, BEN.public)) == "ok"
    assert stage.events[-1:] == [Offered(one, BEN.public)]
    assert owner_of(stage.world.state, two) == ANNA.public
    assert failure(stage, CLEO.public, Accept(two)) == ("not-offered", "cid")
    assert failure(stage, BEN.public, Accept(one)) == ("not-newest", "cid")
    assert failure(stage, BEN.public, Accept(NONE)) == ("unknown-video", "cid")
    assert stage.act(BEN.public, Accept(two)) == "ok"
    assert stage.events[-1:] == [Transferred(one, ANNA.public, BEN.public)]
    state = stage.world.state
    assert [owner_of(state, cid) for cid in (one, two)] == [BEN.public, BEN.public]
    assert [key[0] for key, _ in OWNED.every(state)] == [BEN.public]
    assert failure(stage, BEN.public, Accept(two)) == ("not-offered", "cid")
    assert failure(stage, ANNA.public, publish(b"3", replaces=two)) == ("not-owner", "replaces")
    assert newest(stage) is None
    assert sound(stage)


def test_a_new_version_after_the_offer_is_not_what_was_looked_at(stage: Stage) -> None:
    one = published(stage, b"1")
    stage.act(ANNA.public, Transfer(one, BEN.public))
    two = published(stage, b"2", replaces=one)
    assert failure(stage, BEN.public, Accept(one)) == ("not-newest", "cid")
    assert stage.act(BEN.public, Accept(two)) == "ok"
    assert sound(stage)


def test_an_offer_is_taken_back(stage: Stage) -> None:
    one = published(stage, b"1")
    assert failure(stage, BEN.public, Transfer(one, BEN.public)) == ("not-owner", "cid")
    assert failure(stage, ANNA.public, Transfer(one, ANNA.public)) == ("own-transfer", "to")
    stage.act(ANNA.public, Transfer(one, BEN.public))
    assert stage.act(ANNA.public, Transfer(one, None)) == "ok"
    assert failure(stage, BEN.public, Accept(one)) == ("not-offered", "cid")


def test_names_of_a_space_rest_until_the_owners_are_one_again(stage: Stage) -> None:
    one = published(stage, b"1", place=FILM)
    assert stage.act(ANNA.public, TransferSpace("films", BEN.public)) == "ok"
    assert stage.events[-1:] == [SpaceOffered("films", BEN.public)]
    assert failure(stage, CLEO.public, AcceptSpace("films")) == ("not-offered", "space")
    assert stage.act(BEN.public, AcceptSpace("films")) == "ok"
    assert stage.events[-1:] == [SpaceTransferred("films", ANNA.public, BEN.public)]
    assert SPACES.get(stage.world.state, "films") == Space(BEN.public, "cinema", "Films", None, 1)
    assert [key for key, _ in SPACES_OWNED.every(stage.world.state)] == [(BEN.public, "films")]
    assert failure(stage, BEN.public, AcceptSpace("films")) == ("not-offered", "space")
    assert newest(stage) is None
    stage.act(ANNA.public, Transfer(one, BEN.public))
    stage.act(BEN.public, Accept(one))
    assert newest(stage) == one
    assert sound(stage)


def test_a_name_that_rests_is_free_for_the_spaces_owner(stage: Stage) -> None:
    published(stage, b"1", place=FILM)
    stage.act(ANNA.public, TransferSpace("films", BEN.public))
    stage.act(BEN.public, AcceptSpace("films"))
    mine = published(stage, b"mine", by=BEN.public, place=FILM)
    assert newest(stage) == mine
    assert sound(stage)


def test_a_space_is_offered_by_its_owner_alone_and_the_offer_taken_back(stage: Stage) -> None:
    assert failure(stage, BEN.public, TransferSpace("films", BEN.public)) == (
        "not-space-owner",
        "space",
    )
    assert failure(stage, ANNA.public, TransferSpace("films", ANNA.public)) == (
        "own-transfer",
        "to",
    )
    assert failure(stage, ANNA.public, AcceptSpace("none")) == ("unknown-space", "space")
    stage.act(ANNA.public, TransferSpace("films", BEN.public))
    stage.act(ANNA.public, TransferSpace("films", None))
    assert failure(stage, BEN.public, AcceptSpace("films")) == ("not-offered", "space")


# What a community rules


def test_what_is_taken_down_stays_published_and_is_restored(stage: Stage) -> None:
    film, state = published(stage, b"film", place=FILM), stage.world.state
    assert is_served(state, film)
    assert stage.act(POLICY, TakeDown(film, "stolen")) == "ok"
    assert stage.events[-1:] == [WasTakenDown(film, "stolen")]
    assert not is_served(state, film)
    assert TAKEN_DOWN.get(state, film) == TakenDown("stolen", 10, stage.time_ms)
    assert owner_of(state, film) == ANNA.public
    assert newest(stage) == film
    assert failure(stage, POLICY, TakeDown(film, "again")) == ("already-taken-down", "cid")
    assert stage.act(POLICY, Restore(film, "a mistake")) == "ok"
    assert stage.events[-1:] == [Restored(film, "a mistake")]
    assert is_served(state, film)
    assert failure(stage, POLICY, Restore(film, "again")) == ("not-taken-down", "cid")


def test_also_what_was_never_published_is_taken_down(stage: Stage) -> None:
    assert stage.act(POLICY, TakeDown(NONE, "a comment")) == "ok"
    assert not is_served(stage.world.state, NONE)
    assert sound(stage)


def test_a_better_claim_gets_the_video_with_all_versions(stage: Stage) -> None:
    one = published(stage, b"1", place=FILM)
    two = published(stage, b"2", replaces=one)
    stage.act(ANNA.public, Transfer(one, BEN.public))
    assert stage.act(POLICY, Reassign(two, CLEO.public, "she made it")) == "ok"
    assert stage.events[-2:] == [
        Transferred(one, ANNA.public, CLEO.public),
        Reassigned(one, CLEO.public, "she made it"),
    ]
    assert owner_of(stage.world.state, one) == CLEO.public
    assert failure(stage, BEN.public, Accept(two)) == ("not-offered", "cid")
    assert newest(stage) is None
    owner = Reassign(one, CLEO.public, "again")
    assert failure(stage, POLICY, owner) == ("own-transfer", "owner")
    assert failure(stage, POLICY, Reassign(NONE, CLEO.public, "x")) == ("unknown-video", "cid")
    assert sound(stage)


def test_only_proposals_rule() -> None:
    governed = [
        name
        for name, declared in REGISTRY.actions.items()
        if name.startswith("content.") and declared.governed
    ]
    assert governed == ["content.reassign", "content.restore", "content.take_down"]
