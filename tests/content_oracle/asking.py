"""Asks the IPFS project's own importer, and this project's, for content ids of the same files."""

import json
import random
import shutil
import struct
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from consensus.unixfs import PROFILES, Profile, file_of

HERE = Path(__file__).parent
MISSING = (
    "the IPFS project's importer needs Node.js and its packages: install nodejs and npm, then run "
    "`npm ci --prefix tests/content_oracle`"
)
PIECE_BYTES = 65_536
MAX_BYTES = 200 * 1024 * 1024


@dataclass(frozen=True)
class Case:
    """A file: its profile's name, its bytes, and what they are drawn from."""

    profile: str
    size: int
    seed: int


def edge_cases(profile: Profile) -> list[Case]:
    """Sizes around each boundary of chunks and of nodes, up to MAX_BYTES."""
    chunk, links = profile.chunk_bytes, profile.max_links
    edges = [0, chunk, 2 * chunk, links * chunk, (links + 1) * chunk, 2 * links * chunk]
    sizes = {edge + more for edge in edges for more in (-1, 0, 1)}
    return [Case(profile.name, size, 1) for size in sorted(sizes) if 0 <= size <= MAX_BYTES]


def random_cases(count: int, max_bytes: int, seed: int) -> list[Case]:
    """Files of random sizes, under either profile."""
    chance = random.Random(seed)
    names = list(PROFILES)
    return [
        Case(names[number % len(names)], chance.randint(0, max_bytes), number)
        for number in range(count)
    ]


def own_id(case: Case) -> str:
    """By this project."""
    return str(file_of(_content(case), PROFILES[case.profile]).cid)


def their_ids(cases: Iterable[Case]) -> list[str]:
    """By the IPFS project; fails the test if the machine cannot."""
    program = shutil.which("node")
    if program is None or not (HERE / "node_modules" / "ipfs-unixfs-importer").is_dir():
        pytest.fail(MISSING, pytrace=False)
    form = json.dumps([asdict(case) for case in cases])
    command = [program, str(HERE / "ids.mjs")]
    done = subprocess.run(command, input=form, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def _content(case: Case) -> Iterator[bytes]:
    for number, start in enumerate(range(0, case.size, PIECE_BYTES)):
        piece = struct.pack(">II", case.seed, number) * (PIECE_BYTES // 8)
        yield piece[: case.size - start]
