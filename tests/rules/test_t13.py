"""T13: statistics over all core operations, counted so that no account counts more by repeating."""

from fractions import Fraction

from consensus.cid import RAW, cid_of
from node.statistics.happenings import Fact, Like, facts_of_event
from node.statistics.index import CountedBlock
from node.statistics.metrics import TOTAL, Metric, SubjectKind
from node.statistics.rows import Count, count_key, ranking_prefix, read_rank_key
from tests.node.statistics.histories import ACCOUNTS, MANY, VIDEOS, made_of
from tests.rules.disabled import Disabled
from tests.simulation.database import MemoryDatabase
from vm.modules.gifts import Given
from vm.modules.social import Liked, Tipped

DISABLED = Disabled("node.statistics.fold.Fold._is_first_like", lambda fold, before: True)

FAN, ONE, TWO, CREATOR = ACCOUNTS
LOUD, QUIET = VIDEOS[:2]
FEE = Fraction(1, 5)  # the platform's part of a gift, here; of a tip it is 5 %
REFERRAL = Fraction(1, 10)  # the referrer's part of what is left of a tip


def block(height: int, *facts: Fact) -> CountedBlock:
    return CountedBlock(height, cid_of(RAW, b"%d" % height), height, 0, facts)


def of_video(database: MemoryDatabase, metric: Metric, asset: str = "") -> list[tuple[int, bytes]]:
    prefix = ranking_prefix(TOTAL, SubjectKind.VIDEO, metric, asset)
    return [read_rank_key(prefix, key) for key, _ in database.scan(prefix, limit=MANY)]


def test_a_like_counts_once_for_an_account() -> None:
    """One fan that likes, takes it back and likes again stands behind two who like once."""
    again = [Like(FAN, LOUD, is_liked=turn % 2 == 0) for turn in range(101)]
    once = [Like(who, QUIET, is_liked=True) for who in (ONE, TWO)]
    database = made_of([block(1, *again), block(2, *once), block(3, *again)], 1)
    assert of_video(database, Metric.LIKES) == [(2, QUIET.binary), (1, LOUD.binary)]


def test_what_is_paid_and_what_is_earned_of_it_is_counted_by_asset() -> None:
    """7 gifts of 13 USDT, 3 tips of 1,000 REEL through somebody's link."""
    gift, tip = 13_000_000, 1_000 * 10**8
    tip_fee = Fraction(tip) * Fraction(1, 20)
    referral = (tip - tip_fee) * REFERRAL
    given = Given("rose", FAN, CREATOR, LOUD, "USDT", gift, int(gift * (1 - FEE)))
    tipped = Tipped(LOUD, FAN, CREATOR, "REEL", tip, int(tip_fee), ONE, int(referral))
    facts = [fact for event in (*[given] * 7, *[tipped] * 3) for fact in facts_of_event(event)]
    database = made_of([block(1, *facts)], 1)
    assert of_video(database, Metric.GIFT_UNITS, "USDT") == [(7 * gift, LOUD.binary)]
    ((income, video),) = of_video(database, Metric.INCOME, "USDT")
    assert (Fraction(income), video) == (7 * gift * (1 - FEE), LOUD.binary)
    earned = 3 * tip * (1 - Fraction(1, 20)) * (1 - REFERRAL)
    ((income, video),) = of_video(database, Metric.INCOME, "REEL")
    assert (Fraction(income), video) == (earned, LOUD.binary)
    count = Count(0, SubjectKind.CREATOR, CREATOR, Metric.INCOME, "REEL")
    assert int.from_bytes(database.get(count_key(count)) or b"") == earned


def test_an_event_of_the_chain_is_a_like() -> None:
    assert list(facts_of_event(Liked(LOUD, FAN, 1))) == [Like(FAN, LOUD, is_liked=True)]
