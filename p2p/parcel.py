"""Gossip as it passes through: items with their keys, decoded only when they are new."""

from dataclasses import dataclass
from functools import cached_property

from consensus.hashing import DIGEST_BYTES, sha256
from consensus.record import Record
from p2p.frames import frame_bytes
from p2p.limits import ITEM_OVERHEAD_BYTES
from p2p.messages import BY_TYPE, MessageKind
from p2p.recent import RecentSet

_SHORT_ITEM_BYTES = DIGEST_BYTES + 2


@dataclass(frozen=True)
class Parcel:
    """Encoded items of one kind by their keys.

    A batched message (votes, transaction ids) has an item for each of its parts; any other
    message is one item, its payload. A key is the SHA-256 of the item; an item no longer than
    an encoded digest is its own key.
    """

    kind: MessageKind
    items: dict[bytes, bytes]

    def without(self, known: RecentSet) -> "Parcel":
        """The items whose keys are not in `known`; this parcel itself if that is all."""
        items = {key: item for key, item in self.items.items() if key not in known}
        return self if len(items) == len(self.items) else Parcel(self.kind, items)

    @property
    def held_bytes(self) -> int:
        """What it takes in memory while it waits."""
        return sum(map(len, self.items.values())) + len(self.items) * ITEM_OVERHEAD_BYTES

    @cached_property
    def payload(self) -> bytes:
        """The encoding of the message of these items."""
        items = list(self.items.values())
        return items[0] if self.kind.batch is None else self.kind.batch.join(items)

    @cached_property
    def frame(self) -> bytes:
        """The message as one frame, made once for all peers that it goes to."""
        return frame_bytes(self.kind.number, 0, self.payload)


def parcel_of(message: Record) -> Parcel:
    """The parcel of a message of our own."""
    return open_parcel(BY_TYPE[type(message)], message.encode())


def open_parcel(kind: MessageKind, payload: bytes) -> Parcel:
    """The parcel of a payload; raises InvalidEncoding if a batch is not one."""
    if kind.batch is None:
        return Parcel(kind, {sha256(payload): payload})
    return Parcel(kind, {_key(item): item for item in kind.batch.split(payload)})


def _key(item: bytes) -> bytes:
    return item if len(item) <= _SHORT_ITEM_BYTES else sha256(item)
