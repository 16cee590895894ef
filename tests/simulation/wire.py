"""The network between simulated nodes: it delays, loses, repeats and cuts, all by chance.

Gossip goes as in a real node: an item is judged once and handed on to whoever has not got it.
`has_copy` stands for what nodes know of each other: nobody is sent what is on its way to it.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from consensus.block import Vote
from consensus.compact import CompactBlock
from consensus.record import Record
from p2p.questions import PeerGone, RemoteError, RequestTimeout
from tests.simulation.clock import Timeline

SETTLED_DELAYS_MS = (5, 120)
CHAOS_DELAYS_MS = ((5, 120), (5, 400), (100, 1500), (5, 4000))
MAX_ITEMS = 8192


@dataclass(eq=False, slots=True)
class Item:
    """A piece of gossip under way, and which nodes have it or will get it."""

    key: bytes
    message: Record
    has_copy: set[int] = field(default_factory=set)


class Station(Protocol):
    """A node as the network sees it."""

    @property
    def is_up(self) -> bool:
        """Whether it takes part."""

    def receive(self, sender: int, item: Item) -> None:
        """Gossip has come in."""

    def greet(self, peer: int) -> None:
        """A connection is there."""

    def answer(self, asker: int, request: Record) -> Record | None:
        """Answer a request; None refuses it. Raises PeerGone to say nothing at all."""


class Wire:
    """Connections between all that are up, and what befalls them."""

    def __init__(
        self,
        timeline: Timeline,
        chance: random.Random,
        stations: Sequence[Station],
        fired: Counter[str],
    ) -> None:
        self._timeline = timeline
        self._chance = chance
        self._stations = stations
        self._fired = fired
        self._items: dict[bytes, Item] = {}
        self._cut: set[tuple[int, int]] = set()
        self._reached: list[list[int]] = [[] for _ in stations]
        self._connection = [0] * len(stations)  # counts each node's starts and reconnections
        self._questions: dict[int, tuple[int, int, Callable[[Exception], None]]] = {}
        self._asked = 0
        self._last_arrival = [[0.0] * len(stations) for _ in stations]
        self.loss = 0.0
        self.repeat = 0.0
        self.veil = {CompactBlock: 0.0, Vote: 0.0}  # what share of nodes never gets such an item
        self.delays = SETTLED_DELAYS_MS
        self.sent = 0

    # Cutting and joining

    def reaches(self, sender: int, receiver: int) -> bool:
        """Whether messages go from one to the other."""
        stations = self._stations
        return (
            stations[sender].is_up
            and stations[receiver].is_up
            and (sender, receiver) not in self._cut
        )

    def _map(self) -> None:
        """Note who reaches whom, until the next change."""
        places = range(len(self._stations))
        up = [place for place in places if self._stations[place].is_up]
        cut = self._cut
        self._reached = [[] for _ in places]
        for a in up:
            self._reached[a] = [b for b in up if b != a and (a, b) not in cut]

    def cut(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Let nothing more through from one to the other of each pair, and whatever was cut
        before again: there, both sides connect anew."""
        before, self._cut = self._cut, set(pairs)
        self._map()
        joined = {tuple(sorted(pair)) for pair in before - self._cut}
        for one, other in sorted(joined):
            if self.reaches(one, other) and self.reaches(other, one):
                self._connect(one, other)

    def connect_all(self) -> None:
        """All connect anew."""
        places = range(len(self._stations))
        self.cut([(one, other) for one in places for other in places if one != other])
        self.cut(())

    def came_up(self, place: int) -> None:
        """A node has started: it connects to all it reaches."""
        self._connection[place] += 1
        self._map()
        for item in self._items.values():
            item.has_copy.discard(place)
        for other in range(len(self._stations)):
            if other != place and self.reaches(place, other) and self.reaches(other, place):
                self._connect(place, other)

    def went_down(self, place: int) -> None:
        """A node has stopped: what was under way to it is lost, its questions and those to it
        end."""
        self._connection[place] += 1
        self._map()
        for number, (asker, asked, fail) in list(self._questions.items()):
            if place in (asker, asked):
                del self._questions[number]
                if asked == place:
                    fail(PeerGone("the connection broke"))

    def _connect(self, one: int, other: int) -> None:
        for number, (asker, asked, fail) in list(self._questions.items()):
            if {asker, asked} == {one, other}:
                del self._questions[number]
                fail(PeerGone("the connection was replaced"))
        self._stations[one].greet(other)
        self._stations[other].greet(one)

    # Gossip

    def item(self, key: bytes, message: Record) -> Item:
        """The item of this key, new or known."""
        found = self._items.get(key)
        if found is None:
            found = self._items[key] = Item(key, message)
            if len(self._items) > MAX_ITEMS:
                del self._items[next(iter(self._items))]
        return found

    def spread(self, sender: int, item: Item) -> None:
        """Send an item to all that it is not under way to."""
        copies = item.has_copy
        copies.add(sender)
        if len(copies) == len(self._stations):
            return
        veil = self.veil.get(type(item.message), 0.0)
        for receiver in self._reached[sender]:
            if receiver in copies:
                continue
            if veil and self._chance.random() < veil:
                copies.add(receiver)  # nobody else tells it either
                self._fired["veil"] += 1
            else:
                self._send(sender, receiver, item, 0)

    def send(self, sender: int, receiver: int, item: Item, extra_ms: float = 0) -> None:
        """Send an item to one, whether it has it or not."""
        if self.reaches(sender, receiver):
            self._send(sender, receiver, item, extra_ms)

    def _send(self, sender: int, receiver: int, item: Item, extra_ms: float) -> None:
        chance = self._chance
        if self.loss and chance.random() < self.loss:
            self._fired["loss"] += 1
            return
        item.has_copy.add(receiver)
        self._carry(sender, receiver, item, extra_ms)
        if self.repeat and chance.random() < self.repeat:
            self._fired["duplicate"] += 1
            self._carry(sender, receiver, item, extra_ms)

    def _carry(self, sender: int, receiver: int, item: Item, extra_ms: float) -> None:
        arrival = self._timeline.now + self._delay() + extra_ms
        connection = self._connection[receiver]
        if arrival < self._last_arrival[sender][receiver]:
            self._fired["reorder"] += 1
        self._last_arrival[sender][receiver] = arrival
        self.sent += 1

        def arrive() -> None:
            if self._connection[receiver] == connection:  # it has been up since
                self._stations[receiver].receive(sender, item)

        self._timeline.at(arrival, arrive)

    def _delay(self) -> float:
        low, high = self.delays
        return low + (high - low) * self._chance.random()

    # Requests

    def ask(
        self,
        asker: int,
        asked: int,
        request: Record,
        timeout_ms: int,
        succeed: Callable[[Record], None],
        fail: Callable[[Exception], None],
    ) -> None:
        """Take a question to a peer and its answer back; one of the two calls follows."""
        self._asked += 1
        number = self._asked
        self._questions[number] = (asker, asked, fail)

        def lose(error: Exception) -> None:
            if self._questions.pop(number, None) is not None:
                fail(error)

        def come_back(answer: Record | None) -> None:
            if self._questions.pop(number, None) is None:
                return
            if answer is None:
                fail(RemoteError("not served here"))
            else:
                succeed(answer)

        def arrive() -> None:
            if number not in self._questions:
                return
            if not self.reaches(asker, asked) or not self.reaches(asked, asker):
                self._timeline.after(3000, lambda: lose(PeerGone("cut off")))
                return
            try:
                answer = self._stations[asked].answer(asker, request)
            except PeerGone:
                self._fired["no-answers"] += 1
                self._timeline.after(5000, lambda: lose(PeerGone("no answer")))
                return
            self._timeline.after(self._delay(), lambda: come_back(answer))

        self._timeline.after(self._delay(), arrive)
        self._timeline.after(timeout_ms, lambda: lose(RequestTimeout("did not answer in time")))
