"""`reelect db export`, `import` and `snapshots`: a chain's state carried to another machine as one
file, which proves itself to whoever has the genesis file."""

import os
from collections.abc import Iterator
from pathlib import Path

from consensus.cid import Cid, parse_cid
from consensus.kinds import Json, JsonObject
from consensus.snapshot import SnapshotManifest
from genesis.file import Genesis
from node.alarm import check_no_alarm
from node.chain import Chain
from node.commands.arguments import ConfigFile, JsonFlag, Overrides, argument
from node.config.sections import Config
from node.config.sources import load_config
from node.failure import ProofFailed, Refused
from node.files import write_pieces
from node.node import read_genesis, wall_clock_ms
from node.output import live_line, print_fields, print_json, print_table, progress, warn
from node.snapshots.proving import (
    doubt_about,
    genesis_anchor,
    joined_writes,
    proved_chunks,
    proved_file,
    proving,
)
from node.snapshots.taking import take_snapshot
from storage.database import Database, DatabaseError
from storage.snapshot_file import SnapshotFile
from storage.snapshot_import import SnapshotImport
from storage.snapshots import SNAPSHOTS, SnapshotStore, file_name, stored_files

_PIECE_BYTES = 1024 * 1024


def snapshots(*, config: ConfigFile = None, set_: Overrides = (), json: JsonFlag = False) -> None:
    """List the snapshots that a node keeps; the node may run meanwhile."""
    settings = load_config(config, set_, os.environ)
    if not settings.node.data_dir.exists():
        raise Refused(
            "does not exist: name the configuration of a node with --config",
            field=str(settings.node.data_dir),
        )
    found = [SnapshotFile.open(path) for path in stored_files(_folder(settings))]
    if json:
        listed: list[Json] = [_fields(file.path, file.manifest) for file in found]
        print_json(listed)
        return
    rows = [
        (made.height, made.block_id, len(made.chunks), made.size_bytes, file.path)
        for file in found
        for made in (file.manifest,)
    ]
    print_table(("HEIGHT", "BLOCK", "CHUNKS", "BYTES", "FILE"), rows)


def export(
    file: Path,
    *,
    height: int | None = None,
    config: ConfigFile = None,
    set_: Overrides = (),
    json: JsonFlag = False,
) -> None:
    """Write the newest snapshot of a chain's state to one file; the node may run meanwhile.

    The file holds the state, and the proofs from genesis on that it is final. If the node has no
    snapshot yet and is stopped, one of its final state is taken.

    Parameters
    ----------
    file
        The file to write; nothing is overwritten.
    height
        Height of the snapshot to write, one of those that `reelect db snapshots` lists.
    """
    settings = load_config(config, set_, os.environ)
    genesis = read_genesis(settings.node.genesis)
    source = proved_file(_chosen(settings, height), genesis)
    count, rows = len(source.manifest.chunks), 0
    for done, chunk in enumerate(proved_chunks(source), start=1):
        rows += len(chunk.rows)
        live_line(f"checking: {done} of {count} chunks")
    write_pieces(file, _pieces(source))
    progress("")
    fields = _fields(file, source.manifest)
    _report(fields | {"chain": genesis.chain.hex(), "rows": rows}, as_json=json)


def import_(
    file: Path,
    *,
    block: str | None = None,
    config: ConfigFile = None,
    set_: Overrides = (),
    json: JsonFlag = False,
) -> None:
    """Give a new node the state in a file that `reelect db export` wrote.

    Everything in the file is checked, from the genesis file on. The node then needs only the
    blocks above the snapshot, and has none below. If this is interrupted, run it again: it goes
    on with what is missing.

    Parameters
    ----------
    file
        The file to read.
    block
        Id of the block that the state is of, from somebody who follows the chain: refuse any other.
        The producers of a genesis file that is older than the chain's unbonding time have nothing
        to lose any more by signing a false chain.
    """
    wanted = None if block is None else argument("--block", parse_cid, block)
    settings = load_config(config, set_, os.environ)
    genesis = read_genesis(settings.node.genesis)
    source = proved_file(file, genesis)
    _check_block(source, genesis, wanted)
    folder = settings.node.data_dir
    folder.mkdir(parents=True, exist_ok=True)
    check_no_alarm(folder)
    with Database.open(folder / "chain") as database:
        found = _import(source, genesis, database)
    progress("")
    fields = _fields(file, source.manifest) | {"chain": genesis.chain.hex()}
    _report(fields | {"data_dir": str(folder), "found_chunks": found}, as_json=json)


def _check_block(source: SnapshotFile, genesis: Genesis, wanted: Cid | None) -> None:
    """Raise ProofFailed if another block is wanted; tell people to ask if they should have."""
    found = source.manifest.block_id
    if wanted is not None and wanted != found:
        raise ProofFailed(f"the state is of block {found}, not of {wanted}", field=str(source.path))
    if wanted is None and genesis_anchor(genesis).is_too_old(wall_clock_ms()):
        warn(doubt_about(source.manifest))


def _import(source: SnapshotFile, genesis: Genesis, database: Database) -> int:
    """Returns how many chunks an import that was interrupted had left."""
    manifest = source.manifest
    imported = SnapshotImport(database, manifest)
    missing, count = imported.missing, len(manifest.chunks)
    found = count - len(missing)
    for done, index in enumerate(missing, start=found + 1):
        with proving(source.path):
            imported.add(index, source.chunk(index))
        live_line(f"importing: {done} of {count} chunks")
    steps = [*source.steps()]
    imported.finish(lambda: joined_writes(genesis, database, manifest, steps))
    Chain(genesis, database)  # it can be taken up
    return found


def _chosen(settings: Config, height: int | None) -> Path:
    """The file of the snapshot of a height, else of the newest one, which is taken if need be."""
    folder = _folder(settings)
    files = stored_files(folder)
    if height is not None:
        if folder / file_name(height) in files:
            return folder / file_name(height)
        there = ", ".join(path.stem for path in files) or "none"
        raise Refused(
            f"no snapshot of height {height} is kept; there are: {there}", field="--height"
        )
    return files[0] if files else _take(settings)


def _take(settings: Config) -> Path:
    chain = settings.node.data_dir / "chain"
    if not chain.exists():
        raise Refused("holds no chain of which a snapshot could be taken", field=str(chain))
    progress("taking a snapshot of the final state")
    try:
        with Database.open(chain) as database:
            store = SnapshotStore(_folder(settings))
            return take_snapshot(store, database.snapshot()).path
    except DatabaseError as error:
        raise Refused(
            f"{error}. No snapshot is kept yet: a running node takes one each "
            f"{settings.storage.snapshot_blocks} blocks (storage.snapshot_blocks)",
            code="database",
        ) from error


def _folder(settings: Config) -> Path:
    return settings.node.data_dir / SNAPSHOTS


def _pieces(source: SnapshotFile) -> Iterator[bytes]:
    with source.path.open("rb") as opened:
        while piece := opened.read(_PIECE_BYTES):
            yield piece


def _fields(file: Path, manifest: SnapshotManifest) -> JsonObject:
    return {
        "file": str(file),
        "height": manifest.height,
        "block": str(manifest.block_id),
        "state_root": manifest.final.state_root.hex(),
        "chunks": len(manifest.chunks),
        "size_bytes": manifest.size_bytes,
    }


def _report(fields: JsonObject, *, as_json: bool) -> None:
    if as_json:
        print_json(fields)
    else:
        print_fields(fields)
