"""What a block of random transfers costs a validator whose state is large: by what it has in its
cache, alone and beside a thread that computes."""

import random
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from bench.large_chain import Population
from bench.report import Report, tell
from consensus.transaction import EncodedTransaction
from node.candidate import read_block
from node.chain import Chain
from node.read_ahead import read_touched
from node.threads import SWITCH_INTERVAL_S
from node.trial import check_transaction
from storage.database import Database, Reader

ROUNDS = 3
# What the validator's cache has of the block: nothing but what all blocks touch, what is read when
# a transaction is let into the mempool, what is read ahead then, or all.
CACHES = ("cold", "admitted", "read_ahead", "warm")
PYTHONS_INTERVAL_S = 0.005
GROUPS = ROUNDS * len(CACHES) * 3 + 1


def measure_blocks(folder: Path, population: Population, accounts: int, transfers: int) -> Report:
    """Seconds to check a block of so many transfers from accounts of known keys to random ones.

    The population has `GROUPS * transfers` senders. Nothing is written.
    """
    report: Report = {}
    with Database.open(folder) as database:
        bench = _BlockBench(database, population, accounts, transfers)
        bench.run("cold", is_busy=False)
        for name, is_busy, interval_s in (
            ("alone", False, SWITCH_INTERVAL_S),
            ("beside_a_busy_thread", True, SWITCH_INTERVAL_S),
            ("beside_a_busy_thread_switching_each_5_ms", True, PYTHONS_INTERVAL_S),
        ):
            before = sys.getswitchinterval()
            sys.setswitchinterval(interval_s)
            try:
                report[name] = {cache: bench.rounds(cache, is_busy=is_busy) for cache in CACHES}
            finally:
                sys.setswitchinterval(before)
            tell(f"blocks {name.replace('_', ' ')} are measured")
    return report


class _BlockBench:
    def __init__(
        self, database: Database, population: Population, accounts: int, transfers: int
    ) -> None:
        self._population = population
        self._accounts = accounts
        self._transfers = transfers
        self._chance = random.Random(transfers)  # noqa: S311
        self._group = 0
        self._maker, self._validator = (_open(population, database) for _ in range(2))

    def rounds(self, cache: str, *, is_busy: bool) -> Report:
        """The quickest of a few blocks, each of accounts that had no part in an earlier one: what
        else runs on the machine only adds."""
        made = [self.run(cache, is_busy=is_busy) for _ in range(ROUNDS)]
        quickest = min(made, key=lambda each: each["seconds"])
        return {name: round(value, 3) for name, value in quickest.items()}

    def run(self, cache: str, *, is_busy: bool) -> dict[str, float]:
        """Check one block."""
        chain, pending = self._validator, self._some_transfers()
        raw = self._population.block(self._maker, chain.fork.head.slot + 1, pending).raw
        candidate = read_block(raw)
        begun_cpu = time.thread_time()
        for each in pending:  # its signature is known to be good in any case
            chain.verified.check_transaction(each)
            if cache in ("admitted", "read_ahead"):
                check_transaction(chain, each)
        if cache == "read_ahead":
            read_touched(chain.state, [each.transaction for each in pending])
        if cache == "warm":
            chain.validate(candidate)
        before = time.thread_time() - begun_cpu
        with _busy(is_busy), _reads() as reads:
            begun, begun_cpu = time.perf_counter(), time.thread_time()
            chain.validate(candidate)
            used, took = time.thread_time() - begun_cpu, time.perf_counter() - begun
        return {
            "seconds": took,
            "cpu_seconds": used,
            "cpu_seconds_before": before,
            "database_reads": len(reads),
            "seconds_in_reads": sum(reads),
            "microseconds_a_read": 1e6 * statistics.fmean(reads or [0.0]),
        }

    def _some_transfers(self) -> list[EncodedTransaction]:
        first = self._group * self._transfers
        self._group += 1
        return [
            self._population.transfer(self._maker, number, self._chance.randrange(self._accounts))
            for number in range(first, first + self._transfers)
        ]


def _open(population: Population, database: Database) -> Chain:
    chain = Chain(population.genesis, database)
    chain.replay()
    return chain


@contextmanager
def _busy(is_busy: bool) -> Iterator[None]:
    """A thread that computes meanwhile, if it is wanted."""
    ends = threading.Event()

    def compute() -> None:
        number = 0
        while not ends.is_set():
            for i in range(1000):
                number += i

    thread = threading.Thread(target=compute)
    if is_busy:
        thread.start()
    try:
        yield
    finally:
        ends.set()
        if is_busy:
            thread.join()


@contextmanager
def _reads() -> Iterator[list[float]]:
    """How long each read of a row from the database takes meanwhile."""
    times: list[float] = []
    get = Reader.get

    def timed(reader: Reader, key: bytes) -> bytes | None:
        begun = time.perf_counter()
        try:
            return get(reader, key)
        finally:
            times.append(time.perf_counter() - begun)

    with patch.object(Reader, "get", timed):
        yield times
