"""Which nodes can be dialled, kept over restarts. No clock here: times are given, seconds."""

import contextlib
import logging
import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Annotated

from consensus.errors import Invalid
from consensus.record import AtMost, Record, part, record
from p2p.identity import PeerId
from p2p.peeraddress import PeerAddress

MAX_ADDRESSES = 1_024
MAX_HEARSAY_PER_GROUP = 64
FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 60.0
LONGEST_FIXED_DELAY_S = 10.0
MAX_HEARSAY_FAILURES = 4
STABLE_S = 10.0

_MAX_FILE_BYTES = MAX_ADDRESSES * 512

logger = logging.getLogger("reelect.p2p")


@part
class SavedAddress(Record):
    """A dialable node; `verified` says whether it ever proved its id at this address."""

    address: PeerAddress
    verified: bool


@record("address_book")
class SavedBook(Record):
    """The address book's file."""

    addresses: Annotated[tuple[SavedAddress, ...], AtMost(MAX_ADDRESSES)]


class _Entry:
    __slots__ = ("address", "failures", "fixed", "group", "next_try", "verified")

    def __init__(self, address: PeerAddress, *, fixed: bool = False) -> None:
        self.address = address
        self.group = address.group
        self.verified = False
        self.fixed = fixed
        self.failures = 0
        self.next_try = 0.0

    @property
    def hearsay(self) -> bool:
        return not (self.verified or self.fixed)


class AddressBook:
    """At most MAX_ADDRESSES addresses, one for each node id.

    Fixed ones come from the configuration and always stay. Hearsay (not yet verified) never
    displaces a verified address, is bounded per address group, and is dropped when it fails
    MAX_HEARSAY_FAILURES times. `random` gives numbers in [0, 1).
    """

    def __init__(
        self, own_id: PeerId, fixed: Collection[PeerAddress], random: Callable[[], float]
    ) -> None:
        self._own_id = own_id
        self._random = random
        self._entries = {
            address.id: _Entry(address, fixed=True) for address in fixed if address.id != own_id
        }
        self.changed = False

    def __len__(self) -> int:
        return len(self._entries)

    def load(self, file: Path) -> None:
        """Add what a file holds; an unreadable one is logged and otherwise ignored."""
        try:
            with file.open("rb") as stream:
                saved = SavedBook.decode(stream.read(_MAX_FILE_BYTES))
        except FileNotFoundError:
            return
        except (OSError, Invalid) as error:
            logger.warning("address book %s is unreadable, starting without: %s", file, error)
            return
        for item in saved.addresses:
            self.hear(item.address)
            entry = self._entries.get(item.address.id)
            if entry is not None and entry.address == item.address:
                entry.verified = item.verified
        self.changed = False

    def encode(self) -> bytes:
        """The file's contents; what `save` then writes, in another thread if need be."""
        self.changed = False
        items = [SavedAddress(e.address, e.verified) for e in self._entries.values()]
        return SavedBook(tuple(items[:MAX_ADDRESSES])).encode()

    def hear(self, address: PeerAddress) -> None:
        """Note an address that somebody told; it may be wrong."""
        if address.id == self._own_id:
            return
        known = self._entries.get(address.id)
        if known is not None:
            if known.address != address and not known.fixed and known.failures:
                self._entries[address.id] = _Entry(address)
                self.changed = True
            return
        entry = _Entry(address)
        if self._has_room(entry.group):
            self._entries[address.id] = entry
            self.changed = True

    def _has_room(self, group: str) -> bool:
        hearsay = [entry for entry in self._entries.values() if entry.hearsay]
        if group != "loopback":
            near = sum(entry.group == group for entry in hearsay)
            if near >= MAX_HEARSAY_PER_GROUP:
                return False
        if len(self._entries) < MAX_ADDRESSES:
            return True
        if not hearsay:
            return False
        del self._entries[max(hearsay, key=lambda entry: entry.failures).address.id]
        return True

    def reached(self, address: PeerAddress) -> None:
        """The node proved its id at this address."""
        entry = self._entries.get(address.id)
        if entry is None:
            if not self._has_room(address.group):
                return
            entry = self._entries[address.id] = _Entry(address)
        self.changed = self.changed or not entry.verified or entry.address != address
        entry.address, entry.group, entry.verified = address, address.group, True

    def failed(self, peer: PeerId, now: float) -> None:
        """Dialling failed, or a connection broke soon: wait longer before the next try."""
        entry = self._entries.get(peer)
        if entry is None:
            return
        entry.failures += 1
        longest = LONGEST_FIXED_DELAY_S if entry.fixed else LONGEST_DELAY_S
        delay = min(FIRST_DELAY_S * 2.0 ** min(entry.failures - 1, 16), longest)
        entry.next_try = now + delay * (0.5 + self._random() / 2)
        if entry.hearsay and entry.failures >= MAX_HEARSAY_FAILURES:
            del self._entries[peer]
            self.changed = True

    def try_again(self, peers: Collection[PeerId]) -> None:
        """Forget that dialling these failed: what stood in the way is gone."""
        for entry in filter(None, map(self._entries.get, peers)):
            entry.failures, entry.next_try = 0, 0.0

    def ended(self, peer: PeerId, lasted_s: float, now: float) -> None:
        """A connection that this node had dialled is over."""
        entry = self._entries.get(peer)
        if entry is not None and lasted_s >= STABLE_S:
            entry.failures = 0
        self.failed(peer, now)

    def candidates(
        self, now: float, used_groups: Collection[str], skip: Callable[[PeerId], bool]
    ) -> list[PeerAddress]:
        """Whom to dial now, best first: fixed, then groups without a connection, then verified,
        at random otherwise."""
        ready = [
            entry
            for entry in self._entries.values()
            if entry.next_try <= now and not skip(entry.address.id)
        ]
        order = [
            (not e.fixed, e.group in used_groups, not e.verified, self._random(), i)
            for i, e in enumerate(ready)
        ]
        return [ready[place[-1]].address for place in sorted(order)]

    def sample(self, count: int, skip: PeerId) -> tuple[PeerAddress, ...]:
        """Up to `count` addresses to tell the node `skip`: verified ones, at random."""
        known = [e.address for e in self._entries.values() if e.verified and e.address.id != skip]
        order = sorted((self._random(), i) for i in range(len(known)))
        return tuple(known[i] for _, i in order[:count])


def save(file: Path, contents: bytes) -> None:
    """Write the file whole or not at all; a failure is logged, for the node can do without."""
    temporary = file.with_name(file.name + ".new")
    try:
        with temporary.open("wb") as stream:
            stream.write(contents)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(file)
    except OSError as error:
        logger.warning("the address book cannot be written to %s: %s", file, error)
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
