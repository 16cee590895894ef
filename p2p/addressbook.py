"""Which nodes can be dialled, kept over restarts. No clock here: times are given, seconds."""

import math
from collections import Counter as Count
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Annotated

from consensus.kinds import Counter, PublicKey, Text
from consensus.record import AtMost, Record, part, record
from p2p.identity import PeerId
from p2p.peeraddress import PeerAddress
from p2p.savedfile import read_saved

MAX_ADDRESSES = 1_024
MAX_PER_GROUP = 64
MAX_HEARSAY_PER_SOURCE = 256
MAX_ANCHORS = 2
FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 60.0
LONGEST_FIXED_DELAY_S = 10.0
MAX_HEARSAY_FAILURES = 4
MAX_VERIFIED_FAILURES = 10
VERIFIED_FOR_S = 7 * 24 * 3600.0
STABLE_S = 10.0
LEAST_TOLD = 8
OWN_KNOWLEDGE = ""  # the source of what nobody else said

_MAX_SOURCE_BYTES = 253
_MAX_FILE_BYTES = MAX_ADDRESSES * 1_024

if MAX_HEARSAY_PER_SOURCE * 2 > MAX_ADDRESSES or MAX_PER_GROUP * 2 > MAX_HEARSAY_PER_SOURCE:
    raise ValueError("no source fills the book, and no group what a source may say")


@part
class SavedAddress(Record):
    """A dialable node: the group of who told it, and when it last proved its id at this address
    (Unix seconds; null: never, it is hearsay)."""

    address: PeerAddress
    source: Annotated[str, Text(_MAX_SOURCE_BYTES)]
    reached_s: Counter | None


@record("address_book", 2)
class SavedBook(Record):
    """The address book's file. `anchors` are ids of addresses, to be dialled first."""

    addresses: Annotated[tuple[SavedAddress, ...], AtMost(MAX_ADDRESSES)]
    anchors: Annotated[tuple[PublicKey, ...], AtMost(MAX_ANCHORS)]


class _Entry:
    __slots__ = ("address", "failures", "fixed", "group", "next_try", "reached_at", "source")

    def __init__(
        self, address: PeerAddress, source: str = OWN_KNOWLEDGE, *, fixed: bool = False
    ) -> None:
        self.address = address
        self.group = address.group
        self.source = source
        self.reached_at: float | None = None
        self.fixed = fixed
        self.failures = 0
        self.next_try = 0.0

    @property
    def verified(self) -> bool:
        """Whether the node ever proved its id at this address."""
        return self.reached_at is not None

    @property
    def hearsay(self) -> bool:
        return not (self.verified or self.fixed)

    @property
    def worth(self) -> tuple[int, float]:
        """Who fails most, and else was reached longest ago, goes first: the least."""
        return -self.failures, -math.inf if self.reached_at is None else self.reached_at


class AddressBook:
    """At most MAX_ADDRESSES addresses, one for each node id; times are of one clock, seconds.

    Fixed ones come from the configuration and always stay. Hearsay, never verified, never
    displaces what is verified; it comes from a source, the address group of who told it. Bounds:
    MAX_PER_GROUP hearsay and as many verified addresses of an address group (loopback aside),
    MAX_HEARSAY_PER_SOURCE of a source. Beyond a bound the newcomer is left out if it is hearsay,
    else the least worthy of the group goes. In a full book hearsay of the source with most of it
    goes, then the least worthy verified address of the group with most of these, if a verified one
    needs the room. Hearsay is dropped when it fails MAX_HEARSAY_FAILURES times, a verified address
    when it fails MAX_VERIFIED_FAILURES times and was not reached for VERIFIED_FOR_S. `random` gives
    numbers in [0, 1).
    """

    def __init__(
        self, own_id: PeerId, fixed: Collection[PeerAddress], random: Callable[[], float]
    ) -> None:
        self._own_id = own_id
        self._random = random
        self._entries = {
            address.id: _Entry(address, fixed=True) for address in fixed if address.id != own_id
        }
        self._anchors: tuple[PeerId, ...] = ()
        self.changed = False

    def __len__(self) -> int:
        return len(self._entries)

    def sizes(self) -> dict[str, int]:
        """How many addresses there are of each kind."""
        entries = self._entries.values()
        return {
            "fixed": sum(entry.fixed for entry in entries),
            "verified": sum(entry.verified and not entry.fixed for entry in entries),
            "hearsay": sum(entry.hearsay for entry in entries),
            "anchor": sum(peer in self._entries for peer in self._anchors),
        }

    # The file

    def load(self, file: Path, now: float, wall_s: float) -> None:
        """Add what a file holds; an unreadable one is logged and otherwise ignored."""
        saved = read_saved(file, SavedBook, _MAX_FILE_BYTES)
        if saved is None:
            return
        for item in saved.addresses:
            self.hear(item.address, item.source)
            entry = self._entries.get(item.address.id)
            if item.reached_s is not None and entry is not None and entry.address == item.address:
                entry.reached_at = now - max(0.0, wall_s - item.reached_s)
        self._anchors = saved.anchors
        self.changed = False

    def encode(self, now: float, wall_s: float) -> bytes:
        """The file's contents; what `save` then writes, in another thread if need be."""
        self.changed = False
        items: list[SavedAddress] = []
        for entry in self._entries.values():
            at = entry.reached_at
            reached_s = None if at is None else max(0, int(wall_s - (now - at)))
            items.append(SavedAddress(entry.address, entry.source, reached_s))
        return SavedBook(tuple(items[:MAX_ADDRESSES]), self._anchors).encode()

    def anchor(self, peers: Sequence[PeerId]) -> None:
        """These are dialled first after a restart; with none the former ones stay so."""
        chosen = tuple(peer for peer in peers if peer in self._entries)[:MAX_ANCHORS]
        if chosen and chosen != self._anchors:
            self._anchors = chosen
            self.changed = True

    # What is heard and tried

    def hear(
        self, address: PeerAddress, source: str = OWN_KNOWLEDGE, *, of_itself: bool = False
    ) -> None:
        """Note an address that somebody of the group `source` told; it may be wrong.

        Another address of a known node counts only once the known one fails; if the node does not
        say so `of_itself` and the known one was verified, only once it fails for long.
        """
        if address.id == self._own_id:
            return
        known = self._entries.get(address.id)
        if known is not None:
            patience = MAX_VERIFIED_FAILURES if known.verified and not of_itself else 1
            if known.address != address and not known.fixed and known.failures >= patience:
                self._entries[address.id] = _Entry(address, source)
                self.changed = True
            return
        entry = _Entry(address, source)
        if self._takes_hearsay(entry) and self._make_room():
            self._entries[address.id] = entry
            self.changed = True

    def _takes_hearsay(self, new: _Entry) -> bool:
        hearsay = [entry for entry in self._entries.values() if entry.hearsay]
        near = sum(entry.group == new.group for entry in hearsay)
        told = sum(entry.source == new.source for entry in hearsay)
        return (near < MAX_PER_GROUP or new.group == "loopback") and (
            told < MAX_HEARSAY_PER_SOURCE or new.source == OWN_KNOWLEDGE
        )

    def _make_room(self, *, for_verified: bool = False) -> bool:
        """Whether there is room for one more, made if need be."""
        if len(self._entries) < MAX_ADDRESSES:
            return True
        hearsay = [entry for entry in self._entries.values() if entry.hearsay]
        if hearsay:
            fullest, _ = Count(entry.source for entry in hearsay).most_common(1)[0]
            self._drop_least(entry for entry in hearsay if entry.source == fullest)
            return True
        verified = [entry for entry in self._entries.values() if not entry.fixed]
        if for_verified and verified:
            largest, _ = Count(entry.group for entry in verified).most_common(1)[0]
            self._drop_least(entry for entry in verified if entry.group == largest)
            return True
        return False

    def _drop_least(self, entries: Iterable[_Entry]) -> None:
        del self._entries[min(entries, key=lambda entry: entry.worth).address.id]

    def reached(self, address: PeerAddress, now: float) -> None:
        """The node proved its id at this address."""
        entry = self._entries.get(address.id)
        if entry is None:
            if not self._make_room(for_verified=True):
                return
            entry = self._entries[address.id] = _Entry(address)
        self.changed = True
        entry.address, entry.group, entry.reached_at = address, address.group, now
        near = [e for e in self._entries.values() if e.verified and e.group == entry.group]
        if len(near) > MAX_PER_GROUP and entry.group != "loopback":
            self._drop_least(e for e in near if e is not entry and not e.fixed)

    def failed(self, peer: PeerId, now: float) -> None:
        """Dialling failed, or a connection broke soon: wait longer before the next try."""
        entry = self._entries.get(peer)
        if entry is None:
            return
        entry.failures += 1
        longest = LONGEST_FIXED_DELAY_S if entry.fixed else LONGEST_DELAY_S
        delay = min(FIRST_DELAY_S * 2.0 ** min(entry.failures - 1, 16), longest)
        entry.next_try = now + delay * (0.5 + self._random() / 2)
        if not entry.fixed and self._is_gone(entry, now):
            del self._entries[peer]
            self.changed = True

    def _is_gone(self, entry: _Entry, now: float) -> bool:
        if entry.reached_at is None:
            return entry.failures >= MAX_HEARSAY_FAILURES
        long_ago = now - entry.reached_at >= VERIFIED_FOR_S
        return entry.failures >= MAX_VERIFIED_FAILURES and long_ago

    def try_again(self, peers: Collection[PeerId]) -> None:
        """Forget that dialling these failed: what stood in the way is gone."""
        for entry in filter(None, map(self._entries.get, peers)):
            entry.failures, entry.next_try = 0, 0.0

    def ended(self, peer: PeerId, lasted_s: float, now: float) -> None:
        """A connection that this node had dialled is over."""
        entry = self._entries.get(peer)
        if entry is not None and lasted_s >= STABLE_S:
            entry.failures = 0
            entry.reached_at = now
        self.failed(peer, now)

    # What to do with it

    def candidates(
        self, now: float, used_groups: Collection[str], skip: Callable[[PeerId], bool]
    ) -> list[PeerAddress]:
        """Whom to dial now, best first: fixed, then anchors, then one of each group without a
        connection, then the rest.

        Among the latter verified ones come first, and each source of hearsay and each group of
        verified addresses has its turn before one has its second.
        """
        ready = self._mixed(e for e in self._entries.values() if e.next_try <= now)
        ready = [entry for entry in ready if not skip(entry.address.id)]
        ready.sort(key=lambda e: (not e.fixed, e.address.id not in self._anchors, not e.verified))
        groups = set(used_groups)
        first: list[PeerAddress] = []
        rest: list[PeerAddress] = []
        for entry in ready:
            anchored = entry.fixed or entry.address.id in self._anchors
            (first if anchored or entry.group not in groups else rest).append(entry.address)
            groups.add(entry.group)
        return first + rest

    def untried(self, now: float, skip: Callable[[PeerId], bool]) -> PeerAddress | None:
        """Some hearsay that may be looked at now, of whatever source; None if there is none."""
        ready = self._mixed(e for e in self._entries.values() if e.hearsay and e.next_try <= now)
        return next((e.address for e in ready if not skip(e.address.id)), None)

    def _mixed(self, entries: Iterable[_Entry]) -> list[_Entry]:
        """In random order, but so that each source or group has its first turn before any has its
        second, whatever their sizes."""
        buckets: dict[tuple[bool, str], list[tuple[float, int, _Entry]]] = {}
        for number, entry in enumerate(entries):
            bucket = (entry.verified, entry.group if entry.verified else entry.source)
            buckets.setdefault(bucket, []).append((self._random(), number, entry))
        order: list[tuple[int, float, int, _Entry]] = []
        for number, found in enumerate(buckets.values()):
            place = self._random()
            for turn, (_, _, entry) in enumerate(sorted(found, key=lambda x: x[:2])):
                order.append((turn, place, number, entry))
        return [entry for *_, entry in sorted(order, key=lambda x: x[:3])]

    def sample(self, count: int, skip: PeerId) -> tuple[PeerAddress, ...]:
        """Up to `count` addresses to tell the node `skip`: verified ones, at random, and no more
        than a quarter of them if there are many."""
        known = [e.address for e in self._entries.values() if e.verified and e.address.id != skip]
        order = sorted((self._random(), i) for i in range(len(known)))
        count = min(count, max(LEAST_TOLD, len(known) // 4))
        return tuple(known[i] for _, i in order[:count])
