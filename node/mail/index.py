"""What mail a node holds, by mailbox, and for whom it has room. Pure.

A deletion keeps its envelope's place until that would have expired, so that an envelope which was
deleted does not come back. Anonymous mail gets half of every room: however much work somebody does,
accounts can write. One sender gets a sixteenth of a mailbox.
"""

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from consensus.mail import EnvelopeHead, MailRefused

ROW_BYTES = 2048  # what an envelope costs beside its sealed bytes, in memory and on disk
ANONYMOUS_SHARE = 2
SENDER_SHARE = 16
MAILBOX_SHARE = 16
MIN_MAILBOX_BYTES = 2 * 1024 * 1024  # a sender's part of it has room for the largest envelope
MIN_QUOTA_BYTES = MIN_MAILBOX_BYTES

T = TypeVar("T", bytes, tuple[int, bytes])


@dataclass(frozen=True, slots=True)
class MailLimits:
    """Bytes that a node holds: of all mail, and of that in one mailbox, by which the part of each
    sender is bounded; `quota_bytes` 0: none."""

    quota_bytes: int
    mailbox_bytes: int

    @property
    def account_bytes(self) -> int:
        """How much of all mail one account may have sent."""
        return self.quota_bytes // MAILBOX_SHARE


@dataclass(frozen=True, slots=True)
class HeldItem:
    """An envelope, or a deletion in the place of one, and what it takes."""

    head: EnvelopeHead
    cost_bytes: int
    is_deleted: bool


class MailIndex:
    """The items by id, the ids by mailbox, and running sums of what they take."""

    def __init__(self, limits: MailLimits) -> None:
        self.limits = limits
        self._items: dict[bytes, HeldItem] = {}
        self._ids: list[bytes] = []
        self._mailboxes: dict[bytes, list[bytes]] = {}
        self._expiring: list[tuple[int, bytes]] = []
        self._taken: Counter[tuple[str, bytes, bytes]] = Counter()

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[HeldItem]:
        return iter(self._items.values())

    @property
    def size_bytes(self) -> int:
        """What all take."""
        return self._taken["all", b"", b""]

    def get(self, identity: bytes) -> HeldItem | None:
        """An item."""
        return self._items.get(identity)

    def check_room(self, head: EnvelopeHead, sealed_bytes: int) -> None:
        """Raise MailRefused, saying whose room is full, unless one more fits."""
        cost = sealed_bytes + ROW_BYTES
        for key, most, full in self._bounds(head):
            if self._taken[key] + cost > most:
                raise MailRefused(f"{full} is full: try later", code="mail-full")

    def add(self, head: EnvelopeHead, sealed_bytes: int, *, is_deleted: bool) -> None:
        """Note an item; one that was here is replaced."""
        identity = head.id
        self.remove(identity)
        item = HeldItem(head, sealed_bytes + ROW_BYTES, is_deleted)
        self._items[identity] = item
        insort(self._ids, identity)
        insort(self._mailboxes.setdefault(head.mailbox, []), identity)
        insort(self._expiring, (head.expires_ms, identity))
        for key, _, _ in self._bounds(head):
            self._taken[key] += item.cost_bytes

    def remove(self, identity: bytes) -> None:
        """Forget an item, if it is here."""
        item = self._items.pop(identity, None)
        if item is None:
            return
        head = item.head
        _take_out(self._ids, identity)
        _take_out(self._expiring, (head.expires_ms, identity))
        mailbox = self._mailboxes[head.mailbox]
        _take_out(mailbox, identity)
        if not mailbox:
            del self._mailboxes[head.mailbox]
        for key, _, _ in self._bounds(head):
            self._taken[key] -= item.cost_bytes
            if not self._taken[key]:
                del self._taken[key]

    def expired(self, now_ms: int, most: int) -> list[bytes]:
        """The ids of what has expired, the first to expire first; so many at most."""
        end = bisect_right(self._expiring, (now_ms + 1, b""))
        return [identity for _, identity in self._expiring[: min(end, most)]]

    def after(self, identity: bytes | None, most: int) -> list[bytes]:
        """The ids above one, in order; so many at most."""
        return _after(self._ids, identity, most)

    def in_mailbox(self, mailbox: bytes, after: bytes | None, most: int) -> list[bytes]:
        """The same, of one mailbox."""
        return _after(self._mailboxes.get(mailbox, []), after, most)

    def _bounds(self, head: EnvelopeHead) -> list[tuple[tuple[str, bytes, bytes], int, str]]:
        """The sums that an item counts in, the most that each may be, and its name."""
        quota, mailbox_bytes = self.limits.quota_bytes, self.limits.mailbox_bytes
        mailbox, account = head.mailbox, head.account
        bounds = [
            (("all", b"", b""), quota, "this node's room for mail"),
            (("mailbox", mailbox, b""), mailbox_bytes, "the mailbox"),
        ]
        if account is None:
            room, share = quota // ANONYMOUS_SHARE, mailbox_bytes // ANONYMOUS_SHARE
            return [
                *bounds,
                (("anonymous", b"", b""), room, "this node's room for anonymous mail"),
                (("anonymous", mailbox, b""), share, "the mailbox's room for anonymous mail"),
            ]
        return [
            *bounds,
            (("account", account, b""), self.limits.account_bytes, "the sender's room"),
            (
                ("account", account, mailbox),
                mailbox_bytes // SENDER_SHARE,
                "the sender's part of the mailbox",
            ),
        ]


def _after(ids: list[bytes], identity: bytes | None, most: int) -> list[bytes]:
    start = 0 if identity is None else bisect_right(ids, identity)
    return ids[start : start + most]


def _take_out(ordered: list[T], item: T) -> None:
    del ordered[bisect_left(ordered, item)]
