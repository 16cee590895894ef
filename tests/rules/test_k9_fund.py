"""K9: a token fund that invests by vote and shares returns."""

from fractions import Fraction
from math import floor

from tests.rules.disabled import Disabled
from tests.vm.club import DAY_MS, PEOPLE, STUDIO, Club
from tests.vm.world import ANNA, BEN
from vm.modules.fund import Claim

DISABLED = Disabled("vm.modules.fund.deciding.passes", lambda row, quorum: True)

PARTS = (510, 307, 183)
WHOLE = sum(PARTS)


def test_the_fund_invests_what_more_shares_are_for_than_against() -> None:
    club = Club()
    club.found(*PARTS)
    paid = club.propose(333)
    refused = club.propose(222)
    club.vote(paid, yes=[ANNA], no=PEOPLE[1:3])
    club.vote(refused, yes=PEOPLE[1:3], no=[ANNA])
    club.wait(DAY_MS)
    club.wait(2 * DAY_MS)
    assert club.gains(STUDIO) == [333]
    assert [club.proposal(n).status for n in (paid, refused)] == ["paid", "rejected"]


def test_what_comes_back_is_shared_by_what_was_contributed() -> None:
    club = Club()
    club.found(*PARTS)
    club.invest(333)
    returned = 0
    for units in (100, 1, 250):
        club.pay_in(units)
        returned += units
        for who in PEOPLE[:3]:
            club.act(who.public, Claim(1))
        shares = [floor(Fraction(returned * part, WHOLE)) for part in PARTS]
        gains = [share - part for share, part in zip(shares, PARTS, strict=True)]
        assert club.gains(*PEOPLE[:3]) == gains


def test_who_does_not_agree_leaves_with_its_part_before_the_payment() -> None:
    club = Club()
    club.found(*PARTS)
    number = club.propose(400)
    club.vote(number, yes=[ANNA], no=[BEN])
    club.wait(DAY_MS)
    assert club.leave(BEN) == [307]
    club.wait(2 * DAY_MS)
    assert club.gains(STUDIO) == [floor(400 * Fraction(WHOLE - 307, WHOLE))]
