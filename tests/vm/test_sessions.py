"""Calls: profiles, matching, escrow, tickets, challenge windows, time-outs, and bad input."""

import dataclasses

import pytest

from consensus.hashing import sha256
from consensus.keys import KeyPair
from consensus.record import replace
from tests.vm.calls import (
    ACCEPT,
    CALLER,
    CHALLENGE,
    COUNTERS,
    MINUTES,
    OTHER,
    POLICY,
    PRICE,
    PROVIDER,
    SILENCE,
    TICKETS,
    Calls,
    ask,
    call,
    profile,
    wish,
)
from tests.vm.world import FUNDS, key
from vm.modules.draws import deciding_height
from vm.modules.sessions import (
    PROFILES,
    REQUESTS,
    Accept,
    Decline,
    SetAsset,
    SetProfile,
    Withdraw,
    draw_requests,
    match,
    match_seed,
)
from vm.modules.sessions.tables import CANDIDATES, LISTED

BEACON = sha256(b"beacon")
ESCROW = PRICE * MINUTES


@pytest.fixture
def calls() -> Calls:
    return Calls()


def test_a_profile_lists_its_provider_while_it_is_available(calls: Calls) -> None:
    state = calls.world.state
    assert {key for key, _ in LISTED.every(state)} == {
        ("video", "de", PROVIDER),
        ("video", "en", PROVIDER),
    }
    calls.must(PROVIDER, profile(available=False))
    assert list(LISTED.every(state)) == []
    assert calls.faults() == []
    calls.must(PROVIDER, Withdraw())
    assert PROFILES.get(state, PROVIDER) is None
    assert calls.failure(PROVIDER, Withdraw()) == ("no-profile", "")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"languages": ("en", "de")}, ("unordered", "languages")),
        ({"languages": ("en", "en")}, ("unordered", "languages")),
        ({"interests": ("b", "a")}, ("unordered", "interests")),
        ({"asset": "USDT"}, ("unpayable", "asset")),
    ],
)
def test_a_bad_profile_is_refused(
    calls: Calls, changed: dict[str, str], expected: tuple[str, str]
) -> None:
    bad: SetProfile = replace(profile(), **changed)
    assert calls.failure(PROVIDER, bad) == expected


def test_an_asset_is_payable_by_decision_only(calls: Calls) -> None:
    assert calls.failure(POLICY, SetAsset("NONE", True)) == ("unknown-asset", "asset")
    calls.must(POLICY, SetAsset("REEL", False))
    assert calls.failure(CALLER, call()) == ("unpayable", "asset")
    assert calls.failure(CALLER, ask()) == ("unpayable", "wish.asset")
    assert match(calls.world.state, CALLER, wish(), BEACON) is None


def test_the_match_shares_most_interests_then_is_cheapest_then_by_the_beacon(calls: Calls) -> None:
    state, people = calls.world.state, sorted(key(f"p{i}").public for i in range(4))
    calls.must(PROVIDER, Withdraw())
    calls.must(people[0], profile(90, "art"))
    calls.must(people[1], profile(100, "art", "chess"))
    calls.must(people[2], profile(101, "art", "chess", "go"))
    assert match(state, CALLER, wish(100, "art", "chess", "go"), BEACON) == people[1]
    assert match(state, CALLER, wish(100, "art"), BEACON) == people[0]
    assert match(state, people[0], wish(100, "art"), BEACON) == people[1]
    assert match(state, CALLER, wish(89), BEACON) is None
    assert match(state, CALLER, replace(wish(), kind="audio"), BEACON) is None
    assert match(state, CALLER, replace(wish(), language="fr"), BEACON) is None
    for person in people:
        calls.must(person, profile(50))
    seen = {match(state, CALLER, wish(), sha256(bytes([i]))) for i in range(40)}
    assert seen == set(people)
    assert match(state, CALLER, wish(), BEACON) == min(people, key=lambda p: sha256(BEACON + p))


def test_a_match_looks_at_a_bounded_number_from_the_beacon_on(calls: Calls) -> None:
    state, people = calls.world.state, sorted(key(f"p{i}").public for i in range(5))
    calls.must(PROVIDER, Withdraw())
    for place, person in enumerate(people):
        calls.must(person, profile(100 - place))
    CANDIDATES.set(state, 2)
    assert match(state, CALLER, wish(), people[1]) == people[2]
    assert match(state, CALLER, wish(), people[4]) == people[4]  # looks at the last and the first
    assert match(state, people[4], wish(), people[4]) == people[0]


def test_a_request_is_matched_by_a_later_block_as_was_simulated(calls: Calls) -> None:
    calls.must(CALLER, ask(wish(PRICE + 7)))
    before = dataclasses.replace(
        calls.block, height=deciding_height(calls.block) - 1, beacon=BEACON
    )
    calls.step(draw_requests, block=before)
    assert calls.pot() == ESCROW + 7 * MINUTES
    assert calls.faults() == []
    assert match(calls.world.state, CALLER, wish(PRICE + 7), match_seed(BEACON, 0)) == PROVIDER
    calls.draw(BEACON)
    row = calls.session()
    assert row is not None
    assert (row.provider, row.price) == (PROVIDER, PRICE)
    assert REQUESTS.get(calls.world.state, 0) is None
    assert (calls.pot(), calls.held(CALLER)) == (ESCROW, FUNDS - ESCROW)
    assert calls.faults() == []


def test_a_request_that_nobody_fits_costs_nothing(calls: Calls) -> None:
    calls.must(CALLER, ask(wish(PRICE - 1)))
    calls.draw(BEACON)
    assert (calls.pot(), calls.held(CALLER), calls.session()) == (0, FUNDS, None)


def test_a_bad_request_is_refused(calls: Calls) -> None:
    assert calls.failure(CALLER, ask(wish(PRICE, "b", "a"))) == ("unordered", "wish.interests")
    assert calls.failure(CALLER, replace(ask(), ticket_key=bytes(32))) == ("bad-key", "ticket_key")
    assert calls.failure(OTHER, ask()) == ("insufficient-balance", "")


def test_a_bad_call_is_refused(calls: Calls) -> None:
    assert calls.failure(PROVIDER, call()) == ("own-session", "provider")
    assert calls.failure(CALLER, call(provider=OTHER)) == ("unavailable", "provider")
    assert calls.failure(CALLER, call(PRICE - 1)) == ("price-changed", "price")
    assert calls.failure(CALLER, replace(call(), ticket_key=bytes(32))) == ("bad-key", "ticket_key")
    assert calls.failure(OTHER, call()) == ("insufficient-balance", "")
    calls.must(PROVIDER, profile(available=False))
    assert calls.failure(CALLER, call()) == ("unavailable", "provider")


def test_who_accepts_leaves_the_list(calls: Calls) -> None:
    calls.must(CALLER, call())
    accept = Accept(0, COUNTERS.public)
    assert calls.failure(OTHER, accept) == ("not-the-provider", "session")
    assert calls.failure(PROVIDER, Accept(1, COUNTERS.public)) == ("unknown-session", "session")
    assert calls.failure(PROVIDER, Accept(0, bytes(32))) == ("bad-key", "provider_key")
    assert calls.failure(CALLER, calls.ticket(1)) == ("not-accepted", "session")
    calls.must(PROVIDER, accept)
    assert calls.failure(PROVIDER, accept) == ("accepted", "session")
    assert calls.failure(PROVIDER, Decline(0)) == ("accepted", "session")
    assert match(calls.world.state, CALLER, wish(), BEACON) is None
    assert calls.faults() == []


def test_declined_or_not_accepted_in_time_all_returns(calls: Calls) -> None:
    calls.must(CALLER, call())
    assert calls.failure(CALLER, Decline(0)) == ("not-the-provider", "session")
    calls.must(PROVIDER, Decline(0))
    assert calls.held(CALLER) == FUNDS
    assert calls.faults() == []
    calls.must(CALLER, call())
    calls.wait(ACCEPT - 1)
    assert calls.pot() == ESCROW
    calls.time_ms += 1000
    assert calls.failure(PROVIDER, Accept(1, COUNTERS.public)) == ("too-late", "session")
    calls.wait(0)
    assert calls.held(CALLER) == FUNDS
    assert calls.faults() == []


def test_the_highest_ticket_of_the_window_is_paid(calls: Calls) -> None:
    calls.begin_call()
    calls.must(CALLER, calls.ticket(0))
    calls.wait(CHALLENGE - 1)
    calls.must(PROVIDER, calls.ticket(301))
    assert calls.failure(CALLER, calls.ticket(301)) == ("not-higher", "seconds")
    assert calls.failure(CALLER, calls.ticket(300)) == ("not-higher", "seconds")
    calls.time_ms += 1000
    assert calls.failure(PROVIDER, calls.ticket(302)) == ("too-late", "session")
    calls.wait(0)
    assert (calls.held(CALLER), calls.pot("revenue")) == (FUNDS - 501, 100)
    assert (calls.held(PROVIDER), calls.pot()) == (FUNDS + 401, 0)
    assert calls.failure(PROVIDER, calls.ticket(303)) == ("unknown-session", "session")
    assert calls.faults() == []


@pytest.mark.parametrize("shown", [None, 599, 600])
def test_what_both_have_signed_as_the_last_ticket_settles_at_once(
    calls: Calls, shown: int | None
) -> None:
    calls.begin_call()
    if shown is not None:
        calls.must(PROVIDER, calls.ticket(shown))
    calls.must(CALLER, calls.ticket(600, counter=COUNTERS, last=True))
    assert (calls.session(), calls.held(CALLER)) == (None, FUNDS - ESCROW)
    assert calls.faults() == []


@pytest.mark.parametrize(("counter", "last"), [(COUNTERS, False), (None, True), (None, False)])
def test_any_other_ticket_waits_for_a_higher_one(
    calls: Calls, counter: KeyPair | None, last: bool
) -> None:
    calls.begin_call()
    calls.must(PROVIDER, calls.ticket(300, counter=counter, last=last))
    again = calls.ticket(300, counter=counter, last=last)
    assert calls.failure(PROVIDER, again) == ("not-higher", "seconds")
    lower = calls.ticket(299, counter=COUNTERS, last=True)
    assert calls.failure(CALLER, lower) == ("not-higher", "seconds")
    calls.must(CALLER, calls.ticket(301))
    calls.wait(CHALLENGE)
    assert calls.held(CALLER) == FUNDS - 501


def test_without_a_ticket_all_returns_after_the_time_out(calls: Calls) -> None:
    calls.begin_call()
    calls.wait(60 * MINUTES + SILENCE - 1)
    assert calls.pot() == ESCROW
    calls.wait(1)
    assert (calls.session(), calls.held(CALLER), calls.faults()) == (None, FUNDS, [])


def test_bad_tickets_are_refused(calls: Calls) -> None:
    calls.begin_call()
    chain = calls.block.chain
    bad = ("bad-ticket", "caller_signature")
    assert calls.failure(OTHER, calls.ticket(1)) == ("not-a-side", "session")
    assert calls.failure(PROVIDER, calls.ticket(601)) == ("too-long", "seconds")
    assert calls.failure(PROVIDER, calls.ticket(9, by=COUNTERS)) == bad
    assert calls.failure(PROVIDER, calls.ticket(9, of=(chain, 1))) == bad
    assert calls.failure(PROVIDER, calls.ticket(9, of=(bytes(32), 0))) == bad
    assert calls.failure(PROVIDER, replace(calls.ticket(9), seconds=10)) == bad
    for last in (False, True):
        countersigned = calls.ticket(9, counter=TICKETS, last=last)
        assert calls.failure(CALLER, countersigned) == ("bad-ticket", "provider_signature")
    called_last = replace(calls.ticket(9, counter=COUNTERS), is_last=True)
    assert calls.failure(CALLER, called_last) == bad
