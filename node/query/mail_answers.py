"""What the API answers about mail; envelopes and deletions are given as their canonical bytes."""

from typing import Annotated

from consensus.kinds import Bytes, Counter, Digest, Text
from consensus.mail import MAX_DELETION_BYTES, MAX_ENVELOPE_BYTES
from consensus.record import AtMost, Record, part

MAX_FETCHED = 100
HELD, DELETED = "held", "deleted"

EnvelopeBytes = Annotated[bytes, Bytes(MAX_ENVELOPE_BYTES)]
DeletionBytes = Annotated[bytes, Bytes(MAX_DELETION_BYTES)]


@part
class MailStateAnswer(Record):
    """What a node has under an envelope's id, until it expires: the envelope (held), or the
    deletion (deleted), which says who deleted it and whose signature can be verified."""

    id: Digest
    state: Annotated[str, Text(8, 1, f"{HELD}|{DELETED}")]
    expires_ms: Counter
    deletion: DeletionBytes | None


@part
class MailAnswer(Record):
    """Envelopes, in the order of their ids; `next` is the id to go on after, null if there were
    none."""

    items: Annotated[tuple[EnvelopeBytes, ...], AtMost(MAX_FETCHED)]
    next: Digest | None


@part
class MailEvent(Record):
    """What a stream of mail tells: an envelope, or a deletion; with neither, that all which was
    held is told, and that what follows is new."""

    envelope: EnvelopeBytes | None
    deletion: DeletionBytes | None
