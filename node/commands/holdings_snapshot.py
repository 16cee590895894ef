"""Who holds how much of an asset at one final block: by a node, or by an exported state."""

from dataclasses import dataclass
from pathlib import Path

from node.client import Client
from node.commands.copied_state import no_rows, put_item
from node.failure import Refused
from node.node import read_genesis
from node.query.chain_view import Finality
from node.snapshots.proving import proved_chunks, proved_file
from vm.modules.chain import CONSTANTS
from vm.modules.dividends.holdings import holders, holding
from vm.modules.market import ESCROWED
from vm.modules.stake import BONDS, UNBONDING
from vm.modules.tokens import BALANCES
from vm.overlay import Overlay

ATTEMPTS = 20
# The rows that a holding is made of.
_TABLES = (CONSTANTS, BALANCES, ESCROWED, BONDS, UNBONDING)


@dataclass(frozen=True, slots=True)
class HoldingsSnapshot:
    """The holdings at a final block: by account, more than 0 units."""

    height: int
    block: str
    units: dict[bytes, int]


async def read_holdings(client: Client, asset: str) -> HoldingsSnapshot:
    """The holdings by the node's newest final state; raises Refused if that moves on each time
    before all is read."""
    for _ in range(ATTEMPTS):
        state, places = no_rows(), set()
        for table in _TABLES:
            async for page in client.row_pages(table.name, finality=Finality.FINAL):
                places.add(page.at)
                for item in page.items:
                    put_item(state, table, item)
        if len(places) == 1:
            (at,) = places
            return HoldingsSnapshot(at.height, str(at.id), _holdings(state, asset))
    raise Refused(
        f"the state moved on {ATTEMPTS} times before all of it was read; export it on the node "
        "with `reelect db export FILE`, and name that with --export",
        code="state-moves",
    )


def exported_holdings(file: Path, genesis_file: Path, asset: str) -> HoldingsSnapshot:
    """The holdings by a file that `reelect db export` wrote, which is proved from the genesis file
    on; raises as `proved_file` does."""
    source, state = proved_file(file, read_genesis(genesis_file)), no_rows()
    prefixes = tuple(table.prefix() for table in _TABLES)
    for chunk in proved_chunks(source):
        for row in chunk.rows:
            if row.key.startswith(prefixes):
                state.put(row.key, row.value)
    manifest = source.manifest
    return HoldingsSnapshot(manifest.height, str(manifest.block_id), _holdings(state, asset))


def _holdings(state: Overlay, asset: str) -> dict[bytes, int]:
    found = {account: holding(state, account, asset) for account in sorted(holders(state, asset))}
    return {account: units for account, units in found.items() if units}
