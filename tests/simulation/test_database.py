"""The database in memory does what the real one does, and loses what a real one may lose."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from consensus.cid import DAG_CBOR, cid_of
from storage.blocks import BlockStore, ChainMeta
from storage.database import (
    Database,
    DatabaseError,
    KeyValueReader,
    KeyValueStore,
    Write,
)
from storage.state import FinalState, layer_batch, make_layer, write_first_state
from tests.simulation.database import MemoryDatabase


class _Twins:
    """A real database and one in memory, with pairs of snapshots of both."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.folder = folder
        self.chance = chance
        self.real = Database.open(folder)
        self.memory = MemoryDatabase(folder)
        self.snapshots: list[tuple[KeyValueReader, KeyValueReader]] = []

    def key(self) -> bytes:
        return bytes(self.chance.choices(b"\x00ab\xfe", k=self.chance.randint(1, 4)))

    def act(self) -> None:
        chance = self.chance.random()
        if chance < 0.5:
            self.write()
        elif chance < 0.6:
            self.snapshots.append((self.real.snapshot(), self.memory.snapshot()))
        elif chance < 0.7 and self.snapshots:
            self.snapshots.pop(self.chance.randrange(len(self.snapshots)))
        elif chance < 0.71:
            self.reopen()
        self.compare()

    def write(self) -> None:
        # Now and then so many keys that they are put in order all at once.
        size = self.chance.choice([0, 1, 3, 300])
        batch: list[Write] = [
            (b"s" + self.key(), self.chance.choice([None, b"", b"1", b"2"])) for _ in range(size)
        ]
        sync = self.chance.random() < 0.1
        self.real.write(batch, sync=sync)
        self.memory.write(batch, sync=sync)

    def reopen(self) -> None:
        self.snapshots.clear()
        self.real.close()
        self.memory.close()
        self.real, self.memory = Database.open(self.folder), self.memory.reopen()

    def compare(self) -> None:
        pairs: list[tuple[KeyValueReader, KeyValueReader]] = [
            (self.real, self.memory),
            *self.snapshots[-3:],
        ]
        for real, memory in pairs:
            key, prefix = b"s" + self.key(), (b"s" + self.key())[: self.chance.randint(1, 3)]
            limit = self.chance.randint(0, 9)
            assert memory.get(key) == real.get(key)
            assert memory.keys(prefix) == real.keys(prefix)
            assert memory.scan(prefix, limit=limit) == real.scan(prefix, limit=limit)
            expected = real.scan(prefix, start=key, limit=limit)
            assert memory.scan(prefix, start=key, limit=limit) == expected


@pytest.mark.parametrize("seed", range(3))
def test_the_database_in_memory_does_what_the_real_one_does(tmp_path: Path, seed: int) -> None:
    twins = _Twins(tmp_path, random.Random(seed))
    for _ in range(400):
        twins.act()
    twins.snapshots.clear()
    twins.real.close()


def test_a_batch_that_fails_to_form_writes_nothing() -> None:
    def rows() -> Iterator[Write]:
        yield b"sa", b"1"
        raise ZeroDivisionError

    database = MemoryDatabase()
    with pytest.raises(ZeroDivisionError):
        database.write(rows(), sync=False)
    assert database.get(b"sa") is None


def test_a_crash_loses_the_last_batches_but_none_up_to_a_synced_one() -> None:
    left = set()
    for seed in range(100):
        database = MemoryDatabase()
        for number in range(6):
            value = b"%d" % number
            batch: list[Write] = [(b"sa", value), (b"sb", value), (b"s" + value, b"")]
            database.write([*batch, (b"s%d" % (number - 1), None)], sync=number == 2)
        database.crash(random.Random(seed))
        rows = database.reopen().scan(b"s", limit=9)
        last = rows[-1][1]
        assert rows == [(b"s" + last, b""), (b"sa", last), (b"sb", last)]
        left.add(last)
    assert left == {b"2", b"3", b"4", b"5"}


class _Loses(random.Random):
    """The worst chance: nothing is left of what was not synced."""

    def randint(self, a: int, b: int) -> int:
        return a


def test_a_start_makes_durable_what_it_finds() -> None:
    database = MemoryDatabase()
    database.write([(b"sa", b"1")], sync=False)
    database.kill()
    database = database.reopen()
    database.write([(b"sa", b"2")], sync=False)
    database.crash(_Loses())
    assert database.reopen().get(b"sa") == b"1"


def test_power_can_be_lost_after_the_process_is_gone() -> None:
    database = MemoryDatabase()
    database.write([(b"sa", b"1")], sync=False)
    database.close()
    database.crash(_Loses())
    assert database.reopen().get(b"sa") is None


@pytest.mark.parametrize("end", ["close", "kill", "crash"])
def test_a_process_that_is_gone_reads_and_writes_nothing(end: str) -> None:
    database = MemoryDatabase()
    with pytest.raises(DatabaseError, match="in use"):
        database.reopen()
    if end == "crash":
        database.crash(random.Random(0))
    else:
        getattr(database, end)()
    for call in (
        lambda: database.get(b"s"),
        lambda: database.keys(b"s"),
        database.snapshot,
        lambda: database.write([], sync=False),
    ):
        with pytest.raises(RuntimeError, match="closed"):
            call()
    assert database.reopen().get(b"sa") is None


@pytest.mark.parametrize("kept", [False, True])
def test_after_a_failed_write_nothing_is_written_until_the_next_start(kept: bool) -> None:
    database = MemoryDatabase()
    database.fail_at(2, kept=kept)
    database.write([(b"sa", b"1")], sync=False)
    for _ in range(2):
        with pytest.raises(DatabaseError, match="/chain could not be written"):
            database.write([(b"sa", b"2")], sync=True)
    assert database.get(b"sa") == b"1"
    database.kill()
    database = database.reopen()
    assert database.get(b"sa") == (b"2" if kept else b"1")
    database.write([(b"sa", b"3")], sync=True)


# What stands on it


def _run_chain(database: KeyValueStore) -> tuple[list[bytes], list[tuple[bytes, bytes]]]:
    """Roots and rows of a chain of a few final blocks."""
    meta = ChainMeta(cid_of(DAG_CBOR, b"0"), 0, bytes(32), b"")
    roots = [
        write_first_state(
            database,
            [(b"%d" % i, b"first") for i in range(50)],
            lambda root: BlockStore(database).final_writes(meta, b"block", (), b""),
        )
    ]
    state, store = FinalState(database), BlockStore(database)
    for height in range(1, 6):
        view = state.view()
        layer, root = make_layer(state, {b"%d" % height: b"%d" % height, b"10": None})
        meta = ChainMeta(cid_of(DAG_CBOR, b"%d" % height), height, root, b"")
        store.put(meta.id, b"block")
        writes = store.final_writes(meta, b"block", [b"tx%d" % height], b"")
        database.write([*layer_batch(layer), *writes], sync=True)
        store.finalized(meta.id)
        state.absorb(layer)
        assert view.get(b"%d" % height) == b"first"
        roots.append(root)
    return roots, [row for kind in b"spmubihtr" for row in database.scan(bytes([kind]), limit=999)]


def test_state_and_blocks_are_the_same_on_both(tmp_path: Path) -> None:
    with Database.open(tmp_path) as real:
        assert _run_chain(MemoryDatabase()) == _run_chain(real)


def test_blocks_that_are_not_final_survive_up_to_some_block() -> None:
    blocks = [b"block %d" % i for i in range(9)]
    for seed in range(20):
        database = MemoryDatabase()
        store = BlockStore(database)
        for block in blocks:
            store.put(cid_of(DAG_CBOR, block), block)
        database.crash(random.Random(seed))
        found = [block for _, block in BlockStore(database.reopen()).unfinal()]
        assert found == blocks[: len(found)]
