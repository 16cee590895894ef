"""Auctions: who leads, what can be taken back, when they close, and what attacks gain."""

from collections import Counter
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from consensus.cid import RAW, cid_of
from tests.vm.days import Days
from tests.vm.world import ANNA, BEN, CLEO, FUNDS
from vm.declare import Action
from vm.modules.auctions import (
    AUCTIONS,
    BIDS,
    ESCROW_POT,
    Auction,
    Bid,
    Choose,
    Donate,
    Open,
    TakeBack,
    Terms,
    close_due,
    needed,
    total_of,
)

A, B, C = ANNA.public, BEN.public, CLEO.public
POOL = "participation"
FILM = cid_of(RAW, b"film")


@dataclass
class Hall(Days):
    """One auction from 100 units on, each bid a tenth above the last; it closes in 60 s, or 10 s
    after a new lead, in 90 s at the latest; the slot shows from then for 100 s."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.start = self.time_ms
        assert self.decide(Open(self.terms())) == "ok"

    def terms(self) -> Terms:
        """Those of the auction."""
        start = self.start
        shows = start + 90_000
        return Terms(
            "banner", shows, shows + 100_000, 100, 100_000, start + 60_000, shows, 10, POOL
        )

    def at(self, seconds: int) -> None:
        """So long after the beginning."""
        self.time_ms = self.start + 1000 * seconds
        self.step(close_due)

    def row(self) -> Auction:
        """The auction."""
        found = AUCTIONS.get(self.world.state, 1)
        assert found is not None
        return found


def test_the_highest_bid_wins_the_others_take_theirs_back_and_the_pool_gets_the_price() -> None:
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
    assert hall.act(B, TakeBack(1, B)) == "auctions.leads"
    assert hall.act(A, Donate(1, B, 1)) == "auctions.closed"
    assert hall.act(A, Choose(1, FILM, "")) == "auctions.not-the-winner"
    assert hall.act(A, TakeBack(1, A)) == "ok"
    assert hall.act(A, TakeBack(1, A)) == "auctions.nothing-given"
    hall.at(190)
    assert hall.act(B, Choose(1, FILM, "")) == "auctions.over"


@pytest.mark.parametrize(
    "changed",
    [
        {"closes_ms": 0},
        {"hard_close_ms": 1},
        {"shows_from_ms": 1},
        {"shows_until_ms": 1},
    ],
)
def test_times_out_of_order_are_refused(changed: dict[str, int]) -> None:
    hall = Hall()
    assert hall.decide(Open(replace(hall.terms(), **changed))) == "auctions.bad-times"  # type: ignore[arg-type]


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
        good = self.model.given[of, who] > 0 and self.model.leader != of
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
