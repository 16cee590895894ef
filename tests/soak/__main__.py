"""A network of real processes under load for long, of which one is killed or stands still each
minute: `python -m tests.soak --minutes 60 --nodes 21 --slot-ms 500 --tx-per-s 20`.

Progress goes to stderr; stdout gets one JSON document on one line, and a last line that sums up.
Ctrl-C ends it early with the same report. Exit code 1 if states differ, a process ended by itself,
an accepted transaction is lost or never final, a log holds an error, or (--strict) a process grows;
the folder with the nodes' logs is then kept.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

import trio

from tests.soak.report import Wishes
from tests.soak.running import soak, tell

MAX_WARM_UP_S = 600.0


def main() -> int:
    """The command."""
    options = _options()
    wishes = Wishes(
        minutes=options.minutes,
        nodes=options.nodes,
        slot_ms=options.slot_ms,
        tx_per_s=options.tx_per_s,
        seed=options.seed,
        fault_s=options.fault_s,
        warm_up_s=min(MAX_WARM_UP_S, 60 * options.minutes / 4),
    )
    folder = Path(tempfile.mkdtemp(prefix="reelect-soak-"))
    tell(f"logs are in {folder}/local/node-*/node.log")
    seen = trio.run(soak, wishes, folder)
    failures = seen.failures(strict=options.strict)
    print(json.dumps(seen.to_json(failures)))
    print(seen.line(failures))
    if not failures:
        shutil.rmtree(folder)
    return 1 if failures else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="how long load and faults last")
    parser.add_argument("--nodes", type=int, default=21, help="processes: 4 to 21")
    parser.add_argument("--slot-ms", type=int, default=500, help="milliseconds of a slot")
    parser.add_argument("--tx-per-s", type=float, default=20, help="transfers a second in all")
    parser.add_argument("--seed", type=int, default=1, help="of faults and load")
    parser.add_argument("--fault-s", type=float, default=60, help="seconds from fault to fault")
    parser.add_argument("--strict", action="store_true", help="growing processes fail, too")
    options = parser.parse_args()
    if not 4 <= options.nodes <= 21:
        parser.error("--nodes: 4 to 21")
    return options


if __name__ == "__main__":
    sys.exit(main())
