"""Options of commands that disturb the links of a local network, and their units."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from cyclopts import Parameter

from consensus.errors import InvalidEncoding
from node.commands.arguments import argument
from p2p.links import MAX_DELAY_MS, MAX_LOSS_PPM, MILLION

_MS = {"ms": 1, "s": 1000}
_PPM_OF_PERCENT = MILLION // 100
_NUMBER = r"([0-9]{1,6}(?:\.[0-9]{1,6})?)"


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class LinkOptions:
    """What happens to all that nodes send to each other.

    Parameters
    ----------
    latency
        How long it takes from node to node, one way: 80ms, 0.5s; up to 2s.
    jitter
        By how much that varies, up or down: 20ms.
    loss
        How much gets lost and comes when it is sent again, 200 ms later or more: 1%, 0.1%; up to
        50%.
    """

    latency: str | None = None
    jitter: str | None = None
    loss: str | None = None

    @property
    def latency_ms(self) -> int | None:
        """The latency; raises Usage naming the option, as the next two."""
        return _read("--latency", parse_delay_ms, self.latency)

    @property
    def jitter_ms(self) -> int | None:
        """The jitter."""
        return _read("--jitter", parse_delay_ms, self.jitter)

    @property
    def loss_ppm(self) -> int | None:
        """The loss, in millionths."""
        return _read("--loss", parse_loss_ppm, self.loss)


NO_LINK_OPTIONS = LinkOptions()


def parse_delay_ms(text: str) -> int:
    """Whole milliseconds, written as 80ms or 0.5s; raises InvalidEncoding."""
    found = re.fullmatch(f"{_NUMBER}(ms|s)", text, re.ASCII)
    if not found:
        raise InvalidEncoding(f"a time such as 80ms or 0.5s is expected, got {text[:40]!r}")
    delay_ms = Fraction(found[1]) * _MS[found[2]]
    if delay_ms.denominator != 1 or delay_ms > MAX_DELAY_MS:
        raise InvalidEncoding(
            f"whole milliseconds up to {MAX_DELAY_MS}ms are possible, not {text[:40]}"
        )
    return int(delay_ms)


def parse_loss_ppm(text: str) -> int:
    """Millionths, written as 1% or 0.1%; raises InvalidEncoding."""
    found = re.fullmatch(f"{_NUMBER}%", text, re.ASCII)
    if not found:
        raise InvalidEncoding(f"a part such as 1% or 0.1% is expected, got {text[:40]!r}")
    loss_ppm = Fraction(found[1]) * _PPM_OF_PERCENT
    if loss_ppm.denominator != 1 or loss_ppm > MAX_LOSS_PPM:
        raise InvalidEncoding(
            f"0% to {MAX_LOSS_PPM // _PPM_OF_PERCENT}% in steps of 0.0001% are possible, not "
            f"{text[:40]}; `reelect net partition` cuts links altogether"
        )
    return int(loss_ppm)


def _read(option: str, parse: Callable[[str], int], text: str | None) -> int | None:
    return None if text is None else argument(option, parse, text)
