"""Amounts in whole tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.codec import UINT64_MAX
from consensus.errors import InvalidEncoding
from node.amounts import format_amount, parse_amount


@pytest.mark.parametrize(
    ("text", "decimals", "units"),
    [
        ("5", 8, 500_000_000),
        ("0.00000001", 8, 1),
        ("12.5", 1, 125),
        ("012.50", 2, 1250),
        ("7", 0, 7),
        ("184467440737.09551615", 8, UINT64_MAX),
        ("0", 8, 0),
    ],
)
def test_exact_units(text: str, decimals: int, units: int) -> None:
    assert parse_amount(text, decimals) == units


@pytest.mark.parametrize(
    "text",
    ["", ".5", "5.", "-1", "+1", "1e3", "1,000", "1_000", " 1", "1.123456789", "٣", "0x10", "nan"],
)
def test_other_spellings_are_refused(text: str) -> None:
    with pytest.raises(InvalidEncoding):
        parse_amount(text, 8)


def test_more_than_can_exist() -> None:
    with pytest.raises(InvalidEncoding, match="more than can exist"):
        parse_amount("184467440737.09551616", 8)


@given(st.integers(0, UINT64_MAX), st.integers(0, 18))
def test_what_is_written_reads_as_the_same(units: int, decimals: int) -> None:
    text = format_amount(units, decimals)
    assert parse_amount(text, decimals) == units
    assert not (text.endswith("0") and "." in text)
