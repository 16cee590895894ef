"""What attacks on service orders and the issue for them gain."""

from fractions import Fraction
from math import floor

import pytest

from tests.vm.alliance import (
    CLIENT,
    KOL,
    LEADER,
    OPENING,
    PAIR,
    SUPERS,
    USDT,
    VOTE_S,
    A,
    Alliance,
    B,
    D,
    leaders,
    users,
)
from tests.vm.days import POLICY
from vm.modules.market.tables import PRICES, Price
from vm.modules.orders import Accept, Dissolve, Gather, ScoreShares
from vm.modules.orders.tables import DECIDE_S

FEE = 100 * USDT


@pytest.mark.parametrize("price", [OPENING - 1, 1])
def test_a_low_stated_price_issues_nothing(price: int) -> None:
    alliance = Alliance()
    number = alliance.listed(FEE)
    assert alliance.act(LEADER, Gather((number,), price)) == "orders.too-cheap"
    assert alliance.kol.minted == 0


@pytest.mark.parametrize("now", [OPENING * 11 // 10, OPENING * 9 // 10])
def test_a_price_that_goes_stale_before_the_vote_ends_never_issues_above_the_markets_value(
    now: int,
) -> None:
    """It issues what the stated price is good for, which is no more than the reference price gives,
    or nothing: then the batch is gathered anew."""
    alliance = Alliance()
    batch = alliance.gathered(alliance.listed(FEE))
    proposal = alliance.approval(batch)
    assert alliance.votes.propose("issue", proposal, by=SUPERS[0]) == "ok"
    alliance.vote(1, supers=2)
    PRICES.put(alliance.world.state, Price(now, ()), "KOL", "USDT")
    alliance.vote(1, nodes=6)
    worth = floor(Fraction(FEE, now) * KOL)
    if now > OPENING:
        assert (alliance.votes.status(), alliance.kol.minted) == ("failed", 0)
        assert alliance.batch(batch).proposal is None
        alliance.must(LEADER, Dissolve(batch))
        alliance.must(POLICY, alliance.approval(alliance.gathered(1, price=now)))
        assert alliance.kol.minted == worth
    else:
        assert alliance.kol.minted == floor(Fraction(FEE, OPENING) * KOL) < worth
    alliance.is_sound()


def test_inflated_scores_take_from_the_others_of_the_role_alone() -> None:
    """Whatever is listed, users get four fifths and leaders a fifth of what the fee issues."""
    for score in (1, 10, 10**6):
        alliance = Alliance()
        alliance.issued_for(alliance.listed(FEE, (*users((A, 1), (D, score)), *leaders((B, 1)))))
        assert alliance.held(A, "KOL") + alliance.held(D, "KOL") == 40 * KOL
        assert alliance.held(B, "KOL") == 10 * KOL
        assert alliance.held(D, "KOL") - floor(40 * KOL * Fraction(score, score + 1)) in (0, 1)


def test_an_order_by_oneself_buys_at_the_reference_price_and_no_cheaper() -> None:
    """Who is client, user and leader in one gets what the fee would buy at the reference price,
    and has paid the fee to the foundation."""
    alliance = Alliance()
    shares = (*users((CLIENT, 1)), *leaders((CLIENT, 1)))
    before = alliance.held(CLIENT, "USDT")
    alliance.issued_for(alliance.listed(FEE, shares))
    spent = before - alliance.held(CLIENT, "USDT")
    assert spent == FEE == alliance.pot("foundation", "USDT")
    worth = Fraction(alliance.held(CLIENT, "KOL"), KOL) * OPENING
    assert worth <= spent


@pytest.mark.parametrize("parts", [2, 7, 16])
def test_splitting_an_order_issues_no_more(parts: int) -> None:
    price = 3 * USDT + 100
    whole, split = Alliance(), Alliance()
    whole.issued_for(whole.listed(FEE), price=price)
    fees = [FEE // parts] * (parts - 1)
    fees.append(FEE - sum(fees))
    split.issued_for(*(split.listed(fee) for fee in fees), price=price)
    for _ in range(parts):
        split.pass_time(1)
    lost = whole.kol.minted - split.kol.minted
    assert 0 <= lost < parts
    assert split.held(A, "KOL") <= whole.held(A, "KOL")


def test_splitting_an_entry_over_accounts_gains_less_than_a_unit_for_each() -> None:
    alliance = Alliance()
    fakes = [bytes([n]) * 32 for n in range(40)]
    shares = (*users((A, 7), *((fake, 1) for fake in fakes)), *leaders((B, 1)))
    alliance.issued_for(alliance.listed(FEE + 1, shares))
    alliance.pass_time(1)
    together = sum(alliance.held(fake, "KOL") for fake in fakes)
    exact = Fraction(alliance.batch(1).units * 4 // 5) * Fraction(40, 47)
    assert abs(together - exact) < 1


def test_nobody_but_its_leader_can_spoil_a_batch_or_refuse_it_beside_the_vote() -> None:
    """A super node that proposes a batch a second time, and lets that be rejected, refuses nothing
    while the first proposal is open."""
    alliance = Alliance()
    batch = alliance.gathered(alliance.listed(FEE))
    for _ in range(2):
        assert alliance.votes.propose("issue", alliance.approval(batch), by=SUPERS[0]) == "ok"
    alliance.pass_time(1)
    alliance.vote(1, supers=2)
    alliance.pass_time(VOTE_S - 1)
    assert alliance.votes.status(2) == "rejected"
    assert (alliance.batch(batch).proposal, alliance.in_pots) == (1, (FEE, 0))
    alliance.vote(1, nodes=6)
    assert (alliance.votes.status(1), alliance.kol.minted) == ("passed", 50 * KOL)


def test_a_leader_cannot_keep_a_clients_fee_longer_than_the_time_that_is_set() -> None:
    alliance = Alliance()
    number = alliance.place(FEE)
    alliance.must(POLICY, Accept(number, LEADER))
    step = DECIDE_S.default // 4
    for _ in range(3):
        alliance.pass_time(step)
        alliance.must(LEADER, ScoreShares(number, 0, PAIR, True))
        alliance.must(LEADER, Dissolve(alliance.gathered(number)))
    alliance.pass_time(step)
    assert alliance.held(CLIENT, "USDT") == 10_000 * USDT
