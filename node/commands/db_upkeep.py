"""`reelect db check`, `repair`, `stats` and `compact`: a stopped node's database looked after."""

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from consensus.kinds import Json, JsonObject
from node.commands.arguments import ConfigFile, JsonFlag, Overrides
from node.config.sections import Config
from node.config.sources import load_config
from node.failure import Refused
from node.node import read_genesis
from node.output import live_line, print_fields, print_json, print_line, print_table, progress
from node.upkeep.check import (
    chain_faults,
    check_chain,
    content_faults,
    file_faults,
    final_block,
    journal_faults,
)
from node.upkeep.faults import Fault, Mend
from node.upkeep.repair import Repair, Repaired
from node.upkeep.usage import folder_bytes, room_of, row_usage
from node.validator import JOURNAL_FILE
from storage.blocks import ChainMeta
from storage.database import Database, DatabaseDamaged, level_folder, repaired_folder
from storage.snapshots import SNAPSHOTS, stored_files

MAX_TOLD_FAULTS = 1000


def check(
    *,
    content: Annotated[bool, Parameter(negative=())] = False,
    config: ConfigFile = None,
    set_: Overrides = (),
    json: JsonFlag = False,
) -> None:
    """Look at every row of a stopped node's database, and name each fault; exit code 1 if any.

    The state is hashed from all its rows and compared with the final block's root; blocks with
    each other and with what finds them; proofs, results and the signing journal with what they
    must be. Nothing is written, but LevelDB tidies up its log when it is opened.

    Parameters
    ----------
    content
        Also compare every content block with its id.
    """
    settings = load_config(config, set_, os.environ)
    folder = _chain_folder(settings)
    found, others, final = _found(settings, folder)
    if content:
        others += content_faults(settings.node.data_dir / "content", _tell)
    progress("")
    _show_check(folder, final, found + others, as_json=json)
    if found or others:
        advice = "; `reelect db repair` mends the database, or lets it be fetched anew"
        number = len(found + others)
        raise Refused(f"faults found: {number}{advice if found else ''}", code="faults")


def repair(
    *,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    config: ConfigFile = None,
    set_: Overrides = (),
    json: JsonFlag = False,
) -> None:
    """Mend a stopped node's database from what is good in it.

    What follows from other rows is written anew. Where LevelDB itself is damaged its own repair
    is tried, and taken only if the check then finds no fault; else all blocks are run again if
    they are there. If nothing helps, the database is moved aside, so that the node gets the chain
    from its peers when it starts. The signing journal and the content stay as they are.

    Parameters
    ----------
    dry_run
        Say what would be done, and leave everything as it is.
    """
    settings = load_config(config, set_, os.environ)
    folder = _chain_folder(settings)
    genesis = read_genesis(settings.node.genesis)
    done = Repair(folder, genesis, _tell, dry_run=dry_run).run()
    progress("")
    fields: JsonObject = {
        "database": str(folder),
        "done": done.way,
        "dry_run": dry_run,
        "final_height": done.final_height,
        "damaged": None if done.aside is None else str(done.aside),
    }
    if json:
        print_json(fields | _told(done.faults))
        return
    for fault in done.faults[:MAX_TOLD_FAULTS]:
        print_line(str(fault))
    print_fields(fields)
    print_line(_sentence(done, is_dry=dry_run))
    snapshots = stored_files(settings.node.data_dir / SNAPSHOTS)
    if done.way == "aside" and snapshots:
        where = "" if config is None else f" --config {config}"
        print_line(f"It may also begin with its own: reelect db import {snapshots[0]}{where}")


def stats(*, config: ConfigFile = None, set_: Overrides = (), json: JsonFlag = False) -> None:
    """Count the rows of a stopped node's database, and show what its folders take of the disk."""
    settings = load_config(config, set_, os.environ)
    folder = _chain_folder(settings)
    with Database.open(folder) as database:
        final = final_block(database)
        kinds = [kind for kind in row_usage(database, _tell) if kind.rows]
    progress("")
    room = room_of(settings.node.data_dir)
    fields: JsonObject = {
        "database": str(folder),
        "final_height": None if final is None else final.height,
        "chain_bytes": room.chain_bytes,
        "content_bytes": room.content_bytes,
        "snapshot_bytes": room.snapshot_bytes,
        "free_bytes": room.free_bytes,
    }
    if json:
        listed: list[Json] = [
            {"kind": kind.kind, "rows": kind.rows, "size_bytes": kind.size_bytes} for kind in kinds
        ]
        print_json(fields | {"kinds": listed})
        return
    print_fields(fields)
    print_line("")
    rows = [(kind.kind, kind.rows, kind.size_bytes) for kind in kinds]
    print_table(("KIND", "ROWS", "BYTES"), rows)


def compact(*, config: ConfigFile = None, set_: Overrides = (), json: JsonFlag = False) -> None:
    """Have LevelDB write a stopped node's database anew, without what was overwritten."""
    folder = _chain_folder(load_config(config, set_, os.environ))
    with Database.open(folder) as database:
        before = folder_bytes(folder)
        progress(f"compacting {before:,} bytes")
        database.compact()
    fields: JsonObject = {
        "database": str(folder),
        "bytes_before": before,
        "bytes_after": folder_bytes(folder),
    }
    if json:
        print_json(fields)
    else:
        print_fields(fields)


def _chain_folder(settings: Config) -> Path:
    """The database's folder, which a command that looks after it does not make."""
    folder = settings.node.data_dir / "chain"
    if not folder.exists() and not repaired_folder(folder).exists():
        raise Refused(
            "does not exist: start the node, which makes it, or check that this is its data folder",
            field=str(folder),
        )
    return folder


def _found(settings: Config, folder: Path) -> tuple[list[Fault], list[Fault], ChainMeta | None]:
    """The faults of the database, those of the journal, and the final block."""
    genesis = read_genesis(settings.node.genesis)
    try:
        with Database.open(folder) as database:
            check_chain(database, genesis)
            final = final_block(database)
            faults = list(chain_faults(database, genesis, _tell))
            others = _journal_faults(settings, database)
    except DatabaseDamaged as error:
        final, others = None, _journal_faults(settings)
        faults = [Fault("database", f"cannot be opened: {error.what}", mend=Mend.SALVAGE)]
    if any(fault.mend is Mend.SALVAGE for fault in faults):
        faults += file_faults(level_folder(folder))
    return faults, others, final


def _journal_faults(settings: Config, database: Database | None = None) -> list[Fault]:
    """A node without seats signs nothing: it may have no journal yet."""
    journal = settings.node.data_dir / JOURNAL_FILE
    if not settings.seats and not journal.exists():
        return []
    return list(journal_faults(journal, database))


def _show_check(
    folder: Path, final: ChainMeta | None, faults: list[Fault], *, as_json: bool
) -> None:
    fields: JsonObject = {
        "database": str(folder),
        "final_height": None if final is None else final.height,
        "final_block": None if final is None else str(final.id),
    }
    if as_json:
        print_json(fields | _told(faults))
        return
    for fault in faults[:MAX_TOLD_FAULTS]:
        print_line(str(fault))
    print_fields(fields | {"faults": len(faults)})
    for kind, number in Counter(fault.kind for fault in faults).items():
        print_line(f"{number} of kind {kind}")


def _told(faults: Iterable[Fault]) -> JsonObject:
    """The first faults, and how many there are."""
    listed: list[Json] = [fault.to_json() for fault in faults]
    return {"fault_count": len(listed), "faults": listed[:MAX_TOLD_FAULTS]}


def _sentence(done: Repaired, *, is_dry: bool) -> str:
    would = "would be" if is_dry else "was"
    return {
        "none": "Nothing is wrong with the database.",
        "mended": f"What was wrong {would} written anew from the rows beside it.",
        "salvaged": f"What LevelDB's repair left is whole; it {would} put in place.",
        "replayed": f"All blocks are there: the database {would} made anew from them.",
        "aside": f"What is left is no whole chain: it {would} moved aside. Start the node, and it "
        "gets the chain from its peers.",
    }[done.way]


def _tell(what: str, number: int) -> None:
    live_line(f"{what}: {number:,}")
