"""`reelect journal`: look at a node's signing journal, copy it, and move it to another host."""

import os
from pathlib import Path

from cyclopts import App

from consensus.hashing import sha256
from consensus.keys import KeyPair
from consensus.kinds import Json, JsonObject
from node.commands.arguments import ConfigFile, JsonFlag, Overrides, argument
from node.config.sections import Config
from node.config.setting import node_id
from node.config.sources import load_config
from node.failure import Refused, Usage
from node.files import PRIVATE, read_bounded, write_new
from node.output import print_fields, print_json, print_line, print_table, progress
from node.validator import JOURNAL_FILE
from node.wallet.derivation import KeyKind
from node.wallet.seed_file import read_seed_file
from storage.journal import Journal, JournalContents, JournalEntry, JournalError, read_journal
from storage.journal_export import (
    MAX_EXPORT_BYTES,
    check_addressed,
    entries_to_take,
    read_export,
    write_export,
)

app = App(name="journal", help="Look at the signing journal, copy it, move it to another host.")


@app.command
def show(*, config: ConfigFile = None, set_: Overrides = (), json: JsonFlag = False) -> None:
    """Show what every key of the node is bound to; the node may run meanwhile."""
    file = _journal_file(load_config(config, set_, os.environ))
    contents = read_journal(file)
    fields: JsonObject = {
        "journal": str(file),
        "moved_to": _hex(contents.moved_to),
        "size_bytes": contents.size_bytes + contents.torn_bytes,
        "torn_bytes": contents.torn_bytes,
        "digest": contents.digest.hex(),
    }
    if json:
        keys: list[Json] = [_fields(entry) for entry in contents.ordered()]
        print_json(fields | {"keys": keys})
        return
    print_fields(fields | {"keys": len(contents.entries)})
    if contents.entries:
        print_line("")
        columns = (
            *("KEY", "LAST SLOT", "LOCK", "FLOOR", "LAST PRODUCED"),
            *("FINAL SLOT", "FINAL BLOCK"),
        )
        print_table(columns, [_row(entry) for entry in contents.ordered()])


@app.command
def export(
    file: Path, *, config: ConfigFile = None, set_: Overrides = (), json: JsonFlag = False
) -> None:
    """Write a copy of the journal's states, for inspection; the node may run meanwhile.

    Without a fence a copy cannot be imported: the journal may have gone on since. To move the
    keys to another host use `reelect journal fence`.

    Parameters
    ----------
    file
        The file to write; nothing is overwritten.
    """
    journal_file = _journal_file(load_config(config, set_, os.environ))
    contents = read_journal(journal_file)
    write_new(file, write_export(contents), mode=PRIVATE)
    _report(journal_file, contents, file, as_json=json)


@app.command
def fence(
    file: Path | None = None,
    *,
    to: str,
    config: ConfigFile = None,
    set_: Overrides = (),
    json: JsonFlag = False,
) -> None:
    """Move the signing state to another node: this journal signs nothing more, for ever.

    Stop the node first. The file is then imported by the other node, and by no other; again
    with the same node id it is written again.

    Parameters
    ----------
    file
        The file to write; else journal-NODE_ID.export, with the id's first 8 digits.
    to
        Id of the node that the states move to; `reelect init` and `reelect node` print it.
    """
    settings = load_config(config, set_, os.environ)
    heir = argument("--to", _node_id, to)
    if heir == _own_id(settings):
        raise Usage("this is the node's own id; the id of the new host's is needed", field="--to")
    output = Path(f"journal-{heir.hex()[:8]}.export") if file is None else file
    contents = _fence(_journal_file(settings), heir, output)
    _write_again(output, write_export(contents))
    _report(_journal_file(settings), contents, output, as_json=json)
    progress(f"the new host takes it with: reelect journal import {output.name}")


@app.command(name="import")
def import_(
    file: Path, *, config: ConfigFile = None, set_: Overrides = (), json: JsonFlag = False
) -> None:
    """Take over the states of a journal that was fenced for this node.

    Stop the node first. Its keys then go on exactly where they were. What the node's own journal
    has of other keys stays. Delete the file afterwards: later it would be too old.

    Parameters
    ----------
    file
        The file that `reelect journal fence` wrote.
    """
    settings = load_config(config, set_, os.environ)
    data = read_bounded(file, MAX_EXPORT_BYTES)
    taken = read_export(file, data)
    check_addressed(file, taken, _own_id(settings))
    journal_file = _journal_file(settings)
    journal_file.parent.mkdir(parents=True, exist_ok=True)
    with Journal.open(journal_file) as journal:
        lacking = entries_to_take(journal, taken)
        if lacking:
            _use_once(file, data, journal_file)
            journal.append(lacking)
    keys: list[Json] = [entry.key.hex() for entry in taken.entries]
    if json:
        print_json({"journal": str(journal_file), "keys": keys})
    else:
        print_fields({"journal": journal_file, "keys": keys})


def _journal_file(settings: Config) -> Path:
    return settings.node.data_dir / JOURNAL_FILE


def _own_id(settings: Config) -> bytes:
    return KeyPair.from_seed(read_seed_file(settings.node.key_file, KeyKind.NODE)).public


def _node_id(text: str) -> bytes:
    return node_id(text, Path())


def _fence(file: Path, heir: bytes, output: Path) -> JournalContents:
    """Fence the journal if it is not yet, after all that could keep the export from being
    written was seen to."""
    before = read_journal(file)  # Journal.open would make one
    if not before.entries:
        raise Refused("knows no key: there is nothing to move", field=str(file))
    if before.moved_to is None and output.exists():
        raise Refused("exists already and is not overwritten", field=str(output))
    with Journal.open(file) as journal:
        journal.fence(heir)
        return journal.contents()


def _write_again(output: Path, data: bytes) -> None:
    if not output.exists() or read_bounded(output, MAX_EXPORT_BYTES) != data:
        write_new(output, data, mode=PRIVATE)


def _use_once(file: Path, data: bytes, journal_file: Path) -> None:
    """Note that the export is taken, before it is: should this journal be lost later, the same
    export would be an older state."""
    note = journal_file.with_name(f"{journal_file.name}.imported-{sha256(data).hex()[:16]}")
    if note.exists():
        raise JournalError(
            f"{file} was imported here before ({note} says so) and its states may be older than "
            "what was signed since. Start the node without it: its keys count as having lost "
            "their signing state and wait before they sign again"
        )
    write_new(note, f"{file}\n".encode(), mode=PRIVATE)


def _report(journal_file: Path, contents: JournalContents, file: Path, *, as_json: bool) -> None:
    fields: JsonObject = {
        "journal": str(journal_file),
        "moved_to": _hex(contents.moved_to),
        "export": str(file),
        "keys": len(contents.entries),
    }
    if as_json:
        print_json(fields)
    else:
        print_fields(fields)


def _fields(entry: JournalEntry) -> JsonObject:
    state, final = entry.state, entry.final
    return {
        "key": entry.key.hex(),
        "last_slot": state.last_slot,
        "lock": {"dynasty": state.lock_dynasty, "slot": state.lock_slot},
        "floor": state.floor,
        "last_produced_slot": state.last_produced_slot,
        "final": None if final is None else final.to_json(),
    }


def _row(entry: JournalEntry) -> tuple[object, ...]:
    state, final = entry.state, entry.final
    lock = f"{state.lock_dynasty}/{state.lock_slot}"
    known = (None, None) if final is None else (final.slot, final.id)
    key = entry.key.hex()
    return (key, state.last_slot, lock, state.floor, state.last_produced_slot, *known)


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()
