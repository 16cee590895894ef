"""Shares, tips, views, the ranking and live rooms from the command line to the state."""

import json
from pathlib import Path

import pytest

from consensus.address import format_address
from consensus.unixfs import KUBO
from node.content_transfer import measure
from tests.api.world import ALICE, BOB, World
from tests.commands.conftest import LivingTransport, Run
from vm.modules.social import TIPS, Tips

SMALL = Path(__file__).parent.parent / "data" / "small.mp4"
CID = str(measure(SMALL, KUBO).cid)
ALICES, BOBS = format_address(ALICE.public), format_address(BOB.public)
SPACE = ("space", "create", "alices", "--channel", "music", "--title", "Alice's")


@pytest.fixture(autouse=True)
def _published(node: LivingTransport, run: Run) -> None:
    """Alice has funds, Bob has published a video."""
    assert run("tx", "transfer", "bob", "50").code == 0
    assert run("video", "publish", str(SMALL), "--from", "bob").code == 0


def test_a_tip_votes_for_the_video_and_its_creator(world: World, run: Run) -> None:
    assert "No video has got a vote yet" in run("ranking", "list", "video").out
    answer = run("video", "tip", CID, "10", "--json")
    assert (answer.code, answer.json["state"]) == (0, "final")
    tips = TIPS.get(world.chain.state.view(), measure(SMALL, KUBO).cid, "REEL")
    assert tips == Tips(1, 10 * 10**8)
    for kind, subject in (("video", CID), ("creator", BOBS)):
        (item,) = json.loads(run("ranking", "list", kind, "--json").out)["items"]
        assert (item["subject"], item["points"], item["votes"]) == (subject, "50000000", 1)
    assert CID in run("ranking", "list", "video").out
    assert "No video is recommended" in run("ranking", "slots", "video").out


def test_a_share_link_names_its_sharer_who_must_be_another(run: Run) -> None:
    answer = run("video", "share", CID, "--json")
    assert answer.json["link"] == f"ipfs://{CID}?referrer={ALICES}"
    refused = run("video", "tip", CID, "1", "--referrer", "bob", "--json")
    assert (refused.code, refused.error["code"]) == (1, "referral.bad-referrer")
    assert run("video", "tip", CID, "1.5.5").code == 2


def test_terms_are_set_and_shown(run: Run) -> None:
    arguments = ("--sharer", "10%", "--team", "alice", "--team-part", "12.5%", "--from", "bob")
    assert run("referral", "terms", *arguments).code == 0
    shown = json.loads(run("referral", "show", "bob", "--json").out)
    assert (shown["sharer_ppm"], shown["team_ppm"], shown["teams"]) == (100_000, 125_000, [ALICES])
    assert "12.5%" in run("referral", "show", "bob").out
    assert run("referral", "terms", "--sharer", "101%").code == 2
    assert "Nothing was spent" in run("referral", "brought", "alice").out


def test_receipts_are_lines_that_others_submit(run: Run, tmp_path: Path) -> None:
    line = run("video", "sign-view", CID).out
    assert json.loads(line)["viewer"] == ALICES
    file = tmp_path / "views"
    file.write_text(line, "utf-8")
    refused = run("video", "submit-views", str(file), "--json")
    assert (refused.code, refused.error["code"]) == (1, "social.nothing-counts"), "no person's"
    file.write_text("nonsense\n", "utf-8")
    bad = run("video", "submit-views", str(file))
    assert (bad.code, "line 1 is no view receipt" in bad.err) == (2, True)


def test_a_room_is_opened_shown_and_closed(run: Run) -> None:
    stream = "https://live.example/index.m3u8"
    assert "No live room is open" in run("live", "list").out
    assert run("live", "buy", "10").code == 0
    refused = run("live", "open", "A concert", stream, "--json")
    assert (refused.code, refused.error["code"]) == (1, "live.no-space")
    assert run(*SPACE).code == 0
    assert run("live", "open", "A concert", "nowhere").code == 2
    assert run("live", "open", "A concert", stream, "--invited-only").code == 0
    assert run("live", "invite", "bob").code == 0
    entered = run("live", "enter", "alice", "--from", "bob", "--json")
    assert (entered.code, entered.json["stream"]) == (0, stream)
    (room,) = json.loads(run("live", "list", "--json").out)["rooms"]
    assert (room["show"]["packets_used"], room["points"]) == (1, "1000000")
    assert stream in run("live", "show", "alice").out
    assert BOBS in run("live", "guests", "0").out
    assert run("live", "close", "--peak", "1").code == 0
    shown = json.loads(run("live", "show", "alice", "--json").out)
    assert (shown["item"], shown["prepaid"]["packets"], shown["shows"][0]["peak"]) == (None, 9, 1)
