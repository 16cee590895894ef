"""`reelect content`: adding, pinning, listing, verifying, collecting, exporting and importing."""

import os
from pathlib import Path

import pytest

from consensus.car import MAX_ROOTS, car_header, car_section
from consensus.cid import DAG_PB, RAW, Cid, cid_of, parse_cid
from consensus.unixfs import KUBO, ContentBlock, FileBuilder
from consensus.varint import encode_varint
from node.client import Client
from node.content_tree import tree_blocks
from node.failure import Refused, TimedOut
from node.query.store_forms import PinForm
from storage.content_pin import Pin, PinKind
from tests.api.world import World
from tests.commands.conftest import LivingTransport, Run
from vm.modules.content import VIDEOS

SMALL = Path(__file__).parent.parent / "data" / "small.mp4"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files, a folder in it, and what is left out."""
    made = tmp_path / "films"
    (made / "more").mkdir(parents=True)
    (made / "small.mp4").write_bytes(SMALL.read_bytes())
    (made / "more" / "a.txt").write_text("a")
    (made / "more" / "empty").touch()
    (made / ".hidden").touch()
    return made


def built(content: bytes) -> list[ContentBlock]:
    builder = FileBuilder(KUBO)
    return [*builder.feed(content), *builder.finish()]


def car(roots: list[Cid], blocks: list[ContentBlock]) -> bytes:
    return car_header(roots) + b"".join(car_section(cid, data) for cid, data in blocks)


BLOCKS = built(SMALL.read_bytes())
ROOT = BLOCKS[-1][0]
X, Y = cid_of(RAW, b"x"), cid_of(RAW, b"y")


def test_a_folder_is_stored_and_pinned(
    world: World, node: LivingTransport, run: Run, folder: Path
) -> None:
    answer = run("content", "add", str(folder), "--json")
    assert (answer.code, answer.err) == (0, "")
    root = parse_cid(str(answer.json["cid"]))
    assert answer.json == {
        "cid": run("cid", str(folder)).out.strip(),
        "name": "films",
        "size_bytes": SMALL.stat().st_size + 1,
    }
    assert [pin.cid for pin in world.content.pins()] == [root]
    assert all(world.content.has(cid) for cid, _ in tree_blocks(folder, KUBO))
    listed = run("content", "list").out
    assert f"{root}  user" in listed
    assert "films" in listed
    assert run("content", "gc", "--min-age-s", "0", "--json").json["removed_blocks"] == 0
    assert run("content", "unpin", str(root)).code == 0
    assert run("content", "unpin", str(root), "--json").error["code"] == "not-found"
    done = run("content", "gc", "--json")
    assert done.json["removed_blocks"] == len({cid for cid, _ in tree_blocks(folder, KUBO)})
    assert world.content.size == 0


def test_collection_stops_at_the_target(world: World, node: LivingTransport, run: Run) -> None:
    for i in range(100):
        world.content.put(cid_of(RAW, bytes([i]) * 100), bytes([i]) * 100)
    done = run("content", "gc", "--target-bytes", "2000", "--min-age-s", "0", "--json")
    assert done.json == {"removed_blocks": 80, "removed_bytes": 8_000}
    assert not world.content.has(cid_of(RAW, bytes(100)))
    assert world.content.has(cid_of(RAW, bytes([99]) * 100))
    assert run("content", "gc", "--target-bytes", "-1").code == 2


def test_what_a_node_has_is_shown(world: World, node: LivingTransport, run: Run) -> None:
    run("content", "add", str(SMALL), "--name", "a film")
    assert run("content", "stat", "--json").json["pins"] == 1
    answer = run("content", "stat", str(ROOT))
    assert "user a film" in answer.out
    assert "nothing" in answer.out
    world.content.delete(BLOCKS[0][0])
    assert run("content", "stat", str(ROOT), "--json").json["missing"] == [str(BLOCKS[0][0])]
    assert run("content", "stat", "x").code == 2


def test_what_is_not_here_is_fetched_to_be_pinned(
    world: World, node: LivingTransport, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.elsewhere = dict(BLOCKS)

    async def fetch(client: Client, cid: Cid) -> bytes:
        world.content.put(cid, world.elsewhere[cid])  # as a node does
        return world.elsewhere[cid]

    monkeypatch.setattr(Client, "fetch_block", fetch)
    assert run("content", "pin", str(ROOT), "--json").json["kind"] == "user"
    assert world.content.missing(ROOT) == []


def test_what_no_room_is_for_is_not_pinned(world: World, node: LivingTransport, run: Run) -> None:
    world.elsewhere = dict(BLOCKS)
    answer = run("content", "pin", str(ROOT), "--json")  # it is handed on, and not kept
    assert (answer.code, answer.error["code"]) == (1, "content-store-full")
    assert run("content", "pin", str(X), "--json").error["code"] == "not-found"
    assert world.content.pins() == []


def test_what_is_published_is_pinned(world: World, node: LivingTransport, run: Run) -> None:
    assert run("video", "publish", str(SMALL), "--title", "A test").code == 0
    (pin,) = world.content.pins()
    assert (pin.cid, pin.kind, pin.name) == (ROOT, PinKind.CHAIN.value, "A test")
    assert run("content", "unpin", str(ROOT)).code == 1
    assert run("content", "unpin", str(ROOT), "--kind", "chain").code == 0
    world.content.pin(ROOT, PinKind.REPLICA)
    assert run("content", "unpin", str(ROOT)).code == 1
    assert run("content", "unpin", str(ROOT), "--kind", "replica").code == 0


def test_corrupt_blocks_are_named(world: World, node: LivingTransport, run: Run) -> None:
    run("content", "add", str(SMALL))
    assert run("content", "verify", "--json").json["lost"] == []
    file = next(world.folder.glob(f"content/*/{BLOCKS[0][0]}"))
    file.write_bytes(file.read_bytes()[:-1])
    answer = run("content", "verify")
    assert answer.code == 1
    assert str(BLOCKS[0][0]) in answer.out
    assert "1 blocks were corrupt" in answer.err


def test_a_car_goes_out_and_comes_in(
    world: World, node: LivingTransport, run: Run, folder: Path, home: Path
) -> None:
    root = str(run("content", "add", str(folder), "--json").json["cid"])
    assert run("content", "export", root, "-o", "films.car").code == 0
    assert not (home / "films.car.part").exists()
    assert run("content", "export", root, "-o", "films.car").code == 1
    run("content", "unpin", root)
    run("content", "gc")
    assert world.content.size == 0
    assert run("content", "import", "films.car", "--json").json == {
        "roots": [root],
        "name": "films.car",
    }
    assert world.content.missing(parse_cid(root)) == []
    assert [str(pin.cid) for pin in world.content.pins()] == [root]


def test_what_is_collected_while_it_is_added_is_sent_again(
    world: World, node: LivingTransport, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin, collections = Client.pin, 1

    async def pin_late(client: Client, root: Cid, form: PinForm) -> Pin:
        nonlocal collections
        if collections:
            collections -= 1
            world.content.delete(BLOCKS[0][0])
        return await pin(client, root, form)

    monkeypatch.setattr(Client, "pin", pin_late)
    assert run("content", "add", str(SMALL)).code == 0
    assert world.content.missing(ROOT) == []
    world.content.unpin(ROOT)
    collections = 99
    answer = run("video", "publish", str(SMALL), "--json")
    assert (answer.code, answer.error["code"]) == (1, "content-incomplete")
    assert world.content.pins() == []
    assert VIDEOS.get(world.chain.state.view(), ROOT) is None


def test_what_the_chain_refuses_is_not_pinned(
    world: World, node: LivingTransport, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise Refused("somebody was first", code="content.already-published")

    monkeypatch.setattr("node.commands.video_publish.deliver", refuse)
    answer = run("video", "publish", str(SMALL), "--json")
    assert answer.error["code"] == "content.already-published"
    assert world.content.pins() == []


def test_roots_of_which_one_is_not_pinned_are_not_pinned(
    world: World, node: LivingTransport, run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin = Client.pin

    async def pin_others(client: Client, root: Cid, form: PinForm) -> Pin:
        if root == ROOT:
            raise TimedOut("too late")
        return await pin(client, root, form)

    (home / "two.car").write_bytes(car([Y, X, ROOT], [(X, b"x"), (Y, b"y"), *BLOCKS]))
    world.content.put(Y, b"y")
    world.content.pin(Y, name="before")
    monkeypatch.setattr(Client, "pin", pin_others)
    assert run("content", "import", "two.car").code == 4
    assert [found.cid for found in world.content.pins()] == [Y]


BOMBS = {
    "nothing": b"",
    "a long varint": b"\xff" * 11,
    "a varint that is not the shortest": b"\x80\x00",
    "a huge header": encode_varint(2**40),
    "a huge section": car_header([X]) + encode_varint(2**40),
    "an empty section": car_header([X]) + b"\x00",
    "too many roots": encode_varint(3 * MAX_ROOTS * 41)
    + car_header([X])[1:-9].replace(b"\x81", b"\x99\x10\x00")
    + bytes(3 * MAX_ROOTS * 41),
    "an unknown hash": car_header([X]) + encode_varint(37) + b"\x01\x55\x13\x20" + bytes(33),
    "an identity hash": car_header([X]) + encode_varint(37) + b"\x01\x55\x00\x20" + bytes(33),
    "another block's bytes": car_header([X]) + car_section(X, b"y"),
    "truncated": car_header([X]) + car_section(X, b"x")[:-1],
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_is_no_car_is_refused(
    name: str, world: World, node: LivingTransport, run: Run, home: Path
) -> None:
    (home / "bad.car").write_bytes(BOMBS[name])
    answer = run("content", "import", "bad.car", "--json")
    assert (answer.code, answer.out) == (1, "")
    assert str(answer.error["field"]).startswith("bad.car: ")
    assert world.content.pins() == []


def test_a_car_without_all_of_its_roots_pins_nothing(
    world: World, node: LivingTransport, run: Run, home: Path
) -> None:
    (home / "half.car").write_bytes(car([X, ROOT], [(X, b"x"), *BLOCKS[1:]]))
    answer = run("content", "import", "half.car", "--json")
    assert answer.error["code"] == "content-incomplete"
    assert str(BLOCKS[0][0]) in str(answer.error["message"])
    assert world.content.pins() == []
    world.content.put(*BLOCKS[0])
    assert run("content", "import", "half.car").code == 0
    assert len(world.content.pins()) == 2


def test_a_node_that_cannot_be_read_is_not_pinned(
    world: World, node: LivingTransport, run: Run, home: Path
) -> None:
    odd = cid_of(DAG_PB, b"odd")
    (home / "odd.car").write_bytes(car([odd], [(odd, b"odd")]))
    answer = run("content", "import", "odd.car", "--json")
    assert (answer.code, answer.error["code"]) == (1, "invalid-encoding")
    assert world.content.pins() == []


@pytest.mark.parametrize("command", [["cid"], ["content", "add"]])
@pytest.mark.parametrize("kind", ["link", "pipe", "name", "missing", "device"])
def test_what_cannot_be_in_a_folder_is_named(
    command: list[str],
    kind: str,
    world: World,
    node: LivingTransport,
    run: Run,
    folder: Path,
) -> None:
    path = folder / kind
    if kind == "link":
        path.symlink_to(folder / "small.mp4")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "name":
        (Path(os.fsdecode(os.fsencode(folder) + b"/na\xffme"))).touch()
    asked = {"missing": path, "device": Path("/dev/null")}.get(kind, folder)
    answer = run(*command, str(asked), "--json")
    assert (answer.code, answer.out) == (1, "")
    shown = {"name": f"{folder}/na\\xffme", "device": "/dev/null"}.get(kind, str(path))
    assert answer.error["field"] == shown
    assert world.content.size == 0


def test_a_folder_too_large_for_a_block_is_refused(
    world: World, node: LivingTransport, run: Run, folder: Path
) -> None:
    for i in range(1_500):
        (folder / "more" / f"{i:0>200}").touch()
    answer = run("content", "add", str(folder), "--json")
    assert answer.error["field"] == str(folder / "more")
    assert "split it into several" in str(answer.error["message"])
    assert world.content.size == 0


def test_a_file_is_read_through_a_link_that_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(SMALL)
    assert run("cid", str(tmp_path / "link")).out == run("cid", str(SMALL)).out
