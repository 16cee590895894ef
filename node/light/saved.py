"""What a light client keeps between commands: one file, written whole or not at all."""

from dataclasses import replace
from pathlib import Path

from consensus.errors import Invalid
from consensus.finality_proof import FinalityProof
from consensus.hashing import DIGEST_BYTES, sha256
from consensus.light import LightAnchor, LightState, anchor_state, place_of
from consensus.record import Record, record
from genesis.file import Genesis
from node import files
from node.failure import Refused
from node.light.answers import genesis_anchor

MAX_FILE_BYTES = 262_144


@record("light-client")
class SavedClient(Record):
    """Where a client began, what it knows by now, and what has proved the final block in that
    (null: it is still the anchor)."""

    anchor: LightAnchor
    state: LightState
    newest: FinalityProof | None

    @property
    def begins(self) -> LightState:
        """The state that the anchor alone gives."""
        place = place_of(self.anchor.header)
        return anchor_state(self.anchor, place.height, place.id)

    def at(self, state: LightState, newest: FinalityProof | None) -> "SavedClient":
        """The same client after further answers."""
        return replace(self, state=state, newest=newest)


def beginning(anchor: LightAnchor) -> SavedClient:
    """A client that knows nothing but an anchor that was checked or is trusted."""
    place = place_of(anchor.header)
    return SavedClient(anchor, anchor_state(anchor, place.height, place.id), None)


def at_genesis(genesis: Genesis) -> SavedClient:
    """A client that trusts a genesis file."""
    return beginning(genesis_anchor(genesis))


def create(path: Path, saved: SavedClient) -> None:
    """Write a new client's file; raises Refused if there is one already."""
    try:
        files.write_new(path, _sealed(saved))
    except Refused as error:
        raise Refused(
            "a light client's state is kept here already: go on with it, move it away, or choose "
            "another file with --state",
            field=str(path),
        ) from error


def save(path: Path, saved: SavedClient) -> None:
    """Put a client's file in the place of the one before."""
    files.replace(path, _sealed(saved))


def load(path: Path) -> SavedClient:
    """Read a client's file; raises Refused if it is damaged, FileNotFoundError if there is none."""
    data = files.read_bounded(path, MAX_FILE_BYTES)
    content, seal = data[:-DIGEST_BYTES], data[-DIGEST_BYTES:]
    if sha256(content) != seal:
        raise _damaged(path, "its checksum does not fit")
    try:
        saved = SavedClient.decode(content)
        saved.state.producers  # noqa: B018 - raises if the members are no set
    except Invalid as error:
        raise _damaged(path, str(error)) from error
    return saved


def _sealed(saved: SavedClient) -> bytes:
    data = saved.encode()
    return data + sha256(data)


def _damaged(path: Path, why: str) -> Refused:
    return Refused(
        f"this state of a light client is damaged or of another release ({why}): delete the file "
        "and begin again with `reelect light init`",
        field=str(path),
        code="damaged",
    )
