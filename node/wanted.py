"""Which announced transactions to ask for, and whom: each of one peer at a time.

No I/O. A transaction that a peer does not give is asked of the next one that announced it, until
one gives it or none is left.
"""

from collections.abc import Iterable
from itertools import islice

from p2p.identity import PeerId
from p2p.messages import MAX_TRANSACTION_IDS

MAX_IDS = 4_096  # remembered of one peer; the rest it has announced in vain
MAX_SOURCES = 8  # remembered of one transaction
MAX_QUESTIONS = 16  # at one time, one to each peer


class WantedTransactions:
    """Ids of transactions by the peers that announced them.

    An id is in `_waiting` of all its sources while nobody is asked for it, and of none while
    somebody is.
    """

    def __init__(self) -> None:
        self._sources: dict[bytes, dict[PeerId, None]] = {}
        self._announced: dict[PeerId, set[bytes]] = {}
        self._waiting: dict[PeerId, dict[bytes, None]] = {}  # who was asked last is last
        self._asked: dict[PeerId, tuple[bytes, ...]] = {}
        self._under_way: set[bytes] = set()

    def __len__(self) -> int:
        """How many transactions are wanted."""
        return len(self._sources)

    def add(self, peer: PeerId, ids: Iterable[bytes]) -> None:
        """A peer has announced transactions that are not known here."""
        announced = self._announced.setdefault(peer, set())
        waiting = self._waiting.setdefault(peer, {})
        for identity in ids:
            sources = self._sources.get(identity, {})
            if len(announced) >= MAX_IDS or len(sources) >= MAX_SOURCES:
                continue
            sources[peer] = None
            self._sources[identity] = sources
            announced.add(identity)
            if identity not in self._under_way:
                waiting[identity] = None

    def questions(self) -> list[tuple[PeerId, tuple[bytes, ...]]]:
        """What to ask now, and whom; `answered` must follow for each."""
        asked: list[tuple[PeerId, tuple[bytes, ...]]] = []
        for peer in list(self._waiting):
            if len(self._asked) >= MAX_QUESTIONS:
                break
            waiting = self._waiting[peer]
            if peer in self._asked or not waiting:
                continue
            ids = tuple(islice(waiting, MAX_TRANSACTION_IDS))
            for identity in ids:
                self._under_way.add(identity)
                for source in self._sources[identity]:
                    self._waiting[source].pop(identity, None)
            self._waiting[peer] = self._waiting.pop(peer)
            self._asked[peer] = ids
            asked.append((peer, ids))
        return asked

    def answered(self, peer: PeerId, given: set[bytes]) -> None:
        """A question has its answer, or never will; the ids of what came with it."""
        for identity in self._asked.pop(peer):
            self._under_way.discard(identity)
            if identity in given:
                for source in self._sources.pop(identity, {}):
                    self._announced[source].discard(identity)
                continue
            self._drop(peer, identity)
            for source in self._sources.get(identity, ()):
                self._waiting[source][identity] = None

    def gone(self, peer: PeerId) -> None:
        """The peer has left; a question to it is still to be `answered`."""
        self._waiting.pop(peer, None)
        for identity in list(self._announced.get(peer, ())):
            self._drop(peer, identity)
        self._announced.pop(peer, None)

    def _drop(self, peer: PeerId, identity: bytes) -> None:
        """The peer is no source of this transaction."""
        sources = self._sources.get(identity, {})
        sources.pop(peer, None)
        self._announced.get(peer, set()).discard(identity)
        if not sources:
            self._sources.pop(identity, None)
