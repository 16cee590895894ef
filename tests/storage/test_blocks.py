"""The block store: what is final is found by every index, what is not is replayed in order."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from consensus import tree
from consensus.cid import DAG_CBOR, cid_of
from storage.blocks import MAX_PRUNED_BLOCKS, MAX_PRUNED_ROWS, BlockStore, ChainMeta
from storage.database import (
    BLOCK_ID_ROW,
    BLOCK_ROW,
    HEIGHT_ROW,
    META_ROW,
    RECEIPTS_ROW,
    TRANSACTION_ROW,
    UNFINAL_ROW,
    Database,
    DatabaseError,
)
from storage.state import FinalState
from tests.vectors.state_tree_model import model_leaves, model_root

BLOCKS = [b"block %d" % i for i in range(300)]
IDS = [cid_of(DAG_CBOR, block) for block in BLOCKS]
PROJECT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "chain"


@pytest.fixture
def database(folder: Path) -> Iterator[Database]:
    with Database.open(folder) as opened:
        yield opened


@pytest.fixture
def store(database: Database) -> BlockStore:
    return BlockStore(database)


def _meta(height: int) -> ChainMeta:
    return ChainMeta(IDS[height], height, bytes(32), b"point %d" % height)


def _make_final(database: Database, store: BlockStore, height: int) -> None:
    transaction_ids = [b"transaction %d/%d" % (height, i) for i in range(2)]
    receipts = b"receipts %d" % height
    database.write(
        store.final_writes(_meta(height), BLOCKS[height], transaction_ids, receipts), sync=True
    )
    store.finalized(IDS[height])


def test_an_empty_store_knows_nothing(store: BlockStore) -> None:
    found: list[object] = [store.meta(), store.get(IDS[0]), store.at(0), store.id_at(0)]
    found += [store.height_of(IDS[0]), store.transaction(b"transaction"), store.receipts(0)]
    assert found == [None] * 7
    assert list(store.unfinal()) == []
    assert store.final_blocks(0, 9) == []


def test_final_blocks_are_found_by_every_index(folder: Path) -> None:
    with Database.open(folder) as database:
        store = BlockStore(database)
        for height in range(300):
            store.put(IDS[height], BLOCKS[height])
            _make_final(database, store, height)
            assert store.get(IDS[height]) == BLOCKS[height]
    with Database.open(folder) as database:
        store = BlockStore(database)
        assert store.meta() == _meta(299)
        for height in (0, 1, 255, 256, 299):
            assert store.get(IDS[height]) == store.at(height) == BLOCKS[height]
            assert store.id_at(height) == IDS[height]
            assert store.height_of(IDS[height]) == height
            assert store.receipts(height) == b"receipts %d" % height
            assert store.transaction(b"transaction %d/1" % height) == (height, 1)
        assert store.final_blocks(250, 10) == BLOCKS[250:260]
        assert store.final_blocks(295, 10) == BLOCKS[295:]
        assert list(store.unfinal()) == []


def _ids_in(receipts: bytes) -> list[bytes]:
    return [b"transaction %s/%d" % (receipts.removeprefix(b"receipts "), i) for i in range(2)]


def _block_rows(database: Database) -> dict[bytes, bytes]:
    kinds = (BLOCK_ROW, BLOCK_ID_ROW, HEIGHT_ROW, RECEIPTS_ROW, TRANSACTION_ROW)
    return dict(row for kind in kinds for row in database.scan(kind, limit=999))


def test_old_blocks_go_with_all_that_finds_them(database: Database, store: BlockStore) -> None:
    for height in range(20):
        _make_final(database, store, height)
    rows = _block_rows(database)
    assert store.first_height() == 0
    database.write(store.prune_writes(12, _ids_in), sync=True)
    assert store.first_height() == 12
    assert [store.at(height) for height in range(20)] == [
        BLOCKS[0],
        *[None] * 11,
        *BLOCKS[12:20],
    ]
    assert store.final_blocks(12, 99) == BLOCKS[12:20]
    left = _block_rows(database)
    for height in range(1, 12):
        assert store.get(IDS[height]) is None
        assert (store.id_at(height), store.receipts(height)) == (None, None)
        assert store.height_of(IDS[height]) is None
        assert store.transaction(b"transaction %d/1" % height) is None
    assert store.transaction(b"transaction 12/1") == (12, 1)
    assert left.items() <= rows.items()
    assert len(rows) - len(left) == 11 * 6  # block, id, height, receipts and two transactions


def test_nothing_is_dropped_twice_or_above_the_end(database: Database, store: BlockStore) -> None:
    for height in range(9):
        _make_final(database, store, height)
    for end in (0, 1):
        assert store.prune_writes(end, _ids_in) == []
    database.write(store.prune_writes(5, _ids_in), sync=True)
    assert [store.prune_writes(end, _ids_in) for end in range(6)] == [[]] * 6
    database.write(store.first_writes(8), sync=True)  # as a node that came by a snapshot
    assert store.prune_writes(8, _ids_in) == []
    database.write(store.prune_writes(9, _ids_in), sync=True)
    assert (store.at(8), store.first_height()) == (None, 9)


def test_a_batch_drops_so_many_blocks_and_rows_at_most(
    database: Database, store: BlockStore
) -> None:
    for height in range(300):
        _make_final(database, store, height)
    for first in (1 + MAX_PRUNED_BLOCKS, 299):
        database.write(store.prune_writes(299, _ids_in), sync=True)
        assert store.first_height() == first


def test_a_batch_ends_once_it_has_many_rows(database: Database, store: BlockStore) -> None:
    for height in range(9):
        _make_final(database, store, height)

    def many(receipts: bytes) -> list[bytes]:
        return [*_ids_in(receipts), *(b"%d" % i for i in range(MAX_PRUNED_ROWS))]

    database.write(store.prune_writes(9, many), sync=True)
    assert store.first_height() == 2  # at least one, whatever it holds


def test_a_block_that_should_be_there_is_missed(
    folder: Path, database: Database, store: BlockStore
) -> None:
    for height in (0, 1, 3):
        _make_final(database, store, height)
    with pytest.raises(DatabaseError, match=f"{folder} is damaged .*height 2"):
        store.prune_writes(4, _ids_in)


def test_blocks_that_are_not_final_come_back_in_order(folder: Path) -> None:
    order = [5, 200, 3, 256, 1, 299, *range(10, 20)]
    with Database.open(folder) as database:
        store = BlockStore(database)
        for i in order[:8]:
            store.put(IDS[i], BLOCKS[i])
        store.put(IDS[order[0]], BLOCKS[order[0]])
    with Database.open(folder) as database:
        store = BlockStore(database)
        for i in order:
            store.put(IDS[i], BLOCKS[i])
            assert store.get(IDS[i]) == BLOCKS[i]
        _make_final(database, store, 3)
        store.discard([IDS[1], IDS[3], IDS[7]])
        left = [(IDS[i], BLOCKS[i]) for i in order if i not in (1, 3)]
        assert list(store.unfinal()) == left
        assert store.get(IDS[1]) is None
        assert store.get(IDS[3]) == BLOCKS[3]
    with Database.open(folder) as database:
        assert list(BlockStore(database).unfinal()) == left
        assert len(database.keys(UNFINAL_ROW)) == len(left)


def test_a_block_is_found_at_every_moment_of_becoming_final(
    database: Database, store: BlockStore
) -> None:
    store.put(IDS[0], BLOCKS[0])
    writes = store.final_writes(_meta(0), BLOCKS[0], [], b"")
    assert store.get(IDS[0]) == BLOCKS[0]
    assert store.height_of(IDS[0]) is None
    database.write(writes, sync=True)
    assert store.get(IDS[0]) == BLOCKS[0]
    assert list(store.unfinal()) == []
    store.finalized(IDS[0])
    assert store.get(IDS[0]) == BLOCKS[0]


def test_a_damaged_chain_record_is_named(
    folder: Path, database: Database, store: BlockStore
) -> None:
    database.write([(META_ROW, _meta(0).encode()[:-1])], sync=True)
    with pytest.raises(DatabaseError, match=f"{folder} is damaged .*: run `reelect db repair`"):
        store.meta()


def _rows(height: int) -> dict[bytes, bytes]:
    return {b"height": b"%d" % height} | {
        b"row %d" % (i % 50): b"%d" % i for i in range(10 * height, 10 * height + 10)
    }


NODE = """
import sys
from pathlib import Path
from storage.blocks import MAX_PRUNED_BLOCKS, MAX_PRUNED_ROWS, BlockStore, ChainMeta
from storage.database import Database
from storage.state import FinalState, layer_batch, make_layer
from tests.storage.test_blocks import BLOCKS, IDS, _rows
database = Database.open(Path(sys.argv[1]))
store = BlockStore(database)
state = FinalState(database)
for height in range(len(BLOCKS)):
    store.put(IDS[height], BLOCKS[height])
    layer, root = make_layer(state, _rows(height))
    meta = ChainMeta(IDS[height], height, root, b"")
    writes = store.final_writes(meta, BLOCKS[height], [b"transaction %d" % height], b"")
    database.write([*layer_batch(layer), *writes], sync=True)
    state.absorb(layer)
    store.finalized(IDS[height])
    print(height, flush=True)
    if height == int(sys.argv[2]):
        sys.stdin.read()
"""


@pytest.mark.parametrize("last", [0, 3, 299])
def test_a_killed_node_comes_back_at_its_newest_final_block(folder: Path, last: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", NODE, str(folder), str(last)],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(min(last + 1, 40))]
        process.send_signal(signal.SIGKILL)
        acknowledged = int([*lines, *process.stdout.read().splitlines()][-1])
    with Database.open(folder) as database:
        store, state = BlockStore(database), FinalState(database)
        meta = store.meta()
        assert meta is not None
        assert meta.height in (acknowledged, acknowledged + 1)
        assert meta.id == store.id_at(meta.height) == IDS[meta.height]
        assert store.final_blocks(0, 999) == BLOCKS[: meta.height + 1]
        assert store.transaction(b"transaction %d" % meta.height) == (meta.height, 0)
        assert store.at(meta.height + 1) is None
        rows: dict[bytes, bytes] = {}
        for height in range(meta.height + 1):
            rows |= _rows(height)
        assert state.scan(b"", limit=999) == sorted(rows.items())
        assert meta.state_root == tree.root(state.page) == model_root(model_leaves(rows))
