"""Keeps the files that fall to this node as replicas (node/content/replication.py)."""

import logging
from dataclasses import dataclass

import trio

from consensus.cid import Cid
from node.content.catalogue import Published
from node.content.file_fetch import FileFetches
from node.content.holdings import Holdings
from node.content.providers import ProviderTable
from node.content.replication import falls_to, may_go
from p2p.identity import PeerId

IDLE_AFTER_S = 600.0  # then one more node than before fetches what is still short of replicas
MAX_LOOKED_AT = 64  # replicas in one turn
MAX_SHORT = 4_096  # files short of replicas that are remembered

logger = logging.getLogger("reelect.content")


@dataclass(frozen=True, slots=True)
class Replication:
    """How many nodes are to hold each file, and how many bytes of others' files this one takes
    (0: none)."""

    replicas: int
    room_bytes: int


class Replicator:
    """Fetches what falls to this node and lets go of what others hold by now, if room is short."""

    def __init__(
        self,
        own: PeerId,
        settings: Replication,
        *,
        providers: ProviderTable,
        holdings: Holdings,
        fetches: FileFetches,
    ) -> None:
        self._own = own
        self._settings = settings
        self._providers = providers
        self._holdings = holdings
        self._fetches = fetches
        self._looked_at = 0
        self._short_since: dict[Cid, float] = {}

    @property
    def free_bytes(self) -> int:
        """Bytes of replicas for which there is room."""
        return max(self._settings.room_bytes - self._holdings.replica_bytes, 0)

    def consider(self, file: Published) -> bool:
        """Begin to fetch a file if it falls to this node and can be fetched now."""
        holders = self._providers.holders(file.root)
        idle = self._idle(file.root, len(holders))
        if idle is None or file.root in self._holdings or self._fetches.is_busy:
            return False
        room = {record.peer: record.room_bytes for record in self._providers.records()}
        room[self._own] = self.free_bytes
        replicas = self._settings.replicas
        if not falls_to(
            self._own,
            file.root,
            file.size_bytes,
            holders=holders,
            room_bytes=room,
            replicas=replicas,
            idle=idle,
        ):
            return False
        logger.info("file %s has %d of %d replicas: fetching it", file.root, len(holders), replicas)
        self._fetches.begin(file.root, file.size_bytes, is_replica=True)
        return True

    def drop_surplus(self) -> list[Cid]:
        """Let go of replicas that enough others hold, if there is no room for more; some of them
        are looked at each time."""
        if self.free_bytes > self._settings.room_bytes // 10:
            return []
        roots = self._holdings.replica_roots()
        first = self._looked_at % max(len(roots), 1)
        self._looked_at = first + MAX_LOOKED_AT
        surplus = [
            root
            for root in roots[first : first + MAX_LOOKED_AT]
            if may_go(self._own, root, self._providers.holders(root), self._settings.replicas)
        ]
        for root in surplus:
            logger.info("file %s has replicas enough: dropping this one", root)
            self._holdings.remove(root)
        return surplus

    def _idle(self, root: Cid, holders: int) -> int | None:
        """For how many turns of IDLE_AFTER_S a file has been short of replicas; None if it is
        not."""
        now = trio.current_time()
        if not 0 < holders < self._settings.replicas:
            self._short_since.pop(root, None)
            return None
        since = self._short_since.setdefault(root, now)
        if len(self._short_since) > MAX_SHORT:
            del self._short_since[next(iter(self._short_since))]
        return int((now - since) // IDLE_AFTER_S)
