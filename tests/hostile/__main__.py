"""`make hostile`: four real nodes under all attacks, again and again, for as long as is wished.

One line an attack and a last one of figures. The nodes' folder is kept if a promise is broken.
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

import trio

from tests.hostile.siege import Figures, besieged, chosen

MAX_LAG_SLOTS = 3
MAX_GROWTH_BYTES = 20 * 1024 * 1024


async def run(home: Path, seconds: float, ids: int, only: str) -> Figures:
    """All attacks, again until the time is over; the many ids come with the last."""
    attacks = chosen(only)
    async with besieged(home, lambda line: print(line, flush=True)) as siege:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            figures = await siege.endure(attacks, 0)
            print(figures, flush=True)
            if broken(figures):
                return figures
        return await siege.endure(attacks, ids)


def broken(figures: Figures) -> bool:
    """Whether the nodes did not bear it as they must."""
    return bool(
        figures.failed
        or figures.crashes
        or figures.faults
        or figures.lag.lag > MAX_LAG_SLOTS
        or figures.growth_bytes > MAX_GROWTH_BYTES
        or figures.tasks[1] > figures.tasks[0]
    )


def main() -> None:
    """Run, and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile")
    parser.add_argument("--seconds", type=float, default=0.0, help="go on for so long")
    parser.add_argument("--ids", type=int, default=1000, help="how many different peers come")
    parser.add_argument("--only", default="", help="attacks whose name holds this text")
    wishes = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="reelect-hostile-"))
    print(f"{time.strftime('%H:%M:%S')}  logs are in {home}/local/node-*/node.log", flush=True)
    figures = trio.run(run, home, wishes.seconds, wishes.ids, wishes.only)
    for line in figures.failed:
        print(line)
    print(figures)
    if broken(figures):
        sys.exit(1)
    shutil.rmtree(home)


if __name__ == "__main__":
    main()
