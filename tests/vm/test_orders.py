"""Service orders: the way of an order to its shares, the votes on batches, and what is refused."""

import pytest

from consensus.errors import ActionFailed
from consensus.record import replace
from tests.vm.alliance import (
    BRIEF,
    CAP,
    CLIENT,
    KOL,
    LEADER,
    NODES,
    OPENING,
    PAIR,
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
from tests.vm.days import POLICY
from tests.vm.world import key
from vm.declare import Action
from vm.modules.gov import Resolve
from vm.modules.market import SELL, PlaceOrder
from vm.modules.market.tables import PRICES, Price
from vm.modules.orders import (
    MOST_SHARES,
    Accept,
    Approve,
    BuyBack,
    Cancel,
    Closed,
    Dissolve,
    Gather,
    Place,
    ScoreShares,
    SetTerms,
    left_to_issue,
)
from vm.modules.orders.listing import ENTRIES_A_BLOCK, SHARES_AT_ONCE
from vm.modules.orders.tables import DECIDE_S, LISTINGS, TERMS, Terms
from vm.modules.tokens import Burn, Create, Issue, IssueToPot
from vm.modules.tokens.tables import BURNS_AFTER_CAP

FEE = 100 * USDT


def failed(alliance: Alliance, sender: bytes, action: Action) -> tuple[str, str]:
    """Code and field of a failure."""
    try:
        action.apply(alliance.context(sender))
    except ActionFailed as error:
        return error.code.removeprefix("orders."), error.field
    raise AssertionError("it did not fail")


def reprice(alliance: Alliance, price: int) -> None:
    """The market's reference price is another one."""
    PRICES.put(alliance.world.state, Price(price, ()), "KOL", "USDT")


# The way of an order


def test_an_order_is_paid_in_advance_listed_gathered_approved_and_shared() -> None:
    alliance = Alliance()
    shares = (*users((A, 3), (B, 1)), *leaders((C, 1), (D, 1)))
    number = alliance.listed(FEE, shares)
    assert alliance.in_pots == (FEE, 0)
    assert alliance.held(CLIENT, "USDT") == 9_900 * USDT
    alliance.must(POLICY, alliance.approval(alliance.gathered(number)))
    assert alliance.in_pots == (0, 50 * KOL)
    assert alliance.pot("foundation", "USDT") == FEE
    alliance.is_sound()
    alliance.pass_time(1)
    held = [alliance.held(account, "KOL") for account in (A, B, C, D)]
    assert held == [30 * KOL, 10 * KOL, 5 * KOL, 5 * KOL]
    assert (alliance.kol.minted, alliance.in_pots) == (50 * KOL, (0, 0))
    batch, order = alliance.batch(1), alliance.order(number)
    assert (batch.status, batch.fees, batch.units, batch.issued) == (
        "approved",
        FEE,
        50 * KOL,
        50 * KOL,
    )
    assert order is not None
    assert (order.status, order.units) == ("paid", 50 * KOL)
    alliance.is_sound()


def test_a_client_takes_an_order_back_until_it_is_accepted() -> None:
    alliance = Alliance()
    first, second = alliance.place(FEE), alliance.place(FEE)
    assert failed(alliance, A, Cancel(first)) == ("not-the-client", "order")
    alliance.must(CLIENT, Cancel(first))
    assert failed(alliance, CLIENT, Cancel(first)) == ("unknown-order", "order")
    alliance.must(POLICY, Accept(second, LEADER))
    assert failed(alliance, CLIENT, Cancel(second)) == ("not-placed", "order")
    assert failed(alliance, POLICY, Accept(second, A)) == ("not-placed", "order")
    assert alliance.held(CLIENT, "USDT") == 9_900 * USDT
    alliance.is_sound()


def test_what_nobody_accepts_or_approves_in_time_goes_back() -> None:
    alliance = Alliance()
    wait_s = DECIDE_S.default
    alliance.place(FEE)
    accepted = alliance.place(FEE)
    alliance.pass_time(wait_s - 1)
    alliance.must(POLICY, Accept(accepted, LEADER))
    alliance.pass_time(1)
    assert alliance.in_pots == (FEE, 0), "the wait begins anew when an order is accepted"
    alliance.must(LEADER, ScoreShares(accepted, 0, PAIR, True))
    other = alliance.listed(FEE)
    approval = alliance.approval(alliance.gathered(accepted, other))
    alliance.pass_time(wait_s - 1)
    assert failed(alliance, POLICY, approval) == ("unknown-batch", "batch")
    assert alliance.order(accepted) is None
    left = alliance.order(other)
    assert left is not None
    assert (left.status, left.batch) == ("listed", None), "it can be gathered anew"
    assert alliance.in_pots == (FEE, 0)
    whys = [event.why for event in alliance.events if isinstance(event, Closed)]
    assert whys == ["timed-out"] * 2
    alliance.pass_time(1)
    assert alliance.in_pots == (0, 0)
    alliance.pass_time(1)
    assert (alliance.shares(), alliance.lists()) == ([], 0)
    alliance.is_sound()


def test_a_long_list_is_written_in_parts_and_paid_over_several_blocks() -> None:
    alliance = Alliance()
    number = alliance.place(FEE)
    alliance.must(POLICY, Accept(number, LEADER))
    accounts = [key(f"user {i}").public for i in range(2 * SHARES_AT_ONCE)]
    parts = [users(*((each, 1) for each in accounts[i::2])) for i in range(2)]
    alliance.must(LEADER, ScoreShares(number, 0, tuple(parts[0]), False))
    assert failed(alliance, LEADER, Gather((number,), OPENING)) == ("not-listed", "orders[0]")
    again = ScoreShares(number, 0, tuple(leaders((B, 1))), True)
    assert failed(alliance, LEADER, again) == ("incomplete", "complete")
    second = ScoreShares(number, SHARES_AT_ONCE, tuple(parts[1]), False)
    alliance.must(LEADER, second)
    assert failed(alliance, LEADER, second) == ("out-of-turn", "first")
    alliance.must(LEADER, ScoreShares(number, 2 * SHARES_AT_ONCE, tuple(leaders((B, 9))), True))
    alliance.must(POLICY, alliance.approval(alliance.gathered(number)))
    for blocks in range(1, 6):
        alliance.pass_time(1)
        paid = sum(alliance.held(account, "KOL") > 0 for account in accounts)
        assert paid == min(blocks * ENTRIES_A_BLOCK, len(accounts))
        alliance.is_sound()
    assert alliance.held(B, "KOL") == 10 * KOL
    assert sum(alliance.held(account, "KOL") for account in accounts) == 40 * KOL


def test_a_list_that_is_begun_anew_replaces_the_one_before() -> None:
    alliance = Alliance()
    number = alliance.listed(FEE, (*users((A, 1), (D, 5)), *leaders((D, 1))))
    alliance.must(LEADER, ScoreShares(number, 0, PAIR, True))
    alliance.is_sound()
    alliance.issued_for(number)
    assert [alliance.held(x, "KOL") for x in (A, B, D)] == [40 * KOL, 10 * KOL, 0]
    alliance.pass_time(1)
    assert len(alliance.shares()) == len(PAIR), "the entries of the other list are gone"


def test_a_list_has_a_bound() -> None:
    alliance = Alliance()
    number = alliance.listed(FEE)
    row = LISTINGS.get(alliance.world.state, 1)
    assert row is not None
    LISTINGS.put(alliance.world.state, replace(row, entries=MOST_SHARES - 1), 1)
    over = ScoreShares(number, MOST_SHARES - 1, PAIR, True)
    assert failed(alliance, LEADER, over) == ("too-many", "shares")


# Votes


def proposed(alliance: Alliance, *more: Action) -> int:
    """A batch of an order on which super nodes vote; its number and the proposal's are 1."""
    batch = alliance.gathered(alliance.listed(FEE))
    by = SUPERS[0]
    assert alliance.votes.propose("issue", alliance.approval(batch), *more, by=by) == "ok"
    return batch


def test_a_batch_is_issued_after_half_of_the_super_nodes_and_then_of_the_nodes() -> None:
    alliance = Alliance()
    batch = proposed(alliance)
    assert alliance.batch(batch).proposal == 1
    alliance.vote(1, supers=2)
    assert alliance.kol.minted == 0, "the nodes have not voted"
    alliance.vote(1, nodes=5)
    assert alliance.kol.minted == 0, "five of ten are not 51%"
    assert alliance.votes.vote(NODES[5], "yes", 1) == "ok"
    assert (alliance.votes.status(), alliance.kol.minted) == ("passed", 50 * KOL)
    alliance.is_sound()


@pytest.mark.parametrize("supers", [0, 2])
def test_a_batch_that_either_body_rejects_is_refused_and_its_clients_have_their_fees(
    supers: int,
) -> None:
    alliance = Alliance()
    batch = proposed(alliance)
    alliance.vote(1, supers=supers)
    alliance.pass_time(VOTE_S)
    assert alliance.votes.status() == "rejected"
    assert alliance.held(CLIENT, "USDT") == 10_000 * USDT
    assert failed(alliance, LEADER, Dissolve(batch)) == ("unknown-batch", "batch")
    alliance.pass_time(1)
    assert (alliance.order(1), alliance.shares(), alliance.kol.minted) == (None, [], 0)
    alliance.is_sound()


def test_only_the_first_proposal_about_a_batch_alone_refuses_it() -> None:
    alliance = Alliance()
    batch = proposed(alliance, Resolve("and more"))
    by = SUPERS[0]
    assert alliance.votes.propose("issue", alliance.approval(batch), by=by) == "ok"
    assert alliance.votes.propose("issue", Approve(batch, bytes(32)), by=by) == "ok"
    assert alliance.batch(batch).proposal == 1
    alliance.pass_time(VOTE_S)
    assert [alliance.votes.status(n) for n in (1, 2, 3)] == ["rejected"] * 3
    assert (alliance.batch(batch).status, alliance.batch(batch).proposal) == ("open", None)
    assert alliance.in_pots == (FEE, 0)
    alliance.is_sound()


def test_what_was_decided_on_is_the_batch_that_was_seen() -> None:
    alliance = Alliance()
    number = alliance.listed(FEE)
    batch = alliance.gathered(number)
    seen = alliance.approval(batch)
    assert failed(alliance, POLICY, Approve(batch, bytes(32))) == ("other-batch", "digest")
    assert failed(alliance, LEADER, ScoreShares(number, 0, PAIR, True)) == ("not-accepted", "order")
    assert failed(alliance, A, Dissolve(batch)) == ("not-the-leader", "batch")
    alliance.must(LEADER, Dissolve(batch))
    alliance.must(LEADER, ScoreShares(number, 0, (*PAIR, *users((D, 1))), True))
    changed = alliance.gathered(number)
    assert alliance.batch(changed).digest != seen.digest
    assert failed(alliance, POLICY, seen) == ("unknown-batch", "batch")
    alliance.must(POLICY, alliance.approval(changed))
    assert failed(alliance, POLICY, alliance.approval(changed)) == ("already-approved", "batch")
    assert failed(alliance, LEADER, Dissolve(changed)) == ("already-approved", "batch")


# Prices, and the cap


def test_a_price_is_no_lower_than_the_markets_when_it_is_stated_and_when_it_is_approved() -> None:
    alliance = Alliance()
    number = alliance.listed(FEE)
    assert failed(alliance, LEADER, Gather((number,), OPENING - 1)) == ("too-cheap", "price")
    assert failed(alliance, LEADER, Gather((number,), None)) == ("needs-price", "price")
    batch = alliance.gathered(number)
    reprice(alliance, OPENING + 1)
    assert failed(alliance, POLICY, alliance.approval(batch)) == ("too-cheap", "price")
    reprice(alliance, OPENING - 1)
    alliance.must(POLICY, alliance.approval(batch))
    assert alliance.kol.minted == 50 * KOL


def test_the_quotas_pot_is_given_out_first_and_the_cap_clips_what_is_issued() -> None:
    alliance = Alliance(cap=60 * KOL)
    alliance.must(POLICY, IssueToPot("quota", "KOL", 20 * KOL, ""))
    state = alliance.world.state
    terms = TERMS.get(state)
    assert terms is not None
    assert left_to_issue(state, terms) == 60 * KOL
    first = alliance.listed(60 * USDT)
    alliance.issued_for(first)
    assert (alliance.kol.minted, alliance.pot("quota", "KOL")) == (30 * KOL, 0)
    assert alliance.batch(1).issued == 10 * KOL
    second, third = alliance.listed(100 * USDT), alliance.listed(100 * USDT)
    alliance.issued_for(second, third)
    assert alliance.kol.minted == alliance.cap == alliance.held(A, "KOL") + alliance.held(B, "KOL")
    assert alliance.order(third) is None, "nothing is left for it: its client has the fee back"
    assert alliance.held(CLIENT, "USDT") == 10_000 * USDT - 160 * USDT
    alliance.is_sound()


def test_once_nothing_is_left_orders_are_paid_in_what_was_issued() -> None:
    alliance = Alliance(cap=50 * KOL)
    early = alliance.listed(FEE)
    late = alliance.listed(FEE)
    place = Place("KOL", KOL, "x", BRIEF)
    assert failed(alliance, B, place) == ("other-asset", "asset")
    alliance.issued_for(early)
    assert failed(alliance, CLIENT, Place("USDT", FEE, "x", BRIEF)) == ("other-asset", "asset")
    number = alliance.listed(10 * KOL, asset="KOL", client=B)
    assert failed(alliance, LEADER, Gather((number, late), OPENING)) == (
        "mixed-assets",
        "orders[1]",
    )
    assert failed(alliance, LEADER, Gather((number,), OPENING)) == ("no-price-needed", "price")
    alliance.issued_for(number, price=None)
    assert [alliance.held(x, "KOL") for x in (A, B)] == [48 * KOL, 2 * KOL]
    assert (alliance.kol.minted, alliance.batch(2).issued) == (50 * KOL, 0)
    alliance.is_sound()


# Buying back, and burning


def sale(alliance: Alliance, price: int, amount: int) -> None:
    """Anna, who has so much, sells it."""
    alliance.must(POLICY, Issue(A, "KOL", amount, ""))
    alliance.must(A, PlaceOrder("KOL", "USDT", SELL, price, amount, 0, True, None))


def test_what_is_bought_back_is_burned_and_the_rest_of_the_money_stays() -> None:
    alliance = Alliance()
    fill_foundation(alliance)
    sale(alliance, OPENING - 100_000, KOL)
    sale(alliance, OPENING, KOL)
    minted = alliance.kol.minted
    buy = BuyBack("foundation", OPENING, 3 * KOL)
    alliance.must(POLICY, buy)
    assert (alliance.kol.minted, alliance.kol.burned) == (minted, 2 * KOL)
    assert alliance.pot("foundation", "USDT") == 1_000 * USDT - (2 * OPENING - 100_000)
    assert alliance.held(POLICY, "KOL") == alliance.held(POLICY, "USDT") == 0
    assert failed(alliance, POLICY, buy) == ("nothing-sold", "price")
    dear = BuyBack("foundation", OPENING + 100, KOL)
    assert failed(alliance, POLICY, dear) == ("too-dear", "price")
    poor = BuyBack("treasury", OPENING, KOL)
    assert failed(alliance, POLICY, poor) == ("token.insufficient-pot", "amount")
    alliance.is_sound()


def fill_foundation(alliance: Alliance) -> None:
    """The foundation has 1,000 USDT."""
    alliance.must(POLICY, IssueToPot("foundation", "USDT", 1_000 * USDT, ""))


@pytest.mark.parametrize(("burns", "code"), [(1, "ok"), (0, "token.issued-in-full")])
def test_an_asset_that_is_issued_in_full_is_burned_no_more_if_so_set(burns: int, code: str) -> None:
    alliance = Alliance()
    BURNS_AFTER_CAP.set(alliance.world.state, burns)
    fill_foundation(alliance)
    sale(alliance, OPENING, KOL)
    alliance.must(POLICY, Issue(A, "KOL", CAP - 2 * KOL, ""))
    assert alliance.act(A, Burn("KOL", 1, "")) == "ok"
    alliance.must(POLICY, Issue(A, "KOL", KOL, ""))
    assert alliance.kol.minted == alliance.cap
    assert alliance.act(A, Burn("KOL", 1, "")) == code
    over = BuyBack("foundation", OPENING, KOL)
    assert failed(alliance, POLICY, over) == ("issue-is-over", "")


# What is refused


def test_no_orders_are_taken_without_terms_or_a_price() -> None:
    alliance = Alliance()
    state = alliance.world.state
    number = alliance.listed(FEE)
    PRICES.delete(state, "KOL", "USDT")
    assert failed(alliance, LEADER, Gather((number,), OPENING)) == ("no-reference", "")
    TERMS.delete(state)
    assert failed(alliance, CLIENT, Place("USDT", FEE, "x", BRIEF)) == ("no-terms", "")
    same = SetTerms("KOL", "KOL", "foundation", "quota")
    assert failed(alliance, POLICY, same) == ("same-asset", "fee_asset")
    unknown = SetTerms("KOL", "EURO", "foundation", "quota")
    assert failed(alliance, POLICY, unknown) == ("token.unknown-asset", "fee_asset")


def test_the_asset_of_fees_may_change_and_that_of_the_issue_not() -> None:
    alliance = Alliance()
    number = alliance.listed(FEE)
    alliance.must(POLICY, Create("USDC", "USDC", 6, 10**18, True, True, None))
    other = SetTerms("USDC", "USDT", "foundation", "quota")
    assert failed(alliance, POLICY, other) == ("issued-asset", "asset")
    alliance.must(POLICY, SetTerms("KOL", "USDC", "foundation", "quota"))
    assert failed(alliance, LEADER, Gather((number,), OPENING)) == ("other-asset", "orders")
    assert TERMS.get(alliance.world.state) == Terms("KOL", "USDC", "foundation", "quota")


def test_only_who_leads_an_order_lists_and_gathers_it_once() -> None:
    alliance = Alliance()
    placed, number = alliance.place(FEE), alliance.listed(FEE)
    assert failed(alliance, A, ScoreShares(number, 0, PAIR, True)) == ("not-the-leader", "order")
    assert failed(alliance, LEADER, ScoreShares(placed, 0, PAIR, True)) == (
        "not-the-leader",
        "order",
    )
    assert failed(alliance, A, Gather((number,), OPENING)) == ("not-the-leader", "orders[0]")
    assert failed(alliance, LEADER, Gather((number, number), OPENING)) == (
        "not-listed",
        "orders[1]",
    )
    assert failed(alliance, LEADER, Gather((99,), OPENING)) == ("unknown-order", "orders[0]")
    alliance.gathered(number)
    assert failed(alliance, LEADER, Gather((number,), OPENING)) == ("not-listed", "orders[0]")


def test_a_client_pays_what_it_has() -> None:
    alliance = Alliance()
    dear = Place("USDT", 10_001 * USDT, "x", BRIEF)
    assert failed(alliance, CLIENT, dear) == ("token.insufficient-balance", "fee")


def test_one_account_may_stand_in_a_list_more_than_once() -> None:
    alliance = Alliance()
    shares = (*users((A, 1), (A, 2)), *leaders((A, 3)))
    alliance.issued_for(alliance.listed(FEE, shares))
    assert alliance.held(A, "KOL") == 50 * KOL
