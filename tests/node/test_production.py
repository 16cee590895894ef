"""The loop of the slot clock, on virtual time."""

from types import SimpleNamespace
from typing import Any, cast

import trio
import trio.testing

from node.clock import SlotClock
from node.driver import Driver
from node.engine import Engine
from node.production import attend_slots
from node.work import Work

SLOT_MS = 1000


def test_each_slot_is_produced_in_at_its_start_and_voted_in_late_at_its_middle() -> None:
    done = trio.run(_two_slots, clock=trio.testing.MockClock(autojump_threshold=0))
    assert done == [
        ("produce", 1, 1000),
        ("late", 1, 1500),
        ("produce", 2, 2000),
        ("late", 2, 2500),
    ]


async def _two_slots() -> list[tuple[str, int, int]]:
    begun, done = trio.current_time(), list[tuple[str, int, int]]()

    def now_ms() -> int:
        return round((trio.current_time() - begun) * 1000)

    def noting(what: str) -> Any:
        def act(slot: int) -> Work[None]:
            done.append((what, slot, now_ms()))
            yield from ()

        return act

    engine = SimpleNamespace(
        chain=SimpleNamespace(clock=SlotClock(0, SLOT_MS)),
        produce=noting("produce"),
        vote_late=noting("late"),
    )
    with trio.move_on_after(2.9):
        await attend_slots(cast(Engine, engine), Driver(), now_ms)
    return done
