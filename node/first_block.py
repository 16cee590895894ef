"""Where a chain is taken up: genesis in a new database, else the newest final block."""

from collections.abc import Iterable
from pathlib import Path

from consensus.block import Header
from consensus.cid import Cid
from consensus.errors import Invalid, InvalidGenesis
from consensus.finality import ChainBlock
from consensus.headers import Rules, genesis_block
from consensus.tree import DamagedTree
from consensus.tree import root as tree_root
from genesis.file import Genesis, GenesisHead
from node.block_results import NO_RESULTS
from node.candidate import header_of
from node.chain_point import ChainPoint, point_of, restore
from storage.blocks import BlockStore, ChainMeta
from storage.database import DatabaseDamaged, KeyValueStore
from storage.history_store import HistoryStore
from storage.snapshot_import import forget_import
from storage.state import FinalState, write_first_state
from vm.modules.chain import chain_progress


def write_genesis(
    genesis: Genesis, blocks: BlockStore, history: HistoryStore, database: KeyValueStore
) -> None:
    """Write the first block and its state; raises InvalidGenesis if they do not fit."""
    root = genesis_block(genesis.header, genesis.producer_set)

    def finish(state_root: bytes) -> Iterable[tuple[bytes, bytes | None]]:
        if state_root != genesis.header.state_root:
            raise InvalidGenesis("the rows do not have the header's root", field="state_root")
        meta = ChainMeta(root.id, 0, state_root, point_of(root, root.members).encode())
        results = NO_RESULTS
        first = blocks.final_writes(meta, genesis.header.encode(), (), results)
        return first + history.writes(0, [root.id])

    forget_import(database)
    rows = ((row.key, row.value) for row in genesis.rows)
    write_first_state(database, rows, finish)


def load_final(
    genesis: GenesisHead, rules: Rules, blocks: BlockStore, state: FinalState, folder: Path
) -> ChainBlock:
    """The newest final block, linked down to its qc_target.

    Raises InvalidGenesis if the database is another chain's, DatabaseError if it is damaged.
    """
    meta = blocks.meta()
    if meta is None or blocks.id_at(0) != genesis.header.id():
        raise InvalidGenesis(
            f"the data folder {folder} belongs to another chain: start with "
            "its own genesis file, or with an empty data folder",
            field="chain",
        )
    try:
        lineage = _lineage(blocks, meta, folder)
        if tree_root(state.page) != meta.state_root:
            raise DatabaseDamaged(folder, "the state does not have the final block's root")
        progress = chain_progress(state.view())
        return restore(rules, ChainPoint.decode(meta.point), progress, lineage)
    except (Invalid, DamagedTree) as error:
        raise DatabaseDamaged(folder, str(error)) from error


def _lineage(blocks: BlockStore, meta: ChainMeta, folder: Path) -> list[tuple[Cid, Header]]:
    """Ids and headers from the final block's qc_target up to the final block."""
    lineage = [(meta.id, _final_header(blocks, meta.height, folder))]
    target = lineage[0][1].qc_target
    while target is not None and lineage[-1][0] != target.id:
        parent = lineage[-1][1].parent
        if parent is None:
            break
        lineage.append((parent, _final_header(blocks, lineage[-1][1].height - 1, folder)))
    return lineage[::-1]


def _final_header(blocks: BlockStore, height: int, folder: Path) -> Header:
    raw = blocks.block_or_header(height)
    if raw is None:
        raise DatabaseDamaged(folder, f"the final block at height {height} is missing")
    return header_of(raw)
