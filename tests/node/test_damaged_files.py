"""A node's LevelDB files damaged at many places: named, or as before, or an earlier durable state.

LevelDB takes what seems torn off the end of its log for the end of an interrupted write and drops
it without a word, synced or not: the node then finds an earlier final block, with all that belongs
to it. A flipped bit in a record's length looks the same.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node.upkeep.check import chain_faults, file_faults
from storage.blocks import BlockStore
from storage.database import Database, DatabaseDamaged, level_folder
from storage.level_files import file_kind
from tests.node.handovers import GENESIS
from tests.node.scene import Scene, final_rows, played, written

PLACES = 24
TORN_EACH_BYTES = 97


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with played() as made:
        yield made


@pytest.fixture(scope="module")
def whole(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a node at the scene's end, in several tables and a log."""
    return written(scene, tmp_path_factory.mktemp("whole") / "chain")


def _outcome(scene: Scene, folder: Path) -> str | int:
    """What a node and the check make of a database: "named", or the final height, all of whose
    rows are right."""
    try:
        with Database.open(folder) as database:
            if list(chain_faults(database, GENESIS, lambda *_: None)):
                return "named"
            meta = BlockStore(database).meta()
            if meta is None:
                return "empty"
            assert final_rows(database) == scene.finals[meta.height]
            return meta.height
    except DatabaseDamaged:
        return "named"


Change = Callable[[Path], object]


def _try(scene: Scene, whole: Path, copy: Path, name: str, change: Change) -> str | int:
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(whole, copy)
    change(level_folder(copy) / name)
    return _outcome(scene, copy)


def _flip(place: int) -> Change:
    def change(file: Path) -> None:
        data = bytearray(file.read_bytes())
        data[place] ^= 0x10
        file.write_bytes(data)

    return change


def _cut(place: int, tail: bytes = b"") -> Change:
    return lambda file: file.write_bytes(file.read_bytes()[:place] + tail)


def _names(whole: Path, *kinds: str) -> list[str]:
    return sorted(file.name for file in level_folder(whole).iterdir() if file_kind(file) in kinds)


def _places(whole: Path, name: str) -> range:
    size = (level_folder(whole) / name).stat().st_size
    return range(0, size, max(1, size // PLACES))


def test_the_database_has_files_of_every_kind(scene: Scene, whole: Path) -> None:
    assert len(_names(whole, "table")) >= 3
    assert len(_names(whole, "log", "manifest", "CURRENT")) == 3
    assert _outcome(scene, shutil.copytree(whole, whole.parent / "copy")) == scene.end


def test_a_flipped_bit_in_any_file_is_named_or_changes_nothing(
    scene: Scene, whole: Path, tmp_path: Path
) -> None:
    met: Counter[tuple[str, str]] = Counter()
    for name in _names(whole, "table", "log", "manifest", "CURRENT"):
        kind = file_kind(Path(name))
        for place in _places(whole, name):
            outcome = _try(scene, whole, tmp_path / "chain", name, _flip(place))
            if outcome == "named":
                met[kind, "named"] += 1
            elif outcome == scene.end:
                met[kind, "as before"] += 1
            else:
                assert kind == "log", (name, place, outcome)
                met[kind, "earlier"] += 1
    print(f"flipped bits: {dict(met)}, 0 wrong")
    assert met["table", "as before"] + met["log", "earlier"] < sum(met.values()) // 4


def test_a_file_cut_short_is_named_or_leaves_an_earlier_state(
    scene: Scene, whole: Path, tmp_path: Path
) -> None:
    met: Counter[tuple[str, str]] = Counter()
    for name in _names(whole, "table", "log", "manifest", "CURRENT"):
        kind = file_kind(Path(name))
        for place in _places(whole, name):
            outcome = _try(scene, whole, tmp_path / "chain", name, _cut(place))
            met[kind, "named" if outcome == "named" else "earlier"] += 1
            assert outcome == "named" or kind == "log", (name, place, outcome)
    print(f"files cut short: {dict(met)}, 0 wrong")
    assert met["table", "named"] > 3 * PLACES // 2


def test_a_missing_file_is_named(scene: Scene, whole: Path, tmp_path: Path) -> None:
    for name in _names(whole, "table", "log", "manifest", "CURRENT"):
        assert _try(scene, whole, tmp_path / "chain", name, Path.unlink) == "named", name


def test_the_damaged_file_is_named_with_its_kind(whole: Path, tmp_path: Path) -> None:
    for name in _names(whole, "table", "log", "manifest"):
        copy = shutil.copytree(whole, tmp_path / name / "chain")
        file = level_folder(copy) / name
        _flip(file.stat().st_size // 3)(file)
        (fault,) = file_faults(level_folder(copy))
        assert str(fault).startswith(f"{file_kind(file)} {file}: ")


@pytest.mark.parametrize("tail", [b"", bytes(4096), b"\xa5" * 4096], ids=["", "zeros", "garbage"])
def test_a_log_torn_anywhere_leaves_a_durable_state(
    scene: Scene, whole: Path, tmp_path: Path, tail: bytes
) -> None:
    """As after a power cut; what a disk leaves beyond the last sync may be anything."""
    (name,) = _names(whole, "log")
    places = range(0, (level_folder(whole) / name).stat().st_size, TORN_EACH_BYTES)
    outcomes = [_try(scene, whole, tmp_path / "chain", name, _cut(place, tail)) for place in places]
    heights = [outcome for outcome in outcomes if isinstance(outcome, int)]
    named = outcomes.count("named")
    print(f"torn logs: {len(heights)} durable states, {named} named, 0 wrong")
    assert heights == sorted(heights)
    assert len(heights) + named == len(places)
    assert bool(named) == bool(tail)
