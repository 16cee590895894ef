"""Growth is found, and what comes before the warm-up is not counted."""

import os

import pytest

from tests.soak.memory import MIB, Life, Sample, read_sample, slope


def life(*mib: float, step_s: float = 60.0) -> Life:
    """A process with so much memory at each step."""
    return Life([Sample(7 + i * step_s, int(v * MIB), int(v * MIB / 2)) for i, v in enumerate(mib)])


def test_the_slope_is_that_of_the_line_of_least_squares() -> None:
    assert slope([0, 1, 2, 3], [1, 3, 5, 7]) == pytest.approx(2)
    assert slope([0, 1, 2], [0, 3, 0]) == pytest.approx(0)
    assert slope([0, 1, 2], [0, 0, 3]) == pytest.approx(1.5)


def test_a_process_that_grows_after_its_warm_up() -> None:
    growth = life(10, 50, 60, 61, 62).growth(warm_up_s=120)
    assert growth is not None
    assert growth.to_json() == {
        "seconds": 120,
        "rss_mib": [60, 62],
        "rss_mib_h": 60,
        "anonymous_mib_h": 30,
    }


def test_a_short_life_tells_nothing() -> None:
    assert Life().growth(0) is None
    assert life(10, 11, 12).growth(warm_up_s=60) is None
    assert life(10, 11, 12).growth(warm_up_s=0) is not None


def test_a_process_is_measured_until_it_has_ended() -> None:
    own = read_sample(os.getpid(), 5.0)
    assert own is not None
    assert own.at_s == 5.0
    assert own.rss_bytes > own.anonymous_bytes > MIB
    assert read_sample(2**22 + 1, 5.0) is None


def test_samples_keep_their_distance() -> None:
    own = Life()
    own.measure(os.getpid())
    own.measure(os.getpid())
    assert len(own.samples) == 1
    assert own.cpu_s > 0
