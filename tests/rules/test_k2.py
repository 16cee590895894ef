"""K2: equal-value issue for service orders, at a price no lower than the market's, by two votes;
80% to who did the task, 20% to who completed it, by score."""

from fractions import Fraction
from math import floor

from tests.rules.disabled import Disabled
from tests.vm.alliance import (
    CLIENT,
    KOL,
    LEADER,
    SUPERS,
    USDT,
    VOTE_S,
    A,
    Alliance,
    B,
    C,
    D,
    leaders,
    users,
)
from vm.modules.orders import Gather

DISABLED = Disabled("vm.modules.orders.batching.units_due", lambda view, terms, row, price: row.fee)

PRICE = 3 * USDT
FEE = 1_000 * USDT + 1
SCORES = {A: 5, B: 2, C: 4, D: 7}


def test_what_a_fee_is_worth_is_issued_and_shared_by_score() -> None:
    alliance = Alliance()
    shares = (*users((A, 5), (B, 2)), *leaders((C, 4), (D, 7)))
    number = alliance.listed(FEE, shares)
    assert alliance.act(LEADER, Gather((number,), 2 * USDT - 1)) == "orders.too-cheap"
    batch = alliance.gathered(number, price=PRICE)
    assert alliance.votes.propose("issue", alliance.approval(batch), by=SUPERS[0]) == "ok"
    alliance.vote(1, supers=2)
    assert alliance.kol.minted == 0, "three of five super nodes are not the nodes"
    alliance.vote(1, nodes=6)
    alliance.pass_time(1)
    issued = floor(Fraction(FEE, PRICE) * KOL)
    for_users = floor(Fraction(8, 10) * issued)
    due = {
        A: floor(Fraction(5, 7) * for_users),
        B: for_users - floor(Fraction(5, 7) * for_users),
        C: floor(Fraction(4, 11) * (issued - for_users)),
        D: issued - for_users - floor(Fraction(4, 11) * (issued - for_users)),
    }
    assert {account: alliance.held(account, "KOL") for account in SCORES} == due
    assert alliance.kol.minted == issued == sum(due.values())
    assert alliance.pot("foundation", "USDT") == FEE


def test_a_batch_that_is_rejected_costs_its_client_nothing() -> None:
    alliance = Alliance()
    batch = alliance.gathered(alliance.listed(FEE))
    assert alliance.votes.propose("issue", alliance.approval(batch), by=SUPERS[0]) == "ok"
    alliance.vote(1, supers=2)
    alliance.pass_time(VOTE_S)
    assert alliance.held(CLIENT, "USDT") == 10_000 * USDT
    assert alliance.kol.minted == 0


def test_the_cap_clips_what_is_issued() -> None:
    alliance = Alliance(cap=100 * KOL)
    alliance.issued_for(alliance.listed(FEE), price=PRICE)
    assert [alliance.held(account, "KOL") for account in (A, B)] == [80 * KOL, 20 * KOL]
