"""The history: it is the Merkle tree over all block ids, and any of them can be shown in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.cid import DAG_CBOR, Cid, cid_of
from consensus.errors import InvalidProof
from consensus.history import NO_HISTORY, History
from consensus.merkle import merkle_proof, merkle_root, verify_merkle
from storage.history_store import HistoryStore, history_writes
from tests.simulation.database import MemoryDatabase

IDS = [cid_of(DAG_CBOR, bytes([n])) for n in range(70)]


def history_of(ids: list[Cid]) -> History:
    history = NO_HISTORY
    for block_id in ids:
        history = history.append(block_id)
    return history


@pytest.mark.parametrize("count", range(70))
def test_the_root_is_that_of_the_list(count: int) -> None:
    history = history_of(IDS[:count])
    assert history.blocks == count
    assert len(history.peaks) == count.bit_count()
    assert history.root == merkle_root([block_id.binary for block_id in IDS[:count]])
    assert History.unpack(history.pack()) == history


@given(st.integers(1, 70), st.data())
def test_every_block_is_shown_in_every_later_history(count: int, data: st.DataObject) -> None:
    store = MemoryDatabase()
    first = 0
    while first < count:  # blocks become final one by one or many together
        last = data.draw(st.integers(first + 1, count))
        store.write(HistoryStore(store).writes(first, IDS[first:last]), sync=True)
        first = last
    blocks = data.draw(st.integers(1, count))
    height = data.draw(st.integers(0, blocks - 1))
    ids = [block_id.binary for block_id in IDS[:blocks]]
    path = HistoryStore(store).proof(height, blocks)
    assert path == merkle_proof(ids, height)
    verify_merkle(history_of(IDS[:blocks]).root, ids[height], height, blocks, path or ())
    with pytest.raises(InvalidProof):
        verify_merkle(history_of(IDS[:blocks]).root, b"other", height, blocks, path or ())


@given(st.integers(0, 40), st.integers(1, 30))
def test_a_history_goes_on_from_its_peaks(known: int, more: int) -> None:
    store = MemoryDatabase()
    store.write(history_writes(history_of(IDS[:known])), sync=True)
    count = known + more
    store.write(HistoryStore(store).writes(known, IDS[known:count]), sync=True)
    ids = [block_id.binary for block_id in IDS[:count]]
    for height in range(known, count):
        assert HistoryStore(store).proof(height, count) == merkle_proof(ids, height)
    if known > 1:
        assert HistoryStore(store).proof(0, count) is None
