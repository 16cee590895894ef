"""What an encoder writes into its folder is read as RFC 8216 has it."""

from pathlib import Path

import pytest

from node.failure import Refused
from node.live.encoder_folder import (
    MAX_PLAYLIST_BYTES,
    NOTHING_YET,
    Written,
    parse_playlist,
    read_playlist,
)

# As ffmpeg 5.1 writes it.
LIVE = """#EXTM3U
#EXT-X-VERSION:3
#EXT-X-TARGETDURATION:2
#EXT-X-MEDIA-SEQUENCE:3
#EXTINF:2.000000,
index3.ts
#EXT-X-DISCONTINUITY
#EXTINF:1.5,a title
index4.ts
"""
FILE = Path("index.m3u8")


def test_a_playlist_is_read() -> None:
    found = parse_playlist(LIVE, FILE)
    assert found.segments == (
        Written(3, "index3.ts", 2_000, is_discontinuous=False),
        Written(4, "index4.ts", 1_500, is_discontinuous=True),
    )
    assert (found.next_number, found.is_over) == (5, False)
    assert parse_playlist(LIVE + "#EXT-X-ENDLIST\n", FILE).is_over


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "does not begin with #EXTM3U"),
        ("<html>", "does not begin with #EXTM3U"),
        (LIVE + '#EXT-X-MAP:URI="init.mp4"\n', "fragmented MP4"),
        (LIVE + "#EXT-X-KEY:METHOD=AES-128\n", "encrypted"),
        (LIVE + "#EXT-X-BYTERANGE:1@0\n", "parts of a file"),
        ("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlow.m3u8\n", "several streams"),
        ("#EXTM3U\nindex0.ts\n", "no segment beside it with a duration"),
        ("#EXTM3U\n#EXTINF:1,\n../index0.ts\n", "no segment beside it"),
        ("#EXTM3U\n#EXTINF:1,\nhttps://example.com/0.ts\n", "no segment beside it"),
        ("#EXTM3U\n#EXTINF:-1,\nindex0.ts\n", "tells no duration"),
        ("#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:x\n", "no number of a segment"),
    ],
)
def test_what_cannot_be_streamed_is_refused(text: str, why: str) -> None:
    with pytest.raises(Refused, match=why) as caught:
        parse_playlist(text, FILE)
    assert (caught.value.code, caught.value.field) == ("no-stream", "index.m3u8")


def test_an_empty_folder_has_nothing_yet(tmp_path: Path) -> None:
    assert read_playlist(tmp_path) == NOTHING_YET
    assert NOTHING_YET.next_number == 0
    with pytest.raises(FileNotFoundError):
        read_playlist(tmp_path / "none")


def test_a_playlist_that_is_too_long_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index.m3u8").write_bytes(b"#" * (MAX_PLAYLIST_BYTES + 1))
    with pytest.raises(Refused, match="too long"):
        read_playlist(tmp_path)
