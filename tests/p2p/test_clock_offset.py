"""What an answer shows of a peer's clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2p.peer import least_offset_ms

MOMENTS = st.integers(0, 2**40)


@pytest.mark.parametrize(
    ("asked", "told", "answered", "offset"),
    [
        (10_000, 10_001, 10_002, 0),
        (10_000, 12_000, 10_002, 1_998),
        (10_000, 8_000, 10_002, -2_000),
        (10_000, 19_990, 20_000, 0),  # it stood still for ten seconds before it answered
        (10_000, 10_010, 20_000, 0),  # this node did
        (10_000, 21_000, 20_000, 1_000),
        (20_000, 15_000, 10_000, 0),  # the own clock was set back meanwhile
    ],
)
def test_what_an_answer_shows(asked: int, told: int, answered: int, offset: int) -> None:
    assert least_offset_ms(asked, told, answered) == offset


@given(asked=MOMENTS, there=MOMENTS, back=MOMENTS, offset=st.integers(-(2**40), 2**40))
def test_it_is_never_more_than_the_truth(asked: int, there: int, back: int, offset: int) -> None:
    told = asked + there + offset
    found = least_offset_ms(asked, told, asked + there + back)
    assert abs(found) <= abs(offset)
    assert found * offset >= 0
    assert abs(found - offset) <= there + back
