"""Publishing, fetching and listing videos."""

import shutil
from pathlib import Path

import pytest
import trio.testing

from consensus.cid import Cid, parse_cid
from consensus.unixfs import KUBO, FileBuilder
from node.client import Client
from node.content_transfer import MAX_AT_ONCE
from node.failure import Unreachable
from tests.api.world import ALICE, World
from tests.commands.conftest import LivingTransport, Run
from vm.modules.content import VIDEOS, owner_of

SMALL = Path(__file__).parent.parent / "data" / "small.mp4"


def blocks_of(content: bytes) -> tuple[Cid, dict[Cid, bytes]]:
    builder = FileBuilder(KUBO)
    blocks = dict(builder.feed(content))
    blocks |= builder.finish()
    return builder.root.cid, blocks


ROOT, BLOCKS = blocks_of(SMALL.read_bytes())


def stored(node: LivingTransport) -> int:
    return sum(1 for method, path in node.requests if method == "PUT" and "/blocks/" in path)


def test_publish_then_get_the_same_bytes(
    world: World, node: LivingTransport, run: Run, home: Path
) -> None:
    answer = run("video", "publish", str(SMALL), "--title", "A test", "--json")
    assert (answer.code, answer.err) == (0, "")
    assert (answer.json["cid"], answer.json["state"]) == (str(ROOT), "final")
    state = world.chain.state.view()
    video = VIDEOS.get(state, ROOT)
    assert video is not None
    assert owner_of(state, ROOT) == ALICE.public
    assert (video.title, video.media_type) == ("A test", "video/mp4")
    assert video.size_bytes == SMALL.stat().st_size
    assert all(world.content.has(cid) for cid in BLOCKS)
    got = run("video", "get", str(ROOT), "-o", "out.mp4", "--json")
    assert (got.code, got.json["size_bytes"]) == (0, SMALL.stat().st_size)
    assert (home / "out.mp4").read_bytes() == SMALL.read_bytes()
    assert not (home / "out.mp4.part").exists()


def test_the_list(world: World, node: LivingTransport, run: Run) -> None:
    run("video", "publish", str(SMALL), "--title", "A test")
    people = run("video", "list")
    assert str(ROOT) in people.out
    assert "A test" in people.out
    assert str(ROOT) in run("video", "list", "--owner", "alice").out
    assert str(ROOT) not in run("video", "list", "--owner", "bob").out
    assert run("video", "list", "--owner", "zoe").code == 2


def test_blocks_that_are_there_are_not_sent_again(
    world: World, node: LivingTransport, run: Run
) -> None:
    first = next(iter(BLOCKS))
    world.content.put(first, BLOCKS[first])
    assert run("video", "publish", str(SMALL)).code == 0
    assert stored(node) == len(BLOCKS) - 1


def test_a_refused_publication_stores_nothing(
    world: World, node: LivingTransport, run: Run
) -> None:
    answer = run("video", "publish", str(SMALL), "--from", "bob", "--json")
    assert (answer.code, answer.error["code"]) == (1, "fee.payer-balance")
    assert stored(node) == 0
    assert not any(world.content.has(cid) for cid in BLOCKS)


def test_nothing_is_claimed_twice(world: World, node: LivingTransport, run: Run) -> None:
    assert run("video", "publish", str(SMALL)).code == 0
    again = run("video", "publish", str(SMALL), "--json")
    assert (again.code, again.json["state"]) == (0, "published before")
    assert run("tx", "transfer", "bob", "5").code == 0
    other = run("video", "publish", str(SMALL), "--from", "bob", "--json")
    assert (other.code, other.error["code"]) == (1, "content.already-published")


def test_a_dry_run_stores_nothing(world: World, node: LivingTransport, run: Run) -> None:
    answer = run("video", "publish", str(SMALL), "--dry-run", "--json")
    assert (answer.code, answer.json["cid"], stored(node)) == (0, str(ROOT), 0)


@pytest.mark.parametrize(
    ("name", "options", "field"),
    [
        ("film.unheard", (), "--media-type"),
        ("film.mp4", ("--media-type", "film"), "media_type"),
        ("film.mp4", ("--title", "two\nlines"), "title"),
        ("film.mp4", ("--profile", "unixfs-v1-2025"), "profile"),
        ("film.mp4", ("--profile", "other"), "--profile"),
    ],
)
def test_what_cannot_be_published(
    world: World,
    node: LivingTransport,
    run: Run,
    home: Path,
    name: str,
    options: tuple[str, ...],
    field: str,
) -> None:
    shutil.copyfile(SMALL, home / name)
    answer = run("video", "publish", name, *options, "--json")
    assert (answer.code, answer.error["field"]) == (2, field)
    assert node.requests == []


def test_a_file_that_is_not_there(world: World, node: LivingTransport, run: Run) -> None:
    answer = run("video", "publish", "nothing.mp4", "--json")
    assert (answer.code, answer.error["field"]) == (1, "nothing.mp4")


def test_an_altered_block_is_not_written(
    world: World,
    node: LivingTransport,
    run: Run,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    leaf = next(iter(BLOCKS))

    async def lie(_: Client, cid: Cid, root: Cid | None = None) -> bytes:
        data = BLOCKS[cid]
        return data[:-1] + bytes([data[-1] ^ 1]) if cid == leaf else data

    monkeypatch.setattr(Client, "fetch_block", lie)
    answer = run("video", "get", str(ROOT), "-o", "out.mp4", "--json")
    assert (answer.code, answer.error["code"]) == (5, "invalid-proof")
    assert str(leaf) in str(answer.error["message"])
    assert not (home / "out.mp4").exists()


def test_an_interrupted_download_goes_on(
    world: World,
    node: LivingTransport,
    run: Run,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[Cid] = []
    lost = list(BLOCKS)[1]

    async def fetch(_: Client, cid: Cid, root: Cid | None = None) -> bytes:
        asked.append(cid)
        if lost in asked[-1:] and asked.count(lost) == 1:
            raise Unreachable("the connection broke")
        return BLOCKS[cid]

    monkeypatch.setattr(Client, "fetch_block", fetch)
    assert run("video", "get", str(ROOT), "-o", "out.mp4").code == 3
    assert (home / "out.mp4.part").exists()
    first = next(iter(BLOCKS))
    assert run("video", "get", str(ROOT), "-o", "out.mp4").code == 0
    assert (home / "out.mp4").read_bytes() == SMALL.read_bytes()
    assert asked.count(first) == 1


def test_several_blocks_are_fetched_at_once(
    world: World,
    node: LivingTransport,
    run: Run,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    under_way, most = 0, 0

    async def fetch(_: Client, cid: Cid, root: Cid | None = None) -> bytes:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await trio.testing.wait_all_tasks_blocked()
        under_way -= 1
        return BLOCKS[cid]

    monkeypatch.setattr(Client, "fetch_block", fetch)
    assert run("video", "get", str(ROOT), "-o", "out.mp4").code == 0
    assert (home / "out.mp4").read_bytes() == SMALL.read_bytes()
    assert most == min(MAX_AT_ONCE, len(BLOCKS) - 1)


def test_a_file_that_exists_is_kept(
    world: World, node: LivingTransport, run: Run, home: Path
) -> None:
    (home / "out.mp4").write_text("mine")
    answer = run("video", "get", str(ROOT), "-o", "out.mp4", "--json")
    assert (answer.code, answer.error["field"]) == (1, "out.mp4")
    assert (home / "out.mp4").read_text() == "mine"


@pytest.mark.parametrize("cid", [str(ROOT).upper(), str(ROOT)[:-1], "Qm" + "a" * 44])
def test_another_spelling_of_a_cid(world: World, node: LivingTransport, run: Run, cid: str) -> None:
    answer = run("video", "get", cid, "-o", "out.mp4", "--json")
    assert (answer.code, answer.error["field"]) == (2, "CID")


def test_content_that_nobody_has(world: World, node: LivingTransport, run: Run) -> None:
    answer = run("video", "get", str(ROOT), "-o", "out.mp4", "--json")
    assert (answer.code, answer.error["code"]) == (1, "not-found")


def test_the_vector_is_the_file() -> None:
    assert parse_cid(str(ROOT)) == ROOT
    assert len(BLOCKS) == 4
