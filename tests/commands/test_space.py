"""Spaces, names, versions and transfers from the command line, against a node that lives."""

from pathlib import Path

import pytest

from consensus.address import format_address
from consensus.cid import RAW, cid_of
from tests.api.world import ALICE, BOB, World
from tests.commands.conftest import LivingTransport, Run

ALICE_ADDRESS, BOB_ADDRESS = format_address(ALICE.public), format_address(BOB.public)


@pytest.fixture(autouse=True)
def _free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spaces cost little: nobody here has the price of one."""
    monkeypatch.setattr("vm.modules.content.spaces.handle_fee", lambda view, name: 7)


def made(home: Path, name: str) -> str:
    """A small file, and its content id."""
    (home / f"{name}.mp4").write_bytes(name.encode())
    return str(cid_of(RAW, name.encode()))


def published(run: Run, home: Path, name: str, *options: str) -> str:
    cid = made(home, name)
    answer = run("video", "publish", f"{name}.mp4", *options, "--json")
    assert (answer.code, answer.json["cid"]) == (0, cid), answer.err
    return cid


def test_a_space_is_created_shown_listed_and_updated(
    world: World, node: LivingTransport, run: Run
) -> None:
    assert run("space", "create", "films", "--channel", "cinema", "--title", "Films").code == 0
    shown = run("space", "show", "films", "--json").json
    space = {
        "owner": ALICE_ADDRESS,
        "channel": "cinema",
        "title": "Films",
        "offered_to": None,
        "height": 1,
    }
    assert shown == {"name": "films", "space": space, "names": []}
    assert "Films" in run("space", "show", "films").out
    assert run("space", "update", "films", "--channel", "art").code == 0
    for options in ((), ("--owner", "alice"), ("--channel", "art")):
        assert "films" in run("space", "list", *options).out
    for options in (("--owner", "bob"), ("--channel", "cinema")):
        assert "films" not in run("space", "list", *options).out
    both = run("space", "list", "--owner", "bob", "--channel", "art", "--json")
    assert (both.code, both.error["field"]) == (2, "--channel")
    assert run("space", "show", "none", "--json").error["code"] == "not-found"
    again = run("space", "create", "films", "--channel", "x-rays", "--title", "Mine", "--json")
    assert again.error["code"] == "content.space-taken"


def test_a_name_resolves_to_the_newest_version(
    world: World, node: LivingTransport, run: Run, home: Path
) -> None:
    run("space", "create", "films", "--channel", "cinema", "--title", "Films")
    one = published(run, home, "one", "--space", "films", "--name", "film")
    two = published(run, home, "two", "--replaces", one, "--licence", "CC-BY-4.0")
    clip = published(run, home, "clip", "--parent", two)
    found = run("name", "resolve", "films/film", "--json").json
    item = found["item"]
    assert isinstance(item, dict)
    assert (item["cid"], item["owner"]) == (two, ALICE_ADDRESS)
    assert two in run("name", "resolve", "films/film").out
    assert two in run("space", "show", "films").out
    shown = run("video", "show", two, "--json").json
    assert (shown["newest"], shown["versions"], shown["clips"]) == (two, [two, one], [clip])
    people = run("video", "show", one).out
    assert all(cid in people for cid in (one, two))
    assert run("name", "set", "films/clip", clip).code == 0
    assert clip in run("name", "resolve", "films/clip").out
    assert run("name", "remove", "films/clip").code == 0
    gone = run("name", "resolve", "films/clip", "--json")
    assert (gone.code, gone.error["code"]) == (1, "not-found")


def test_what_is_said_of_a_video_is_updated(
    world: World, node: LivingTransport, run: Run, home: Path
) -> None:
    cid = published(run, home, "film", "--licence", "CC-BY-4.0")
    assert run("video", "update", cid, "--title", "Another").code == 0
    shown = run("video", "show", cid, "--json").json["video"]
    assert isinstance(shown, dict)
    assert (shown["title"], shown["licence"]) == ("Another", "CC-BY-4.0")
    assert run("video", "update", cid, "--licence", "").code == 0
    shown = run("video", "show", cid, "--json").json["video"]
    assert isinstance(shown, dict)
    assert (shown["title"], shown["licence"]) == ("Another", None)
    bad = run("video", "update", cid, "--licence", "all mine", "--json")
    assert (bad.code, bad.error["field"]) == (2, "licence")
    unknown = str(cid_of(RAW, b"none"))
    assert run("video", "update", unknown, "--json").error["code"] == "not-found"
    assert run("video", "show", unknown, "--json").error["code"] == "not-found"


def test_a_video_and_a_space_go_to_who_accepts(
    world: World, node: LivingTransport, run: Run, home: Path
) -> None:
    run("tx", "transfer", "bob", "0.01")
    run("space", "create", "films", "--channel", "cinema", "--title", "Films")
    cid = published(run, home, "film", "--space", "films", "--name", "film")
    assert run("video", "transfer", cid, "bob").code == 0
    assert run("video", "show", cid, "--json").json["offered_to"] == BOB_ADDRESS
    assert BOB_ADDRESS in run("video", "show", cid).out
    assert run("video", "accept", cid, "--from", "bob").code == 0
    assert run("video", "show", cid, "--json").json["owner"] == BOB_ADDRESS
    assert "rests" in run("space", "show", "films").out
    assert run("space", "transfer", "films", "bob").code == 0
    assert run("space", "transfer", "films").code == 0
    early = run("space", "accept", "films", "--from", "bob", "--json")
    assert early.error["code"] == "content.not-offered"
    assert run("space", "transfer", "films", "bob").code == 0
    assert run("space", "accept", "films", "--from", "bob").code == 0
    assert cid in run("name", "resolve", "films/film").out


@pytest.mark.parametrize("name", ["films", "films/", "/film", "Films/film", "films/a/b"])
def test_a_name_is_written_with_its_space(
    world: World, node: LivingTransport, run: Run, name: str
) -> None:
    answer = run("name", "resolve", name, "--json")
    assert (answer.code, answer.error["field"]) == (2, "NAME")


def test_a_name_goes_with_a_space(
    world: World, node: LivingTransport, run: Run, home: Path
) -> None:
    made(home, "film")
    answer = run("video", "publish", "film.mp4", "--name", "film", "--json")
    assert (answer.code, answer.error["field"]) == (2, "--space")
