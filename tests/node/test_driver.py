"""Works in trio: one change at a time, finished once begun, and none after a failure."""

import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from consensus.errors import InvalidBlock
from consensus.fork_choice import ConflictingFinality, Finalized
from consensus.record import Record
from node.candidate import read_block
from node.chain import Chain
from node.driver import Driver
from node.work import Call, Work, ask, blocking, enter, pause
from p2p.handler import Verdict
from p2p.messages import Blocks, GetBlock, Status, Votes
from p2p.questions import RemoteError
from storage.database import DatabaseError
from storage.journal import JournalError
from tests.node.network import make_block, run_slots, take_block, take_votes, votes_for
from tests.node.side import GENESIS, PEER, SEATS, Side, Wire, answers_of
from tests.p2p.nodes import eventually


def test_a_failing_disk_stops_the_node_and_nothing_is_built_on_half_a_change(
    side: Side, other: Chain
) -> None:
    blocks = [make_block(other, SEATS, 1)]
    take_block(other, blocks[0].raw)
    take_votes(other, votes_for(other, SEATS.values(), blocks[0]))
    blocks.append(make_block(other, SEATS, 2))
    side.at_slot(2)

    def broken(finalized: Finalized) -> None:
        raise DatabaseError("no space left on the disk")

    side.chain.persist = broken  # type: ignore[method-assign]

    async def main() -> None:
        for block in blocks:
            await side.driver.enter(side.engine.add_block(read_block(block.raw), side.now_ms))
        for block in blocks:
            votes = tuple(votes_for(other, SEATS.values(), block))
            with suppress(Exception):  # the connection's own guard
                await side.handler.gossip(PEER, Votes(votes), b"")
        later = side.engine.add_votes(votes_for(other, SEATS.values(), blocks[1])[:1])
        with pytest.raises(DatabaseError):
            await side.driver.enter(later)
        await trio.sleep_forever()

    with pytest.raises(ExceptionGroup) as caught:
        side.run(main)
    assert caught.group_contains(DatabaseError, match="no space")


class Steps:
    """A change of the chain in three steps, each in a thread that waits for the test."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.done: list[int] = []
        self.go = threading.Event()

    def work(self) -> Work[str]:
        """Note each step's beginning and end."""
        for number in range(3):
            self.begun.append(number)
            yield Call(self._wait)
            self.done.append(number)
        return "whole"

    def _wait(self) -> None:
        assert self.go.wait(timeout=60)


def run(main: Callable[[Driver], Awaitable[None]], wire: Wire | None = None) -> None:
    """Run a test with a driver whose nursery it is."""

    async def wrapped() -> None:
        driver = Driver()
        driver.network = wire or Wire()  # type: ignore[assignment]
        async with trio.open_nursery() as nursery:
            driver.nursery = nursery
            await main(driver)

    trio.run(wrapped)


def test_the_result_of_a_change_comes_back_through_every_layer() -> None:
    def changing() -> Work[int]:
        return (yield from blocking(lambda: 20)) + 1

    def outer() -> Work[int]:
        return 2 * (yield from enter(changing()))

    async def main(driver: Driver) -> None:
        assert await driver.run(outer()) == 42
        assert await driver.enter(changing()) == 21

    run(main)


def test_a_change_that_is_begun_is_finished_whoever_loses_interest() -> None:
    steps, scope, left = Steps(), trio.CancelScope(), trio.Event()

    async def interested(driver: Driver) -> None:
        with scope:
            await driver.run(enter(steps.work()))
        left.set()

    async def main(driver: Driver) -> None:
        driver.nursery.start_soon(interested, driver)
        await eventually(lambda: bool(steps.begun))
        scope.cancel()
        steps.go.set()
        await left.wait()
        assert steps.done == [0, 1, 2]
        assert await driver.enter(free()) == "free"

    run(main)


def free() -> Work[str]:
    """A change that takes no time."""
    yield from blocking(lambda: None)
    return "free"


def test_changes_run_one_at_a_time_and_who_waits_can_give_up() -> None:
    first, second, third = Steps(), Steps(), Steps()

    async def main(driver: Driver) -> None:
        second.go.set()
        third.go.set()
        scope = trio.CancelScope()

        async def impatient() -> None:
            with scope:
                await driver.enter(second.work())

        driver.nursery.start_soon(driver.enter, first.work())
        await eventually(lambda: bool(first.begun))
        driver.nursery.start_soon(impatient)
        driver.nursery.start_soon(driver.enter, third.work())
        await trio.testing.wait_all_tasks_blocked()
        assert (second.begun, third.begun) == ([], [])
        scope.cancel()
        await trio.testing.wait_all_tasks_blocked()
        assert scope.cancelled_caught
        first.go.set()
        await eventually(lambda: third.done == [0, 1, 2])
        assert second.begun == []

    run(main)


def test_a_rejection_leaves_the_gate_open_and_a_failure_shuts_it_for_good() -> None:
    begun: list[Exception] = []

    def raising(error: Exception) -> Work[None]:
        begun.append(error)

        def fail() -> None:
            raise error

        yield Call(fail)

    async def main(driver: Driver) -> None:
        rejection, failure = InvalidBlock("bad", field="x"), JournalError("the disk is full")
        with pytest.raises(InvalidBlock):
            await driver.run(enter(raising(rejection)))
        assert await driver.enter(free()) == "free"
        with pytest.raises(JournalError, match="full"):
            await driver.run(enter(raising(failure)))
        for work in (raising(rejection), free()):
            with pytest.raises(JournalError, match="full"):
                await driver.enter(work)
        assert begun == [rejection, failure]

    run(main)


def test_what_a_step_raises_is_raised_in_the_work() -> None:
    seen: list[str] = []

    def asking() -> Work[Record]:
        try:
            return (yield from ask(PEER, GetBlock(GENESIS.header.id())))
        except RemoteError as error:
            seen.append(str(error))
        try:
            yield from enter(failing())
        except InvalidBlock as error:
            seen.append(error.field)
        return Blocks((b"none",))

    def failing() -> Work[None]:
        yield from ()
        raise InvalidBlock("bad", field="height")

    def refuse(_: Record) -> Record:
        raise RemoteError("not served here")

    async def main(driver: Driver) -> None:
        assert await driver.run(asking()) == Blocks((b"none",))
        assert seen == ["not served here", "height"]

    run(main, Wire(refuse))


def test_questions_are_answered_and_pauses_pass() -> None:
    wire = Wire(lambda _: Blocks((b"one",)))

    def waiting() -> Work[Record]:
        yield from pause(-1)
        yield from pause(60_000)
        return (yield from ask(PEER, GetBlock(GENESIS.header.id())))

    async def main() -> None:
        driver = Driver()
        driver.network = wire  # type: ignore[assignment]
        before = trio.current_time()
        assert await driver.run(waiting()) == Blocks((b"one",))
        assert trio.current_time() - before == pytest.approx(60)
        assert wire.asked == [GetBlock(GENESIS.header.id())]

    trio.run(main, clock=MockClock(autojump_threshold=0))


def test_a_spawned_work_that_fails_stops_the_node() -> None:
    def failing() -> Work[None]:
        yield from pause(1)
        raise JournalError("the disk is full")

    async def main(driver: Driver) -> None:
        driver.spawn(failing())
        await trio.sleep_forever()

    with pytest.raises(ExceptionGroup) as caught:
        run(main)
    assert caught.group_contains(JournalError, match="full")


def test_a_conflict_found_in_gossip_stops_the_node_and_not_just_its_sender(
    side: Side, other: Chain
) -> None:
    run_slots([side.chain], SEATS, [1, 2, 3])
    for slot in (11, 12):
        block = make_block(other, SEATS, slot)
        take_block(other, block.raw)
        take_votes(other, votes_for(other, SEATS.values(), block))
    side.at_slot(13)
    side.wire.answer = answers_of(other, side)

    async def main() -> None:
        run_slots([other], SEATS, [13, 14])
        status = Status(other.fork.head.id, 9, other.durable_final.id, 9, 14, side.now_ms)
        assert await side.handler.gossip(PEER, status, b"") is Verdict.IGNORE
        await trio.sleep_forever()

    with pytest.raises(ExceptionGroup) as caught:
        side.run(main)
    assert caught.group_contains(ConflictingFinality)
