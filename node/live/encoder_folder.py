"""The folder into which an encoder writes an HLS stream, such as ffmpeg with `-f hls`: segments,
and a playlist of the newest of them."""

import re
from dataclasses import dataclass
from pathlib import Path

from node.failure import Refused

PLAYLIST = "index.m3u8"
MAX_PLAYLIST_BYTES = 2**20
_DURATION = re.compile(r"#EXTINF:([0-9]{1,5})(?:\.([0-9]{1,9}))?,.*")
# What a feed cannot tell its players.
_UNKNOWN = {
    "#EXT-X-MAP": "fragmented MP4 (write MPEG-TS: -hls_segment_type mpegts)",
    "#EXT-X-KEY": "encrypted segments (leave out -hls_key_info_file)",
    "#EXT-X-BYTERANGE": "parts of a file (leave out -hls_flags single_file)",
    "#EXT-X-STREAM-INF": "several streams (name the folder of one of them)",
}


@dataclass(frozen=True, slots=True)
class Written:
    """A segment that the encoder has finished: its number in the stream, its file's name, and
    whether it does not go on from the one before."""

    number: int
    name: str
    duration_ms: int
    is_discontinuous: bool


@dataclass(frozen=True, slots=True)
class EncoderPlaylist:
    """What an encoder's playlist lists, and whether nothing more will come."""

    segments: tuple[Written, ...]
    is_over: bool

    @property
    def next_number(self) -> int:
        """The number of the first segment that is not listed yet."""
        return self.segments[-1].number + 1 if self.segments else 0


NOTHING_YET = EncoderPlaylist((), is_over=False)


def read_playlist(folder: Path) -> EncoderPlaylist:
    """What the encoder has written so far: nothing if there is no playlist yet. Raises Refused for
    what is no playlist of segments of MPEG-TS beside it, and OSError."""
    file = folder / PLAYLIST
    try:
        with file.open("rb") as source:
            data = source.read(MAX_PLAYLIST_BYTES + 1)
    except FileNotFoundError:
        folder.stat()  # raises if there is no folder
        return NOTHING_YET
    if len(data) > MAX_PLAYLIST_BYTES:
        raise _refused(file, "it is too long: let the encoder keep few segments (-hls_list_size 8)")
    return parse_playlist(data.decode("utf-8", errors="replace"), file)


def parse_playlist(text: str, file: Path) -> EncoderPlaylist:
    """A media playlist; raises Refused, naming the file, for any other."""
    lines = text.splitlines()
    if not lines or lines[0] != "#EXTM3U":
        raise _refused(file, "it does not begin with #EXTM3U")
    number, duration_ms, is_discontinuous = 0, None, False
    segments = list[Written]()
    for line in lines[1:]:
        tag, _, value = line.partition(":")
        if tag in _UNKNOWN:
            raise _refused(file, f"it has {_UNKNOWN[tag]}")
        if tag == "#EXT-X-MEDIA-SEQUENCE":
            number = _whole(value, file)
        elif tag == "#EXT-X-DISCONTINUITY":
            is_discontinuous = True
        elif tag == "#EXTINF":
            duration_ms = _milliseconds(line, file)
        elif line and not line.startswith("#"):
            if duration_ms is None or "/" in line or "\\" in line:
                raise _refused(file, f"{line[:80]!r} is no segment beside it with a duration")
            segments.append(Written(number, line, duration_ms, is_discontinuous))
            number, duration_ms, is_discontinuous = number + 1, None, False
    return EncoderPlaylist(tuple(segments), "#EXT-X-ENDLIST" in lines)


def _whole(value: str, file: Path) -> int:
    if not re.fullmatch("[0-9]{1,15}", value):
        raise _refused(file, f"{value[:80]!r} is no number of a segment")
    return int(value)


def _milliseconds(line: str, file: Path) -> int:
    found = _DURATION.fullmatch(line)
    if found is None:
        raise _refused(file, f"{line[:80]!r} tells no duration")
    return max(1000 * int(found[1]) + int((found[2] or "").ljust(3, "0")[:3]), 1)


def _refused(file: Path, why: str) -> Refused:
    return Refused(f"no playlist that can be streamed: {why}", field=str(file), code="no-stream")
