"""Who holds which files, as the holders say, and over which neighbours they are reached. Pure.

Neighbours tell each other whom they know and over how many nodes, so that each knows the way to
every provider, as routers do (distance vectors: RFC 2453). Who is told of by nobody any more is
forgotten, and so is a provider that does not make its record anew.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from consensus.cid import Cid
from p2p.identity import PeerId
from p2p.messages import MAX_PROVIDER_RECORDS, MAX_PROVIDERS_BYTES
from p2p.provider import MAX_HOPS, MAX_PROVIDERS, CarriedProvider, KnownProvider, ProviderRecord


@dataclass(frozen=True, slots=True)
class Route:
    """A neighbour that reaches a provider over so many nodes: 0 if it is one itself."""

    peer: PeerId
    hops: int


@dataclass(slots=True)
class _Entry:
    """A record, its encoding, and the neighbours that know it with their hops."""

    record: ProviderRecord
    data: bytes
    routes: dict[PeerId, int] = field(default_factory=dict)


class ProviderTable:
    """The newest record of each provider, at most MAX_PROVIDERS with the own one."""

    def __init__(self, own: PeerId, now_ms: Callable[[], int]) -> None:
        self._own = own
        self._now_ms = now_ms
        self._entries: dict[PeerId, _Entry] = {}
        self._holders: dict[Cid, dict[PeerId, None]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def roots(self) -> int:
        """How many files somebody holds."""
        return len(self._holders)

    def records(self) -> list[ProviderRecord]:
        """All that count now."""
        return [entry.record for entry in self._entries.values()]

    def holders(self, root: Cid) -> list[PeerId]:
        """Who says that it holds this file."""
        return list(self._holders.get(root, ()))

    def routes(self, root: Cid) -> list[Route]:
        """The neighbours that reach a provider of this file, the nearest first. None of them is
        farther from it than this node, so that none would come back here."""
        hops: dict[PeerId, int] = {}
        for provider in self._holders.get(root, ()):
            distance = self._distance(provider)
            for peer, far in self._entries[provider].routes.items():
                if far <= distance:
                    hops[peer] = min(far, hops.get(peer, far))
        return [Route(peer, far) for peer, far in sorted(hops.items(), key=lambda item: item[1])]

    def is_news(self, provider: PeerId, made_ms: int) -> bool:
        """Whether a record of this provider, made then, would replace what is here."""
        entry = self._entries.get(provider)
        return provider != self._own and (entry is None or entry.record.made_ms < made_ms)

    def set_own(self, record: ProviderRecord) -> None:
        """The node's own record, which others get from now on."""
        self._put(_Entry(record, record.encode()))

    def take(self, record: ProviderRecord, via: PeerId, hops: int) -> bool:
        """Keep a checked record that a neighbour has brought, which reaches the provider over
        `hops` nodes. False if that is too far, the record no news, or there is no room.

        When all places are taken a neighbour's own record gets that of the farthest provider.
        """
        if hops >= MAX_HOPS or not self.is_news(record.peer, record.made_ms):
            return False
        if record.peer not in self._entries and len(self._entries) >= MAX_PROVIDERS:
            if hops > 0:
                return False
            self._drop(max(self._entries, key=self._distance))
        before = self._entries.get(record.peer)
        routes = {} if before is None else before.routes
        self._put(_Entry(record, record.encode(), routes | {via: hops}))
        return True

    def hear(self, peer: PeerId, known: Iterable[KnownProvider]) -> None:
        """A neighbour says whom it knows; it is no way to anybody else any more."""
        told = {item.peer: item.hops for item in known}
        for provider in list(self._entries):
            self._note_route(provider, peer, told.get(provider, MAX_HOPS))

    def forget(self, peer: PeerId) -> None:
        """A neighbour is gone, and with it whoever was reached over it only."""
        self.hear(peer, ())

    def expire(self) -> None:
        """Drop what is too old to count."""
        now_ms = self._now_ms()
        for provider, entry in list(self._entries.items()):
            if provider != self._own and not entry.record.is_timely(now_ms):
                self._drop(provider)

    def known(self) -> tuple[KnownProvider, ...]:
        """Whom this node knows, for its neighbours."""
        return tuple(
            KnownProvider(provider, entry.record.made_ms, self._distance(provider))
            for provider, entry in self._entries.items()
        )

    def news_for(self, known: Sequence[KnownProvider]) -> tuple[CarriedProvider, ...]:
        """The records that somebody who knows these has not, as many as one answer has room for."""
        made = {item.peer: item.made_ms for item in known}
        room, news = MAX_PROVIDERS_BYTES, list[CarriedProvider]()
        for provider, entry in self._entries.items():
            if entry.record.made_ms <= made.get(provider, -1) or len(entry.data) > room:
                continue
            room -= len(entry.data)
            news.append(CarriedProvider(self._distance(provider), entry.data))
            if len(news) == MAX_PROVIDER_RECORDS:
                break
        return tuple(news)

    def _distance(self, provider: PeerId) -> int:
        if provider == self._own:
            return 0
        return 1 + min(self._entries[provider].routes.values())

    def _note_route(self, provider: PeerId, peer: PeerId, hops: int) -> None:
        routes = self._entries[provider].routes
        if hops < MAX_HOPS:
            routes[peer] = hops
        else:
            routes.pop(peer, None)
        if not routes and provider != self._own:
            self._drop(provider)

    def _put(self, entry: _Entry) -> None:
        provider = entry.record.peer
        if provider in self._entries:
            self._drop(provider)
        self._entries[provider] = entry
        for root in entry.record.roots:
            self._holders.setdefault(root, {})[provider] = None

    def _drop(self, provider: PeerId) -> None:
        for root in self._entries.pop(provider).record.roots:
            holders = self._holders[root]
            del holders[provider]
            if not holders:
                del self._holders[root]
