"""Funds: gathered, invested by vote, left, and what comes back is shared to the unit."""

from collections.abc import Sequence
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.codec import UINT64_MAX
from consensus.record import replace
from tests.vm.club import CENTS, DAY_MS, PEOPLE, STUDIO, TERMS, Club
from tests.vm.world import ANNA, BEN, CLEO
from tests.vm.world import FUNDS as NATIVE_UNITS
from vm.declare import Action
from vm.modules.fund import (
    FOUNDING_UNITS,
    FUNDS,
    HELD_POT,
    JOINED,
    KEPT_MS,
    MEMBERS,
    MOST_OPEN,
    NO,
    PROPOSALS,
    SHORTEST_S,
    YES,
    Claim,
    Contribute,
    Found,
    Leave,
    PayIn,
    Propose,
    Vote,
)
from vm.modules.tokens import Create, Issue

DORA = PEOPLE[2]


@pytest.fixture
def club() -> Club:
    return Club()


def test_contributions_bring_as_many_shares_until_the_gathering_is_over(club: Club) -> None:
    club.found(600, 300, 100)
    row = club.fund
    assert (row.members, row.shares, row.liquid) == (3, 1_000, 1_000)
    assert [club.member(who).shares for who in PEOPLE[:3]] == [600, 300, 100]
    assert club.act(BEN.public, Contribute(1, row.terms, 10)) == "fund.gathered"
    assert club.pot(HELD_POT, "CENT") == 1_000
    assert club.sound()


def test_who_contributes_again_has_more_shares_and_is_one_member(club: Club) -> None:
    terms = replace(TERMS, until_ms=club.time_ms + DAY_MS)
    club.act(ANNA.public, Found("Films", terms, 10))
    assert [club.act(ANNA.public, Contribute(1, terms, 10)) for _ in range(2)] == ["ok", "ok"]
    assert (club.fund.members, club.member(ANNA).shares) == (1, 30)
    assert club.leave(ANNA) == [30]
    assert (club.cents(ANNA), club.pot(HELD_POT, "CENT")) == (CENTS, 0)


def test_founding_takes_a_deposit_until_the_fund_is_wound_up(club: Club) -> None:
    deposit = FOUNDING_UNITS.read(club.world.state)
    club.found(60, 40)
    assert (club.held(ANNA.public), club.pot(HELD_POT)) == (NATIVE_UNITS - deposit, deposit)
    club.leave(ANNA)
    assert club.held(ANNA.public) == NATIVE_UNITS - deposit, "the fund is still there"
    club.leave(BEN)
    assert (club.held(ANNA.public), club.held(BEN.public)) == (NATIVE_UNITS, NATIVE_UNITS)
    assert FUNDS.get(club.world.state, 1) is None
    assert list(JOINED.every(club.world.state)) == []
    assert list(MEMBERS.every(club.world.state)) == []
    assert club.sound()


def test_what_passes_is_paid_when_its_grace_is_over(club: Club) -> None:
    club.found(600, 300, 100)
    number = club.propose(500)
    club.vote(number, yes=[ANNA], no=[BEN])
    club.wait(DAY_MS - 1)
    assert club.proposal(number).status == "voting"
    club.wait(1)
    assert club.proposal(number).status == "passed"
    club.wait(2 * DAY_MS - 1)
    assert club.gains(STUDIO) == [0]
    club.wait(1)
    assert (club.proposal(number).status, club.proposal(number).paid_units) == ("paid", 500)
    assert (club.gains(STUDIO), club.fund.liquid, club.fund.open) == ([500], 500, ())
    assert club.sound()


@pytest.mark.parametrize(
    ("yes", "no", "status"),
    [
        ([0], [1], "passed"),
        ([1, 2], [3], "passed"),
        ([1], [2], "rejected"),
        ([2], [1], "rejected"),
        ([3], [], "rejected"),
        ([2, 3], [], "passed"),
        ([], [0], "rejected"),
        ([], [], "rejected"),
    ],
    ids=["more", "together", "tie", "fewer", "below-quorum", "at-quorum", "no-yes", "no-votes"],
)
def test_more_yes_than_no_passes_if_the_quorum_has_voted(
    club: Club, yes: Sequence[int], no: Sequence[int], status: str
) -> None:
    """Shares are 400, 200, 200, 100, 100: a quorum of 30% are 300."""
    club.found(400, 200, 200, 100, 100)
    number = club.propose(100)
    club.vote(number, [PEOPLE[i] for i in yes], [PEOPLE[i] for i in no])
    club.wait(DAY_MS)
    assert club.proposal(number).status == status
    assert club.sound()


def test_a_deposit_comes_back_if_the_vote_passes_and_is_else_the_funds(club: Club) -> None:
    club.found(600, 400)
    number = club.propose(100, by=BEN)
    assert club.gains(BEN) == [-405]
    club.vote(number, yes=[ANNA])
    club.wait(DAY_MS)
    assert club.gains(BEN) == [-400]
    refused = club.propose(100, by=BEN)
    club.vote(refused, no=[ANNA])
    club.wait(DAY_MS)
    assert (club.gains(BEN), club.fund.liquid) == ([-405], 1_005)
    assert club.sound()


def test_a_vote_is_final_and_with_all_shares(club: Club) -> None:
    club.found(600, 400)
    number = club.propose(100)
    club.vote(number, no=[ANNA])
    assert club.act(ANNA.public, Vote(1, number, YES)) == "fund.voted-already"
    assert club.act(CLEO.public, Vote(1, number, YES)) == "fund.not-a-member"
    club.time_ms += DAY_MS
    assert club.act(BEN.public, Vote(1, number, YES)) == "fund.not-voting", "before the step too"


def test_what_the_fund_no_longer_has_is_not_paid(club: Club) -> None:
    club.found(1_000)
    first, second = club.propose(600), club.propose(600)
    club.vote(first, yes=[ANNA])
    club.vote(second, yes=[ANNA])
    club.wait(DAY_MS)
    club.wait(2 * DAY_MS)
    assert [club.proposal(n).status for n in (first, second)] == ["paid", "failed"]
    assert (club.gains(STUDIO), club.fund.liquid, club.fund.open) == ([600], 400, ())
    assert club.sound()


def test_returns_are_shared_by_shares_to_the_unit(club: Club) -> None:
    """Of any sum of payments each has floor(payments × shares ÷ all), however it claims."""
    club.found(500, 333, 167)
    club.pay_in(100)
    assert club.act(BEN.public, Claim(1)) == "ok"
    assert club.act(BEN.public, Claim(1)) == "fund.nothing-returned"
    club.pay_in(77)
    for who in PEOPLE[:3]:
        assert club.act(who.public, Claim(1)) == "ok"
    shares = [Fraction(part, 1_000) for part in (500, 333, 167)]
    parts = [floor(177 * share) for share in shares]
    assert club.gains(*PEOPLE[:3]) == [
        part - units for part, units in zip(parts, (500, 333, 167), strict=True)
    ]
    assert club.pot(HELD_POT, "CENT") == 1_000 + 177 - sum(parts), "rounding stays in the fund"
    assert club.sound()


def test_who_leaves_takes_its_part_of_both(club: Club) -> None:
    club.found(500, 333, 167)
    club.invest(400)
    club.pay_in(101)
    before = club.act(DORA.public, Claim(1))
    assert before == "ok"
    part = floor(Fraction(333, 1_000) * 600) + floor(Fraction(333, 1_000) * 101)
    assert club.leave(BEN) == [part]
    others = floor(Fraction(500, 1_000) * 101)
    assert club.act(ANNA.public, Claim(1)) == "ok"
    assert club.gains(ANNA) == [others - 500], "others have what they had before"
    left = club.pot(HELD_POT, "CENT")
    assert sum(club.leave(ANNA, DORA)) == left, "the last has what rounding left, too"
    assert club.pot(HELD_POT, "CENT") == 0
    assert club.sound()


def test_a_fund_is_wound_up_with_open_proposals(club: Club) -> None:
    club.found(600, 400)
    voted, silent = club.propose(100), club.propose(100, by=BEN)
    club.vote(voted, yes=[ANNA])
    club.wait(DAY_MS // 2)
    assert club.leave(BEN) == [400]
    assert club.leave(ANNA) == [600 + 2 * 5], "with the deposits of what can no more be decided"
    assert [club.proposal(n).status for n in (voted, silent)] == ["rejected", "rejected"]
    assert club.act(ANNA.public, Leave(1)) == "fund.unknown-fund"
    assert club.sound()
    club.wait(KEPT_MS)
    assert list(PROPOSALS.every(club.world.state)) == []
    assert club.sound()


def test_a_proposal_that_is_over_is_removed(club: Club) -> None:
    club.found(1_000)
    assert club.invest(100).status == "paid"
    club.wait(KEPT_MS - 1)
    assert club.proposal(1).status == "paid"
    club.wait(1)
    assert list(PROPOSALS.every(club.world.state)) == []
    assert club.act(ANNA.public, Vote(1, 1, YES)) == "fund.unknown-proposal"


def test_the_grace_begins_with_the_block_that_counts(club: Club) -> None:
    """A chain that stood still takes nobody's time to leave."""
    club.found(1_000)
    number = club.propose(100)
    club.vote(number, yes=[ANNA])
    club.wait(10 * DAY_MS)
    assert club.proposal(number).status == "passed"
    club.wait(2 * DAY_MS - 1)
    assert club.proposal(number).status == "passed"


def test_so_many_proposals_are_open_and_what_is_due_goes_in_batches(club: Club) -> None:
    club.found(1_000)
    for _ in range(MOST_OPEN):
        club.vote(club.propose(1), yes=[ANNA])
    assert club.act(ANNA.public, Propose(1, STUDIO.public, 1, "")) == "fund.too-many-open"
    club.wait(DAY_MS)
    assert club.act(ANNA.public, Propose(1, STUDIO.public, 1, "")) == "fund.too-many-open"
    club.wait(2 * DAY_MS)
    assert (club.fund.open, club.gains(STUDIO)) == ((), [MOST_OPEN])
    again = club.propose(1)
    club.vote(again, yes=[ANNA])
    assert [ballot.proposal for ballot in club.member(ANNA).ballots] == [again]
    assert club.sound()


def test_many_proposals_fall_due_in_batches(club: Club) -> None:
    terms = replace(TERMS, until_ms=club.time_ms + DAY_MS)
    founders = (ANNA, BEN, ANNA)
    for who in founders:
        assert club.act(who.public, Found("Films", terms, 500)) == "ok"
    club.wait(DAY_MS)
    for number, who in enumerate(founders, 1):
        for _ in range(MOST_OPEN):
            assert club.act(who.public, Propose(number, STUDIO.public, 1, "")) == "ok"
    club.wait(DAY_MS)
    assert _count_of(club, "voting") == 3 * MOST_OPEN - 32
    club.wait(0)
    assert _count_of(club, "voting") == 0
    assert club.sound()


def _count_of(club: Club, status: str) -> int:
    return [row.status for _, row in PROPOSALS.every(club.world.state)].count(status)


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (Found("F", replace(TERMS, asset="NONE"), 10), "token.unknown-asset"),
        (Found("F", replace(TERMS, asset="FIXED"), 10), "token.not-transferable"),
        (Found("F", replace(TERMS, until_ms=0), 10), "fund.ends-too-early"),
        (Found("F", replace(TERMS, until_ms=32 * DAY_MS), 10), "fund.ends-too-late"),
        (Found("F", replace(TERMS, vote_s=9), 10), "fund.too-short"),
        (Found("F", replace(TERMS, grace_s=9), 10), "fund.too-short"),
        (Found("F", TERMS, 9), "fund.too-little"),
        (Found("F", TERMS, CENTS + 1), "token.insufficient-balance"),
        (Contribute(1, TERMS, 10), "fund.other-terms"),
        (Contribute(9, TERMS, 10), "fund.unknown-fund"),
        (Propose(9, STUDIO.public, 1, ""), "fund.unknown-fund"),
        (Propose(1, STUDIO.public, 1, ""), "fund.gathering"),
        (PayIn(1, 1, ""), "fund.gathering"),
        (PayIn(2, CENTS + 1, ""), "token.insufficient-balance"),
        (PayIn(2, UINT64_MAX, ""), "fund.too-much"),
        (Propose(2, STUDIO.public, 101, ""), "fund.more-than-liquid"),
        (Vote(2, 9, YES), "fund.unknown-proposal"),
        (Vote(9, 1, NO), "fund.unknown-fund"),
        (Claim(2), "fund.nothing-returned"),
        (Claim(3), "fund.unknown-fund"),
        (Leave(3), "fund.unknown-fund"),
    ],
)
def test_what_cannot_be_is_named_and_changes_nothing(club: Club, action: Action, code: str) -> None:
    club.decide(Create("FIXED", "Fixed", 0, 10**6, False, False, None))
    club.decide(Issue(ANNA.public, "FIXED", 1_000, ""))
    later = replace(TERMS, until_ms=club.time_ms + 2 * DAY_MS)
    club.act(ANNA.public, Found("Open", later, 100))
    club.act(ANNA.public, Found("Gathered", replace(later, until_ms=club.time_ms + 1), 100))
    club.wait(DAY_MS)
    club.pay_in(1, fund=2)
    club.act(ANNA.public, Claim(2))
    if isinstance(action, Found):
        until_ms = action.terms.until_ms + club.time_ms if action.terms.until_ms else 0
        action = replace(action, terms=replace(action.terms, until_ms=until_ms))
    before = dict(club.world.state.writes())
    assert club.act(ANNA.public, action) == code
    assert dict(club.world.state.writes()) == before


@pytest.mark.parametrize("action", [Claim(1), Leave(1), Propose(1, ANNA.public, 1, "")])
def test_strangers_can_only_pay_in(club: Club, action: Action) -> None:
    club.found(100)
    assert club.act(BEN.public, action) == "fund.not-a-member"
    assert club.act(BEN.public, PayIn(1, 10, "")) == "ok"


def test_the_shortest_times_are_of_new_funds_only(club: Club) -> None:
    club.found(1_000)
    SHORTEST_S.set(club.world.state, 2 * 86_400)
    assert club.invest(100).status == "paid"
    later = replace(club.fund.terms, until_ms=club.time_ms + 1)
    assert club.act(ANNA.public, Found("Films", later, 10)) == "fund.too-short"


TURNS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(1, 400)), max_size=40)


@given(TURNS)
def test_whatever_happens_nothing_is_made_or_lost(turns: Sequence[tuple[int, int, int]]) -> None:
    club = Club()
    club.found(500, 301, 199)
    for kind, who, units in turns:
        sender = PEOPLE[who].public
        if kind == 0:
            club.act(sender, Propose(1, STUDIO.public, units, ""))
        elif kind in (1, 2):
            club.act(sender, Vote(1, units % 4 + 1, YES if kind == 1 else NO))
        elif kind == 3:
            club.act(STUDIO.public, PayIn(1, units, ""))
        elif kind == 4:
            club.act(sender, Leave(1) if units < 100 else Claim(1))
        else:
            club.wait(units * DAY_MS // 100)
        assert club.sound()
    for member in PEOPLE[:4]:
        club.act(member.public, Leave(1))
    club.wait(10 * DAY_MS)
    assert (club.pot(HELD_POT), club.pot(HELD_POT, "CENT")) == (0, 0)
    assert sum(club.gains(*PEOPLE[:4], STUDIO)) == 0
    assert club.sound()


@given(
    st.lists(st.integers(1, 10**6), min_size=2, max_size=6),
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 10**6)), max_size=20),
)
def test_no_order_of_claims_and_leaving_changes_what_others_have(
    shares: Sequence[int], turns: Sequence[tuple[int, int]]
) -> None:
    """Each has its exact part of every payment that it was there for, less than a unit for each
    time that somebody left: it is never below the exact part, rounded down."""
    club = Club()
    for person in PEOPLE[: len(shares)]:
        club.decide(Issue(person.public, "CENT", 10**6, ""))
    club.decide(Issue(STUDIO.public, "CENT", 10**8, ""))
    club.found(*shares, least_units=1)
    exact = {i: Fraction(0) for i in range(len(shares))}
    claimed = dict.fromkeys(exact, 0)
    for who, units in turns:
        if who in exact and units % 3 == 0 and len(exact) > 1:
            club.leave(PEOPLE[who])
            del exact[who]
        elif who in exact and units % 3 == 1:
            before = club.cents(PEOPLE[who])
            club.act(PEOPLE[who].public, Claim(1))
            claimed[who] += club.cents(PEOPLE[who]) - before
            assert claimed[who] >= floor(exact[who])
        elif units:
            club.pay_in(units)
            whole = sum(shares[i] for i in exact)
            exact = {i: part + Fraction(units * shares[i], whole) for i, part in exact.items()}
    assert club.sound()


def test_the_invariants_see_what_is_not_kept(club: Club) -> None:
    club.found(600, 400)
    number = club.propose(100)
    club.vote(number, yes=[ANNA])
    row, member, proposal = club.fund, club.member(ANNA), club.proposal(number)
    state = club.world.state
    for wrong in (
        replace(row, liquid=row.liquid - 1),
        replace(row, members=3),
        replace(row, shares=999),
        replace(row, open=()),
    ):
        FUNDS.put(state, wrong, 1)
        assert not club.sound()
    FUNDS.put(state, replace(row, returned=1, claimed=1), 1)
    MEMBERS.put(state, replace(member, claimed=1), 1, ANNA.public)
    assert not club.sound(), "Anna's part of 1 is none"
    FUNDS.put(state, row, 1)
    MEMBERS.put(state, member, 1, ANNA.public)
    assert club.sound()
    PROPOSALS.put(state, replace(proposal, yes=1), 1, number)
    assert not club.sound()
    PROPOSALS.put(state, replace(proposal, due_ms=1), 1, number)
    assert not club.sound()
    PROPOSALS.put(state, proposal, 1, number)
    JOINED.delete(state, ANNA.public, 1)
    assert not club.sound()
