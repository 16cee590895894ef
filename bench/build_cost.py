"""What one build takes to decode and validate a block: a process of its own for each build, as
`python -m bench.build_cost CHAIN BLOCK ROUNDS` in the build's folder."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench.ground import open_chain
from bench.large_chain import Population
from bench.report import Report
from consensus.codec import decode
from node.candidate import read_block
from node.version import build
from storage.database import Database


def measure_here(folder: Path, raw: bytes, rounds: int) -> Report:
    """Processor seconds of the quickest of some rounds, with the state in the caches and all
    signatures known, and which build it was."""
    with Database.open(folder) as database:
        chain = open_chain(Population(0), database)
        candidate = read_block(raw)
        chain.validate(candidate)
        return {
            "build": build(),
            "decode_s": _quickest(lambda: decode(raw), rounds),
            "validate_s": _quickest(lambda: chain.validate(candidate), rounds),
        }


def _quickest(work: Callable[[], object], rounds: int) -> float:
    took = []
    for _ in range(rounds):
        begun = time.process_time()
        work()
        took.append(time.process_time() - begun)
    return min(took)


if __name__ == "__main__":
    block = Path(sys.argv[2]).read_bytes()
    print(json.dumps(measure_here(Path(sys.argv[1]), block, int(sys.argv[3]))))
