"""Statistics and recommendations from the command line."""

import json
from pathlib import Path

import pytest

from consensus.address import format_address
from consensus.unixfs import KUBO
from node.content_transfer import measure
from node.query.statistics_answers import INDEX
from tests.api.world import ALICE, BOB, World
from tests.commands.conftest import LivingTransport, Run
from tests.node.network import key

SMALL = Path(__file__).parent.parent / "data" / "small.mp4"
CID = str(measure(SMALL, KUBO).cid)
ALICES, BOBS = format_address(ALICE.public), format_address(BOB.public)
STRANGER = format_address(key("stranger").public)


@pytest.fixture(autouse=True)
def _liked(world: World, node: LivingTransport, run: Run, tmp_path: Path) -> None:
    """Bob has published two videos, which Alice likes; she has tipped for one."""
    other = tmp_path / "other.mp4"
    other.write_bytes(b"another film")
    assert run("tx", "transfer", "bob", "50").code == 0
    for file in (SMALL, other):
        assert run("video", "publish", str(file), "--title", "A film", "--from", "bob").code == 0
        assert run("video", "like", str(measure(file, KUBO).cid)).code == 0
    assert run("video", "tip", CID, "10").code == 0
    first = world.chain.fork.head.slot + 1
    world.slots([first, first + 1])


def fields(text: str) -> dict[str, str]:
    """The lines of two columns."""
    pairs = (line.split("  ", 1) for line in text.splitlines() if "  " in line)
    return {name: value.strip() for name, value in pairs}


def test_all_that_was_counted_is_shown(world: World, run: Run) -> None:
    answer = run("statistics", "show")
    assert answer.code == 0
    shown = fields(answer.out)
    assert shown["source"] == INDEX
    assert shown["counted"] == f"final blocks 1 to {world.chain.durable_final.height}"
    assert shown["active accounts"] == "2, 2 of them new"
    assert (shown["likes"], shown["videos published"]) == ("2", "2")
    assert shown["tips"] == "1, for 10 REEL"
    assert shown["transferred"] == "50 REEL"
    assert shown["income"] == "9.5 REEL"
    assert shown["social.like"].split() == ["2", "0"]
    total = json.loads(run("statistics", "show", "--json").out)["total"]
    assert total["attention"]["tip_units"] == [{"asset": "REEL", "units": "1000000000"}]
    one = run("statistics", "show", "--day", "0")
    assert fields(one.out)["day"].startswith("0, from 2023-11-14 22:13:20 UTC to ")
    assert json.loads(run("statistics", "show", "--day", "0", "--json").out)["day"]["day"] == 0


def test_days_are_listed(run: Run) -> None:
    answer = run("statistics", "days")
    heading, *rows = answer.out.splitlines()
    assert heading.split()[:3] == ["DAY", "BEGAN", "ACTIVE"]
    assert rows[-1].split()[0] == "0"
    assert [item["day"] for item in json.loads(run("statistics", "days", "--json").out)["items"]]
    assert run("statistics", "days", "--most", "367").code == 2


def test_rankings_are_of_videos_creators_and_accounts(run: Run) -> None:
    assert CID in run("statistics", "ranking", "likes").out
    assert BOBS in run("statistics", "ranking", "income", "--kind", "creator").out
    assert "9.5 REEL" in run("statistics", "ranking", "income", "--kind", "creator").out
    found = run("statistics", "ranking", "likes", "--kind", "account", "--json").json
    assert found["items"] == [{"subject": ALICES, "count": "2"}]
    assert "No video has views yet" in run("statistics", "ranking", "views").out
    assert (
        "No video has views of the day 0" in run("statistics", "ranking", "views", "--day", "0").out
    )


def test_a_video_and_an_account_are_shown(run: Run) -> None:
    video = fields(run("statistics", "video", CID).out)
    assert (video["video"], video["likes"], video["tips"]) == (CID, "1", "1, for 10 REEL")
    assert video["on the chain now"] == "1 likes, 0 comments, 0 shares, 0 views"
    account = run("statistics", "account", "bob").out
    did, received = account.split("At its videos:")
    assert (fields(did)["likes"], fields(received)["likes"]) == ("0", "2")
    assert run("statistics", "video", CID, "--json").json["cid"] == CID
    assert run("statistics", "account", "bob", "--json").json["account"] == BOBS


def test_what_is_recommended_and_why(run: Run) -> None:
    beside = run("recommend", "video", CID)
    assert "Those who have viewed or liked it also like:" in beside.out
    assert "A film" in beside.out
    assert CID not in beside.out
    assert "the most liked of" in run("recommend", "account", STRANGER).out
    assert "Nothing is liked that it does not know" in run("recommend", "account", "alice").out
    answer = run("recommend", "account", STRANGER, "--most", "1", "--json").json
    assert len(answer["items"]) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("command", "code", "field"),
    [
        (("statistics", "ranking", "comments"), 2, "METRIC"),
        (("statistics", "ranking", "likes", "--kind", "room"), 2, "--kind"),
        (("statistics", "ranking", "likes", "--asset", "REEL"), 1, "asset"),
        (("statistics", "ranking", "fees", "--asset", "NONE"), 1, "asset"),
        (("statistics", "show", "--day", "99"), 1, "day"),
        (("statistics", "show", "--day", "-1"), 2, "--day"),
        (("statistics", "video", "nonsense"), 2, "CID"),
        (("statistics", "account", "nobody"), 2, "ACCOUNT"),
        (("recommend", "video", "nonsense"), 2, "CID"),
        (("recommend", "account", "@nobody"), 1, "ACCOUNT"),
        (("recommend", "video", CID, "--most", "101"), 2, "--most"),
    ],
)
def test_what_is_wrong_is_said(run: Run, command: tuple[str, ...], code: int, field: str) -> None:
    answer = run(*command, "--json")
    assert (answer.code, answer.out, answer.error["field"]) == (code, "", field)
