"""The index on disk, in a database of its own: what becomes of it never touches the chain's.

Each batch of blocks is one write, with how far it goes: after a crash the index is that of some
block, and goes on behind it. It follows from the blocks, and is made anew where it does not fit.
"""

import logging
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from consensus.cid import Cid
from consensus.errors import Invalid
from consensus.kinds import Counter
from consensus.record import Record, record, replace
from node.statistics.fold import Fold
from node.statistics.happenings import Fact, Ownership
from node.statistics.rows import (
    ACTIVE_ROW,
    ALL_ROWS,
    COUNT_ROW,
    DAY_ROW,
    PROGRESS_ROW,
    RANK_ROW,
    SEEN_ROW,
    VIEWED_ROW,
    number,
    of_both,
    place_of,
    read_viewed_key,
    viewer_key,
)
from storage.database import (
    Database,
    DatabaseDamaged,
    KeyValueReader,
    KeyValueStore,
    Write,
    level_folder,
)

LAYOUT = 1  # of the rows; an index of another layout is made anew
ROWS_AT_ONCE = 1024
MAX_EXPIRED_ROWS = 2048  # of one kind, in one step

logger = logging.getLogger("reelect.statistics")


@record("statistics-progress")
class Progress(Record):
    """What an index has counted: the final blocks from `first_height` to that of this height, id,
    slot and day. An index that has just begun names the block before `first_height`."""

    layout: Counter
    first_height: Counter
    height: Counter
    id: Cid
    slot: Counter
    day: Counter


@dataclass(frozen=True, slots=True)
class CountedBlock:
    """A final block, as far as it is counted."""

    height: int
    id: Cid
    slot: int
    day: int
    facts: Sequence[Fact]


@dataclass(frozen=True, slots=True)
class IndexView:
    """An index at one moment, whatever is written later."""

    rows: KeyValueReader
    progress: Progress
    keep_days: int

    @property
    def first_day(self) -> int:
        """The oldest day that is told of; rows of older ones may still be there."""
        return max(0, self.progress.day - self.keep_days + 1)


class StatisticsIndex:
    """The index in one database. One thread at a time changes it; each call raises DatabaseError.

    `keep_days`: the newest days of which it keeps more than their part of the totals.
    """

    def __init__(self, database: KeyValueStore, keep_days: int) -> None:
        self._database = database
        self._keep_days = keep_days
        self._expired_below = 0

    def view(self) -> IndexView | None:
        """The index now; None while it is being made."""
        rows = self._database.snapshot()
        progress = _read_progress(rows)
        return None if progress is None else IndexView(rows, progress, self._keep_days)

    @property
    def progress(self) -> Progress | None:
        """How far it goes; None if it has to begin, also because its rows are of another layout."""
        return _read_progress(self._database)

    def begin(
        self, progress: Progress, owned: Iterable[Ownership], pause: Callable[[], None]
    ) -> None:
        """Forget everything, and begin behind a block in whose state the versions of videos are
        those of `owned`; `pause` is called now and then."""
        self._database.write([(PROGRESS_ROW, None)], sync=True)
        for prefix in ALL_ROWS:
            while rows := self._database.scan(prefix, limit=ROWS_AT_ONCE):
                self._database.write([(key, None) for key, _ in rows], sync=False)
                pause()
        fold = Fold(lambda key: None)
        for place, ownership in enumerate(owned, start=1):
            fold.take(progress.day, b"", ownership)
            if place % ROWS_AT_ONCE == 0:
                self._database.write(fold.writes(), sync=False)
                fold = Fold(lambda key: None)
                pause()
        writes = [*fold.writes(), (PROGRESS_ROW, progress.encode())]
        self._database.write(writes, sync=True)
        self._expired_below = 0

    def advance(self, blocks: Sequence[CountedBlock]) -> None:
        """Count the next final blocks, all or none of them."""
        before = self.progress
        if before is None or [block.height for block in blocks] != list(
            range(before.height + 1, before.height + 1 + len(blocks))
        ):
            raise ValueError("an index counts each block once, in order")
        fold = Fold(self._database.get)
        days: dict[bytes, bytes | None] = {}
        for block in blocks:
            days[DAY_ROW + number(block.day)] = b""
            for index, fact in enumerate(block.facts):
                fold.take(block.day, place_of(block.height, index), fact)
        last = blocks[-1]
        after = replace(before, height=last.height, id=last.id, slot=last.slot, day=last.day)
        writes: list[Write] = [*fold.writes(), *days.items(), (PROGRESS_ROW, after.encode())]
        self._database.write(writes, sync=False)

    def expire(self) -> bool:
        """Drop a bounded part of the days that are too old; whether more may be left."""
        progress = self.progress
        first_day = 0 if progress is None else progress.day - self._keep_days + 1
        if first_day <= self._expired_below:
            return False
        writes = list(_expired(self._database, first_day))
        self._database.write(writes, sync=False)
        if not writes:
            self._expired_below = first_day
        return bool(writes)


@contextmanager
def open_index(folder: Path, keep_days: int) -> Iterator[StatisticsIndex | None]:
    """The index in a folder, made if needed, and emptied if it is damaged; None, with what was
    there removed, where no days are kept. Raises DatabaseError."""
    if not keep_days:
        shutil.rmtree(folder, ignore_errors=True)
        yield None
        return
    try:
        database = Database.open(folder)
    except DatabaseDamaged as error:
        logger.warning("%s: the statistics are made anew", error)
        shutil.rmtree(level_folder(folder))
        database = Database.open(folder)
    with database:
        yield StatisticsIndex(database, keep_days)


def _read_progress(rows: KeyValueReader) -> Progress | None:
    row = rows.get(PROGRESS_ROW)
    if row is None:
        return None
    try:
        progress = Progress.decode(row)
    except Invalid:
        return None
    return progress if progress.layout == LAYOUT else None


def _expired(rows: KeyValueReader, first_day: int) -> Iterator[Write]:
    """The writes that drop rows of days before this one, so many of each kind at most."""
    for prefix in (COUNT_ROW, RANK_ROW, ACTIVE_ROW, DAY_ROW, VIEWED_ROW):
        for key, _ in rows.scan(prefix, limit=MAX_EXPIRED_ROWS):
            if key[1:] >= number(first_day):
                break
            yield key, None
            if prefix == VIEWED_ROW:
                day, account, video = read_viewed_key(key)
                yield viewer_key(video, day, account), None
                seen = of_both(SEEN_ROW, account, video)
                if rows.get(seen) == number(day):
                    yield seen, None
