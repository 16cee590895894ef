"""A copy of a journal's states in a file of its own, and what another journal may take from it.

    export  = MAGIC ‖ payload ‖ digest (32)
    payload = canonical encoding of one JournalExport record
    digest  = SHA-256 of MAGIC ‖ payload

Only an export that carries the journal's fence hands the states on, and only to the node that
the fence names: that the old journal signs nothing more was durable before the export was made.
Any other copy may be older than what was signed since, which counts as amnesia (FINALITY: Lost
or restored signing state).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from consensus.errors import Invalid
from consensus.hashing import DIGEST_BYTES, sha256
from consensus.kinds import Digest, PublicKey
from consensus.record import AtMost, Record, record
from consensus.voting import FRESH_STATE
from storage.journal import (
    MAX_ENTRY_BYTES,
    MAX_JOURNAL_KEYS,
    Journal,
    JournalContents,
    JournalEntry,
    JournalError,
)

MAGIC = b"reelect journal export 1\n"
MAX_EXPORT_BYTES = MAX_JOURNAL_KEYS * MAX_ENTRY_BYTES + 1024


@record("journal-export")
class JournalExport(Record):
    """The last entry of every key, ordered by key.

    `moved_to` is the id of the node that the journal was moved to, null without a fence;
    `journal` the digest of the journal's last frame: this state of this journal and no other.
    """

    entries: Annotated[tuple[JournalEntry, ...], AtMost(MAX_JOURNAL_KEYS)]
    moved_to: PublicKey | None
    journal: Digest


def write_export(contents: JournalContents) -> bytes:
    """The export of a journal's contents; of the same contents always the same bytes."""
    made = JournalExport(contents.ordered(), contents.moved_to, contents.digest)
    data = MAGIC + made.encode()
    return data + sha256(data)


def read_export(file: Path, data: bytes) -> JournalExport:
    """The export in the bytes of `file`; raises JournalError, naming it, if they are damaged."""
    if data[: len(MAGIC)] != MAGIC:
        raise JournalError(f"{file} is not an export of a signing journal, or of another version")
    body, digest = data[:-DIGEST_BYTES], data[-DIGEST_BYTES:]
    if sha256(body) != digest:
        raise JournalError(f"{file} is damaged: copy it anew from the host where it was written")
    try:
        return JournalExport.decode(body[len(MAGIC) :])
    except Invalid as error:
        raise JournalError(
            f"{file} was written by another version of this program ({error}): use that version "
            "or a newer one"
        ) from error


def check_addressed(file: Path, export: JournalExport, node_id: bytes) -> None:
    """Raise JournalError unless `export` hands its states on to the node `node_id`."""
    if export.moved_to is None:
        raise JournalError(
            f"{file} carries no fence: the journal that it copies may go on signing, so nothing "
            "is taken from it. Run `reelect journal fence` where that journal is; if it is lost, "
            "start this node without it: the keys count as having lost their signing state and "
            "wait before they sign again"
        )
    if export.moved_to != node_id:
        raise JournalError(
            f"{file} is for node {export.moved_to.hex()} and this is node {node_id.hex()}: "
            "import it there, and only there"
        )


def entries_to_take(journal: Journal, export: JournalExport) -> Sequence[JournalEntry]:
    """What `journal` lacks of an export that is addressed to its node; nothing if it has all.

    Raises JournalError if one of the keys has another state here, or if the journal was moved
    away itself.
    """
    if journal.moved_to is not None:
        raise JournalError(
            f"signing journal {journal.file} was itself moved to node {journal.moved_to.hex()} "
            "and takes nothing any more: move that file away, then import again"
        )
    lacking: list[JournalEntry] = []
    for entry in export.entries:
        known = journal.entry(entry.key)
        if known == entry:
            continue
        if known is not None and known.state != FRESH_STATE:
            raise JournalError(
                f"signing journal {journal.file} has another state of key {entry.key.hex()}, so "
                "nothing was imported: the key was used here too. If in doubt which state is the "
                "newest, move that file away and start the node without importing: its keys then "
                "wait before they sign again"
            )
        lacking.append(entry)
    return lacking
