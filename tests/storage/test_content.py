"""The content store: durable, verified, deduplicated, and never half done."""

import errno
import logging
import os
import resource
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from consensus.cid import DAG_PB, RAW, Cid, cid_of
from consensus.errors import InvalidEncoding, InvalidProof
from consensus.unixfs import (
    KUBO,
    MAX_CONTENT_BLOCK_BYTES,
    UNIXFS_2025,
    DirectoryEntry,
    FileWalk,
    Profile,
    directory_node,
    file_of,
)
from storage.content import AddedFile, ContentError, ContentStore, ContentStoreFull, MissingBlock

VIDEO = Path(__file__).parents[1] / "data/small.mp4"
SMALL = Profile("small", 1024, 3)
MIDDLE = Profile("middle", 4096, 20)
X = cid_of(RAW, b"x")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "content"


@pytest.fixture
def store(folder: Path) -> Iterator[ContentStore]:
    with ContentStore(folder) as opened:
        yield opened


def reopened(store: ContentStore, folder: Path) -> ContentStore:
    """The store as the next process finds it."""
    store.close()
    store.__init__(folder)  # type: ignore[misc]
    return store


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file of twelve different leaves and seven bytes in the profile SMALL."""
    file = tmp_path / "source"
    file.write_bytes(b"".join(bytes([i]) * 1024 for i in range(12)) + b"the end")
    return file


def block_files(folder: Path) -> dict[str, Path]:
    """All blocks' files, by name."""
    return {file.name: file for file in folder.glob("??/*")}


def new_files(folder: Path) -> list[str]:
    """What is being written."""
    return [file.name for file in (folder / "new").iterdir()]


def assert_nothing_half_done(folder: Path, store: ContentStore) -> None:
    assert new_files(folder) == []
    assert store.size == sum(file.stat().st_size for file in block_files(folder).values())


def test_a_block_goes_in_and_comes_out(folder: Path, store: ContentStore) -> None:
    assert not store.has(X)
    assert store.get(X) is None
    store.put(X, b"x")
    store.put(X, b"x")
    assert store.has(X)
    assert store.get(X) == b"x"
    assert store.size == 1
    assert_nothing_half_done(folder, store)
    again = reopened(store, folder)
    assert (again.get(X), again.size) == (b"x", 1)


def test_a_block_is_deleted_once(folder: Path, store: ContentStore) -> None:
    store.put(X, b"x")
    assert store.delete(X)
    assert not store.delete(X)
    assert store.get(X) is None
    assert_nothing_half_done(folder, store)


def test_a_block_that_is_not_its_cids_is_refused(folder: Path, store: ContentStore) -> None:
    with pytest.raises(InvalidProof):
        store.put(X, b"y")
    large = bytes(MAX_CONTENT_BLOCK_BYTES + 1)
    with pytest.raises(InvalidEncoding):
        store.put(cid_of(RAW, large), large)
    assert block_files(folder) == {}
    assert_nothing_half_done(folder, store)


@pytest.mark.parametrize("profile", [KUBO, UNIXFS_2025, MIDDLE], ids=lambda profile: profile.name)
def test_a_real_video_comes_back_whole(store: ContentStore, profile: Profile) -> None:
    added = store.add_file(VIDEO, profile)
    content = VIDEO.read_bytes()
    root = file_of([content], profile)
    assert added == AddedFile(root.cid, len(content), root.tsize, profile.name)
    assert b"".join(store.read_file(added.cid)) == content
    assert store.size == added.tsize


def test_streaming_pieces_give_the_same_file(folder: Path, store: ContentStore) -> None:
    content = VIDEO.read_bytes()
    with store.new_file() as new:
        for i in range(0, len(content), 10_007):
            new.write(content[i : i + 10_007])
        assert block_files(folder) == {}
        assert len(new_files(folder)) > 1
        added = new.commit()
    assert added == store.add_file(VIDEO)
    assert_nothing_half_done(folder, store)


def test_an_empty_file_is_a_file(store: ContentStore, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    added = store.add_file(tmp_path / "empty")
    assert added == AddedFile(cid_of(RAW, b""), 0, 0, KUBO.name)
    assert list(store.read_file(added.cid)) == [b""]


def test_equal_blocks_are_kept_once(folder: Path, store: ContentStore, tmp_path: Path) -> None:
    (tmp_path / "zeros").write_bytes(bytes(9 * 1024))
    added = store.add_file(tmp_path / "zeros", SMALL)
    assert len(block_files(folder)) == 3  # the leaf, the node of three, the root
    assert store.size < added.tsize
    before = {name: file.stat().st_ino for name, file in block_files(folder).items()}
    assert store.add_file(tmp_path / "zeros", SMALL) == added
    assert {name: file.stat().st_ino for name, file in block_files(folder).items()} == before
    assert_nothing_half_done(folder, store)


def test_a_file_that_is_not_committed_leaves_nothing(folder: Path, store: ContentStore) -> None:
    with store.new_file(SMALL) as new:
        new.write(bytes(5000))
        assert store.size > 0
    assert store.size == 0
    assert block_files(folder) == {}


def test_what_a_crash_left_is_removed_on_opening(folder: Path, store: ContentStore) -> None:
    store.put(X, b"x")
    (folder / "new" / f"{cid_of(RAW, b'y')}.7").write_bytes(b"half")
    again = reopened(store, folder)
    assert_nothing_half_done(folder, again)
    assert again.size == 1
    assert block_files(folder).keys() == {str(X)}


def damage(change: Callable[[bytes], bytes], file: Path) -> None:
    file.write_bytes(change(file.read_bytes()))


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],
        lambda data: b"",
        lambda data: data + b"\x00",
        lambda data: data[:5] + bytes([data[5] ^ 1]) + data[6:],
        lambda data: data + bytes(MAX_CONTENT_BLOCK_BYTES),
    ],
    ids=["truncated", "emptied", "longer", "flipped bit", "oversized"],
)
def test_a_corrupt_block_is_missing_until_it_is_put_again(
    folder: Path,
    store: ContentStore,
    source: Path,
    caplog: pytest.LogCaptureFixture,
    change: Callable[[bytes], bytes],
) -> None:
    content = source.read_bytes()
    added = store.add_file(source, SMALL)
    leaf = cid_of(RAW, content[2048:3072])
    damage(change, block_files(folder)[str(leaf)])
    again = reopened(store, folder)
    out: list[bytes] = []
    with caplog.at_level(logging.ERROR), pytest.raises(MissingBlock, match=str(leaf)):
        out.extend(again.read_file(added.cid))
    assert b"".join(out) == content[:2048]
    assert f"block {leaf}" in caplog.text
    assert not again.has(leaf)
    assert_nothing_half_done(folder, again)
    again.put(leaf, content[2048:3072])
    assert b"".join(again.read_file(added.cid)) == content


def test_get_removes_a_corrupt_block(folder: Path, store: ContentStore) -> None:
    store.put(X, b"x")
    block_files(folder)[str(X)].write_bytes(b"y")
    assert store.get(X) is None
    assert not store.has(X)
    assert_nothing_half_done(folder, store)


def test_the_largest_block_and_a_byte_after_it(folder: Path, store: ContentStore) -> None:
    largest = bytes(MAX_CONTENT_BLOCK_BYTES)
    cid = cid_of(RAW, largest)
    store.put(cid, largest)
    assert store.get(cid) == largest
    damage(lambda data: data + b"\x00", block_files(folder)[str(cid)])
    assert store.get(cid) is None


def test_few_files_are_open_at_once(store: ContentStore) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(name) for name in os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 24, hard))
    try:
        added = store.add_file(VIDEO, MIDDLE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert added.size > 100 * MIDDLE.chunk_bytes


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: bytes(len(data))])
def test_adding_again_heals_a_corrupt_block(
    folder: Path, store: ContentStore, source: Path, change: Callable[[bytes], bytes]
) -> None:
    added = store.add_file(source, SMALL)
    damage(change, block_files(folder)[str(added.cid)])
    again = reopened(store, folder)
    assert again.add_file(source, SMALL) == added
    assert b"".join(again.read_file(added.cid)) == source.read_bytes()
    assert_nothing_half_done(folder, again)


def test_reading_what_is_not_a_file_or_not_here(store: ContentStore) -> None:
    with pytest.raises(MissingBlock) as caught:
        list(store.read_file(X))
    assert caught.value.cid == X
    node = directory_node([DirectoryEntry("a", X, 1)])
    store.put(node.cid, node.data)
    with pytest.raises(InvalidEncoding, match="directory"):
        list(store.read_file(node.cid))
    assert store.has(node.cid)
    odd = cid_of(DAG_PB, b"odd")
    store.put(odd, b"odd")
    with pytest.raises(InvalidEncoding):
        list(store.read_file(odd))
    assert store.get(odd) == b"odd"


def test_a_quota_refuses_a_file_whole(tmp_path: Path, source: Path) -> None:
    size = file_of([source.read_bytes()], SMALL).tsize
    folder = tmp_path / "small"
    store = ContentStore(folder, quota_bytes=size + 1)
    store.put(X, b"x")
    with pytest.raises(ContentStoreFull, match=f"quota of {size + 1} bytes"):
        store.put(cid_of(RAW, b"yz" * size), b"yz" * size)
    added = store.add_file(source, SMALL)
    assert store.size == size + 1
    store.add_file(source, SMALL)  # takes no room
    store.delete(X)
    store.delete(added.cid)
    store.put(X, b"x")
    store.put(cid_of(RAW, b"z"), b"z")
    with pytest.raises(ContentStoreFull):
        store.add_file(source, SMALL)
    assert not store.has(added.cid)
    assert_nothing_half_done(folder, store)


@pytest.mark.parametrize("call", ["open", "write", "fsync", "replace"])
def test_a_full_disk_leaves_nothing_half_done(
    folder: Path,
    store: ContentStore,
    source: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
) -> None:
    root = file_of([source.read_bytes()], SMALL).cid

    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(f"storage.disk.os.{call}", fail)
        with pytest.raises(ContentStoreFull, match=f"no room for content in {folder}"):
            store.add_file(source, SMALL)
        with pytest.raises(ContentStoreFull):
            store.put(X, b"x")
    assert not store.has(root)
    assert not store.has(X)
    assert_nothing_half_done(folder, store)
    assert store.add_file(source, SMALL).cid == root


def test_a_disk_that_fails_between_leaves_only_whole_blocks(
    folder: Path, store: ContentStore, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = file_of([source.read_bytes()], SMALL).cid
    replace = os.replace
    renamed: list[object] = []

    def fail_later(source: str, target: str) -> None:
        if len(renamed) == 4:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        renamed.append(target)
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail_later)
    with pytest.raises(ContentError, match="check the disk"):
        store.add_file(source, SMALL)
    assert len(block_files(folder)) == 4
    assert not store.has(root)
    assert_nothing_half_done(folder, store)


def test_the_root_appears_last_and_after_the_leaves_are_durable(
    store: ContentStore, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = file_of([source.read_bytes()], SMALL).cid
    steps: list[str] = []
    replace, fsync = os.replace, os.fsync

    def noted_replace(source: Path, target: Path) -> None:
        steps.append(Path(target).name)
        replace(source, target)

    def noted_fsync(descriptor: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    monkeypatch.setattr(os, "replace", noted_replace)
    monkeypatch.setattr(os, "fsync", noted_fsync)
    store.add_file(source, SMALL)
    renames = [i for i, step in enumerate(steps) if step not in ("file", "folder")]
    assert set(steps[: renames[0]]) == {"file"}
    assert steps[renames[-1]] == str(root)
    assert steps[renames[-1] - 1] == steps[-1] == "folder"
    assert len(renames) == steps.count("file")


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe"])
def test_only_regular_files_are_added(
    folder: Path, store: ContentStore, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / kind
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(ContentError, match=f"cannot read {path}: "):
        store.add_file(path)
    assert_nothing_half_done(folder, store)


def test_a_folder_that_cannot_be_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ContentError, match=str(tmp_path / "file")):
        ContentStore(tmp_path / "file")


def test_the_same_file_added_by_many_threads(
    folder: Path, store: ContentStore, source: Path
) -> None:
    added: list[AddedFile] = []
    threads = [
        threading.Thread(target=lambda: added.append(store.add_file(source, SMALL)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(added) == 8
    assert len(set(added)) == 1
    assert store.size == added[0].tsize
    assert_nothing_half_done(folder, store)


def test_a_walk_fills_an_empty_store_from_another(
    store: ContentStore, tmp_path: Path, source: Path
) -> None:
    added = store.add_file(source, SMALL)
    other = ContentStore(tmp_path / "other")
    other.put(added.cid, store.get(added.cid) or b"")  # resumed: the root is here already
    walk, fetched = FileWalk(added.cid, max_bytes=added.size), set[Cid]()
    while not walk.done:
        for cid in walk.wanted():
            data = other.get(cid)
            if data is None:
                data = store.get(cid)
                fetched.add(cid)
                assert data is not None
            assert walk.accept(cid, data)
            other.put(cid, data)
    assert added.cid not in fetched
    assert b"".join(other.read_file(added.cid)) == source.read_bytes()
    assert other.size == store.size
