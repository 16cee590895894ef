"""A node ended at every write: it takes up the last durable final state, exactly, and goes on."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest

from consensus.block import Block
from consensus.evidence import Evidence
from node.candidate import header_of, read_block
from storage.blocks import BlockStore
from storage.database import STATE_ROW, Write
from storage.errors import StorageError
from tests.node.scene import Scene, new_machine, played
from tests.simulation.crashes import DATABASE_ENDINGS, Ending, Left, Machine, every_crash
from tests.simulation.database import MemoryDatabase
from tests.vectors.state_tree_model import model_leaves, model_root


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with played() as made:
        yield made


def test_the_scene_has_what_can_go_wrong(scene: Scene) -> None:
    messages = [heard.message for heard in scene.script]
    blocks = [read_block(each.encode()) for each in messages if isinstance(each, Block)]
    assert scene.end >= 30
    assert len(blocks) - scene.end >= 4  # beside the others, or not final yet
    assert {block.header.dynasty for block in blocks} == {0, 1, 2, 3}
    assert sum(len(block.transactions) for block in blocks) > 8
    assert any(isinstance(message, Evidence) for message in messages)


def test_what_is_compared_with_is_what_the_blocks_say(scene: Scene) -> None:
    """The root of every height from all its rows, and the way from height to id and back."""
    for height, rows in scene.finals.items():
        database = MemoryDatabase()
        database.write(rows.items(), sync=True)
        state = {key[1:]: value for key, value in rows.items() if key.startswith(STATE_ROW)}
        header = header_of(BlockStore(database).at(height) or b"")
        assert model_root(model_leaves(state)) == header.state_root
        blocks = BlockStore(database)
        ids = [blocks.id_at(below) for below in range(height + 1)]
        assert ids[-1] == header.id()
        assert [blocks.height_of(each) for each in ids if each] == list(range(height + 1))


# Ends that differ for the journal, whose own tests have them all.
DISK_ENDS = (
    Ending(0.0, Left.NOTHING),
    Ending(0.5, Left.ALL),
    Ending(1.0, Left.PART),
    Ending(0.5, Left.NOTHING, is_full=True),
)


def test_no_end_at_any_write_loses_or_changes_a_final_block(scene: Scene) -> None:
    endings = {"disk": DISK_ENDS, "database": DATABASE_ENDINGS}
    done = every_crash(scene.live, scene.check, start=new_machine, endings=endings)
    assert done.points > 150


def test_a_node_that_drops_old_blocks_loses_no_others() -> None:
    endings = {"database": [Ending(1.0, Left.PART)]}
    with played(keep_blocks=6) as scene:
        done = every_crash(scene.live, scene.check, start=new_machine, endings=endings)
    assert done.points > 100


class _Lazy(MemoryDatabase):
    """It never syncs."""

    def write(self, batch: Iterable[Write], *, sync: bool) -> None:
        super().write(batch, sync=False)


class _Piecemeal(MemoryDatabase):
    """Its batches are not whole."""

    def write(self, batch: Iterable[Write], *, sync: bool) -> None:
        writes = list(batch)
        for row in writes[:-1]:
            super().write([row], sync=False)
        super().write(writes[-1:], sync=sync)


@pytest.mark.parametrize("kind", [_Lazy, _Piecemeal])
def test_a_database_that_breaks_its_word_is_found_out(
    scene: Scene, kind: type[MemoryDatabase]
) -> None:
    def start() -> Machine:
        return replace(new_machine(), database=kind())

    endings = {"database": [Ending(1.0, Left.NOTHING), Ending(1.0, Left.ALL)]}
    with pytest.raises((AssertionError, StorageError)):
        every_crash(scene.live, scene.check, start=start, endings=endings)
