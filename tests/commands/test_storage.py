"""`reelect storage`: from a published video to a proof that earns, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from cli import INTERRUPTED
from consensus.address import format_address
from consensus.segments import SegmentHasher
from consensus.unixfs import KUBO, file_of
from node.client import Client
from node.commands import storage_proving
from storage.segment_index import SegmentIndex
from tests.api.world import ALICE, BOB, World
from tests.commands.conftest import LivingTransport, Run
from vm.modules.possession import PLEDGES, STORAGE_POT, Pledge, provider_of
from vm.modules.tokens import pot_of

SMALL = Path(__file__).parent.parent / "data" / "small.mp4"
CID = file_of([SMALL.read_bytes()], KUBO).cid
PERIOD, WINDOW = 60, 30  # of devnet


def root_of(data: bytes) -> str:
    hasher = SegmentHasher()
    hasher.feed(data)
    hasher.finish()
    return hasher.root.hex()


ROOT = root_of(SMALL.read_bytes())


def pledge_of(world: World) -> Pledge | None:
    return PLEDGES.get(world.chain.state.view(), CID, ALICE.public)


def go_to(world: World, height: int) -> None:
    """Blocks up to a height, and so far final that all readings see it."""
    first = world.chain.fork.head.slot + 1
    world.slots(range(first, first + height + 2 - world.chain.fork.head.height))


@pytest.fixture
def published(world: World, node: LivingTransport, run: Run) -> None:
    """Alice's video is published and its root registered."""
    for command in (("video", "publish", str(SMALL)), ("storage", "register", str(CID))):
        answer = run(*command, "--json")
        assert (answer.code, answer.err) == (0, "")


@pytest.fixture
def pledged(published: None, world: World, run: Run) -> Pledge:
    """And she pledges for it."""
    assert run("storage", "pledge", str(CID), "--periods", "2").code == 0
    pledge = pledge_of(world)
    assert pledge is not None
    return pledge


def test_the_root_of_a_file_and_of_what_the_node_stores(
    published: None, run: Run, home: Path
) -> None:
    for subject in (str(SMALL), str(CID)):
        answer = run("storage", "root", subject, "--json")
        assert answer.json == {"root": ROOT, "size_bytes": SMALL.stat().st_size}
    assert ROOT in run("storage", "root", str(SMALL)).out
    (home / "empty").touch()
    assert run("storage", "root", "empty", "--json").error["field"] == "empty"
    assert run("storage", "root", "nothing.mp4", "--json").code == 2


def test_a_large_file_is_hashed_in_steps(
    published: None, node: LivingTransport, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.content.segment_prover.STEP_BYTES", 200_000)
    monkeypatch.setattr("storage.segment_index.SegmentIndexes.get", lambda *_: None)
    node.requests.clear()
    assert run("storage", "root", str(CID), "--json").json["root"] == ROOT
    asked = [path for method, path in node.requests if method == "POST"]
    assert asked == [f"/v1/possession/{CID}/root"] * 4


def test_from_publication_to_a_proof_that_earns(pledged: Pledge, world: World, run: Run) -> None:
    """End to end: content store, prover, API, command line, signature, chain."""
    idle = run("storage", "prove", "--json")
    assert (idle.code, idle.json) == (0, {"state": "no challenge is open"})
    assert run("storage", "withdraw", str(CID), "--json").error["code"] == (
        "possession.term-not-over"
    )
    earned = 0
    for period in (1, 2):
        pledge = pledge_of(world)
        assert pledge is not None
        go_to(world, pledge.due_height)
        opened = pledge_of(world)
        assert opened is not None
        assert (opened.period, opened.challenge is None) == (period, False)
        shown = run("storage", "show", str(CID))
        assert f"open below height {opened.due_height}" in shown.out
        answer = run("storage", "prove", "--json")
        assert (answer.code, answer.err, answer.json["state"]) == (0, "", "final")
        done = provider_of(world.chain.state.view(), ALICE.public)
        assert (done.kept, done.missed) == (period, 0)
        assert done.earned >= earned
        earned = done.earned
    assert earned >= 1_000_000  # for a day, of a MiB that is begun
    listed = run("storage", "list", "--json").json
    record = listed["record"]
    assert isinstance(record, dict)
    assert record["earned"] == str(earned)
    assert run("storage", "withdraw", str(CID), "--json").json["state"] == "final"
    assert pledge_of(world) is None
    people = run("storage", "list").out
    assert format_address(ALICE.public) in people


def test_a_missed_challenge_is_seen(pledged: Pledge, world: World, run: Run) -> None:
    go_to(world, pledged.due_height + WINDOW)
    listed = run("storage", "list", "--json").json
    record = listed["record"]
    assert isinstance(record, dict)
    assert (record["missed"], record["lost"]) == (1, str(pledged.units // 10))
    items = listed["items"]
    assert isinstance(items, list)
    assert items[0]["pledge"]["missed"] == 1
    assert items[0]["segments"] == []


def test_an_open_challenge_shows_its_segments(pledged: Pledge, world: World, run: Run) -> None:
    go_to(world, pledged.due_height)
    shown = run("storage", "show", str(CID), "--json").json
    items = shown["items"]
    assert isinstance(items, list)
    assert len(items[0]["segments"]) == items[0]["pledge"]["challenge"]["segments"] == 4
    root = shown["root"]
    assert isinstance(root, dict)
    assert (root["root"], root["providers"]) == (ROOT, 1)


def looking(monkeypatch: pytest.MonkeyPatch, looks: int, between: Callable[[], None]) -> None:
    """Let a watching command look so often, and then be interrupted."""
    left = [looks]

    async def pause(_: float) -> None:
        await trio.lowlevel.checkpoint()
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        between()

    monkeypatch.setattr(storage_proving, "sleep", pause)


def test_watching_answers_each_challenge_once(
    pledged: Pledge, world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def a_while() -> None:
        first = world.chain.fork.head.slot + 1
        world.slots(range(first, first + 12))

    looking(monkeypatch, 12, a_while)
    answer = run("storage", "prove", "--watch", "--json", "--wait", "sent")
    assert (answer.code, answer.err) == (INTERRUPTED, "")
    assert [json.loads(line)["state"] for line in answer.out.splitlines()] == ["pending"] * 2
    done = provider_of(world.chain.state.view(), ALICE.public)
    assert (done.kept, done.missed) == (2, 0)


def test_watching_does_not_answer_twice_what_no_block_has_yet(
    pledged: Pledge, world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_to(world, pledged.due_height)
    looking(monkeypatch, 3, lambda: None)
    answer = run("storage", "prove", "--watch", "--json", "--wait", "sent")
    assert len(answer.out.splitlines()) == 1


def test_watching_says_once_what_fails_and_goes_on(
    pledged: Pledge, world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_to(world, pledged.due_height)
    world.segment_indexes.put(CID, OTHER_INDEX)
    looks = 0

    def a_while() -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            size, data = SMALL.stat().st_size, SMALL.read_bytes()
            hasher = SegmentHasher()
            groups = hasher.feed(data) + hasher.finish()
            world.segment_indexes.put(CID, SegmentIndex(size, tuple(groups)))

    looking(monkeypatch, 4, a_while)
    answer = run("storage", "prove", "--watch", "--json")
    assert answer.err.count("going on") == 1
    assert "is false" in answer.err
    assert json.loads(answer.out)["state"] == "final"


OTHER_INDEX = SegmentIndex(5, (bytes(32),))


def test_a_video_that_is_not_there_holds_up_no_other(
    pledged: Pledge, world: World, run: Run, home: Path
) -> None:
    (home / "lost.mp4").write_bytes(b"lost")
    lost = file_of([b"lost"], KUBO).cid
    run("video", "publish", "lost.mp4")
    run("storage", "register", str(lost))
    assert run("storage", "pledge", str(lost), "--periods", "2").code == 0
    other = PLEDGES.get(world.chain.state.view(), lost, ALICE.public)
    assert other is not None
    go_to(world, other.due_height)
    world.content.delete(lost)
    answer = run("storage", "prove", "--json")
    assert (answer.code, answer.error["code"], answer.json["state"]) == (1, "not-found", "final")
    assert str(lost) in str(answer.error["message"])
    done = provider_of(world.chain.state.view(), ALICE.public)
    assert (done.kept, done.missed) == (1, 0)


def test_answers_are_as_many_as_a_transaction_holds(
    pledged: Pledge,
    world: World,
    run: Run,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (home / "other.mp4").write_bytes(b"other" * 500)
    other = file_of([b"other" * 500], KUBO).cid
    for command in (
        ("video", "publish", "other.mp4"),
        ("storage", "register", str(other)),
        ("storage", "pledge", str(other), "--periods", "2"),
    ):
        assert run(*command).code == 0
    row = PLEDGES.get(world.chain.state.view(), other, ALICE.public)
    assert row is not None
    go_to(world, row.due_height)
    monkeypatch.setattr(storage_proving, "ROOM_BYTES", 1)
    for kept in (1, 2):
        assert run("storage", "prove").code == 0
        assert provider_of(world.chain.state.view(), ALICE.public).kept == kept


def test_nothing_is_pledged_for_a_false_root(published: None, world: World, run: Run) -> None:
    world.segment_indexes.put(CID, OTHER_INDEX)
    answer = run("storage", "pledge", str(CID), "--periods", "2", "--json")
    assert (answer.code, answer.error["code"]) == (1, "false-root")
    assert pledge_of(world) is None


def test_a_video_published_with_another_size_is_not_registered(
    node: LivingTransport, world: World, run: Run
) -> None:
    run("video", "publish", str(SMALL))
    world.segment_indexes.put(CID, OTHER_INDEX)
    answer = run("storage", "register", str(CID), "--json")
    assert (answer.code, answer.error["code"]) == (1, "wrong-size")


def test_segments_of_a_node_that_lies_are_not_sent(
    pledged: Pledge, world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_to(world, pledged.due_height)
    honest = Client.segments

    async def lie(client: Client, cid: object, indexes: tuple[int, ...]) -> object:
        return (await honest(client, CID, indexes))[::-1]

    monkeypatch.setattr(Client, "segments", lie)
    answer = run("storage", "prove", "--json")
    assert (answer.code, answer.error["code"]) == (5, "invalid-proof")


def test_anybody_funds_the_storage_pot(world: World, node: LivingTransport, run: Run) -> None:
    before = pot_of(world.chain.state.view(), STORAGE_POT, "REEL")
    assert run("storage", "fund", "1.5", "--json").json["state"] == "final"
    assert pot_of(world.chain.state.view(), STORAGE_POT, "REEL") == before + 150_000_000
    assert run("storage", "fund", "0", "--json").error["field"] == "AMOUNT"


def test_what_is_refused_is_named(published: None, world: World, run: Run) -> None:
    other = str(file_of([b"other"], KUBO).cid)
    cases = [
        (("register", str(CID)), 1, "possession.already-registered"),
        (("register", other), 1, "not-found"),
        (("pledge", other, "--periods", "2"), 1, "not-found"),
        (("pledge", str(CID), "--periods", "1"), 1, "possession.term-too-short"),
        (("pledge", str(CID), "--periods", "0"), 2, "usage"),
        (("withdraw", str(CID)), 1, "possession.no-pledge"),
        (("show", other), 1, "not-found"),
        (("show", "film.mp4"), 2, "invalid-encoding"),
        (("prove", "--watch", "--dry-run"), 2, "usage"),
        (("list", "zoe"), 2, "invalid-encoding"),
    ]
    for arguments, code, name in cases:
        answer = run("storage", *arguments, "--json")
        assert (answer.code, answer.error["code"]) == (code, name), arguments
        assert answer.out == ""


def test_another_account_with_no_pledges(published: None, run: Run) -> None:
    listed = run("storage", "list", "bob", "--json").json
    assert (listed["provider"], listed["items"]) == (format_address(BOB.public), [])
    assert json.dumps(listed["record"]).count('"0"') == 2
