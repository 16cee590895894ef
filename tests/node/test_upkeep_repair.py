"""The repair of a database: what it leaves is whole, nothing is invented, no step of it loses."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path

import pytest

from consensus.errors import InvalidGenesis
from node.upkeep.check import chain_faults
from node.upkeep.faults import Fault
from node.upkeep.repair import Repair, Repaired
from storage.blocks import BlockStore
from storage.database import (
    BLOCK_ID_ROW,
    BLOCK_ROW,
    EVIDENCE_ROW,
    HANDOVER_ROW,
    HEIGHT_ROW,
    HISTORY_ROW,
    META_ROW,
    PAGE_ROW,
    PROOF_ROW,
    RECEIPTS_ROW,
    STATE_ROW,
    TRANSACTION_ROW,
    UNFINAL_ROW,
    Database,
    DatabaseDamaged,
    DatabaseError,
    Write,
)
from storage.level_files import file_kind
from storage.rows import ROW_KINDS, every_row
from tests.node.handovers import GENESIS, POOL
from tests.node.network import make_genesis_of
from tests.node.scene import ELECTIONS, Scene, final_rows, played, written
from tests.simulation.crashes import Crashes

Rows = dict[bytes, bytes]


def _quiet(_what: str, _number: int) -> None:
    """Nobody watches."""


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with played() as made:
        yield made


@pytest.fixture(scope="module")
def whole(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a node at the scene's end, in several tables and a log."""
    return written(scene, tmp_path_factory.mktemp("whole") / "chain")


@pytest.fixture
def chain(whole: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(whole, tmp_path / "data" / "chain")


def _rows(folder: Path) -> Rows:
    with Database.open(folder) as database:
        return _all_rows(database)


def _all_rows(database: Database) -> Rows:
    return dict(row for kind in ROW_KINDS for row in every_row(database, kind))


def _change(folder: Path, *writes: Write) -> None:
    with Database.open(folder) as database:
        database.write(writes, sync=True)


def _repair(folder: Path, *, dry_run: bool = False) -> Repaired:
    return Repair(folder, GENESIS, _quiet, dry_run=dry_run, elected=ELECTIONS).run()


def _faults(folder: Path) -> list[Fault]:
    with Database.open(folder) as database:
        return list(chain_faults(database, GENESIS, _quiet))


def _files(folder: Path) -> dict[str, bytes]:
    """All that LevelDB has in a folder and below it, but for its notes and locks."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and file.name not in ("LOG", "LOG.old", "LOCK", "owner.lock")
    }


def test_a_good_database_stays_as_it_is(chain: Path) -> None:
    before = _rows(chain)
    assert _repair(chain) == Repaired("none", (), 30)
    assert _rows(chain) == before
    assert [path.name for path in chain.parent.iterdir()] == ["chain"]


@pytest.mark.parametrize(
    "kind", [PAGE_ROW, BLOCK_ID_ROW, HEIGHT_ROW, TRANSACTION_ROW, HISTORY_ROW], ids=ROW_KINDS.get
)
def test_what_follows_from_other_rows_is_written_again(chain: Path, kind: bytes) -> None:
    """Some are missing, some wrong, one is too many."""
    before = _rows(chain)
    keys = [key for key in before if key.startswith(kind)]
    _change(chain, *((key, None) for key in keys[::3]), *((key, b"?" * 36) for key in keys[1::3]))
    assert _faults(chain)
    done = _repair(chain)
    assert (done.way, done.final_height) == ("mended", 30)
    assert _rows(chain) == before


@pytest.mark.parametrize("kind", [PROOF_ROW, EVIDENCE_ROW, UNFINAL_ROW], ids=ROW_KINDS.get)
def test_what_a_node_does_without_is_dropped(chain: Path, kind: bytes) -> None:
    before = _rows(chain)
    keys = [key for key in before if key.startswith(kind)] or [kind + bytes(32)]
    _change(chain, *((key, b"?") for key in keys))
    assert _repair(chain).way == "mended"
    assert _rows(chain) == {key: value for key, value in before.items() if key not in keys}


LOST: Mapping[str, bytes] = {
    "state": STATE_ROW,
    "results": RECEIPTS_ROW,
    "chain record": META_ROW,
    "handover proof": HANDOVER_ROW,
}


@pytest.mark.parametrize("kind", LOST.values(), ids=LOST)
def test_what_follows_from_all_blocks_is_made_by_running_them_again(
    scene: Scene, chain: Path, kind: bytes
) -> None:
    before = _rows(chain)
    _change(chain, (max(key for key in before if key.startswith(kind)), None))
    done = _repair(chain)
    assert (done.way, done.final_height) == ("replayed", scene.end)
    assert done.aside == chain.with_name("chain.damaged-1")
    _check_whole(scene, chain)
    assert sorted(path.name for path in chain.parent.iterdir()) == ["chain", "chain.damaged-1"]


def _check_whole(scene: Scene, folder: Path) -> int:
    """The database is exactly that of some final block, whose height this is."""
    with Database.open(folder) as database:
        assert list(chain_faults(database, GENESIS, _quiet)) == []
        meta = BlockStore(database).meta()
        assert meta is not None
        assert final_rows(database) == scene.finals[meta.height]
        return meta.height


def test_a_chain_that_cannot_be_made_again_makes_way(chain: Path) -> None:
    """A block is missing, and so nothing shows what the state was."""
    blocks = sorted(key for key in _rows(chain) if key.startswith(BLOCK_ROW))
    _change(chain, (blocks[7], None))
    for number in (1, 2):
        done = _repair(chain)
        assert (done.way, done.final_height) == ("aside", None)
        assert done.aside == chain.with_name(f"chain.damaged-{number}")
        assert not chain.exists()
        shutil.copytree(done.aside, chain)


def test_a_node_that_dropped_its_old_blocks_makes_way(tmp_path: Path) -> None:
    with played(keep_blocks=6) as scene:
        folder = written(scene, tmp_path / "chain")
        _change(folder, (max(key for key in _rows(folder) if key.startswith(STATE_ROW)), None))
        assert _repair(folder).way == "aside"


def test_a_block_that_is_not_good_is_not_run(chain: Path) -> None:
    rows = _rows(chain)
    blocks = sorted(key for key in rows if key.startswith(BLOCK_ROW))
    _change(chain, (blocks[9], rows[blocks[10]]))
    assert _repair(chain).way == "aside"


def test_another_chains_database_is_left_alone(chain: Path) -> None:
    before = _rows(chain)
    other = make_genesis_of(POOL.values())
    with pytest.raises(InvalidGenesis, match="belongs to another chain"):
        Repair(chain, other, _quiet, dry_run=False).run()
    assert _rows(chain) == before
    assert [path.name for path in chain.parent.iterdir()] == ["chain"]


def test_a_database_in_use_is_left_alone(chain: Path) -> None:
    with Database.open(chain) as database:
        with pytest.raises(DatabaseError, match="in use by process"):
            _repair(chain)
        database.write([], sync=True)


# Where LevelDB itself is damaged


def _newest(folder: Path, kind: str) -> Path:
    return max(file for file in (folder / "leveldb").iterdir() if file_kind(file) == kind)


def _flip(file: Path, place: int) -> None:
    data = file.read_bytes()
    file.write_bytes(data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :])


DAMAGES: Mapping[str, Callable[[Path], object]] = {
    "no manifest": lambda folder: _newest(folder, "manifest").unlink(),
    "no CURRENT": lambda folder: (folder / "leveldb" / "CURRENT").unlink(),
    "an empty CURRENT": lambda folder: (folder / "leveldb" / "CURRENT").write_bytes(b""),
    "a damaged manifest": lambda folder: _flip(_newest(folder, "manifest"), 20),
    "a damaged log": lambda folder: _flip(_newest(folder, "log"), 500),
    "no log": lambda folder: _newest(folder, "log").unlink(),
    "a damaged table": lambda folder: _flip(_newest(folder, "table"), 500),
    "no table": lambda folder: _newest(folder, "table").unlink(),
    "a short table": lambda folder: os.truncate(_newest(folder, "table"), 1000),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_what_is_left_of_a_damaged_database_is_a_durable_state_or_nothing(
    scene: Scene, chain: Path, damage: Callable[[Path], object]
) -> None:
    damage(chain)
    done = _repair(chain)
    if done.way == "aside":
        assert not chain.exists()
    else:
        assert _check_whole(scene, chain) == done.final_height
    if done.aside is not None:
        assert done.aside.is_dir()


def test_a_lost_manifest_costs_nothing(scene: Scene, chain: Path) -> None:
    _newest(chain, "manifest").unlink()
    done = _repair(chain)
    assert (done.way, done.final_height) == ("salvaged", scene.end)


@pytest.mark.parametrize("tail", [bytes(32_768), b"\xa5" * 32_768], ids=["zeros", "garbage"])
def test_what_a_power_cut_may_leave_after_the_last_sync_is_cut_off(
    scene: Scene, chain: Path, tail: bytes
) -> None:
    log = _newest(chain, "log")
    log.write_bytes(log.read_bytes()[:5000] + tail)
    with pytest.raises(DatabaseDamaged):
        _rows(chain)
    done = _repair(chain)
    assert done.way == "salvaged"
    assert _check_whole(scene, chain) == done.final_height
    assert done.final_height in range(scene.end - 6, scene.end)


# Trials


@pytest.mark.parametrize(
    ("change", "way"),
    [
        (lambda folder: _change(folder, (BLOCK_ID_ROW + bytes(8), None)), "mended"),
        (lambda folder: _newest(folder, "manifest").unlink(), "salvaged"),
        (lambda folder: _change(folder, (META_ROW, None)), "replayed"),
        (lambda folder: _change(folder, (META_ROW, None), (BLOCK_ROW + b"?", None)), "replayed"),
    ],
)
def test_a_trial_changes_nothing_and_says_what_would_be_done(
    chain: Path, change: Callable[[Path], object], way: str
) -> None:
    change(chain)
    before = _files(chain)
    done = _repair(chain, dry_run=True)
    assert (done.way, done.aside) == (way, None)
    assert [path.name for path in chain.parent.iterdir()] == ["chain"]
    if way == "salvaged":
        assert _files(chain) == before
    assert _repair(chain).way == way


# Interruptions


class Stopped(BaseException):
    """The process ends here."""


def _count_of_steps(monkeypatch: pytest.MonkeyPatch, last: int) -> list[str]:
    """Let the process end at step `last` (1: the first) of those that change names and files; the
    steps that were begun."""
    begun: list[str] = []

    def counted(name: str, do: Callable[..., object]) -> Callable[..., object]:
        def step(*arguments: object, **named: object) -> object:
            begun.append(name)
            if len(begun) == last:
                raise Stopped
            return do(*arguments, **named)

        return step

    for target, name in ((os, "link"), (shutil, "copyfile"), (os, "fsync")):
        monkeypatch.setattr(target, name, counted(name, getattr(target, name)))
    monkeypatch.setattr(Path, "rename", counted("rename", Path.rename))
    monkeypatch.setattr(Database, "write", counted("write", Database.write))
    return begun


@pytest.mark.parametrize(
    ("change", "way"),
    [
        (
            lambda folder: _change(
                folder, (PAGE_ROW, None), (BLOCK_ID_ROW + (7).to_bytes(8, "big"), None)
            ),
            "mended",
        ),
        (lambda folder: _newest(folder, "manifest").unlink(), "salvaged"),
        (lambda folder: _change(folder, (META_ROW, None)), "replayed"),
    ],
)
def test_a_repair_that_ends_anywhere_is_repeated_and_nothing_is_lost(
    scene: Scene, whole: Path, tmp_path: Path, change: Callable[[Path], object], way: str
) -> None:
    ends = 0
    for last in count(1):
        folder = shutil.copytree(whole, tmp_path / str(last) / "chain")
        change(folder)
        with pytest.MonkeyPatch.context() as patch:
            steps = _count_of_steps(patch, last)
            try:
                _repair(folder)
            except Stopped:
                ends += 1
        if len(steps) < last:
            break
        done = _repair(folder)
        assert done.way in (way, "none")
        assert _check_whole(scene, folder) == scene.end
        shutil.rmtree(folder.parent)
    assert ends >= 3
    Crashes(ends, ends).note()


def test_a_node_that_starts_between_the_two_renames_finds_the_good_database(
    scene: Scene, chain: Path
) -> None:
    chain.rename(chain.with_name("chain.repaired"))
    assert _check_whole(scene, chain) == scene.end
    assert [path.name for path in chain.parent.iterdir()] == ["chain"]
