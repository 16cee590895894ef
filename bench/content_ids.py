"""What content ids cost: how fast they are made beside flat SHA-256 of the same bytes, and how
much memory that takes."""

import hashlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from bench.report import Report, spread, tell
from consensus.unixfs import PROFILES, Profile, file_of

PIECE_BYTES = 1024 * 1024
MIB = 1024 * 1024
ROOT = Path(__file__).resolve().parent.parent

FILE_MIB, QUICK_FILE_MIB = 256, 8
ROUNDS, QUICK_ROUNDS = 5, 1
MEMORY_MIB, QUICK_MEMORY_MIB = 1024, 64


def measure_ids(folder: Path, *, quick: bool) -> Report:
    """MB/s of the ids of a file under each profile, and what share that is of flat SHA-256's: the
    median of rounds in which each follows the other."""
    size = MIB * (QUICK_FILE_MIB if quick else FILE_MIB)
    file = folder / "content"
    _write(file, size)
    report: Report = {"file_mib": size // MIB}
    for profile in PROFILES.values():
        rates, shares = list[float](), list[float]()
        for _ in range(QUICK_ROUNDS if quick else ROUNDS):
            flat_s = _cpu_s(partial(_flat, file))
            ids_s = _cpu_s(partial(_ids, file, profile))
            rates.append(size / 1_000_000 / ids_s)
            shares.append(flat_s / ids_s)
        report[profile.name] = {
            "mb_a_second": spread(rates, 0),
            "share_of_flat_sha256": spread(shares, 3),
        }
        tell(f"ids of {profile.name} are measured")
    file.unlink()
    report["memory"] = _memory(folder, QUICK_MEMORY_MIB if quick else MEMORY_MIB)
    return report


def _memory(folder: Path, mib: int) -> Report:
    """The most memory that `reelect cid` ever has, for a file of 1 MiB and for a large one; they
    take no room on the disk."""
    file = folder / "sparse"
    figures: Report = {}
    for size in (1, mib):
        with file.open("wb") as target:
            target.truncate(size * MIB)
        command = [sys.executable, "-c", _MEASURED, "cid", str(file)]
        done = subprocess.run(  # noqa: S603
            command, cwd=ROOT, capture_output=True, text=True, check=True
        )
        figures[f"rss_mib_of_{size}_mib"] = round(int(done.stderr) * 1024 / MIB, 1)
    file.unlink()
    return figures


_MEASURED = f"""
import resource, sys
sys.path.insert(0, {str(ROOT)!r})
import cli
cli.run(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


def _write(file: Path, size: int) -> None:
    """A file of bytes that do not repeat."""
    with file.open("wb") as target:
        for number in range(size // PIECE_BYTES):
            target.write(hashlib.shake_128(number.to_bytes(8, "big")).digest(PIECE_BYTES))


def _pieces(file: Path, size: int) -> Iterator[bytes]:
    with file.open("rb", buffering=0) as source:
        while piece := source.read(size):
            yield piece


def _flat(file: Path) -> None:
    digest = hashlib.sha256()
    for piece in _pieces(file, PIECE_BYTES):
        digest.update(piece)


def _ids(file: Path, profile: Profile) -> None:
    file_of(_pieces(file, profile.chunk_bytes), profile)


def _cpu_s(work: Callable[[], None]) -> float:
    """Processor time: what else runs on the machine counts for neither."""
    begun = time.process_time()
    work()
    return time.process_time() - begun
