"""Envelopes for tests, and a mailroom with accounts that the test knows."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from consensus.hashing import sha256
from consensus.keys import KeyPair
from consensus.mail import (
    LEAST_WORK_BITS,
    SEALED_BYTES,
    WORK_BYTES,
    Envelope,
    EnvelopeHead,
    with_work,
)
from node.mail.index import MailLimits
from node.mail.mailroom import Mailroom
from storage.database import Database
from storage.mail import MailStore

CHAIN = b"c" * 32
NOW_MS = 1_900_000_000_000
DAY_MS = 24 * 3600 * 1000
LIMITS = MailLimits(quota_bytes=64 * 2**20, mailbox_bytes=4 * 2**20)


def head_of(
    sender: KeyPair,
    mailbox: bytes,
    digest: bytes,
    *,
    anonymous: bool = False,
    expires_ms: int = NOW_MS + DAY_MS,
) -> EnvelopeHead:
    """Without work."""
    account = None if anonymous else sender.public
    return EnvelopeHead(
        CHAIN, account, sender.public, mailbox, expires_ms, digest, bytes(WORK_BYTES)
    )


@lru_cache
def worked(sender: KeyPair, mailbox: bytes, digest: bytes) -> EnvelopeHead:
    """An anonymous head with its work, which takes a second."""
    return with_work(head_of(sender, mailbox, digest, anonymous=True), LEAST_WORK_BITS)


def envelope(
    sender: KeyPair,
    mailbox: bytes,
    *,
    sealed: bytes = bytes(SEALED_BYTES[0]),
    anonymous: bool = False,
    expires_ms: int = NOW_MS + DAY_MS,
) -> Envelope:
    """Signed, of any bytes; without work."""
    digest = sha256(sealed)
    head = head_of(sender, mailbox, digest, anonymous=anonymous, expires_ms=expires_ms)
    return Envelope(head, sender.sign(head.encode()), sealed)


def paid_by_work(sender: KeyPair, mailbox: bytes, sealed: bytes) -> Envelope:
    """An anonymous envelope with its work."""
    head = worked(sender, mailbox, sha256(sealed))
    return Envelope(head, sender.sign(head.encode()), sealed)


@dataclass
class KnownAccounts:
    """Accounts by their own keys; those in `poor` do not pay."""

    poor: set[bytes] = field(default_factory=set)

    def acts_for(self, account: bytes, key: bytes) -> bool:
        """Only its own."""
        return account == key

    def pays(self, account: bytes) -> bool:
        """Unless it is poor."""
        return account not in self.poor


@dataclass
class Clock:
    """What the mailroom takes for the time."""

    now_ms: int = NOW_MS


@contextmanager
def open_mailroom(
    folder: Path, clock: Clock, accounts: KnownAccounts | None = None, limits: MailLimits = LIMITS
) -> Iterator[Mailroom]:
    """A mailroom that keeps its mail in a folder."""
    with Database.open(folder) as database:
        yield Mailroom(
            CHAIN,
            MailStore(database),
            limits,
            accounts=accounts or KnownAccounts(),
            now_ms=lambda: clock.now_ms,
        )
