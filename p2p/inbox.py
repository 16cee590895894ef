"""Gossip that was received from one peer and waits for the handler."""

from collections import deque

import trio

from p2p.budget import Count, uncounted
from p2p.parcel import Parcel


class Inbox:
    """A queue bounded in bytes: `put` waits for room, `offer` gives up instead.

    One parcel larger than the bound still fits an empty queue. What waits counts in `held`.
    """

    def __init__(self, max_bytes: int, held: Count = uncounted) -> None:
        self._max_bytes = max_bytes
        self._held = held
        self._parcels: deque[tuple[Parcel, int]] = deque()
        self._bytes = 0
        self._changed = trio.lowlevel.ParkingLot()

    def offer(self, parcel: Parcel) -> bool:
        """Queue a parcel if there is room; returns whether there was."""
        size = parcel.held_bytes
        if self._parcels and self._bytes + size > self._max_bytes:
            return False
        self._parcels.append((parcel, size))
        self._bytes += size
        self._held(size)
        self._changed.unpark_all()
        return True

    async def put(self, parcel: Parcel) -> None:
        """Queue a parcel as soon as there is room."""
        self._held(parcel.held_bytes)
        try:
            while not self.offer(parcel):
                await self._changed.park()
        finally:
            self._held(-parcel.held_bytes)

    async def take(self) -> Parcel:
        """The oldest parcel, as soon as there is one; always lets other tasks run first."""
        await trio.lowlevel.checkpoint()
        while not self._parcels:
            await self._changed.park()
        parcel, size = self._parcels.popleft()
        self._bytes -= size
        self._held(-size)
        self._changed.unpark_all()
        return parcel
