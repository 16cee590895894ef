"""How much quicker the compiled build is than the pure one, of the same block on the same chain."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from bench.compiled_build import ROOT
from bench.ground import Ground
from bench.report import tell
from bench.row import Sample
from bench.validation import encoded_block

ROUNDS = 3


def measure_decode(ground: Ground) -> list[Sample]:
    """Transfers a second of decoding a block."""
    return _samples(ground, "decode_s")


def measure_validation(ground: Ground) -> list[Sample]:
    """Transfers a second of validating a block whose signatures are known."""
    return _samples(ground, "validate_s")


def _samples(ground: Ground, figure: str) -> list[Sample]:
    return [
        Sample(ground.sizes.transfers / compiled[figure], ground.sizes.transfers / pure[figure])
        for compiled, pure in _turns(ground)
    ]


@cache
def _turns(ground: Ground) -> Sequence[tuple[dict[str, float], dict[str, float]]]:
    """The figures of both builds, which take turns."""
    block = ground.folder / "block"
    with ground.database() as database:
        maker = ground.chain(database)
        pending = ground.transfers(maker, 0)
        block.write_bytes(encoded_block(ground.population, maker, pending))
        chain = database.folder
    turns = []
    for _ in range(ground.sizes.repeats):
        compiled = _run(ground.compiled, "compiled", chain, block)
        turns.append((compiled, _run(ROOT, "pure", chain, block)))
        tell("both builds have checked the block")
    return turns


def _run(folder: Path, build: str, chain: Path, block: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.build_cost", str(chain), str(block), str(ROUNDS)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(  # noqa: S603
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, check=True
    )
    figures: dict[str, float | str] = json.loads(done.stdout)
    if figures["build"] != build:
        raise RuntimeError(f"this is a {figures['build']} build, not a {build} one")
    return {name: float(value) for name, value in figures.items() if name != "build"}
