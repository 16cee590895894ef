"""States of many rows without a chain, and the manifests of snapshots of them."""

from collections.abc import Mapping

from consensus.finality_proof import FinalityProof
from consensus.record import replace
from consensus.snapshot import SnapshotManifest
from storage.state import FinalState, layer_batch, make_layer, write_first_state
from tests.consensus.largest import HEADER, SET
from tests.simulation.database import MemoryDatabase

STEPS = (b"a step", b"", b"another step" * 99)


def rows_of(count: int, *, first: int = 0) -> dict[bytes, bytes]:
    """So many rows, each of another size."""
    return {b"key %d" % i: b"value %d " % i * (i % 17 + 1) for i in range(first, first + count)}


def write_state(database: MemoryDatabase, rows: Mapping[bytes, bytes]) -> bytes:
    """Make these rows the state; its root."""
    return write_first_state(database, rows.items(), lambda _root: [])


def change_state(database: MemoryDatabase, writes: Mapping[bytes, bytes | None]) -> bytes:
    """Write rows, or delete them, as a block does; the root."""
    state = FinalState(database)
    layer, root = make_layer(state, writes)
    database.write(layer_batch(layer), sync=True)
    return root


def head_of(root: bytes, height: int = 1000) -> SnapshotManifest:
    """A manifest that lacks its chunks, of a state with this root."""
    final = replace(HEADER, state_root=root, height=height)
    return SnapshotManifest(FinalityProof(HEADER, b"votes", (final, HEADER)), SET, (), (), ())
