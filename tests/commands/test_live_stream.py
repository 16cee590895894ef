"""`reelect live stream`: what is in an encoder's folder comes to players."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio

from node.commands.live_stream import CLOSED, MOST_BEHIND, Host
from node.failure import Refused
from node.query.feed_forms import FeedAnswer, FeedSegment
from tests.api.world import World
from tests.commands.conftest import LivingTransport, Run
from tests.gateway.rooms import OWNER, PATH, close_room, open_room


def write(folder: Path, names: list[str], *, first: int = 0, is_over: bool = False) -> None:
    """What an encoder writes: segments of two seconds, and a playlist of them."""
    folder.mkdir(exist_ok=True)
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:2", f"#EXT-X-MEDIA-SEQUENCE:{first}"]
    for name in names:
        (folder / name).write_bytes(f"segment {name}".encode())
        lines += ["#EXTINF:2.000000,", name]
    (folder / "index.m3u8").write_text("\n".join([*lines, "#EXT-X-ENDLIST"] if is_over else lines))


@dataclass
class Listener:
    """A node that remembers what it was told to stream; after `closes_after` the room is closed."""

    folder: Path
    closes_after: int = 10**6
    told: list[FeedSegment] = field(default_factory=list)
    base_url: str = "http://127.0.0.1:7480"
    then: Callable[[int], None] = lambda count: None  # after so many

    async def has_block(self, cid: object) -> bool:
        return False

    async def upload_block(self, cid: object, data: bytes) -> None:
        """Kept nowhere."""

    async def add_segment(self, owner: bytes, form: FeedSegment) -> FeedAnswer:
        if len(self.told) == self.closes_after:
            raise Refused("closed", code=CLOSED)
        self.told.append(form)
        self.then(len(self.told))
        return FeedAnswer(0, len(self.told), 1, PATH)

    def host(self) -> Host:
        """Brings the folder to this node until it is over."""
        return trio.run(Host(self, b"owner", self.folder, 4).run, 0.001)  # type: ignore[arg-type]


def test_a_folder_is_streamed_until_the_encoder_ends(
    run: Run, world: World, node: LivingTransport, tmp_path: Path
) -> None:
    folder = tmp_path / "stream"
    write(folder, ["a.ts", "b.ts"], is_over=True)
    refused = run("live", "stream", str(folder), "--json")
    assert (refused.code, refused.error["code"]) == (1, "live.not-open")
    open_room(world)
    answer = run("live", "stream", str(folder), "--json")
    assert answer.json == {
        "account": OWNER,
        "segments": 2,
        "duration_ms": 4_000,
        "lost": 0,
        "playlist": f"http://127.0.0.1:7480{PATH}",
    }
    assert "duration_ms  4000" in run("live", "stream", str(folder)).out
    close_room(world)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("--target-s", "0"), 2), (("--target-s", "61"), 2), (("--pause-s", "0"), 2), ((), 1)],
)
def test_what_cannot_be_streamed_is_said(
    run: Run, world: World, node: LivingTransport, tmp_path: Path, arguments: list[str], code: int
) -> None:
    open_room(world)
    assert run("live", "stream", str(tmp_path / "none"), *arguments).code == code


def test_a_segment_that_is_longer_than_was_said_is_refused(
    run: Run, world: World, node: LivingTransport, tmp_path: Path
) -> None:
    open_room(world)
    write(tmp_path / "stream", ["a.ts"], is_over=True)
    arguments = ("live", "stream", str(tmp_path / "stream"), "--target-s", "1", "--json")
    refused = run(*arguments)
    assert (refused.code, refused.error["field"]) == (1, "duration_ms")


def test_it_goes_on_as_the_encoder_does_and_ends_when_the_room_closes(tmp_path: Path) -> None:
    folder = tmp_path / "stream"
    write(folder, ["0.ts"])

    def encode(count: int) -> None:
        write(folder, [f"{count - 1}.ts", f"{count}.ts"], first=count - 1)

    node = Listener(folder, closes_after=5, then=encode)
    sent = node.host()
    assert (sent.segments, sent.duration_ms, sent.lost) == (5, 10_000, 0)
    assert len({form.cid for form in node.told}) == 5
    assert [form.is_discontinuous for form in node.told] == [True, False, False, False, False]


def test_who_comes_late_begins_with_the_newest(tmp_path: Path) -> None:
    write(tmp_path / "stream", [f"{n}.ts" for n in range(MOST_BEHIND + 4)], is_over=True)
    assert Listener(tmp_path / "stream").host().segments == MOST_BEHIND


def test_an_encoder_that_was_begun_again_goes_on_with_a_break(tmp_path: Path) -> None:
    folder = tmp_path / "stream"
    write(folder, ["0.ts", "1.ts"])

    def again(count: int) -> None:
        if count == 2:
            write(folder, ["new.ts"], is_over=True)

    node = Listener(folder, then=again)
    assert node.host().segments == 3
    assert [form.is_discontinuous for form in node.told] == [True, False, True]


def test_a_segment_that_was_gone_is_told_and_leaves_a_break(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "stream"
    write(folder, ["0.ts", "1.ts", "2.ts"], is_over=True)
    (folder / "1.ts").unlink()
    node = Listener(folder)
    sent = node.host()
    assert (sent.segments, sent.lost) == (2, 1)
    assert [form.is_discontinuous for form in node.told] == [True, True]
    assert "1.ts was gone" in capsys.readouterr().err
