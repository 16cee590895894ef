"""What possession proofs cost a provider: `python bench/possession.py [--mib N] [--json]`.

It stores a file of so many random MiB in a temporary folder, and measures, in one run: a flat
SHA-256 of it, its segment root out of the content store, and answers with the hashes kept.
"""

import argparse
import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import trio

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # so that it runs in a source tree that is not installed

from bench.report import Report, show, spread, tell  # noqa: E402
from consensus.cid import Cid  # noqa: E402
from consensus.segments import SEGMENT_BYTES  # noqa: E402
from node.content.segment_prover import SegmentProver  # noqa: E402
from storage.content import ContentStore  # noqa: E402
from storage.segment_index import SegmentIndexes  # noqa: E402

MIB = 1024 * 1024
ANSWERS = 20
SEGMENTS = 4


async def measure(folder: Path, mib: int) -> Report:
    """All figures; more than one where the machine's other work may disturb."""
    file = folder / "film"
    with file.open("wb") as target:
        for _ in range(mib):
            target.write(os.urandom(MIB))
    content = ContentStore(folder / "content")
    cid = content.add_file(file).cid
    tell(f"a file of {mib} MiB is stored")
    flat_s = _seconds(partial(_hash_flat, file))
    prover = SegmentProver(content, SegmentIndexes(folder / "indexes"))
    begun = time.perf_counter()
    while (await prover.hash_more(cid)).root is None:
        pass
    root_s = time.perf_counter() - begun
    answers = [await _answer(prover, cid, mib, number) for number in range(ANSWERS)]
    return {
        "mib": mib,
        "root_share_of_flat_sha256_speed": round(flat_s / root_s, 3),
        "answer_ms": spread([1000 * each for each in answers]),
        "answer_share_of_hashing_anew": round(sorted(answers)[ANSWERS // 2] / root_s, 5),
    }


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _hash_flat(file: Path) -> bytes:
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").digest()


async def _answer(prover: SegmentProver, cid: Cid, mib: int, number: int) -> float:
    count = mib * MIB // SEGMENT_BYTES
    indexes = [(number * SEGMENTS + i) * 7_919 % count for i in range(SEGMENTS)]
    begun = time.perf_counter()
    await prover.prove(cid, indexes)
    return time.perf_counter() - begun


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--mib", type=int, default=1024, help="MiB of the file")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = trio.run(measure, Path(folder), arguments.mib)
    show(report, as_json=arguments.json)


if __name__ == "__main__":
    main()
