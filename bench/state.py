"""What a large state costs: `python bench/state.py [--accounts N] [--blocks N] [--json]`.

It makes a chain of so many accounts and blocks in a temporary folder (some minutes, 3 GB) and
measures the state tree, proofs, a node's start and memory, blocks of random transfers, and
snapshots.
"""

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # so that it runs in a source tree that is not installed

from bench.block_cost import GROUPS, measure_blocks  # noqa: E402
from bench.large_chain import Population, write_chain  # noqa: E402
from bench.node_cost import CHAIN, READ_ROWS, REST_S, STARTS, measure_node, write_node  # noqa: E402
from bench.report import Report, show, tell  # noqa: E402
from bench.snapshot_cost import measure_snapshots  # noqa: E402
from bench.tree_cost import measure_tree, write_state  # noqa: E402

SMALL_ROWS = 100_000
CHANGES = (1_000, 5_000)
TRANSFERS = 1_000
QUICK = 20  # so many times less of everything


def measure(folder: Path, accounts: int, blocks: int, scale: int) -> Report:
    """All measurements, those of size `scale` times smaller."""
    changes = tuple(count // scale for count in CHANGES)
    transfers = TRANSFERS // scale
    population = Population(GROUPS * transfers)
    small, large = SMALL_ROWS // scale, accounts
    write_state(folder / "small", population, small)
    report: Report = {
        "accounts": accounts,
        "blocks": blocks,
        "tree": {str(small): measure_tree(folder / "small", population, small, changes)},
    }
    node = folder / "node"
    tell(f"a chain of {accounts} accounts and {blocks} blocks is made")
    write_chain(node / CHAIN, population, accounts, blocks)
    starts, rest_s = (STARTS, REST_S) if scale == 1 else (1, 0.0)
    report["node"] = measure_node(write_node(node, population), starts, rest_s, READ_ROWS // scale)
    report["block"] = measure_blocks(node / CHAIN, population, accounts, transfers)
    report["snapshot"] = measure_snapshots(folder, node / CHAIN, population)
    trees = report["tree"]
    if isinstance(trees, dict):
        trees[str(large)] = measure_tree(node / CHAIN, population, large, changes)
    return report


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--accounts", type=int, default=1_000_000)
    parser.add_argument("--blocks", type=int, default=1_000_000, help="final blocks")
    parser.add_argument("--quick", action="store_true", help="a small run, to see that it works")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-state-") as name:
        if options.quick:
            report = measure(Path(name), 10_000, 300, QUICK)
        else:
            report = measure(Path(name), options.accounts, options.blocks, 1)
    show(report, as_json=options.json)


if __name__ == "__main__":
    main()
