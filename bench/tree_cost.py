"""What the state tree costs: changes a second, hashes, pages, and the bytes of proofs."""

import hashlib
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from bench.large_chain import BALANCE, Population
from bench.report import Report, tell
from consensus import tree, tree_proof
from consensus.hashing import sha256
from consensus.tree import key_path
from storage import state as storage_state
from storage.database import PAGE_ROW, Database
from storage.state import FinalState, layer_batch, make_layer, write_first_state
from vm.modules.tokens import BALANCES, Balance

HASHED_BYTES = 65  # of an inner node, and of a leaf
ROUNDS = 3
PROOFS = 200
ROWS_TOGETHER = 10


def raw_hashes_a_second() -> float:
    """How fast hashlib alone is, called from a loop, for what the tree hashes."""
    data, count = bytes(HASHED_BYTES), 200_000
    begun = time.process_time()
    for _ in range(count):
        hashlib.sha256(data).digest()
    return count / (time.process_time() - begun)


def write_state(folder: Path, population: Population, rows: int) -> None:
    """A database of a state of so many balances, and nothing else."""
    made = dict(population.accounts(rows))
    with Database.open(folder) as database:
        ordered = ((key, made[key]) for key in sorted(made, key=key_path))
        write_first_state(database, ordered, lambda _: ())


def measure_tree(folder: Path, population: Population, rows: int, changes: Sequence[int]) -> Report:
    """A state of so many balances: what changes of so many of them at once cost, and proofs. The
    state is as before then."""
    with Database.open(folder) as database:
        bench = _TreeBench(database, population, rows)
        report: Report = {f"{count}_changes": bench.changes(count) for count in changes}
        report["proof_bytes"] = bench.proofs(1)
        report["proof_bytes_10_rows"] = bench.proofs(ROWS_TOGETHER)
        bench.undo()
    return report


class _TreeBench:
    def __init__(self, database: Database, population: Population, rows: int) -> None:
        self._database = database
        self._population = population
        self._rows = rows
        self._chance = random.Random(rows)  # noqa: S311
        self._state = FinalState(database)
        self._changed: set[bytes] = set()

    def _keys(self, count: int) -> list[bytes]:
        numbers = self._chance.sample(range(self._rows), count)
        return [BALANCES.state_key(self._population.account(i), "REEL") for i in numbers]

    def changes(self, count: int) -> Report:
        """CPU time of the tree's update alone, with pages from the state's cache where they are in
        it; wall time with the synced write that makes the changes final."""
        tree_s, final_s = list[float](), list[float]()
        for _ in range(ROUNDS + 1):  # the first warms up
            writes = self._some(count)
            begun, begun_cpu = time.perf_counter(), time.process_time()
            layer, _ = make_layer(self._state, writes)
            tree_s.append(time.process_time() - begun_cpu)
            self._database.write(layer_batch(layer), sync=True)
            self._state.absorb(layer)
            final_s.append(time.perf_counter() - begun)
            self._changed |= writes.keys()
        used_s = min(tree_s[1:]) / count  # what else runs on the machine only adds
        with counted() as counts:
            layer, _ = make_layer(self._state, self._some(count))
        pages = sum(key.startswith(PAGE_ROW) for key in layer.rows)
        return {
            "updates_a_second": round(1 / used_s),
            "updates_a_second_until_durable": round(count / min(final_s[1:])),
            "hashes_an_update": round(counts["hashes"] / count, 2),
            "share_of_raw_hashing_speed": round(
                counts["hashes"] / count / used_s / raw_hashes_a_second(), 3
            ),
            "pages_read_an_update": round(counts["pages"] / count, 3),
            "pages_written_an_update": round(pages / count, 3),
        }

    def _some(self, count: int) -> dict[bytes, bytes | None]:
        amounts = (self._chance.randrange(1, BALANCE) for _ in range(count))
        keys = self._keys(count)
        return {key: Balance(amount).encode() for key, amount in zip(keys, amounts, strict=True)}

    def proofs(self, together: int) -> Report:
        """Encoded bytes of proofs of random rows."""
        sizes = [
            len(tree_proof.prove(self._state.page, map(key_path, self._keys(together))).encode())
            for _ in range(PROOFS)
        ]
        return {"mean": round(statistics.mean(sizes), 1), "most": max(sizes)}

    def undo(self) -> None:
        """Give all rows their first values again; the pages follow."""
        value = Balance(BALANCE).encode()
        layer, _ = make_layer(self._state, dict.fromkeys(self._changed, value))
        self._database.write(layer_batch(layer), sync=True)
        tell(f"the tree of {self._rows} rows is measured")


@contextmanager
def counted() -> Iterator[dict[str, int]]:
    """Count hashes and page reads meanwhile."""
    counts = {"hashes": 0, "pages": 0}
    page = FinalState.page

    def hashing(data: bytes) -> bytes:
        counts["hashes"] += 1
        return sha256(data)

    def reading(state: FinalState, position: bytes) -> bytes | None:
        counts["pages"] += 1
        return page(state, position)

    with (
        patch.object(tree, "sha256", hashing),
        patch.object(storage_state, "sha256", hashing),
        patch.object(FinalState, "page", reading),
    ):
        yield counts
