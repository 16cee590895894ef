"""How fast a final block is written, beside a bare batch of the same rows."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from unittest.mock import patch

import plyvel

from bench.ground import Ground
from bench.report import tell
from bench.row import Sample
from consensus.fork_choice import Finalized
from consensus.transaction import EncodedTransaction
from node.chain import Chain
from storage.database import Database, Write

MEGABYTE = 1_000_000
WRITE_BUFFER_BYTES = 4 * 1024 * 1024  # as the node has it
BLOOM_BITS = 10
SLOTS_TO_FINALITY = 3

# What persisting took in seconds, and the batches of it.
Persisted = tuple[float, Sequence[Sequence[Write]]]


def measure_finalizing(ground: Ground) -> list[Sample]:
    """Megabytes of rows a second, both synced: from a final block's state to the disk, and from
    the finished rows."""
    samples = []
    path = str(ground.folder / "bare")
    bare = plyvel.DB(
        path,
        create_if_missing=True,
        write_buffer_size=WRITE_BUFFER_BYTES,
        bloom_filter_bits=BLOOM_BITS,
        compression=None,
    )
    try:
        with ground.database() as database:
            chain = ground.chain(database)
            for repeat in range(ground.sizes.repeats):
                pending = ground.transfers(chain, 2 * ground.sizes.repeats + repeat)
                took, batches = _finalize(ground, chain, pending)
                megabytes = sum(map(_size_bytes, batches)) / MEGABYTE
                samples.append(Sample(megabytes / took, megabytes / _write_bare(bare, batches)))
                tell(f"a block of {len(pending)} transfers is final")
    finally:
        bare.close()
    return samples


def _finalize(ground: Ground, chain: Chain, pending: Sequence[EncodedTransaction]) -> Persisted:
    """Make a block of these transfers final; the greatest write is its."""
    with _persisted(chain) as all_persisted:
        ground.population.go_on(chain, SLOTS_TO_FINALITY, pending)
    return max(all_persisted, key=lambda each: sum(map(len, each[1])))


@contextmanager
def _persisted(chain: Chain) -> Iterator[list[Persisted]]:
    """What the chain makes durable meanwhile."""
    persisted: list[Persisted] = []
    batches: list[list[Write]] = []
    persist, write = chain.persist, Database.write

    def timed(finalized: Finalized) -> None:
        batches.clear()
        begun = time.perf_counter()
        persist(finalized)
        persisted.append((time.perf_counter() - begun, tuple(batches)))

    def seen(database: Database, batch: Iterable[Write], *, sync: bool) -> None:
        rows = list(batch)
        batches.append(rows)
        write(database, rows, sync=sync)

    with patch.object(chain, "persist", timed), patch.object(Database, "write", seen):
        yield persisted


def _write_bare(bare: plyvel.DB, batches: Sequence[Sequence[Write]]) -> float:
    """Seconds to write the same rows with plyvel alone."""
    begun = time.perf_counter()
    for batch in batches:
        writes = bare.write_batch(sync=True)
        for key, value in batch:
            if value is None:
                writes.delete(key)
            else:
                writes.put(key, value)
        writes.write()
    return time.perf_counter() - begun


def _size_bytes(batch: Sequence[Write]) -> int:
    return sum(len(key) + len(value or b"") for key, value in batch)
