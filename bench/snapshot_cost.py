"""What a snapshot of a large state costs to take and to import, beside a plain copy of the rows and
pages from one LevelDB into another."""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bench.large_chain import Population
from bench.report import Report, tell
from node.chain import Chain
from node.snapshots.proving import joined_writes
from node.snapshots.taking import take_snapshot
from storage.database import PAGE_ROW, STATE_ROW, Database, KeyValueReader
from storage.snapshot_import import SnapshotImport
from storage.snapshots import SnapshotStore

COPIED_ROWS = 2_000  # about as many bytes as a chunk has
MEGABYTE = 1_000_000


def measure_snapshots(folder: Path, chain: Path, population: Population) -> Report:
    """Megabytes of the state's rows (keys and values) a second, each way ending durable."""
    store = SnapshotStore(folder / "snapshots")
    with Database.open(chain) as database:
        size = sum(len(key) - 1 + len(value) for key, value in _rows(database, STATE_ROW))
        begun = time.perf_counter()
        taken = take_snapshot(store, database.snapshot())
        export_s = time.perf_counter() - begun
        tell("a snapshot is taken")
        begun = time.perf_counter()
        _copy(database, folder / "copied")
        copy_s = time.perf_counter() - begun
        tell("the rows are copied")
    begun = time.perf_counter()
    with Database.open(folder / "imported") as database:
        importing = SnapshotImport(database, taken.manifest)
        for index in importing.missing:
            importing.add(index, taken.chunk(index))
        genesis, manifest, steps = population.genesis, taken.manifest, taken.steps()
        importing.finish(partial(joined_writes, genesis, database, manifest, steps))
        import_s = time.perf_counter() - begun
        if Chain(population.genesis, database).durable_final.id != taken.manifest.block_id:
            raise RuntimeError("the imported state is not the chain's")
    tell("the snapshot is imported")
    return {
        "megabytes_of_rows": round(size / MEGABYTE, 1),
        "megabytes_of_the_file": round(taken.path.stat().st_size / MEGABYTE, 1),
        "export_megabytes_a_second": round(size / MEGABYTE / export_s, 2),
        "import_megabytes_a_second": round(size / MEGABYTE / import_s, 2),
        "copy_megabytes_a_second": round(size / MEGABYTE / copy_s, 2),
        "export_per_copy": round(export_s / copy_s, 1),
        "import_per_copy": round(import_s / copy_s, 1),
    }


def _rows(reader: KeyValueReader, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
    start = prefix
    while rows := reader.scan(prefix, start=start, limit=COPIED_ROWS):
        yield from rows
        start = rows[-1][0] + b"\x00"


def _copy(database: Database, folder: Path) -> None:
    with Database.open(folder) as copied:
        for prefix in (STATE_ROW, PAGE_ROW):
            start = prefix
            while rows := database.scan(prefix, start=start, limit=COPIED_ROWS):
                copied.write(rows, sync=False)
                start = rows[-1][0] + b"\x00"
        copied.write((), sync=True)
