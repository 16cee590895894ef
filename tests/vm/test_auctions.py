"""Auctions: who leads, what can be taken back, when they close, and what attacks gain."""

from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from consensus.cid import RAW, cid_of
from consensus.record import replace
from tests.vm.days import Days
from tests.vm.world import ANNA, BEN, CLEO, FUNDS, key
from vm.declare import Action
from vm.modules.auctions import (
    AUCTIONS,
    BIDS,
    ESCROW_POT,
    MOST_AHEAD,
    SLOTS,
    Auction,
    Bid,
    Choose,
    Donate,
    Open,
    Slot,
    TakeBack,
    close_due,
    needed,
    slots_after,
    total_of,
)
from vm.modules.tokens import Transfer

A, B, C = ANNA.public, BEN.public, CLEO.public
POOL = "participation"
FILM = cid_of(RAW, b"film")
OPEN = Open(
    place="banner",
    shows_from_ms=None,
    shows_s=100,
    asset="REEL",
    reserve=100,
    step_ppm=100_000,
    open_s=60,
    extension_s=10,
    most_extension_s=30,
    pot=POOL,
)


@dataclass
class Hall(Days):
    """One auction from 100 units on, each bid a tenth above the last; it closes in 60 s, or 10 s
    after a new lead, in 90 s at the latest; the slot is that of the 100 s from then on."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.start = self.time_ms
        assert self.decide(OPEN) == "ok"

    def at(self, seconds: int) -> None:
        """So long after the beginning."""
        self.time_ms = self.start + 1000 * seconds
        self.step(close_due)

    def row(self, number: int = 1) -> Auction:
        """The auction."""
        found = AUCTIONS.get(self.world.state, number)
        assert found is not None
        return found


def test_the_highest_bid_wins_what_was_outbid_is_back_at_once_and_the_pool_gets_the_price() -> None:
    hall = Hall()
    assert hall.act(A, Bid(1, 100)) == "ok"
    assert hall.act(B, Bid(1, 109)) == "auctions.too-low"
    assert hall.act(B, Bid(1, 110)) == "ok"
    assert hall.act(A, TakeBack(1, A)) == "ok", "at once, not at the end"
    hall.at(60)
    assert (hall.row().is_closed, hall.row().leader, hall.pot(POOL)) == (True, B, 110)
    assert (hall.held(A), hall.held(B), hall.pot(ESCROW_POT)) == (FUNDS, FUNDS - 110, 0)
    assert hall.act(B, Choose(1, FILM, "https://example.org")) == "ok"
    assert hall.sound()


def test_who_is_outbid_raises_by_what_is_missing() -> None:
    hall = Hall()
    hall.act(A, Bid(1, 100))
    hall.act(B, Bid(1, 110))
    assert hall.act(A, Bid(1, 21)) == "ok", "100 + 21 top 110 by a tenth"
    assert (hall.row().leader, hall.row().top) == (A, 121)


def test_a_donation_lifts_a_bid_and_comes_back_if_it_loses() -> None:
    hall = Hall()
    hall.act(A, Bid(1, 100))
    hall.act(B, Bid(1, 110))
    assert hall.act(B, Donate(1, A, 5)) == "ok"
    assert hall.row().leader == B, "105 do not lead"
    assert hall.act(ANNA.public, TakeBack(1, B)) == "auctions.nothing-given"
    assert hall.act(B, Donate(1, A, 16)) == "ok"
    assert (hall.row().leader, hall.row().top) == (A, 121)
    assert hall.act(B, TakeBack(1, A)) == "auctions.leads"
    hall.act(B, Bid(1, 24))
    assert hall.act(B, TakeBack(1, A)) == "ok"
    assert hall.held(B) == FUNDS - 134
    assert hall.sound()


def test_a_late_lead_puts_the_close_off_but_not_beyond_the_hard_close() -> None:
    hall = Hall()
    hall.act(A, Bid(1, 100))
    hall.at(55)
    hall.act(B, Bid(1, 110))
    assert hall.row().terms.closes_ms == hall.start + 65_000
    hall.at(60)
    assert not hall.row().is_closed
    hall.act(B, Bid(1, 1))
    assert hall.row().terms.closes_ms == hall.start + 65_000, "no new lead"
    for second, who in ((64, A), (73, B), (82, A), (89, B)):
        hall.at(second)
        missing = needed(hall.row(), who) - total_of(hall.world.state, 1, who)
        assert hall.act(who, Bid(1, missing)) == "ok"
    assert hall.row().terms.closes_ms == hall.start + 90_000
    hall.at(90)
    assert hall.row().is_closed
    assert hall.act(A, Bid(1, 10**6)) == "auctions.closed"


def test_nobody_bids() -> None:
    hall = Hall()
    hall.at(60)
    assert (hall.row().is_closed, hall.row().leader, hall.pot(POOL)) == (True, None, 0)
    assert hall.sound()


@pytest.mark.parametrize(
    ("who", "action", "code"),
    [
        (A, Bid(9, 100), "auctions.unknown-auction"),
        (A, Bid(1, 99), "auctions.too-low"),
        (C, Bid(1, 100), "token.insufficient-balance"),
        (A, Donate(9, B, 1), "auctions.unknown-auction"),
        (A, Donate(1, C, 1), "auctions.no-bid"),
        (A, TakeBack(9, B), "auctions.unknown-auction"),
        (A, TakeBack(1, B), "auctions.nothing-given"),
        (A, Choose(1, FILM, ""), "auctions.not-the-winner"),
    ],
)
def test_what_is_refused_changes_nothing(who: bytes, action: Action, code: str) -> None:
    hall = Hall()
    before = dict(hall.world.state.writes())
    assert hall.act(who, action) == code
    assert dict(hall.world.state.writes()) == before


def test_after_its_end_nothing_is_bid_and_only_the_winner_chooses_within_the_time() -> None:
    hall = Hall()
    hall.act(A, Bid(1, 100))
    hall.act(B, Bid(1, 110))
    hall.at(60)
    assert hall.act(B, TakeBack(1, B)) == "auctions.closed"
    assert hall.act(A, Donate(1, B, 1)) == "auctions.closed"
    assert hall.act(A, Choose(1, FILM, "")) == "auctions.not-the-winner"
    assert hall.act(A, TakeBack(1, A)) == "auctions.closed"
    assert hall.held(A) == FUNDS, "it has come back by itself"
    hall.at(190)
    assert hall.act(B, Choose(1, FILM, "")) == "auctions.over"


def test_the_terms_follow_from_the_block_that_opens() -> None:
    hall, start = Hall(), Hall().start
    terms = hall.row().terms
    assert (terms.closes_ms, terms.hard_close_ms) == (start + 60_000, start + 90_000)
    assert (terms.shows_from_ms, terms.shows_until_ms) == (start + 90_000, start + 190_000)


def test_what_lost_goes_back_by_itself_so_much_a_block_and_what_won_does_not() -> None:
    hall, donors = Hall(), [key(f"donor {i}").public for i in range(40)]
    hall.act(A, Bid(1, 100))
    for donor in donors:
        assert hall.act(B, Transfer(donor, "REEL", 7, "")) == "ok"
        assert hall.act(donor, Donate(1, A, 7)) == "ok"
    hall.act(B, Bid(1, 1_000))
    hall.at(60)
    assert sum(hall.held(donor) == 7 for donor in donors) in (15, 16)
    assert hall.act(donors[0], TakeBack(1, A)) == "auctions.closed"
    for blocks in (1, 2, 3):
        assert hall.sound()
        hall.at(60 + blocks)
    assert all(hall.held(donor) == 7 for donor in donors)
    assert hall.held(A) == FUNDS
    assert (hall.pot(ESCROW_POT), hall.pot(POOL)) == (0, 1_000)
    assert hall.sound()
    left = dict(hall.world.state.writes())
    hall.at(70)
    assert dict(hall.world.state.writes()) == left, "nothing is due any more"


def test_slots_of_a_place_follow_one_another() -> None:
    hall, start = Hall(), Hall().start
    assert hall.decide(OPEN) == "ok"
    assert hall.decide(replace(OPEN, place="footer")) == "ok"
    following, elsewhere = hall.row(2).terms, hall.row(3).terms
    assert (following.shows_from_ms, following.shows_until_ms) == (start + 190_000, start + 290_000)
    assert elsewhere.shows_from_ms == start + 90_000
    assert hall.sound()


@pytest.mark.parametrize(
    ("from_s", "code"),
    [
        (89, "too-early"),
        (90, "overlaps"),
        (189, "overlaps"),
        (190, "ok"),
        (301, "overlaps"),
        (300, "ok"),
        (401, "overlaps"),
        (600, "ok"),
        (2 * 366 * 86_400, "ok"),
        (2 * 366 * 86_400 + 1, "too-far"),
    ],
)
def test_a_slot_of_a_time_is_sold_once(from_s: int, code: str) -> None:
    """Sold already: 90 to 190 s, and 400 to 500 s."""
    hall = Hall()
    start = hall.start
    assert hall.decide(replace(OPEN, shows_from_ms=start + 400_000)) == "ok"
    result = hall.decide(replace(OPEN, shows_from_ms=start + 1000 * from_s))
    assert result.removeprefix("auctions.") == code
    assert hall.sound()


def test_what_nobody_bought_is_for_sale_again() -> None:
    hall = Hall()
    hall.at(60)
    again = replace(OPEN, open_s=10, most_extension_s=0, shows_from_ms=hall.start + 90_000)
    assert hall.decide(again) == "ok"
    assert [slot.auction for _, slot in slots_after(hall.world.state, "banner", 0)] == [2]
    assert hall.sound()


def test_so_many_slots_of_a_place_are_on_sale_ahead() -> None:
    hall = Hall()
    for _ in range(MOST_AHEAD - 1):
        assert hall.decide(OPEN) == "ok"
    assert hall.decide(OPEN) == "auctions.too-many-slots"
    assert hall.decide(replace(OPEN, place="footer")) == "ok"


def test_the_slot_of_a_moment_is_found_by_its_place() -> None:
    hall, start = Hall(), Hall().start
    hall.decide(OPEN)
    for second, first in ((0, 1), (189, 1), (190, 2), (289, 2)):
        found = slots_after(hall.world.state, "banner", start + 1000 * second)
        assert found[0][1].auction == first
    assert slots_after(hall.world.state, "banner", start + 290_000) == []


def test_a_shill_that_is_not_topped_has_bought_the_slot() -> None:
    """What driving the price up gains: nothing; the leading bid cannot be taken back."""
    hall = Hall()
    hall.act(A, Bid(1, 100))
    hall.act(B, Bid(1, 500))
    assert hall.act(B, TakeBack(1, B)) == "auctions.leads"
    hall.at(60)
    assert hall.held(B) == FUNDS - 500


def test_the_invariants_see_a_bid_that_is_not_kept() -> None:
    hall = Hall()
    hall.act(A, Bid(1, 100))
    BIDS.delete(hall.world.state, 1, A)
    assert not hall.sound()


def test_the_invariants_see_slots_that_overlap_and_a_close_that_is_not_due() -> None:
    hall = Hall()
    hall.decide(OPEN)
    row = hall.row(2)
    terms = replace(row.terms, shows_from_ms=row.terms.shows_from_ms - 1)
    AUCTIONS.put(hall.world.state, replace(row, terms=terms), 2)
    SLOTS.put(hall.world.state, Slot(terms.shows_from_ms, 2), "banner", terms.shows_until_ms)
    assert not hall.sound()
    other = Hall()
    AUCTIONS.put(other.world.state, replace(other.row(), is_closed=True), 1)
    SLOTS.delete(other.world.state, "banner", other.row().terms.shows_until_ms)
    assert not other.sound()


@dataclass
class Naive:
    """Bids as a dictionary of who gave what to whom."""

    given: Counter[tuple[bytes, bytes]] = field(default_factory=Counter)
    leader: bytes | None = None
    top: int = 0
    closed: bool = False
    paid: int = 0

    def total(self, bidder: bytes) -> int:
        """All for one bidder."""
        return sum(units for (who, _), units in self.given.items() if who == bidder)

    def least(self, bidder: bytes) -> int:
        """By which one leads."""
        if self.leader is None:
            return 100
        return self.top + 1 if self.leader == bidder else self.top + max(1, -(-self.top // 10))


class AuctionMachine(RuleBasedStateMachine):
    """The chain and the model agree after each step."""

    @initialize()
    def begin(self) -> None:
        """Everybody has something."""
        self.hall, self.model = Hall(), Naive()
        self.first = {who: self.hall.held(who) for who in (A, B, C)}
        self.second = 0

    @rule(who=st.sampled_from([A, B, C]), to=st.sampled_from([A, B, C]), units=st.integers(1, 300))
    def put(self, who: bytes, to: bytes, units: int) -> None:
        """Bid, or donate."""
        model = self.model
        good = not model.closed and self.hall.held(who) >= units
        if who == to:
            good = good and model.total(to) + units >= model.least(to)
            assert (self.hall.act(who, Bid(1, units)) == "ok") is good
        else:
            good = good and model.total(to) > 0
            assert (self.hall.act(who, Donate(1, to, units)) == "ok") is good
        if good:
            model.given[to, who] += units
            if model.total(to) >= model.least(to):
                model.leader, model.top = to, model.total(to)

    @rule(who=st.sampled_from([A, B, C]), of=st.sampled_from([A, B, C]))
    def take(self, who: bytes, of: bytes) -> None:
        """Take back."""
        model = self.model
        good = model.given[of, who] > 0 and model.leader != of and not model.closed
        assert (self.hall.act(who, TakeBack(1, of)) == "ok") is good
        if good:
            del self.model.given[of, who]

    @rule(seconds=st.sampled_from([1, 9, 30]))
    def wait(self, seconds: int) -> None:
        """Time goes by."""
        self.second += seconds
        self.hall.at(self.second)
        if self.hall.row().is_closed and not self.model.closed:
            self.model.closed, self.model.paid = True, self.model.top
            self.hall.at(self.second)
            self.hall.at(self.second)
            for bidder, giver in list(self.model.given):
                if bidder != self.model.leader:
                    del self.model.given[bidder, giver]
            assert self.second >= 60
        assert self.model.closed or self.second < 90

    @invariant()
    def agrees(self) -> None:
        """Everything is where the model has it."""
        hall, model = self.hall, self.model
        assert (hall.row().leader, hall.row().top) == (model.leader, model.top)
        for who in (A, B, C):
            put = sum(units for (_, giver), units in model.given.items() if giver == who)
            assert hall.held(who) == self.first[who] - put
        assert hall.pot(POOL) == model.paid
        assert hall.sound()


TestAuctionMachine = AuctionMachine.TestCase
TestAuctionMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
