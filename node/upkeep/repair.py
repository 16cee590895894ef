"""`reelect db repair`: a damaged database is mended from what is good in it, or makes way.

Nothing is invented: what a repair leaves is accepted only if the check finds no fault in it. It
is made beside the damaged database, which is moved aside and never deleted; only rows that follow
from others are rewritten in place. Interrupted anywhere it leaves the damaged database, or the
good one; run again it begins anew. The signing journal and the content are not touched.
"""

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from consensus.errors import Invalid
from consensus.finality_proof import FinalityProof
from consensus.fork_choice import ConflictingFinality
from genesis.file import Genesis
from node.candidate import read_block
from node.chain import Chain, Elect, Screening
from node.files import sync_folder
from node.upkeep.check import chain_faults, check_chain, final_block
from node.upkeep.faults import Fault, Mend, Tell
from storage.blocks import BlockStore
from storage.database import (
    BLOCK_ROW,
    Database,
    DatabaseDamaged,
    KeyValueStore,
    Owner,
    level_folder,
    repaired_folder,
    salvage,
)
from storage.level_files import cut_logs
from storage.state import rebuild_pages
from vm.modules.producer import elect

_BATCH_WRITES = 20_000
_DERIVED = {Mend.WRITES, Mend.PAGES}
_IMMUTABLE = (".ldb", ".sst")


@dataclass(frozen=True, slots=True)
class Repaired:
    """What a repair did, or would do: `way` is "none", "mended", "salvaged", "replayed" or
    "aside"; `faults` are what it found, `final_height` where the chain goes on (None: nowhere),
    `aside` where the damaged database is now."""

    way: str
    faults: tuple[Fault, ...]
    final_height: int | None
    aside: Path | None = None


class Repair:
    """The repair of the database in `folder`, which no other process may own."""

    def __init__(
        self, folder: Path, genesis: Genesis, tell: Tell, *, dry_run: bool, elected: Elect = elect
    ) -> None:
        self._folder = folder
        self._genesis = genesis
        self._tell = tell
        self._is_dry = dry_run
        self._elected = elected
        self._salvaged = folder.with_name(f"{folder.name}.salvaged")
        self._replayed = folder.with_name(f"{folder.name}.replayed")

    def run(self) -> Repaired:
        """Repair. Raises DatabaseError if the database is in use or of another version,
        InvalidGenesis if it is another chain's, OSError."""
        owner = Owner(self._folder)
        try:
            self._forget_drafts()
            shutil.rmtree(repaired_folder(self._folder), ignore_errors=True)
            return self._repair(owner)
        finally:
            self._forget_drafts()
            owner.release()

    def _forget_drafts(self) -> None:
        for draft in (self._salvaged, self._replayed):
            shutil.rmtree(draft, ignore_errors=True)

    def _repair(self, owner: Owner) -> Repaired:
        faults = self._look(owner)
        mends = {fault.mend for fault in faults}
        if mends <= _DERIVED:
            with Database.of(owner) as database:
                if not faults or self._is_dry or self._mend(database, faults):
                    return Repaired("mended" if faults else "none", faults, _height(database))
        is_salvaged = False
        if Mend.SALVAGE in mends:
            for way in (salvage, _without_damaged_ends):
                is_salvaged = self._salvage(owner, way)
                if is_salvaged and (height := self._accepted(self._salvaged)) is not None:
                    return Repaired("salvaged", faults, height, self._swap(self._salvaged))
        if self._replay(owner, is_salvaged=is_salvaged):
            height = self._accepted(self._replayed)
            if height is not None:
                return Repaired("replayed", faults, height, self._swap(self._replayed))
        return Repaired("aside", faults, None, self._set_aside())

    def _look(self, owner: Owner) -> tuple[Fault, ...]:
        try:
            with Database.of(owner) as database:
                check_chain(database, self._genesis)
                return self._faults(database)
        except DatabaseDamaged as error:
            return (Fault("database", f"cannot be opened: {error.what}", mend=Mend.SALVAGE),)

    def _faults(self, database: KeyValueStore) -> tuple[Fault, ...]:
        return tuple(chain_faults(database, self._genesis, self._tell))

    def _mend(self, database: KeyValueStore, faults: Iterable[Fault]) -> bool:
        """Rewrite what follows from other rows; whether nothing is wrong then."""
        mends = {fault.mend for fault in faults}
        writes = [write for fault in faults for write in fault.writes]
        for start in range(0, len(writes), _BATCH_WRITES):
            database.write(writes[start : start + _BATCH_WRITES], sync=True)
        if Mend.PAGES in mends:
            rebuild_pages(database)
        return not self._faults(database)

    def _accepted(self, draft: Path) -> int | None:
        """The final height of a database that was made, if nothing is wrong with it, or not after
        what follows from other rows is rewritten."""
        try:
            with Database.open(draft) as database:
                faults = self._faults(database)
                if {fault.mend for fault in faults} <= _DERIVED:
                    return _height(database) if self._mend(database, faults) else None
        except DatabaseDamaged:
            pass
        return None

    def _salvage(self, owner: Owner, way: Callable[[Owner], object]) -> bool:
        """Have a copy made whole; whether it can be opened."""
        shutil.rmtree(self._salvaged, ignore_errors=True)
        _copy_level(owner.folder, self._salvaged)
        copy = Owner(self._salvaged)
        try:
            way(copy)
            Database.of(copy).close()
        except DatabaseDamaged:
            return False
        finally:
            copy.release()
        return True

    # Running the blocks again

    def _replay(self, owner: Owner, *, is_salvaged: bool) -> bool:
        """Run all blocks from genesis on in a new database; whether all were there and good."""
        try:
            with (
                Database.open(self._salvaged) if is_salvaged else Database.of(owner) as source,
                Database.open(self._replayed) as made,
            ):
                return self._run_blocks(source, made)
        except (DatabaseDamaged, ConflictingFinality):
            return False

    def _run_blocks(self, source: KeyValueStore, made: KeyValueStore) -> bool:
        blocks = BlockStore(source)
        last = len(source.keys(BLOCK_ROW)) - 1
        if last < 1 or blocks.at(last) is None:
            return False
        chain = Chain(self._genesis, made, elected=self._elected)
        for height in range(1, last + 1):
            raw = blocks.at(height)
            if raw is None or not _take(chain, raw):
                return False
            self._tell("running the blocks again", height)
        for _, raw in blocks.unfinal():
            _take(chain, raw)
        _take_proof(chain, blocks.proof())
        return True

    # Changing places

    def _swap(self, made: Path) -> Path | None:
        """Put a good database into the place of the damaged one; where that is then."""
        if self._is_dry:
            return None
        _sync_all(made)
        waiting = repaired_folder(self._folder)
        _rename(made, waiting)
        aside = self._set_aside()
        _rename(waiting, self._folder)
        return aside

    def _set_aside(self) -> Path | None:
        if self._is_dry:
            return None
        names = (self._folder.with_name(f"{self._folder.name}.damaged-{n}") for n in count(1))
        aside = next(name for name in names if not name.exists())
        _rename(self._folder, aside)
        return aside


def _height(database: KeyValueStore) -> int | None:
    meta = final_block(database)
    return None if meta is None else meta.height


def _take(chain: Chain, raw: bytes) -> bool:
    """Whether a block is good and new; it is then in the chain."""
    try:
        candidate = read_block(raw)
        if chain.screen(candidate) is not Screening.NEW:
            return False
        finalized = chain.insert(chain.validate(candidate))
    except Invalid:
        return False
    if finalized is not None:
        chain.persist(finalized)
    return True


def _take_proof(chain: Chain, data: bytes | None) -> None:
    """The certificate of the last final block is in no block yet."""
    try:
        proof = None if data is None else FinalityProof.decode(data)
    except Invalid:
        return
    target = None if proof is None else chain.fork.get(proof.target.id())
    if proof is None or target is None:
        return
    finalized = chain.fork.on_certificate(target, proof.certificate)
    if finalized is not None:
        chain.persist(finalized)


def _without_damaged_ends(owner: Owner) -> None:
    """What a log held before its damage is whole; LevelDB's own repair would go on after it."""
    cut_logs(level_folder(owner.folder))


def _copy_level(folder: Path, copy: Path) -> None:
    """Copy LevelDB's files; tables are never changed, so that a second name is enough."""
    level, target = level_folder(folder), level_folder(copy)
    target.mkdir(parents=True)
    for file in level.iterdir():
        if file.suffix in _IMMUTABLE:
            os.link(file, target / file.name)
        elif file.is_file():
            shutil.copyfile(file, target / file.name)


def _sync_all(folder: Path) -> None:
    """Make a folder durable with all that is in it."""
    for path, _, names in os.walk(folder):
        for name in names:
            with (Path(path) / name).open("rb") as file:
                os.fsync(file.fileno())
        sync_folder(Path(path))


def _rename(folder: Path, target: Path) -> None:
    folder.rename(target)
    sync_folder(target.parent)
