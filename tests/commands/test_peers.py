"""`reelect peers`."""

from pathlib import Path

import pytest

from consensus.errors import InvalidEncoding
from node.commands.peers import format_duration, parse_duration_s
from p2p.network import PeerInfo
from tests.api.world import World
from tests.commands.conftest import LivingTransport, Run

ONE, TWO, OWN = b"\x11" * 32, b"\x11\x22" * 16, b"n" * 32


@pytest.fixture
def peers(world: World) -> World:
    world.network.connected = (
        PeerInfo(ONE, "10.0.0.1:7400", "inbound", 3_725.0, None, 0.25, -3, 1_000, 42.7),
        PeerInfo(TWO, "10.0.0.2:7400", "outbound", 5.0, None, None, None),
    )
    world.network.bans[b"\xbb" * 32] = 90.0
    return world


def test_the_list(peers: World, node: LivingTransport, run: Run) -> None:
    shown = run("peers", "list").out
    line = next(line for line in shown.splitlines() if line.startswith("11111111"))
    assert line.split() == [
        *("1111111111111111", "10.0.0.1:7400", "inbound", "250", "ms", "-", "42", "1000"),
        *("1h", "2m"),
    ]
    assert f"{'bb' * 32}  1m 30s" in shown
    answer = run("peers", "list", "--json").json
    assert [item["id"] for item in answer["items"]] == [ONE.hex(), TWO.hex()]  # type: ignore[attr-defined]


def test_ban_by_the_first_digits(peers: World, node: LivingTransport, run: Run) -> None:
    answer = run("peers", "ban", "1122", "--duration", "30m", "--reason", "noisy")
    assert answer.code == 0
    assert "30m 0s" in answer.out
    assert peers.network.bans[TWO] == 1_800
    assert peers.network.reasons == ["noisy"]


def test_ban_somebody_unknown_by_the_whole_id(
    peers: World, node: LivingTransport, run: Run
) -> None:
    assert run("peers", "ban", "cc" * 32, "--json").code == 0
    assert peers.network.bans[b"\xcc" * 32] == 3_600


def test_unban_and_add(peers: World, node: LivingTransport, run: Run) -> None:
    assert run("peers", "unban", "bbbb").code == 0
    assert peers.network.bans == {}
    assert run("peers", "add", f"{ONE.hex()}@node.example:7400").code == 0
    assert [str(address) for address in peers.network.added] == [f"{ONE.hex()}@node.example:7400"]


@pytest.mark.parametrize(
    ("arguments", "code", "field", "words"),
    [
        (("ban", "xyz"), 2, "PEER", "not a node id"),
        (("ban", "111"), 2, "PEER", "at least 4 digits"),
        (("ban", "1111" * 20), 2, "PEER", "not a node id"),
        (("ban", "11"), 2, "PEER", "at least 4 digits"),
        (("ban", "abcd"), 1, "PEER", "no connected or banned peer's id begins with abcd"),
        (("ban", OWN.hex()), 1, "id", "this node itself"),
        (("ban", "1111", "--duration", "1w"), 2, "--duration", "s, m, h or d"),
        (("ban", "1111", "--duration", "0s"), 2, "--duration", "s, m, h or d"),
        (("ban", "1111", "--duration", "9999d"), 2, "--duration", "at most 365d"),
        (("unban", "1111"), 1, "", "is not banned"),
        (("add", "10.0.0.1:7400"), 2, "ADDRESS", "64 hex digits"),
        (("add", f"{ONE.hex()}@10.0.0.1:0"), 2, "ADDRESS", "64 hex digits"),
        (("add", f"{ONE.hex()}@10.0.0.1:65536"), 2, "ADDRESS", "64 hex digits"),
        (("add", f"{OWN.hex()}@10.0.0.1:1"), 1, "address", "this node itself"),
        (("add", f"{'bb' * 32}@10.0.0.1:1"), 1, "address", "unban it first"),
    ],
)
def test_bad_input_is_named(
    peers: World,
    node: LivingTransport,
    run: Run,
    arguments: tuple[str, ...],
    code: int,
    field: str,
    words: str,
) -> None:
    answer = run("peers", *arguments, "--json")
    assert (answer.code, answer.out) == (code, "")
    assert answer.error["field"] == field
    assert words in str(answer.error["message"])
    assert list(peers.network.bans) == [b"\xbb" * 32]


def test_digits_that_two_ids_begin_with(peers: World, node: LivingTransport, run: Run) -> None:
    peers.network.bans[b"\x11\x22" * 15 + b"\x00\x00"] = 1.0
    answer = run("peers", "ban", "11221122", "--json")
    assert "2 ids begin with 11221122" in str(answer.error["message"])


def test_a_token_is_read_from_its_file(
    peers: World, node: LivingTransport, run: Run, tmp_path: Path
) -> None:
    missing = run("peers", "ban", "1122", "--admin-token-file", str(tmp_path / "none"), "--json")
    assert missing.code == 1
    assert "none" in str(missing.error)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("90s", 90), ("30m", 1_800), ("1h", 3_600), ("365d", 31_536_000)],
)
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "1", "h", "-1h", "1.5h", "1h30m", "01h", "1H", " 1h", "366d"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(InvalidEncoding):
        parse_duration_s(text)


def test_durations_for_people() -> None:
    shown = [format_duration(s) for s in (0, 59, 60, 3_661, 90_000)]
    assert shown == ["0s", "59s", "1m 0s", "1h 1m", "1d 1h"]
