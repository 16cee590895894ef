"""What a light client keeps between commands: one file, written whole or not at all."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from consensus.errors import Invalid
from consensus.finality_proof import FinalityProof
from consensus.hashing import DIGEST_BYTES, sha256
from consensus.light import LightAnchor, LightState, anchor_state, place_of
from consensus.record import Record, record, replace
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


def save(path: Path, saved: SavedClient) -> SavedClient:
    """Put a client's file in the place of the one before; returns what is kept then.

    That is what another command has put there meanwhile if it is as new: nothing goes back. A file
    that was removed stays so. Raises Refused if another client was begun there meanwhile.
    """
    if not path.exists():
        return saved
    with _alone_in(path.parent):
        kept = load(path)
        if kept.anchor != saved.anchor:
            raise Refused(
                "another light client was begun here meanwhile: run the command again",
                field=str(path),
            )
        if _order(kept) >= _order(saved):
            return kept
        files.replace(path, _sealed(saved))
    return saved


def _order(saved: SavedClient) -> tuple[int, int]:
    return saved.state.final.height, saved.state.dynasty


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep other commands waiting that save in this folder."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


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
