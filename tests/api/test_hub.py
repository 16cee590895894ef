"""The log of events: order, resumption, and gaps where it was too short."""

import pytest
import trio
import trio.testing

from consensus.errors import InvalidEncoding
from consensus.kinds import Counter
from consensus.record import Record, part
from node.hub import GAP, Hub, HubEvent, Subscription


@part
class Count(Record):
    n: Counter


def publish(hub: Hub, *numbers: int) -> None:
    for number in numbers:
        hub.publish("count", Count(number))


async def take(subscription: Subscription, count: int) -> list[HubEvent]:
    return [await anext(subscription) for _ in range(count)]


def shown(events: list[HubEvent]) -> list[object]:
    return [event.data.n if isinstance(event.data, Count) else event.kind for event in events]


async def test_listeners_get_what_comes_after_they_begin_in_order() -> None:
    hub = Hub()
    publish(hub, 1)
    first, second = hub.subscribe(), hub.subscribe()
    publish(hub, 2, 3)
    assert shown(await take(first, 2)) == [2, 3]
    assert shown(await take(second, 2)) == [2, 3]


async def test_a_waiting_listener_is_woken() -> None:
    hub = Hub()
    got: list[HubEvent] = []

    async def listen() -> None:
        got.extend(await take(hub.subscribe(), 2))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen)
        await trio.testing.wait_all_tasks_blocked()
        publish(hub, 1)
        await trio.testing.wait_all_tasks_blocked()
        assert got == []
        publish(hub, 2)
    assert shown(got) == [1, 2]


async def test_a_listener_resumes_behind_the_event_it_names() -> None:
    hub = Hub()
    subscription = hub.subscribe()
    publish(hub, 1, 2, 3)
    seen = await take(subscription, 2)
    assert shown(await take(hub.subscribe(seen[0].id), 2)) == [2, 3]
    resumed = hub.subscribe((await take(subscription, 1))[0].id)
    publish(hub, 4)
    assert shown(await take(resumed, 1)) == [4]


async def test_a_gap_comes_first_where_events_were_dropped() -> None:
    hub = Hub(max_events=3)
    subscription = hub.subscribe()
    publish(hub, 1)
    (first,) = await take(subscription, 1)
    publish(hub, 2, 3, 4)
    assert shown(await take(hub.subscribe(first.id), 3)) == [2, 3, 4]
    publish(hub, 5)
    resumed = await take(hub.subscribe(first.id), 4)
    assert shown(resumed) == [GAP, 3, 4, 5]
    # The gap's own id resumes behind the gap, without another one.
    assert shown(await take(hub.subscribe(resumed[0].id), 1)) == [3]


async def test_a_listener_that_sleeps_too_long_gets_a_gap_and_goes_on() -> None:
    hub = Hub(max_events=2)
    slow = hub.subscribe()
    publish(hub, *range(10))
    assert shown(await take(slow, 3)) == [GAP, 8, 9]
    publish(hub, *range(10, 20))
    assert shown(await take(slow, 3)) == [GAP, 18, 19]


async def test_a_waiting_listener_overtaken_before_it_runs_gets_a_gap() -> None:
    hub = Hub(max_events=2)
    got: list[HubEvent] = []

    async def listen() -> None:
        got.extend(await take(hub.subscribe(), 3))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen)
        await trio.testing.wait_all_tasks_blocked()
        publish(hub, 1, 2, 3)
    assert shown(got) == [GAP, 2, 3]


@pytest.mark.parametrize("event_id", ["other-1", "run-99", "run-99999999999999999999999"])
async def test_ids_of_another_run_are_a_gap(event_id: str) -> None:
    hub = Hub(run="run")
    publish(hub, 1, 2)
    assert shown(await take(hub.subscribe(event_id), 3)) == [GAP, 1, 2]


@pytest.mark.parametrize("event_id", ["", "-", "run", "run-", "run-x", "run--1", "r n-1", "run-١"])
def test_what_is_no_id_is_refused(event_id: str) -> None:
    with pytest.raises(InvalidEncoding, match="id of an event"):
        Hub(run="run").subscribe(event_id)


async def test_two_runs_have_different_ids() -> None:
    one, other = Hub(), Hub()
    publish(one, 1)
    publish(other, 1, 2)
    event = (await take(one.subscribe("x-0"), 2))[1]
    assert shown(await take(other.subscribe(event.id), 2)) == [GAP, 1]
