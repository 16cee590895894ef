"""Amounts as people write them, in whole tokens with decimals: exact, never by floats."""

import re

from consensus.codec import UINT64_MAX
from consensus.errors import InvalidEncoding
from vm.parameter import PARTS_PER_MILLION

PERCENT_DECIMALS = 4  # that millionths have

_SPELLING = re.compile(r"([0-9]{1,20})(?:\.([0-9]{1,18}))?", re.ASCII)


def parse_amount(text: str, decimals: int) -> int:
    """The units of an amount such as `12.5` in an asset of so many decimals; raises
    InvalidEncoding for another spelling, too many decimals, or more than 2^64 - 1 units."""
    found = _SPELLING.fullmatch(text)
    if found is None:
        raise InvalidEncoding(f"an amount such as 12 or 0.5 is expected, got {text[:40]!r}")
    whole, fraction = found[1], found[2] or ""
    if len(fraction) > decimals:
        raise InvalidEncoding(f"{text} has more than the asset's {decimals} decimals")
    units = int(whole + fraction.ljust(decimals, "0"))
    if units > UINT64_MAX:
        raise InvalidEncoding(f"{text} is more than can exist")
    return units


def format_amount(units: int, decimals: int) -> str:
    """Units as whole tokens, without zeros at the end of the decimals."""
    if not decimals:
        return str(units)
    whole, fraction = divmod(units, 10**decimals)
    return f"{whole}.{fraction:0{decimals}}".rstrip("0").rstrip(".")


def parse_percent(text: str) -> int:
    """Millionths from a percentage such as 12.5%; raises InvalidEncoding."""
    if not text.endswith("%"):
        raise InvalidEncoding(f"a percentage such as 10% is expected, got {text[:40]!r}")
    ppm = parse_amount(text[:-1], PERCENT_DECIMALS)
    if ppm > PARTS_PER_MILLION:
        raise InvalidEncoding(f"{text} is more than the whole")
    return ppm


def format_percent(ppm: int) -> str:
    """Millionths in percent, such as 2.5%."""
    return f"{format_amount(ppm, PERCENT_DECIMALS)}%"
