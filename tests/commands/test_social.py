"""Liking and commenting from the command line to the state."""

from pathlib import Path
from typing import cast

import pytest

from consensus.address import format_address
from consensus.cid import RAW, Cid, cid_of
from consensus.kinds import JsonObject
from consensus.unixfs import KUBO
from node.client import Client
from node.content_transfer import measure
from tests.api.world import ALICE, World
from tests.commands.conftest import LivingTransport, Run
from vm.modules.social import LIKERS, Counts, counts_of

SMALL = Path(__file__).parent.parent / "data" / "small.mp4"
VIDEO = measure(SMALL, KUBO).cid
CID = str(VIDEO)
UNKNOWN = str(cid_of(RAW, b"unknown"))


@pytest.fixture(autouse=True)
def _published(node: LivingTransport, run: Run) -> None:
    assert run("video", "publish", str(SMALL)).code == 0


def counts(world: World) -> Counts:
    return counts_of(world.chain.state.view(), VIDEO)


def listed(run: Run, *options: str) -> list[JsonObject]:
    return cast(list[JsonObject], run("video", "comments", CID, *options, "--json").json["items"])


def test_a_like_is_given_once_and_taken_back(world: World, run: Run) -> None:
    answer = run("video", "like", CID, "--json")
    assert (answer.code, answer.json["state"]) == (0, "final")
    assert counts(world) == Counts(1, 0)
    assert LIKERS.get(world.chain.state.view(), VIDEO, ALICE.public) is not None
    again = run("video", "like", CID, "--json")
    assert (again.code, again.error["code"]) == (1, "social.already-liked")
    assert run("video", "unlike", CID).code == 0
    assert counts(world) == Counts(0, 0)


def test_with_mana_it_costs_nothing(node: LivingTransport, run: Run) -> None:
    assert run("stake", "bond", "100").code == 0
    node.skip(600)
    assert " gas of mana" in run("video", "like", CID).out
    assert " gas of mana" in run("video", "comment", CID, "well done").out


def test_what_is_said_is_listed_in_order(world: World, run: Run) -> None:
    for text in ("well done", "zwölf von zwölf"):
        answer = run("video", "comment", CID, text, "--json")
        assert (answer.code, answer.json["cid"]) == (0, str(cid_of(RAW, text.encode())))
        assert world.content.has(cid_of(RAW, text.encode()))
    assert counts(world) == Counts(0, 2)
    first, second = listed(run)
    assert (first["number"], first["text"]) == (0, "well done")
    assert (second["text"], second["size_bytes"]) == ("zwölf von zwölf", 17)
    assert second["author"] == format_address(ALICE.public)
    assert [item["number"] for item in listed(run, "--last", "1")] == [1]
    shown = run("video", "comments", CID).out
    assert shown.index("well done") < shown.index("zwölf von zwölf")


def test_what_nobody_has_is_said_to_be_so(world: World, run: Run) -> None:
    assert run("video", "comment", CID, "well done").code == 0
    words = cid_of(RAW, b"well done")
    world.content.delete(words)
    assert listed(run)[0]["text"] is None
    assert f"(nobody has {words} now)" in run("video", "comments", CID).out


def test_another_text_is_not_shown(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("video", "comment", CID, "well done").code == 0

    async def lie(_: Client, cid: Cid, root: Cid | None = None) -> bytes:
        return b"badly done"

    monkeypatch.setattr(Client, "fetch_block", lie)
    answer = run("video", "comments", CID, "--json")
    assert (answer.code, answer.error["code"]) == (5, "invalid-proof")


def test_a_dry_run_and_a_refused_comment_store_nothing(world: World, run: Run) -> None:
    words = cid_of(RAW, b"well done")
    assert run("video", "comment", CID, "well done", "--dry-run").code == 0
    answer = run("video", "comment", UNKNOWN, "well done", "--json")
    assert (answer.code, answer.error["code"]) == (1, "social.unknown-video")
    assert not world.content.has(words)


def test_a_video_without_comments(run: Run) -> None:
    assert run("video", "comments", CID, "--json").json == {"likes": 0, "comments": 0, "items": []}


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (("like", "nonsense"), "CID"),
        (("unlike", "nonsense"), "CID"),
        (("comment", "nonsense", "well done"), "CID"),
        (("comment", CID, ""), "TEXT"),
        (("comment", CID, "\x1b[2J"), "TEXT"),
        (("comments", "nonsense"), "CID"),
        (("comments", CID, "--last", "0"), "--last"),
        (("comments", CID, "--last", "1001"), "--last"),
    ],
)
def test_bad_arguments_are_named(run: Run, command: tuple[str, ...], field: str) -> None:
    answer = run("video", *command, "--json")
    assert (answer.code, answer.error["field"]) == (2, field)
