"""How far a catch-up is, for the API and the log."""

import logging

import pytest

from consensus.record import Record, replace
from node.query.answers import SyncProgress
from node.sync.progress import SAY_EVERY_MS, SHOWN_BLOCKS, Journey
from p2p.messages import GetBlocks
from tests.node.bench import Bench
from tests.node.network import run_slots
from tests.node.test_catching_up import GENESIS, HONEST, SEATS, meet, status_of
from tests.node.timed import TimedBench, TimedPeer


def test_pace_and_time_left() -> None:
    journey = Journey(100, 5_000)
    assert journey.progress(100, 500, 5_000) == SyncProgress(100, 100, 500, 0, None)
    assert journey.progress(200, 500, 7_000) == SyncProgress(100, 200, 500, 50, 6)
    assert journey.progress(500, 500, 9_000) is None
    assert Journey(100, 0).progress(100, 99 + SHOWN_BLOCKS, 0) is None


def test_the_progress_in_words() -> None:
    progress = SyncProgress(0, 1_200, 3_600, 150, 16)
    assert progress.sentence == "height 1,200 of 3,600, 150 blocks a second, 16 s left"
    assert progress.share == 1 / 3


def test_the_log_hears_of_it_now_and_then() -> None:
    journey = Journey(0, 0)
    times = [t for t in range(0, 4 * SAY_EVERY_MS, 100) if journey.is_time_to_say(t)]
    assert times == [SAY_EVERY_MS, 2 * SAY_EVERY_MS, 3 * SAY_EVERY_MS]


@pytest.fixture(scope="module")
def ahead() -> Bench:
    made = Bench(GENESIS)
    run_slots([made.chain], SEATS, range(1, 121))
    return made


def test_a_node_says_how_far_it_is_while_it_catches_up(
    ahead: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench, seen = TimedBench(GENESIS), list[SyncProgress | None]()

    def answer(peer: bytes, request: Record) -> Record:
        if isinstance(request, GetBlocks):
            seen.append(bench.sync.progress)
        return ahead.serve(peer, request)

    bench.at_slot(120)
    bench.peers = {HONEST: TimedPeer(answer, 2_000)}
    assert bench.sync.progress is None
    with caplog.at_level(logging.INFO, "reelect.sync"):
        meet(bench, ahead, HONEST)
        bench.run_all()
    assert bench.sync.progress is None
    shown = [progress for progress in seen if progress is not None]
    assert shown[0].height == shown[0].from_height == 0
    assert {progress.target_height for progress in shown} == {119}
    assert shown[-1].height > 20
    assert shown[-1].seconds_left is not None
    assert "catching up: height" in caplog.text


def test_claims_of_more_blocks_than_there_were_slots_are_not_shown(ahead: Bench) -> None:
    bench, seen = TimedBench(GENESIS), list[SyncProgress | None]()
    liar = b"l" * 32

    def answer(peer: bytes, request: Record) -> Record:
        seen.append(bench.sync.progress)
        return ahead.serve(peer, request)

    bench.at_slot(130)
    bench.peers = {HONEST: TimedPeer(answer), liar: TimedPeer(answer, 10**9)}
    claim = replace(status_of(ahead.chain, bench), head_height=10**9, final_height=10**9)
    bench.exchange.follow(liar, claim)
    meet(bench, ahead, HONEST)
    bench.run_all()
    targets = {progress.target_height for progress in seen if progress is not None}
    assert targets
    assert max(targets) < 140  # it is slot 133 when the liar is given up
