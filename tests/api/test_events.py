"""The stream of events over HTTP: what it shows, resumption, gaps, and who may listen."""

import json
from dataclasses import dataclass, field

import pytest
import trio
import trio.testing
from starlette.types import ASGIApp

from consensus.kinds import JsonObject
from consensus.record import Record
from node.api.node_access import MAX_STREAMS
from node.events import FinalEvent, HeadEvent, TransactionEvent
from node.hub import GapEvent, Hub
from tests.api.world import ALICE, BOB, Exchange, World
from tests.node.network import transfer


@dataclass
class Stream(Exchange):
    """A request for events; its client goes when `gone` is set."""

    path: str = "/v1/events"
    method: str = "GET"
    headers: tuple[tuple[bytes, bytes], ...] = ()
    gone: trio.Event = field(default_factory=trio.Event)

    def __post_init__(self) -> None:
        self.receive = self._receive

    async def _receive(self) -> dict[str, object]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    @property
    def events(self) -> list[tuple[str, str, JsonObject]]:
        """(id, kind, data) of what has come."""
        found = []
        for frame in self.body.decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in frame.splitlines())
            if "event" in fields:
                found.append((fields["id"], fields["event"], json.loads(fields["data"])))
        return found

    @property
    def kinds(self) -> list[str]:
        """The kinds of what has come."""
        return [kind for _, kind, _ in self.events]


async def follow(nursery: trio.Nursery, app: ASGIApp, stream: Stream) -> Stream:
    nursery.start_soon(stream.run, app)
    await trio.testing.wait_all_tasks_blocked()
    return stream


async def test_what_happens_on_the_node(world: World) -> None:
    app = world.app()
    async with trio.open_nursery() as nursery:
        stream = await follow(nursery, app, Stream())
        assert stream.status == 200
        assert stream.answered["content-type"] == "text/event-stream; charset=utf-8"
        assert stream.answered["cache-control"] == "no-store"
        assert "content-length" not in stream.answered
        assert stream.events == []
        await world.submit(transfer(world.chain, ALICE, BOB.public, 1, 0).transaction.encode())
        world.slots([1, 2])
        await trio.testing.wait_all_tasks_blocked()
        stream.gone.set()
    assert stream.kinds == [
        "transaction",
        "block",
        "head",
        "head",
        "block",
        "head",
        "head",
        "final",
    ]
    # The head's event comes twice: with the block, and when its votes have justified it.
    final = FinalEvent.from_json(stream.events[-1][2])
    assert (final.block.id, final.transactions) == (world.chain.durable_final.id, 1)
    head = HeadEvent.from_json(stream.events[-2][2])
    assert head.head.id == head.justified.id == world.chain.fork.head.id


async def test_only_the_kinds_asked_for(world: World) -> None:
    async with trio.open_nursery() as nursery:
        stream = await follow(nursery, world.app(), Stream("/v1/events?kinds=final,transaction"))
        world.slots([1, 2, 3])
        await trio.testing.wait_all_tasks_blocked()
        stream.gone.set()
    assert stream.kinds == ["final", "final"]


async def test_a_client_resumes_where_it_was(world: World) -> None:
    app = world.app()
    async with trio.open_nursery() as nursery:
        stream = await follow(nursery, app, Stream())
        world.slots([1, 2])
        await trio.testing.wait_all_tasks_blocked()
        stream.gone.set()
    middle = stream.events[2][0]
    async with trio.open_nursery() as nursery:
        again = Stream(headers=((b"last-event-id", middle.encode()),))
        await follow(nursery, app, again)
        again.gone.set()
    assert again.events == stream.events[3:]


async def test_a_gap_reaches_clients_whatever_kinds_they_ask_for(world: World) -> None:
    world.hub = Hub(max_events=2)
    headers = ((b"last-event-id", b"earlier-7"),)
    async with trio.open_nursery() as nursery:
        world.hub.publish("head", GapEvent())
        stream = Stream("/v1/events?kinds=final", headers=headers)
        await follow(nursery, world.app(), stream)
        world.hub.publish("final", GapEvent())
        await trio.testing.wait_all_tasks_blocked()
        stream.gone.set()
    assert stream.kinds == ["gap", "final"]


async def test_a_bad_id_is_refused(world: World) -> None:
    stream = Stream(headers=((b"last-event-id", b"yesterday"),))
    await stream.run(world.app())
    assert (stream.status, stream.problem) == (400, "invalid-encoding")


async def test_a_silent_stream_is_kept_alive(
    world: World, autojump_clock: trio.testing.MockClock
) -> None:
    stream = Stream()
    with trio.move_on_after(40):
        await stream.run(world.app())
    assert stream.body.count(b": nothing new\n\n") == 2
    assert stream.events == []


async def test_listeners_are_bounded_and_leave_no_trace(world: World) -> None:
    app = world.app()
    streams = [Stream() for _ in range(MAX_STREAMS)]
    async with trio.open_nursery() as nursery:
        for stream in streams:
            nursery.start_soon(stream.run, app)
        await trio.testing.wait_all_tasks_blocked()
        refused = Stream()
        await refused.run(app)
        assert (refused.status, refused.problem) == (503, "node-busy")
        for stream in streams:
            stream.gone.set()
    async with trio.open_nursery() as nursery:
        stream = await follow(nursery, app, Stream())
        assert stream.status == 200
        stream.gone.set()


async def test_events_that_nobody_follows_are_not_put_into_words(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    worded: list[Record] = []
    to_json = TransactionEvent.to_json

    def noted(event: TransactionEvent) -> JsonObject:
        worded.append(event)
        return to_json(event)

    monkeypatch.setattr(TransactionEvent, "to_json", noted)
    await world.submit(transfer(world.chain, ALICE, BOB.public, 5, 0).data)
    assert world.hub.count == 1
    assert worded == []
