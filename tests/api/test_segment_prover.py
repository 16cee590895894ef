"""The node's prover: roots in steps, proofs by few blocks, and what is not there."""

from pathlib import Path

import pytest

from consensus.cid import RAW, Cid, cid_of
from consensus.errors import Invalid, InvalidEncoding
from consensus.segments import GROUP_BYTES, SegmentHasher, verify_segment
from consensus.unixfs import UNIXFS_2025, DirectoryEntry, directory_node
from node.content import segment_prover
from node.content.segment_prover import Hashed, SegmentProver
from node.query.chain_view import NotFound
from storage.content import ContentStore
from storage.segment_index import SegmentIndexes
from tests.vectors.generate_segments import content

DATA = content(5 * GROUP_BYTES + 12_345)


def root_of(data: bytes) -> bytes:
    hasher = SegmentHasher()
    hasher.feed(data)
    hasher.finish()
    return hasher.root


class CountingStore(ContentStore):
    """Notes what is read."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.read: list[Cid] = []

    def get(self, cid: Cid) -> bytes | None:
        """As always."""
        self.read.append(cid)
        return super().get(cid)


@pytest.fixture
def store(tmp_path: Path) -> CountingStore:
    return CountingStore(tmp_path / "content")


@pytest.fixture
def prover(store: CountingStore, tmp_path: Path) -> SegmentProver:
    return SegmentProver(store, SegmentIndexes(tmp_path / "indexes"))


def add(store: ContentStore, tmp_path: Path, data: bytes = DATA) -> Cid:
    file = tmp_path / "film"
    file.write_bytes(data)
    return store.add_file(file).cid


async def test_a_root_is_computed_in_steps(
    store: CountingStore, prover: SegmentProver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment_prover, "STEP_BYTES", 2 * GROUP_BYTES + 5)
    cid = add(store, tmp_path)
    step = segment_prover.STEP_BYTES
    assert await prover.hash_more(cid) == Hashed(step, None)
    assert await prover.hash_more(cid) == Hashed(2 * step, None)
    assert await prover.hash_more(cid) == Hashed(len(DATA), root_of(DATA))
    store.read.clear()
    assert await prover.hash_more(cid) == Hashed(len(DATA), root_of(DATA))
    assert store.read == []


async def test_a_file_that_ends_with_a_step_has_its_root_too(
    store: CountingStore, prover: SegmentProver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment_prover, "STEP_BYTES", GROUP_BYTES)
    data = DATA[: 2 * GROUP_BYTES]
    cid = add(store, tmp_path, data)
    assert [(await prover.hash_more(cid)).root for _ in range(3)] == [None, None, root_of(data)]


async def test_proofs_hold_and_read_one_group_each(
    store: CountingStore, prover: SegmentProver, tmp_path: Path
) -> None:
    cid = add(store, tmp_path)
    await prover.hash_more(cid)
    restarted = SegmentProver(store, SegmentIndexes(tmp_path / "indexes"))
    indexes = (0, 700, 700, 1_291, 1_292)
    store.read.clear()
    proofs = await restarted.prove(cid, indexes)
    assert len(store.read) == 2 * len(indexes)  # the root, and the chunk that is the group
    for index, proof in zip(indexes, proofs, strict=True):
        verify_segment(root_of(DATA), len(DATA), index, proof)


async def test_chunks_of_another_profile_are_proved_too(
    store: CountingStore, prover: SegmentProver, tmp_path: Path
) -> None:
    (tmp_path / "film").write_bytes(DATA)
    cid = store.add_file(tmp_path / "film", UNIXFS_2025).cid
    hashed = await prover.hash_more(cid)
    assert hashed.root == root_of(DATA)
    (proof,) = await prover.prove(cid, [1_100])
    verify_segment(root_of(DATA), len(DATA), 1_100, proof)


async def refusal(prover: SegmentProver, cid: Cid, *indexes: int) -> Invalid:
    with pytest.raises(Invalid) as caught:
        await (prover.prove(cid, indexes) if indexes else prover.hash_more(cid))
    return caught.value


async def test_what_is_not_stored_whole_is_said(
    store: CountingStore, prover: SegmentProver, tmp_path: Path
) -> None:
    nothing = cid_of(RAW, b"nothing")
    assert "not stored here" in (await refusal(prover, nothing)).message
    assert "was not computed here" in (await refusal(prover, nothing, 0)).message
    cid = add(store, tmp_path)
    leaf = cid_of(RAW, DATA[GROUP_BYTES : 2 * GROUP_BYTES])
    store.delete(leaf)
    assert str(leaf) in (await refusal(prover, cid)).message
    store.put(leaf, DATA[GROUP_BYTES : 2 * GROUP_BYTES])
    assert (await prover.hash_more(cid)).root == root_of(DATA)
    error = await refusal(prover, cid, 1_293)
    assert (type(error), error.field) == (NotFound, "index")
    store.delete(leaf)
    assert str(leaf) in (await refusal(prover, cid, 256)).message


async def test_what_has_no_segments_is_refused(
    store: CountingStore, prover: SegmentProver, tmp_path: Path
) -> None:
    assert "empty" in (await refusal(prover, add(store, tmp_path, b""))).message
    folder = directory_node([DirectoryEntry("a", cid_of(RAW, b"a"), 1)])
    store.put(folder.cid, folder.data)
    assert isinstance(await refusal(prover, folder.cid), InvalidEncoding)


async def test_few_files_are_begun_at_a_time(
    store: CountingStore, prover: SegmentProver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment_prover, "STEP_BYTES", GROUP_BYTES)
    cids = [add(store, tmp_path, DATA[i:]) for i in range(segment_prover.MAX_BEGUN + 1)]
    for cid in cids:
        await prover.hash_more(cid)
    assert len(prover._begun) == segment_prover.MAX_BEGUN
    assert await prover.hash_more(cids[1]) == Hashed(2 * GROUP_BYTES, None)
    assert await prover.hash_more(cids[0]) == Hashed(GROUP_BYTES, None)
