"""Which events count, and as what."""

from typing import Annotated

import pytest

from consensus.cid import RAW, cid_of
from consensus.kinds import Text
from consensus.record import Record, record
from node.statistics.happenings import Fact, Happening, Like, Ownership, facts_of_event
from node.statistics.metrics import Metric
from vm.modules.content import Published, Transferred
from vm.modules.gifts import Given
from vm.modules.live import Opened
from vm.modules.social import Commented, Liked, Shared, Tipped, Unliked, Viewed
from vm.modules.tokens import Transferred as Moved
from vm.modules.viewing import PaidOut

ANNA, BEN, CLEO = (bytes([n]) * 32 for n in range(1, 4))
FILM, CUT = cid_of(RAW, b"film"), cid_of(RAW, b"cut")
GIVEN = Given("rose", BEN, ANNA, FILM, "USDT", 10, 7)
TIPPED = Tipped(FILM, BEN, ANNA, "REEL", 100, 5, CLEO, 20)
PAID_OUT = PaidOut(FILM, BEN, "REEL", ANNA, 70, CLEO, 20, 10)


def at_film(metric: Metric, units: int = 1, of: str = "") -> Happening:
    return Happening(metric, units, of, account=BEN, video=FILM, creator=ANNA)


@record("other.happened")
class Happened(Record):
    """Something else."""

    text: Annotated[str, Text(20)]


CASES: list[tuple[Record, list[Fact]]] = [
    (
        Published(FILM, ANNA, FILM, 1, None, 5, "video/mp4", "Film"),
        [
            Ownership(FILM, FILM, ANNA),
            Happening(Metric.VIDEOS, account=ANNA, creator=ANNA),
        ],
    ),
    (
        Published(CUT, ANNA, FILM, 2, None, 5, "video/mp4", "Film"),
        [Ownership(CUT, FILM, ANNA)],
    ),
    (Transferred(FILM, ANNA, BEN), [Ownership(FILM, FILM, BEN)]),
    (Liked(FILM, BEN, 9), [Like(BEN, FILM, is_liked=True)]),
    (Unliked(FILM, BEN, 8), [Like(BEN, FILM, is_liked=False)]),
    (Commented(FILM, 0, BEN, CUT, 5), [Happening(Metric.COMMENTS, account=BEN, video=FILM)]),
    (Shared(FILM, BEN, 4), [Happening(Metric.SHARES, account=BEN, video=FILM)]),
    (
        Viewed(FILM, BEN, 3, 4),
        [
            Happening(Metric.VIEWS, account=BEN, video=FILM),
            Happening(Metric.ACTIVE_ACCOUNTS, account=BEN),
        ],
    ),
    (
        Opened(ANNA, 1, "Show", "https://live.example/i.m3u8", is_public=True, until_ms=5),
        [Happening(Metric.SHOWS, account=ANNA, creator=ANNA)],
    ),
    (
        Moved(ANNA, BEN, "USDT", 12, ""),
        [Happening(Metric.TRANSFERRED, 12, "USDT", account=ANNA)],
    ),
    (
        GIVEN,
        [
            at_film(Metric.GIFTS),
            at_film(Metric.GIFT_UNITS, 10, "USDT"),
            Happening(Metric.INCOME, 7, "USDT", video=FILM, creator=ANNA),
        ],
    ),
    (
        TIPPED,
        [
            at_film(Metric.TIPS),
            at_film(Metric.TIP_UNITS, 100, "REEL"),
            Happening(Metric.INCOME, 75, "REEL", video=FILM, creator=ANNA),
        ],
    ),
    (
        PAID_OUT,
        [
            at_film(Metric.SALES),
            at_film(Metric.SALE_UNITS, 100, "REEL"),
            Happening(Metric.INCOME, 70, "REEL", video=FILM, creator=ANNA),
        ],
    ),
]


@pytest.mark.parametrize(("event", "wanted"), CASES, ids=lambda item: type(item).__name__)
def test_what_an_event_counts_as(event: Record, wanted: list[Fact]) -> None:
    assert list(facts_of_event(event)) == wanted


def test_other_events_do_not_count() -> None:
    assert not list(facts_of_event(Happened("x")))
