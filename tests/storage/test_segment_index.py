"""Segment indexes on disk: what was put comes back, damage is noticed, and there is a bound."""

import errno
from pathlib import Path

import pytest

from consensus.cid import RAW, cid_of
from consensus.hashing import sha256
from storage import segment_index
from storage.content import ContentError, ContentStoreFull
from storage.disk import RealDisk
from storage.segment_index import SegmentIndex, SegmentIndexes

CIDS = [cid_of(RAW, b"%d" % i) for i in range(5)]
INDEX = SegmentIndex(300_000, (sha256(b"a"), sha256(b"b")))


def test_an_index_comes_back_after_a_restart(tmp_path: Path) -> None:
    SegmentIndexes(tmp_path / "indexes").put(CIDS[0], INDEX)
    again = SegmentIndexes(tmp_path / "indexes")
    assert again.get(CIDS[0]) == INDEX
    assert again.get(CIDS[1]) is None


@pytest.mark.parametrize("place", [0, 8, 40, -1])
def test_a_damaged_index_is_removed(tmp_path: Path, place: int) -> None:
    indexes = SegmentIndexes(tmp_path / "indexes")
    indexes.put(CIDS[0], INDEX)
    file = tmp_path / "indexes" / str(CIDS[0])
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)
    assert indexes.get(CIDS[0]) is None
    assert not file.exists()


@pytest.mark.parametrize("size", [0, 8, 31, 40, 72])
def test_a_cut_index_is_removed(tmp_path: Path, size: int) -> None:
    indexes = SegmentIndexes(tmp_path / "indexes")
    indexes.put(CIDS[0], INDEX)
    file = tmp_path / "indexes" / str(CIDS[0])
    file.write_bytes(file.read_bytes()[:size])
    assert indexes.get(CIDS[0]) is None


def test_there_are_so_many_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment_index, "MAX_INDEXES", 3)
    indexes = SegmentIndexes(tmp_path / "indexes")
    for cid in CIDS:
        indexes.put(cid, INDEX)
        assert indexes.get(cid) == INDEX
    assert len(list((tmp_path / "indexes").iterdir())) == 3


def test_what_an_interrupted_write_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / "indexes").mkdir()
    left = tmp_path / "indexes" / f"{CIDS[0]}.0.new"
    left.write_bytes(b"half")
    SegmentIndexes(tmp_path / "indexes")
    assert not left.exists()


class FailingDisk(RealDisk):
    """Its reads and renames fail."""

    error = errno.EIO

    def read(self, path: Path, limit: int, start: int = 0) -> bytes:
        raise OSError(self.error, "fails")

    def replace(self, path: Path, target: Path) -> None:
        raise OSError(self.error, "fails")


@pytest.mark.parametrize(
    ("code", "kind"), [(errno.EIO, ContentError), (errno.ENOSPC, ContentStoreFull)]
)
def test_a_failing_disk_is_told(tmp_path: Path, code: int, kind: type[ContentError]) -> None:
    disk = FailingDisk()
    disk.error = code
    indexes = SegmentIndexes(tmp_path / "indexes", disk=disk)
    with pytest.raises(kind):
        indexes.get(CIDS[0])
    with pytest.raises(kind):
        indexes.put(CIDS[0], INDEX)
