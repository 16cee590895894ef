"""T14: standard players play what is published, from any place in it, and streams (HLS)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from consensus.cid import Cid
from consensus.unixfs import KUBO
from node.content_tree import tree_blocks
from tests.api.served import served_world
from tests.gateway.players import (
    FRAMES_A_SECOND,
    SECONDS,
    frames,
    make_film,
    make_segments,
    probe,
)
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
