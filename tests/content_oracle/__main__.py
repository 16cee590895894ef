"""`make content-oracle [COUNT=100] [FIRST=0]`: content ids of random files of up to 200 MiB, and of
those around each boundary, against the IPFS project's own importer."""

import argparse
import sys

from consensus.unixfs import PROFILES
from tests.content_oracle.asking import MAX_BYTES, edge_cases, own_id, random_cases, their_ids

TOGETHER = 5


def main() -> int:
    """Compare and tell; 1 if an id differs."""
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="what the sizes are drawn from")
    options = parser.parse_args()
    cases = [case for profile in PROFILES.values() for case in edge_cases(profile)]
    cases += random_cases(options.count, MAX_BYTES, options.first)
    differing = 0
    for start in range(0, len(cases), TOGETHER):
        some = cases[start : start + TOGETHER]
        for case, theirs in zip(some, their_ids(some), strict=True):
            if own_id(case) != theirs:
                differing += 1
                print(f"{case}: {own_id(case)} here, {theirs} there")
        print(f"{start + len(some)} of {len(cases)} compared", file=sys.stderr)
    print(f"{len(cases)} files of up to {MAX_BYTES} bytes: {differing} ids differ")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
