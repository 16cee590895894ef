"""Messages between nodes about mail that one of them may have missed."""

from typing import Annotated

from consensus.kinds import Bytes, Digest
from consensus.mail import MAX_DELETION_BYTES, MAX_ENVELOPE_BYTES
from consensus.record import AtMost, Record, part, record

MAX_MAIL_IDS = 2048
MAX_MAIL_ITEMS = 64
MAX_MAIL_BYTES = 1024 * 1024


@record("get_mail_ids")
class GetMailIds(Record):
    """Asks which envelopes a node holds, those with ids above `after` (null: from the first)."""

    after: Digest | None


@part
class HeldMail(Record):
    """The id of an envelope, and whether it was deleted."""

    id: Digest
    deleted: bool


@record("mail_ids")
class MailIds(Record):
    """What the sender holds, in the order of the ids, as much as one answer has room for."""

    held: Annotated[tuple[HeldMail, ...], AtMost(MAX_MAIL_IDS)]


@record("get_mail")
class GetMail(Record):
    """Asks for envelopes, or their deletions, by id."""

    ids: Annotated[tuple[Digest, ...], AtMost(MAX_MAIL_ITEMS, 1)]


@record("mail")
class Mail(Record):
    """Encoded envelopes and deletions, those of the request that the sender has and that fit
    MAX_MAIL_BYTES together."""

    envelopes: Annotated[
        tuple[Annotated[bytes, Bytes(MAX_ENVELOPE_BYTES)], ...], AtMost(MAX_MAIL_ITEMS)
    ]
    deletions: Annotated[
        tuple[Annotated[bytes, Bytes(MAX_DELETION_BYTES)], ...], AtMost(MAX_MAIL_ITEMS)
    ]
