"""T14: standard players play what is published, from any place in it, and streams (HLS)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import trio
from starlette.types import Receive, Scope, Send

from consensus.cid import Cid
from consensus.unixfs import KUBO
from node.api.app import make_app
from node.api.server import listen, serve
from node.client import Client
from node.commands.live_stream import Host
from node.content_tree import tree_blocks
from tests.api.served import served_world
from tests.api.world import ALICE, World, open_world
from tests.gateway.players import (
    FRAMES_A_SECOND,
    SECONDS,
    frames,
    live_frames,
    make_film,
    make_segments,
    probe,
)
from tests.gateway.rooms import PATH, close_room, open_room
from tests.rules.disabled import Disabled

DISABLED = Disabled("node.gateway.answers.ranged", lambda *arguments: None)
FRAMES = SECONDS * FRAMES_A_SECOND


@contextmanager
def gateway_with(path: Path) -> Iterator[str]:
    """The address at a node's gateway of a file or folder that it stores."""
    with TemporaryDirectory() as folder, served_world(Path(folder)) as (world, url):
        root: Cid | None = None
        for root, data in tree_blocks(path, KUBO):
            world.content.put(root, data)
        yield f"{url}/ipfs/{root}"


def test_a_film_is_played_from_any_place_in_it() -> None:
    with TemporaryDirectory() as folder:
        film = Path(folder) / "film.mp4"
        make_film(film)
        with gateway_with(film) as url:
            container, seconds, codecs = probe(url)
            assert ("mp4" in container.split(","), round(seconds)) == (True, SECONDS)
            assert codecs == {"h264", "aac"}
            assert frames(url) == FRAMES
            assert frames(url, start_s=4) == FRAMES - 4 * FRAMES_A_SECOND


def test_a_folder_with_a_playlist_is_played_as_a_recorded_stream() -> None:
    with TemporaryDirectory() as folder:
        recorded = Path(folder) / "stream"
        make_segments(recorded, "-hls_playlist_type", "vod")
        with gateway_with(recorded) as url:
            playlist = f"{url}/index.m3u8"
            container, seconds, codecs = probe(playlist)
            assert (container, round(seconds), codecs) == ("hls", SECONDS, {"h264", "aac"})
            assert frames(playlist) == FRAMES
            assert frames(playlist, start_s=4) == FRAMES - 4 * FRAMES_A_SECOND


def test_a_live_room_is_played_as_its_encoder_goes_on_until_it_closes() -> None:
    with TemporaryDirectory() as place:
        folder = Path(place) / "stream"
        make_segments(folder)
        written = (folder / "index.m3u8").read_text()
        with open_world(Path(place) / "world") as world:
            open_room(world)
            assert trio.run(_played_live, world, folder, written) == FRAMES


async def _played_live(world: World, folder: Path, written: str) -> int:
    """How many pictures a player has shown that came when half of them had been made, and left
    when the room was closed."""
    pictures = list[int]()
    listener = await listen("127.0.0.1", 0)
    stopping, url = trio.Event(), f"http://127.0.0.1:{listener.port}"
    app, is_watched = make_app(world.services, loopback=True), trio.Event()

    async def told(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == PATH:
            is_watched.set()
        await app(scope, receive, send)

    async def watch() -> None:
        pictures.append(await trio.to_thread.run_sync(live_frames, url + PATH))

    async def host(until: int) -> None:
        lines = written.splitlines()
        part = [*lines[: lines.index(f"index{until}.ts")], f"index{until}.ts", "#EXT-X-ENDLIST"]
        (folder / "index.m3u8").write_text("\n".join(part))
        await hosted.run(pause_s=0.01)

    async with trio.open_nursery() as server, Client(url) as client:
        server.start_soon(lambda: serve(told, listener, stopping=stopping))
        hosted = Host(client, ALICE.public, folder, 4)
        await host(SECONDS // 2 - 1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch)
            await is_watched.wait()
            await host(SECONDS - 1)
            close_room(world)
        stopping.set()
    return pictures[0]
