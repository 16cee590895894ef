"""Envelopes of the encrypted mailbox (K9, T13): what nodes hold and pass on. Never on the chain.

An envelope is a head and sealed bytes. The head names the mailbox and is signed by the sender's
key, so that a node knows without opening anything whose it is, when it expires, and who may delete
it. Its id is the SHA-256 of the head's encoding. A mailbox is the key of a person, or, for a group,
the hash of the key that its members read with: nobody can sign for a hash.

Who is no account of the chain pays by work: an id that begins with zero bits (hashcash), more of
them for what takes more room.
"""

from typing import Annotated

from consensus.codec import encode
from consensus.errors import Invalid
from consensus.hashing import sha256
from consensus.keys import KeyPair, check_signature, is_public_key
from consensus.kinds import AccountId, Bytes, Counter, Digest, PublicKey, Signature
from consensus.record import Record, record, replace

WORK_BYTES = 8
MAX_LIFE_MS = 30 * 24 * 3600 * 1000
SKEW_MS = 5 * 60 * 1000  # by how much clocks of senders and nodes may differ
# What is sealed is padded to one of these, which is all that its length tells.
SEALED_BYTES = (512, 2048, 8192, 32_768, 65_536)
MAX_SEALED_BYTES = SEALED_BYTES[-1]
# The zero bits of each size: what an envelope costs a node, and as many times the work.
WORK_BITS = dict(zip(SEALED_BYTES, (20, 21, 22, 24, 25), strict=True))
LEAST_WORK_BITS = WORK_BITS[SEALED_BYTES[0]]
MAX_ENVELOPE_BYTES = MAX_SEALED_BYTES + 512
MAX_DELETION_BYTES = 512


class InvalidMail(Invalid):
    """An envelope, deletion or fetch that no node may take."""

    code = "invalid-mail"


class MailRefused(Invalid):
    """Mail that a node does not take now, though another may, or later: it has no room, its clock
    says that it is too old, or its chain does not know the account."""

    code = "mail-refused"


@record("mail.head")
class EnvelopeHead(Record):
    """What an envelope says to nodes. `account` is whom the sender writes as (null: anonymous),
    `sender` the key that signs: one of the account's, or a one-time key. It is held until
    `expires_ms` (ms from the Unix epoch). `digest` is the SHA-256 of the sealed bytes."""

    chain: Digest
    account: AccountId | None
    sender: PublicKey
    mailbox: Digest
    expires_ms: Counter
    digest: Digest
    work: Annotated[bytes, Bytes(WORK_BYTES, WORK_BYTES)]

    @property
    def id(self) -> bytes:
        """What names the envelope."""
        return sha256(self.encode())

    def has_work(self, sealed_bytes: int) -> bool:
        """Whether it needs no account to pay for so many sealed bytes, or (0) for a deletion."""
        return work_of(self.id) >= WORK_BITS.get(sealed_bytes, LEAST_WORK_BITS)

    def check(self, chain: bytes, now_ms: int, signature: bytes) -> None:
        """Raise InvalidMail or InvalidSignature for a head that is of no use anywhere, MailRefused
        for one that is too old or too long-lived by this node's clock."""
        if self.chain != chain:
            raise InvalidMail("of another chain", field="head.chain")
        if not is_public_key(self.sender):
            raise InvalidMail("not a key that anybody can have", field="head.sender")
        check_signature(self.sender, self.encode(), signature, field="signature")
        if self.expires_ms <= now_ms:
            raise MailRefused("has expired", field="head.expires_ms", code="mail-expired")
        if self.expires_ms > now_ms + MAX_LIFE_MS + SKEW_MS:
            raise MailRefused(
                f"mail is held for {MAX_LIFE_MS // 86_400_000} days at most",
                field="head.expires_ms",
                code="mail-too-long",
            )


@record("mail.envelope")
class Envelope(Record):
    """A head, the sender's signature over its encoding, and what only the mailbox's keys open."""

    head: EnvelopeHead
    signature: Signature
    sealed: Annotated[bytes, Bytes(MAX_SEALED_BYTES, SEALED_BYTES[0])]

    @property
    def id(self) -> bytes:
        """What names it."""
        return self.head.id

    def check(self, chain: bytes, now_ms: int) -> None:
        """Raise as EnvelopeHead.check, and InvalidMail for sealed bytes that are not the head's or
        of none of the sizes."""
        if len(self.sealed) not in SEALED_BYTES:
            raise InvalidMail(
                f"{len(self.sealed)} bytes, which is none of {', '.join(map(str, SEALED_BYTES))}",
                field="sealed",
            )
        if sha256(self.sealed) != self.head.digest:
            raise InvalidMail("not what the head was made for", field="sealed")
        self.head.check(chain, now_ms, self.signature)


@record("mail.deletion")
class Deletion(Record):
    """Says that an envelope is to be dropped. `proof` signs the deletion's statement
    (`deletion_statement`), by the mailbox's key or the sender's; `signature` is the envelope's, so
    that a deletion costs as much as an envelope and is believed without it."""

    head: EnvelopeHead
    signature: Signature
    by: PublicKey
    proof: Signature

    @property
    def id(self) -> bytes:
        """The envelope that it is about."""
        return self.head.id

    def check(self, chain: bytes, now_ms: int) -> None:
        """Raise as EnvelopeHead.check, and InvalidMail or InvalidSignature for a deletion by
        somebody else."""
        self.head.check(chain, now_ms, self.signature)
        if self.by not in (self.head.mailbox, self.head.sender):
            raise InvalidMail(
                "only the one it is for and the one who sent it delete an envelope", field="by"
            )
        check_signature(self.by, deletion_statement(self.id), self.proof, field="proof")


@record("mail.fetch")
class Fetch(Record):
    """Asks for the envelopes of a mailbox whose ids are above `after` (null: for the first), and
    for what became of those that its key has sent. `time_ms` is the asker's clock."""

    chain: Digest
    reader: PublicKey
    after: Digest | None
    time_ms: Counter

    @property
    def mailboxes(self) -> tuple[bytes, bytes]:
        """The mailboxes that the reader's key opens: its own, and that of a group."""
        return self.reader, group_mailbox(self.reader)


@record("mail.signed_fetch")
class SignedFetch(Record):
    """A fetch with the reader's signature over its encoding."""

    fetch: Fetch
    signature: Signature

    def check(self, chain: bytes, now_ms: int) -> None:
        """Raise InvalidMail or InvalidSignature unless it is the reader's and of now."""
        if self.fetch.chain != chain:
            raise InvalidMail("of another chain", field="fetch.chain")
        if abs(self.fetch.time_ms - now_ms) > SKEW_MS:
            raise InvalidMail(
                f"not of the last {SKEW_MS // 60_000} minutes: set the clock, and sign anew",
                field="fetch.time_ms",
            )
        check_signature(self.fetch.reader, self.fetch.encode(), self.signature, field="signature")


def group_mailbox(reader: bytes) -> bytes:
    """The mailbox of the group whose members read with this key."""
    return sha256(encode(["mail.group_mailbox", 1, reader]))


def deletion_statement(envelope_id: bytes) -> bytes:
    """What a deletion's proof signs."""
    return encode(["mail.delete", 1, envelope_id])


def work_of(identity: bytes) -> int:
    """How many zero bits an id begins with."""
    return 8 * len(identity) - int.from_bytes(identity, "big").bit_length()


def with_work(head: EnvelopeHead, bits: int) -> EnvelopeHead:
    """The head with the first work that gives its id so many zero bits. Takes 2^bits hashes."""
    start = head.encode()[:-WORK_BYTES]  # the work is the last field
    number = 0
    while work_of(sha256(start + number.to_bytes(WORK_BYTES, "big"))) < bits:
        number += 1
    return replace(head, work=number.to_bytes(WORK_BYTES, "big"))


def delete(head: EnvelopeHead, signature: bytes, key: KeyPair) -> Deletion:
    """A deletion of the envelope with this head and signature, by the key of its mailbox or of its
    sender."""
    return Deletion(head, signature, key.public, key.sign(deletion_statement(head.id)))
