"""`reelect db check`: everything that a stopped node keeps, against everything it follows from."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path

from consensus.block import BlockRef
from consensus.cid import parse_cid
from consensus.errors import Invalid, InvalidGenesis
from consensus.unixfs import check_content_block
from genesis.file import Genesis
from node.candidate import header_of
from node.upkeep.block_check import BlockCheck
from node.upkeep.faults import TELL_EACH, Fault, Mend, Tell, wrong_row
from node.upkeep.history_check import HistoryCheck
from node.upkeep.record_check import RecordCheck
from node.upkeep.state_check import state_faults
from storage.blocks import ChainMeta, block_or_header
from storage.database import (
    BLOCK_ID_ROW,
    BLOCK_ROW,
    END_ROW,
    META_ROW,
    DatabaseDamaged,
    DatabaseError,
    KeyValueReader,
    KeyValueStore,
    Write,
)
from storage.journal import JournalError, read_journal
from storage.level_files import damaged_files
from storage.rows import ROW_KINDS
from storage.state import FinalState
from vm.modules.chain import chain_progress

_HEIGHT_BYTES = 8


def final_block(reader: KeyValueReader) -> ChainMeta | None:
    """What a database says of its newest final block; None if it has none or it is unreadable."""
    try:
        data = reader.get(META_ROW)
        return None if data is None else ChainMeta.decode(data)
    except (DatabaseError, Invalid):
        return None


def check_chain(database: KeyValueStore, genesis: Genesis) -> None:
    """Raise InvalidGenesis if a database has another chain, which is not damaged for that."""
    place = bytes(_HEIGHT_BYTES)
    raw, known = database.get(BLOCK_ROW + place), database.get(BLOCK_ID_ROW + place)
    if raw is None or known is None or known == genesis.header.id().binary:
        return
    try:
        is_other = header_of(raw).id().binary == known
    except Invalid:
        return
    if is_other:
        raise InvalidGenesis(
            f"{database.folder} belongs to another chain: give its own genesis file",
            field="chain",
        )


def chain_faults(database: KeyValueStore, genesis: Genesis, tell: Tell) -> Iterator[Fault]:
    """What is wrong in a database; each kind of row is looked at, whatever is wrong with others.

    A database without a chain, as one that waits for a snapshot, is in order.
    """
    yield from _reading("end", lambda: _frame_faults(database))
    meta = final_block(database)
    if meta is None:
        yield from _reading("chain record", lambda: _no_chain_faults(database))
        return
    of_state = set[str]()
    for fault in _reading("state", lambda: state_faults(database, meta.state_root, tell)):
        of_state.add(fault.kind)
        yield fault
    right: dict[bytes, bytes | None] = {}
    for fault in _reading("block", BlockCheck(database, genesis, meta, tell).faults):
        right.update(fault.writes)
        yield fault
    mended = _Mended(database, right)
    if "state" not in of_state:
        yield from _reading("history", lambda: _history_faults(mended, meta, tell))
    records = RecordCheck(mended, genesis, meta, state_is_whole=not of_state)
    yield from _reading("chain record", records.faults)


class _Mended:
    """A database as it is once some rows are put right; what is looked at next follows from them,
    and is not to be called wrong for their sake."""

    def __init__(self, database: KeyValueStore, right: Mapping[bytes, bytes | None]) -> None:
        self.folder = database.folder
        self.keys = database.keys
        self.scan = database.scan
        self.snapshot = database.snapshot
        self._database = database
        self._right = right

    def get(self, key: bytes) -> bytes | None:
        """The value under `key`."""
        return self._right[key] if key in self._right else self._database.get(key)

    def write(self, batch: Iterable[Write], *, sync: bool) -> None:
        """Refuse: this is for reading."""
        raise RuntimeError("a database that is looked at is not written to")

    def close(self) -> None:
        """Do nothing: it is another's."""


def _reading(kind: str, faults: Callable[[], Iterator[Fault]]) -> Iterator[Fault]:
    try:
        yield from faults()
    except DatabaseError as error:
        what = error.what if isinstance(error, DatabaseDamaged) else str(error)
        yield Fault(kind, f"cannot be read: {what}", mend=Mend.SALVAGE)


def _frame_faults(database: KeyValueReader) -> Iterator[Fault]:
    if database.get(END_ROW) is None:
        yield wrong_row("end", "is missing", END_ROW, b"", None)
    for byte in range(256):
        kind = bytes([byte])
        if kind not in ROW_KINDS and (found := database.scan(kind, limit=1)):
            yield Fault("unknown row", f"{found[0][0][:20].hex()} is of no kind known here")


def _no_chain_faults(database: KeyValueReader) -> Iterator[Fault]:
    if database.get(META_ROW) is not None:
        yield Fault("chain record", "is damaged")
    elif database.scan(BLOCK_ROW, limit=1):
        yield Fault("chain record", "is missing")


def _history_faults(database: KeyValueStore, meta: ChainMeta, tell: Tell) -> Iterator[Fault]:
    try:
        below = chain_progress(FinalState(database).view()).history
    except Invalid:
        return  # told with the state
    if below.blocks != meta.height:
        yield Fault("state", f"says that {below.blocks} blocks lie below", meta.height)
        return
    yield from HistoryCheck(database, below.append(meta.id), tell).faults()


def file_faults(level: Path) -> Iterator[Fault]:
    """The damaged files of a LevelDB folder; for when reading it has told of damage."""
    try:
        for found in damaged_files(level):
            yield Fault(found.kind, f"{found.file}: {found.what}")
    except OSError as error:
        yield Fault(str(level), f"cannot be read: {error.strerror}")


def journal_faults(file: Path, database: KeyValueReader | None = None) -> Iterator[Fault]:
    """What is wrong with the signing journal, and whether the database is older than it: then
    something that was durable is gone from there, such as a file of LevelDB's."""
    try:
        contents = read_journal(file)
    except JournalError as error:
        yield Fault("signing journal", str(error).removeprefix("signing journal "))
        return
    finals = [entry.final for entry in contents.entries.values() if entry.final is not None]
    newest = max(finals, key=lambda final: final.slot, default=None)
    if database is not None and newest is not None and _is_older(database, newest):
        yield Fault(
            "final block",
            f"is older than block {newest.id} of slot {newest.slot}, which was final here when the "
            "node signed last: the node gets what is lost from its peers, and signs nothing before",
        )


def _is_older(database: KeyValueReader, known: BlockRef) -> bool:
    """Whether a block that was final here lies above all that is final now."""
    meta = final_block(database)
    raw = None if meta is None else block_or_header(database, meta.height)
    try:
        return raw is None or header_of(raw).slot < known.slot
    except Invalid:
        return False  # told with the blocks


def content_faults(folder: Path, tell: Tell) -> Iterator[Fault]:
    """Content blocks whose files are not what their names say."""
    files = chain.from_iterable(
        sorted(shard.iterdir()) for shard in sorted(folder.glob("??")) if shard.is_dir()
    )
    for number, file in enumerate(files):
        if file.suffix == ".new":  # removed by the next start
            continue
        try:
            check_content_block(parse_cid(file.name), file.read_bytes())
        except Invalid as error:
            yield Fault("content", f"{file} is damaged ({error}): the node fetches it again")
        except OSError as error:
            yield Fault("content", f"{file} cannot be read: {error.strerror}")
        if number % TELL_EACH == 0:
            tell("content", number)
