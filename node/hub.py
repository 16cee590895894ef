"""What happens on the node, as a bounded log that any number of listeners follow.

Listeners keep no queue: each has a place in the log, so that a slow one costs nothing and is
told of the gap when the log has moved on without it.
"""

import secrets
from collections import deque
from dataclasses import dataclass

import trio

from consensus.errors import InvalidEncoding
from consensus.kinds import JSON_INTEGER_MAX
from consensus.record import Record, part

MAX_EVENTS = 4096
GAP = "gap"


@part
class GapEvent(Record):
    """Events are lost; nothing more is known of them."""


@dataclass(frozen=True, slots=True)
class HubEvent:
    """Something that happened. `id` is opaque; to resume after it continues just behind it.
    Nobody may listen, so `data` is put into words only for those who do."""

    id: str
    kind: str
    data: Record


class Hub:
    """The newest `max_events` events; ids count up within one run of the node.

    All calls belong to the node's trio thread.
    """

    def __init__(self, *, max_events: int = MAX_EVENTS, run: str | None = None) -> None:
        self._run = secrets.token_hex(4) if run is None else run
        self._events: deque[HubEvent] = deque(maxlen=max_events)
        self._published = trio.Event()
        self.count = 0  # how many were ever published; the newest has this number

    def publish(self, kind: str, data: Record) -> None:
        """Add an event; wakes the listeners and never waits for them."""
        self.count += 1
        self._events.append(HubEvent(self.event_id(self.count), kind, data))
        published, self._published = self._published, trio.Event()
        published.set()

    def subscribe(self, after_id: str | None = None) -> "Subscription":
        """Events from now on, or, with the id of an event, those after it.

        Raises InvalidEncoding for text that is no id.
        """
        return Subscription(self, self.count if after_id is None else self._place(after_id))

    @property
    def dropped(self) -> int:
        """How many of the published events are no longer kept."""
        return self.count - len(self._events)

    def event(self, place: int) -> HubEvent:
        """The kept event that follows the first `place` events."""
        return self._events[place - self.dropped]

    async def wait(self) -> None:
        """Return when the next event is published."""
        await self._published.wait()

    def event_id(self, number: int) -> str:
        """The id of the event of this number."""
        return f"{self._run}-{number}"

    def _place(self, event_id: str) -> int:
        """The number of an event; -1, before every event, if its id is not of this run."""
        run, _, number = event_id.partition("-")
        if not (event_id.isascii() and run.isalnum() and number.isdecimal()):
            raise InvalidEncoding("not the id of an event: send the last id as it was received")
        if run != self._run or len(number) > len(str(JSON_INTEGER_MAX)):
            return -1
        return int(number) if int(number) <= self.count else -1


class Subscription:
    """Events of a hub in order, for ever; nothing needs to be closed.

    Where events are lost (the id to resume from is of an earlier run of the node, or the log
    has dropped what follows it) a `gap` event comes first: read anew what you know of the node.
    """

    def __init__(self, hub: Hub, place: int) -> None:
        self._hub = hub
        self._place = place

    def __aiter__(self) -> "Subscription":
        return self

    async def __anext__(self) -> HubEvent:
        hub = self._hub
        if self._place < hub.dropped or self._place < 0:
            self._place = hub.dropped
            return HubEvent(hub.event_id(self._place), GAP, GapEvent())
        while self._place == hub.count:
            await hub.wait()
            if self._place < hub.dropped:
                return await self.__anext__()
        event = hub.event(self._place)
        self._place += 1
        return event
