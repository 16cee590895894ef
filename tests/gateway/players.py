"""Standard players: ffprobe and ffmpeg, which speak HTTP with ranges and HLS (RFC 8216)."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

MISSING = "no standard player: install ffmpeg (Debian package ffmpeg)"
HUNG_S = 120
SECONDS, FRAMES_A_SECOND = 6, 25
# A picture that changes and a tone; key frames each second, so that segments can be cut there.
_MADE = (
    *("-f", "lavfi", "-i", f"testsrc=duration={SECONDS}:size=320x240:rate={FRAMES_A_SECOND}"),
    *("-f", "lavfi", "-i", f"sine=duration={SECONDS}"),
    *("-codec:v", "libx264", "-g", str(FRAMES_A_SECOND), "-bf", "0", "-codec:a", "aac"),
)


def run(*command: str) -> str:
    """What a player prints, which must print no error; fails the test if there is none here."""
    if shutil.which(command[0]) is None:
        pytest.fail(MISSING, pytrace=False)
    done = subprocess.run(
        [command[0], "-v", "error", *command[1:]],
        capture_output=True,
        text=True,
        check=False,
        timeout=HUNG_S,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def make_film(file: Path) -> None:
    """An MP4 of SECONDS as ffmpeg writes it by itself: its index comes last, so that a player has
    to ask for the end before the beginning."""
    run("ffmpeg", *_MADE, str(file))


def make_segments(folder: Path, *options: str) -> None:
    """An HLS playlist, index.m3u8, and segments of a second each, by ffmpeg's own muxer."""
    folder.mkdir()
    muxer = ("-f", "hls", "-hls_time", "1", "-hls_list_size", "0")
    run("ffmpeg", *_MADE, *muxer, *options, str(folder / "index.m3u8"))


def probe(url: str) -> tuple[str, float, set[str]]:
    """What ffprobe finds: container, seconds and codecs."""
    shown = "format=format_name,duration:stream=codec_name"
    found = json.loads(run("ffprobe", "-show_entries", shown, "-of", "json", url))
    codecs = {stream["codec_name"] for stream in found["streams"]}
    return found["format"]["format_name"], float(found["format"]["duration"]), codecs


def frames(url: str, *, start_s: int = 0) -> int:
    """How many pictures ffmpeg decodes from a time of the film to its end."""
    return _decoded(url, *(("-ss", str(start_s)) if start_s else ()))


def live_frames(url: str) -> int:
    """How many pictures ffmpeg decodes of a stream, from what it lists first until it ends."""
    return _decoded(url, "-live_start_index", "0")


def _decoded(url: str, *place: str) -> int:
    progress = run("ffmpeg", *place, "-i", url, "-f", "null", "-progress", "-", "-nostats", "-")
    counts = [line for line in progress.splitlines() if line.startswith("frame=")]
    return int(counts[-1].removeprefix("frame="))
