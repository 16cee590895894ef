"""What attacks on a fund gain: what is said in docs/economics.md, computed."""

from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vm.club import DAY_MS, PEOPLE, STUDIO, Club
from tests.vm.world import ANNA, BEN, key
from vm.modules.fund import MOST_OPEN, YES, Contribute, Propose, Vote

DORA, EMIL, FAY = PEOPLE[2:5]
ACCOMPLICE = key("a friend of Anna's")


def test_nobody_buys_into_a_return_that_is_announced() -> None:
    club = Club()
    club.found(600, 400)
    club.invest(500)
    club.act(STUDIO.public, Propose(1, STUDIO.public, 1, "we shall pay 900 tomorrow"))
    assert club.act(DORA.public, Contribute(1, club.fund.terms, 1_000)) == "fund.gathered"
    club.pay_in(900)
    assert club.leave(ANNA, BEN) == [300 + 540, 200 + 360]


def test_who_votes_for_an_investment_and_leaves_takes_the_vote_along() -> None:
    """Anna would have others pay for what she likes, and keep her own part out of it."""
    club = Club()
    club.found(600, 400)
    number = club.propose(500, ACCOMPLICE)
    club.vote(number, yes=[ANNA], no=[BEN])
    club.wait(DAY_MS)
    assert club.leave(ANNA) == [600]
    club.wait(2 * DAY_MS)
    assert club.proposal(number).status == "rejected"
    assert (club.cents(ACCOMPLICE), club.fund.liquid) == (0, 400)
    assert club.sound()


@pytest.mark.parametrize("stay", [0, 1, 2, 3])
def test_who_leaves_in_time_loses_nothing_to_a_majority_that_drains_the_fund(stay: int) -> None:
    """Each of Ben, Dora and Emil, who all voted against it, has its exact part if it leaves; who
    stays loses the drained part of its own, and that is all that the majority gains."""
    club = Club()
    parts = [197, 131, 71]
    club.found(601, *parts)
    minority = [BEN, DORA, EMIL]
    number = club.propose(1_000, ACCOMPLICE)
    club.vote(number, yes=[ANNA], no=minority)
    club.wait(DAY_MS)
    leaving, staying = minority[stay:], minority[:stay]
    assert club.leave(*leaving) == parts[stay:]
    club.wait(2 * DAY_MS)
    assert club.proposal(number).paid_units == 601 + sum(parts[:stay])
    club.leave(ANNA, *staying)
    gained = club.cents(ACCOMPLICE) + club.gains(ANNA)[0]
    assert gained == sum(parts[:stay])
    assert club.gains(*staying) == [-part for part in parts[:stay]]


@given(st.integers(10, 500), st.integers(10, 499), st.integers(1, 1_000))
def test_leaving_with_some_of_ones_accounts_gains_nothing(
    yes: int, silent: int, drained: int
) -> None:
    """Anna has so many shares that vote for paying her friend, and the second account of hers as
    many that leave before it is paid. Together with what is paid, her part of all is worth what it
    would be worth if all had stayed, but for rounding; were the payment not in proportion to the
    shares that stay, others would pay for those that left."""
    club, others = Club(), 1_000
    whole = yes + silent + others
    club.found(yes, silent, others, quorum=0)
    number = club.propose(drained, ACCOMPLICE)
    club.vote(number, yes=[ANNA])
    club.wait(DAY_MS)
    club.leave(BEN)
    club.wait(2 * DAY_MS)
    club.leave(ANNA)
    with_leaving = club.cents(ACCOMPLICE) + sum(club.gains(ANNA, BEN))
    assert with_leaving <= floor(Fraction(drained * others, whole))
    assert club.leave(DORA)[0] >= floor(others - Fraction(drained * others, whole))


def test_many_accounts_have_the_votes_and_the_parts_of_one() -> None:
    """Rounding costs them."""
    ends = []
    for parts in ([600], [200, 200, 200], [1] * 3 + [597]):
        club = Club()
        club.found(400, *parts, least_units=1)
        own = PEOPLE[1 : 1 + len(parts)]
        number = club.propose(100, by=own[0])
        club.vote(number, yes=own, no=[ANNA])
        club.wait(DAY_MS)
        assert club.proposal(number).yes == 600
        club.wait(2 * DAY_MS)
        club.pay_in(777)
        ends.append(sum(club.leave(*own)))
    exact = Fraction(600, 1_000) * (1_000 - 100 + 777)
    assert ends[0] == floor(exact)
    assert all(exact - 8 < end <= exact for end in ends)


def test_a_yes_to_something_else_keeps_nobody_from_leaving_a_drained_fund() -> None:
    """Anna has her own proposal open when a harmless one comes that Ben votes for, and votes for
    hers in its last moment: were Ben bound by his vote until his is paid, she had his part."""
    club = Club()
    club.found(600, 400)
    drain = club.propose(1_000, ACCOMPLICE)
    club.wait(1)
    harmless = club.propose(10, by=BEN)
    club.vote(harmless, yes=[BEN])
    club.wait(DAY_MS - 2)
    club.vote(drain, yes=[ANNA])
    club.wait(1)
    assert club.proposal(drain).status == "passed"
    club.wait(1)
    assert club.proposal(harmless).status == "passed"
    assert club.leave(BEN) == [400]
    club.wait(2 * DAY_MS)
    assert club.proposal(drain).paid_units == 600
    assert club.proposal(harmless).status == "rejected"


def test_blocking_a_fund_by_proposals_pays_its_members() -> None:
    """For each time that votes are open, a deposit for each place, of which the attacker has back
    its own part at most."""
    club = Club()
    club.found(900, 100)
    for _ in range(MOST_OPEN):
        club.propose(1, by=BEN)
    assert club.act(ANNA.public, Propose(1, STUDIO.public, 1, "")) == "fund.too-many-open"
    club.wait(DAY_MS)
    deposits = MOST_OPEN * club.fund.terms.deposit_units
    assert club.fund.liquid == 1_000 + deposits
    club.leave(BEN)
    assert club.gains(BEN) == [-deposits + deposits * 100 // 1_000]
    assert club.leave(ANNA) == [900 + deposits - deposits * 100 // 1_000]


def test_a_vote_in_the_last_moment_leaves_others_their_whole_grace() -> None:
    club = Club()
    club.found(600, 400)
    number = club.propose(1_000, ACCOMPLICE)
    club.wait(DAY_MS - 1)
    assert club.act(ANNA.public, Vote(1, number, YES)) == "ok"
    club.wait(1)
    club.wait(2 * DAY_MS - 1)
    assert club.leave(BEN) == [400]
