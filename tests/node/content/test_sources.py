"""How much is asked of a neighbour at once, and how long it is waited for."""

from node.content.sources import (
    MAX_SOURCES,
    MAX_STALLS,
    MAX_TIMEOUT_S,
    MAX_WINDOW,
    MIN_TIMEOUT_S,
    OUT_S,
    QUICK_S,
    START_TIMEOUT_S,
    START_WINDOW,
    Source,
    Sources,
)
from p2p.messages import CONTENT_REQUESTS

PEER, OTHER = b"p" * 32, b"o" * 32


def source() -> Source:
    """A neighbour that nothing is known of yet."""
    return Sources().of(PEER, 0.0)


def test_the_window_grows_with_quick_answers_and_is_halved_by_slow_ones() -> None:
    found = source()
    windows = []
    for _ in range(MAX_WINDOW):
        found.gave(0.01)
        windows.append(found.window)
    assert windows[:2] == [START_WINDOW + 1, START_WINDOW + 2]
    assert windows[-1] == MAX_WINDOW
    for expected in (MAX_WINDOW // 2, MAX_WINDOW // 4, 1, 1):
        found.gave(QUICK_S + 1)
        assert found.window == expected


def test_no_more_is_asked_than_the_window_has_room_for() -> None:
    found = source()
    assert [found.begin(0.0) for _ in range(START_WINDOW + 1)] == [True] * START_WINDOW + [False]
    found.end()
    assert found.begin(0.0)


def test_no_more_is_asked_than_the_far_end_bears() -> None:
    found, asked = source(), 0
    for _ in range(int(CONTENT_REQUESTS.burst)):
        if found.begin(0.0):
            asked += 1
            found.end()
    assert CONTENT_REQUESTS.burst / 2 < asked < CONTENT_REQUESTS.burst
    assert found.begin(1.0)


def test_who_stalls_twice_in_a_row_is_left_out_for_a_while() -> None:
    found = source()
    assert found.timeout_s == START_TIMEOUT_S
    for stalls in range(1, MAX_STALLS + 1):
        assert found.begin(10.0), stalls
        found.end()
        found.stalled(10.0)
    assert not found.begin(10.0 + OUT_S - 1)
    assert found.begin(10.0 + OUT_S)
    assert found.timeout_s == min(4 * START_TIMEOUT_S, MAX_TIMEOUT_S)


def test_an_answer_is_waited_for_as_long_as_the_peer_usually_takes() -> None:
    found = source()
    found.gave(0.001)
    assert found.timeout_s == MIN_TIMEOUT_S
    for _ in range(100):
        found.gave(2.0)
    assert 7.9 < found.timeout_s < 8.1


def test_the_quick_come_first_and_those_that_lack_what_they_announced_last() -> None:
    sources = Sources()
    sources.of(PEER, 0.0).gave(0.1)
    sources.of(OTHER, 0.0).gave(0.2)
    assert sources.best_first([OTHER, PEER], 0.0) == [PEER, OTHER]
    sources.of(PEER, 0.0).lacked()
    assert sources.best_first([OTHER, PEER], 0.0) == [OTHER, PEER]


def test_a_crowd_is_not_remembered() -> None:
    sources = Sources()
    sources.of(PEER, 0.0).gave(0.1)
    sources.of(OTHER, 0.0).begin(0.0)
    for number in range(MAX_SOURCES):
        sources.of(b"%32d" % number, 0.0)
    assert sources.of(OTHER, 0.0).asked == 1, "what is open is not forgotten"
    assert sources.of(PEER, 0.0).usual_s is None
