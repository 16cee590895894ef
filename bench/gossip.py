"""What the p2p layer costs: `python bench/gossip.py [--nodes 21] [--degree 4] [--quick] [--json]`.

It runs nodes of the real network (TCP on loopback, TLS) without a chain in one process, which
announce and request transactions of 300 bytes: how many arrive, how soon, and the processor time
of that. Then, between two processes, it measures the time to make a link, and how much goes
through one beside a bare `ssl` socket.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # so that it runs in a source tree that is not installed

from bench.gossip_cost import (  # noqa: E402
    TRANSACTION_BYTES,
    TRANSACTIONS_A_SECOND,
    measure_gossip,
)
from bench.link_cost import measure_connecting, measure_streams  # noqa: E402
from bench.report import Report, show  # noqa: E402

ROUNDS, QUICK_ROUNDS = 5, 1
TRANSACTIONS, QUICK_TRANSACTIONS = 200, 20
CONNECTIONS, QUICK_CONNECTIONS = 20, 2
FRAMES, QUICK_FRAMES = 25, 2  # in all fewer than a peer may ask for at once


def measure(nodes: int, degree: int, *, quick: bool) -> Report:
    """All measurements."""
    rounds = QUICK_ROUNDS if quick else ROUNDS
    transactions = QUICK_TRANSACTIONS if quick else TRANSACTIONS
    return {
        "nodes": nodes,
        "degree": degree,
        "rounds": rounds,
        "transactions_a_round": transactions,
        "transactions_a_second": TRANSACTIONS_A_SECOND,
        "transaction_bytes": TRANSACTION_BYTES,
        "gossip": measure_gossip(nodes, degree, rounds, transactions),
        "connecting_ms": measure_connecting(QUICK_CONNECTIONS if quick else CONNECTIONS),
        "streams": measure_streams(rounds, QUICK_FRAMES if quick else FRAMES),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--nodes", type=int, default=21)
    parser.add_argument("--degree", type=int, default=4, help="links of each node")
    parser.add_argument("--quick", action="store_true", help="a small run, to see that it works")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args()
    show(measure(options.nodes, options.degree, quick=options.quick), as_json=options.json)


if __name__ == "__main__":
    main()
