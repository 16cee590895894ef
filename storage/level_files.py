"""The files of a LevelDB database, looked at without LevelDB: which of them is damaged, and where.

LevelDB says that something is damaged, but not in which file. Formats: LevelDB's doc/log_format.md
and doc/table_format.md. Every block of a table and every record of a log has a CRC-32C, which is
computed in Python here at some megabytes a second: for when LevelDB has complained.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LOG_BLOCK_BYTES = 32_768
_RECORD = struct.Struct("<IHB")  # masked checksum, length, type
_LAST_TYPE = 4
_FOOTER_BYTES = 48
_TABLE_MAGIC = bytes.fromhex("57fb808b247547db")
_TRAILER = struct.Struct("<BI")  # compression, masked checksum
_POLYNOMIAL = 0x82F63B78
_MASK_DELTA = 0xA282EAD8


@dataclass(frozen=True, slots=True)
class FileFault:
    """A damaged file of a database, what kind of file it is, and what is wrong with it."""

    file: Path
    kind: str
    what: str


def file_kind(file: Path) -> str:
    """What a file of a LevelDB folder is for."""
    if file.suffix in (".ldb", ".sst"):
        return "table"
    if file.suffix == ".log":
        return "log"
    return "manifest" if file.name.startswith("MANIFEST-") else file.name


def damaged_files(folder: Path) -> Iterator[FileFault]:
    """The files in a LevelDB folder that do not check, in order of their names.

    What is cut off the end of a log does not count: a crash leaves that. Raises OSError.
    """
    names = {file.name for file in folder.iterdir()}
    for name in sorted(names):
        file = folder / name
        kind = file_kind(file)
        check = {"table": _table_fault, "log": _log_fault, "manifest": _log_fault}.get(kind)
        what = None if check is None else check(file.read_bytes())
        if what is not None:
            yield FileFault(file, kind, what)
    yield from _current_fault(folder, names)


def _current_fault(folder: Path, names: set[str]) -> Iterator[FileFault]:
    file = folder / "CURRENT"
    if file.name not in names:
        yield FileFault(file, file.name, "is missing")
        return
    wanted = file.read_bytes().removesuffix(b"\n").decode("ascii", "replace")
    if not wanted.startswith("MANIFEST-"):
        yield FileFault(file, file.name, "does not name a manifest")
    elif wanted not in names:
        yield FileFault(folder / wanted, "manifest", "is missing")


def cut_logs(folder: Path) -> int:
    """Cut every log in a LevelDB folder off where it is damaged, and with it all that was written
    later; the bytes that are gone. Raises OSError."""
    gone = 0
    for file in folder.glob("*.log"):
        data = file.read_bytes()
        end = _good_end(data)[0]
        os.truncate(file, end)
        gone += len(data) - end
    return gone


def _log_fault(data: bytes) -> str | None:
    return _good_end(data)[1]


def _good_end(data: bytes) -> tuple[int, str | None]:
    """How far a log is good, and what is wrong there, if it is not just torn off."""
    at = 0
    while at + _RECORD.size <= len(data):
        room = _LOG_BLOCK_BYTES - at % _LOG_BLOCK_BYTES
        if room < _RECORD.size:
            at += room
            continue
        checksum, size, kind = _RECORD.unpack_from(data, at)
        end = at + _RECORD.size + size
        if kind == 0 and size == 0:  # the rest of the block was never written
            at += room
            continue
        if kind > _LAST_TYPE or _RECORD.size + size > room:
            return at, f"the record at byte {at} has a wrong head"
        if end > len(data):
            return at, None
        if checksum != _masked(data[at + _RECORD.size - 1 : end]):
            return at, f"the record at byte {at} does not match its checksum"
        at = end
    return min(at, len(data)), None


def _table_fault(data: bytes) -> str | None:
    footer = data[-_FOOTER_BYTES:]
    if len(footer) < _FOOTER_BYTES or footer[-len(_TABLE_MAGIC) :] != _TABLE_MAGIC:
        return "does not end as a table does: it was cut short or its end is damaged"
    try:
        handles = _footer_handles(footer)
        faults = (_block_fault(data, *handle) for handle in handles)
        fault = next((each for each in faults if each is not None), None)
        if fault is not None:
            return fault
        blocks = [handle for where in handles for handle in _entries(data, *where)]
    except (IndexError, struct.error):
        return "its index cannot be read"
    faults = (_block_fault(data, *handle) for handle in blocks)
    return next((each for each in faults if each is not None), None)


def _footer_handles(footer: bytes) -> list[tuple[int, int]]:
    """Where the index of the filters and that of the rows are."""
    numbers: list[int] = []
    at = 0
    for _ in range(4):
        number, at = _varint(footer, at)
        numbers.append(number)
    return [(numbers[0], numbers[1]), (numbers[2], numbers[3])]


def _block_fault(data: bytes, start: int, size: int) -> str | None:
    end = start + size
    trailer = data[end : end + _TRAILER.size]
    if len(trailer) < _TRAILER.size:
        return f"the block at byte {start} lies beyond its end"
    if _TRAILER.unpack(trailer)[1] != _masked(data[start : end + 1]):
        return f"the block at byte {start} does not match its checksum"
    return None


def _entries(data: bytes, start: int, size: int) -> Iterator[tuple[int, int]]:
    """The handles of blocks that an index block holds."""
    block = data[start : start + size]
    restarts = int.from_bytes(block[-4:], "little")
    at, end = 0, len(block) - 4 * (restarts + 1)
    while at < end:
        _, at = _varint(block, at)
        unshared, at = _varint(block, at)
        value_bytes, at = _varint(block, at)
        at += unshared
        first, after = _varint(block, at)
        yield first, _varint(block, after)[0]
        at += value_bytes


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of 7 bits a byte, the lowest first, and where it ends; raises IndexError."""
    number = shift = 0
    while True:
        byte = data[at]
        number |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return number, at


def _table_of_crc() -> tuple[int, ...]:
    made = []
    for byte in range(256):
        rest = byte
        for _ in range(8):
            rest = rest >> 1 ^ (_POLYNOMIAL if rest & 1 else 0)
        made.append(rest)
    return tuple(made)


_CRC = _table_of_crc()


def _masked(data: bytes) -> int:
    """LevelDB's form of a CRC-32C, whose bits are turned so that sums of sums do not repeat."""
    crc, table = 0xFFFFFFFF, _CRC
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF
