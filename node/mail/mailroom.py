"""A node's mailroom: it takes, holds, gives and drops mail, and tells whoever waits for it."""

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from consensus.errors import InvalidEncoding
from consensus.mail import LEAST_WORK_BITS, WORK_BITS, Deletion, Envelope, EnvelopeHead, MailRefused
from node.mail.index import HeldItem, MailIndex, MailLimits
from p2p.mail import MAX_MAIL_BYTES, MAX_MAIL_IDS, HeldMail
from p2p.messages import fitting
from storage.mail import MailStore

MAX_EXPIRED = 512  # that are dropped at once

logger = logging.getLogger("reelect.mail")

Told = Callable[[Envelope | Deletion], None]


class Accounts(Protocol):
    """What the chain, as this node has it, knows of who sends mail."""

    def acts_for(self, account: bytes, key: bytes) -> bool:
        """Whether the key is one of the account's."""

    def pays(self, account: bytes) -> bool:
        """Whether it need not pay by work: somebody has paid for it, or vouches for it."""


class Mailroom:
    """The mail in a store. All calls belong to one thread and raise DatabaseError.

    `now_ms` is the node's clock (Unix milliseconds).
    """

    def __init__(
        self,
        chain: bytes,
        store: MailStore,
        limits: MailLimits,
        *,
        accounts: Accounts,
        now_ms: Callable[[], int],
    ) -> None:
        self._chain = chain
        self._store = store
        self._accounts = accounts
        self.now_ms = now_ms
        self._listeners: list[Told] = []
        self.index = MailIndex(limits)
        self.taken = self.refused = self.deleted = 0
        for head, size in store.held():
            self.index.add(head, size, is_deleted=False)
        for head in store.deleted():
            self.index.add(head, 0, is_deleted=True)
        self.expire()

    @property
    def chain(self) -> bytes:
        """The chain whose accounts' mail this is."""
        return self._chain

    # Taking

    def take(self, envelope: Envelope) -> bool:
        """Hold an envelope; False if it is here, or was deleted.

        Raises InvalidMail, InvalidSignature, or MailRefused if it may be taken elsewhere or later.
        """
        if self.index.get(envelope.id) is not None:
            return False
        envelope.check(self._chain, self.now_ms())
        self._check_postage(envelope.head, len(envelope.sealed))
        self._store.put(envelope)
        self.index.add(envelope.head, len(envelope.sealed), is_deleted=False)
        self.taken += 1
        self._tell(envelope)
        return True

    def delete(self, deletion: Deletion) -> bool:
        """Drop an envelope, or never take it; False if it was deleted already. Raises as `take`."""
        item = self.index.get(deletion.id)
        if item is not None and item.is_deleted:
            return False
        deletion.check(self._chain, self.now_ms())
        if item is None:
            self._check_postage(deletion.head, 0)
        self._store.delete(deletion)
        self.index.add(deletion.head, 0, is_deleted=True)
        self.deleted += 1
        self._tell(deletion)
        return True

    def _check_postage(self, head: EnvelopeHead, sealed_bytes: int) -> None:
        """Raise MailRefused, and count it, unless the sender may send and there is room."""
        try:
            self._check_sender(head, sealed_bytes)
            self.index.check_room(head, sealed_bytes)
        except MailRefused:
            self.refused += 1
            raise

    def _check_sender(self, head: EnvelopeHead, sealed_bytes: int) -> None:
        account = head.account
        if account is not None and not self._accounts.acts_for(account, head.sender):
            raise MailRefused(
                "the key does not act for the account, as this node's chain has it",
                field="head.sender",
                code="mail-not-the-accounts",
            )
        pays = account is not None and self._accounts.pays(account)
        if not pays and not head.has_work(sealed_bytes):
            bits = WORK_BITS.get(sealed_bytes, LEAST_WORK_BITS)
            raise MailRefused(
                f"its id does not begin with {bits} zero bits, which mail needs unless it is by an "
                "account that is attested or holds the native asset",
                field="head.work",
                code="mail-unpaid",
            )

    def expire(self) -> None:
        """Drop some of what has expired."""
        ids = self.index.expired(self.now_ms(), MAX_EXPIRED)
        if ids:
            self._store.drop(ids)
            for identity in ids:
                self.index.remove(identity)

    # Giving

    def in_mailbox(
        self, mailboxes: Sequence[bytes], after: bytes | None, most: int
    ) -> list[Envelope]:
        """The envelopes in these mailboxes whose ids are above `after`, in order; so many, and
        MAX_MAIL_BYTES of them, at most."""
        ids = sorted(i for box in mailboxes for i in self.index.in_mailbox(box, after, most))
        taken: list[Envelope] = []
        room = MAX_MAIL_BYTES
        for identity in ids[:most]:
            envelope = self._store.envelope(identity)
            if envelope is None:  # deleted
                continue
            room -= len(envelope.sealed)
            if room < 0:
                break
            taken.append(envelope)
        return taken

    def find(self, identity: bytes) -> Envelope | Deletion | None:
        """What is here under an id."""
        item = self.index.get(identity)
        if item is None:
            return None
        return self._store.deletion(identity) if item.is_deleted else self._store.envelope(identity)

    def held(self, after: bytes | None) -> tuple[HeldMail, ...]:
        """A page of the ids of all that is here."""
        return tuple(
            HeldMail(identity, self._item(identity).is_deleted)
            for identity in self.index.after(after, MAX_MAIL_IDS)
        )

    def encoded(self, ids: Sequence[bytes]) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
        """The encodings of the envelopes and of the deletions of these ids, as many as one answer
        has room for."""
        found = [item for item in map(self.find, ids) if item is not None]
        envelopes = [item.encode() for item in found if isinstance(item, Envelope)]
        deletions = [item.encode() for item in found if isinstance(item, Deletion)]
        room = MAX_MAIL_BYTES - sum(map(len, deletions))
        return fitting(envelopes, len(ids), room), tuple(deletions)

    def lacking(self, held: Sequence[HeldMail]) -> list[bytes]:
        """Those of a peer's envelopes and deletions that are news here."""
        return [told.id for told in held if self._is_news(told)]

    def _is_news(self, told: HeldMail) -> bool:
        item = self.index.get(told.id)
        return item is None or (told.deleted and not item.is_deleted)

    def _item(self, identity: bytes) -> HeldItem:
        item = self.index.get(identity)
        if item is None:
            raise InvalidEncoding("no mail of this id is here")
        return item

    # Telling

    def listen(self, told: Told) -> Callable[[], None]:
        """Have all that comes in told, until the returned function is called."""
        self._listeners.append(told)
        return lambda: self._listeners.remove(told)

    def _tell(self, item: Envelope | Deletion) -> None:
        for told in list(self._listeners):
            told(item)
