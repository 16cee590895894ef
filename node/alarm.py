"""Two final histories: the evidence goes to disk, and the node stays down until a person acts."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from consensus.finality_proof import FinalityProof
from consensus.fork_choice import ConflictingFinality
from consensus.record import Record, record
from node.failure import Refused
from node.files import write_new

CONFLICT_PATTERN = "conflict-*.cbor"

logger = logging.getLogger("reelect.node")


@record("conflict")
class Conflict(Record):
    """Proofs of two final blocks that exclude each other; `own` is null if genesis alone was
    final here. The keys that signed both certificates broke the rules."""

    own: FinalityProof | None
    other: FinalityProof


@contextmanager
def alarm(folder: Path, own: Callable[[], FinalityProof | None]) -> Iterator[None]:
    """Lay down the evidence in `folder` if ConflictingFinality comes by, and let it go on.

    `own` gives the proof of this node's newest final block.
    """
    try:
        yield
    except* ConflictingFinality as group:
        lay_down(folder, own(), first_conflict(group))
        raise


def lay_down(folder: Path, own: FinalityProof | None, conflict: ConflictingFinality) -> Path:
    """Write the evidence; once for each slot of the other history."""
    file = folder / f"conflict-{conflict.proof.target.slot}.cbor"
    if not file.exists():
        write_new(file, Conflict(own, conflict.proof).encode())
    logger.critical("%s; the evidence is in %s", conflict, file)
    return file


def first_conflict(group: BaseExceptionGroup[ConflictingFinality]) -> ConflictingFinality:
    """The first conflict in a group, however deep."""
    first = group.exceptions[0]
    return first if isinstance(first, ConflictingFinality) else first_conflict(first)


def check_no_alarm(folder: Path) -> None:
    """Raise Refused if an alarm was raised in this data folder."""
    found = sorted(folder.glob(CONFLICT_PATTERN))
    if found:
        raise Refused(
            "this node saw two final histories and must not go on: find out with the others "
            "which producers broke the rules and which history stays; to go on with this "
            "folder's, move the file away",
            field=str(found[0]),
            code="conflicting-finality",
        )
