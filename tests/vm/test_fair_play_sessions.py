"""What attacks on calls and ratings gain the attacker: nothing, or less than they cost."""

from consensus.record import replace
from tests.vm.calls import (
    CALLER,
    CHALLENGE,
    COUNTERS,
    MINUTES,
    PRICE,
    PROVIDER,
    SILENCE,
    Calls,
    call,
    profile,
)
from tests.vm.world import FUNDS, key
from vm.modules.ratings import STANDINGS, Rate
from vm.modules.sessions import Accept

ESCROW = PRICE * MINUTES


def test_a_ticket_is_of_one_session_of_one_chain_and_is_paid_once() -> None:
    """Replaying a ticket, for another session, chain or provider, or twice, gains nothing."""
    calls = Calls()
    calls.begin_call()
    paid = calls.ticket(600, 0, counter=COUNTERS, last=True)
    calls.must(PROVIDER, paid)
    income = calls.held(PROVIDER)
    assert calls.act(PROVIDER, paid) == "sessions.unknown-session"
    calls.must(PROVIDER, profile())
    calls.begin_call(number=1)
    other = key("other").public
    calls.must(other, profile())
    calls.must(CALLER, call(provider=other))
    calls.must(other, Accept(2, COUNTERS.public))
    for thief, number in ((PROVIDER, 1), (other, 2)):
        for of in ((calls.block.chain, 0), (bytes(32), number)):
            assert calls.act(thief, calls.ticket(600, number, of=of)) == "sessions.bad-ticket"
    calls.wait(60 * MINUTES + SILENCE)
    assert (calls.held(PROVIDER), calls.held(other)) == (income, 0)


def test_a_caller_that_shows_a_low_ticket_pays_for_the_highest() -> None:
    """A lower ticket gains the caller nothing if the provider shows its own in the window, and a
    lower one after a higher is refused."""
    calls = Calls()
    calls.begin_call()
    calls.must(CALLER, calls.ticket(0))
    calls.wait(CHALLENGE - 1)
    calls.must(PROVIDER, calls.ticket(600))
    assert calls.act(CALLER, calls.ticket(0)) == "sessions.not-higher"
    calls.wait(1)
    assert calls.held(CALLER) == FUNDS - ESCROW


def test_who_countersigns_tickets_as_they_come_is_still_paid_the_highest() -> None:
    """A provider that countersigns each ticket has not said that no higher one follows: a caller
    that shows an old one of two signatures ends nothing."""
    calls = Calls()
    calls.begin_call()
    calls.must(CALLER, calls.ticket(60, counter=COUNTERS))
    calls.wait(CHALLENGE - 1)
    calls.must(PROVIDER, calls.ticket(600))
    calls.wait(1)
    assert calls.held(CALLER) == FUNDS - ESCROW


def test_a_provider_cannot_get_rid_of_a_rating_by_settling_low() -> None:
    """A provider that gives up some seconds to be too short for a rating cannot end a session
    alone: its caller shows a higher ticket in the window, and rates it."""
    calls = Calls()
    calls.begin_call()
    low = calls.ticket(59, counter=COUNTERS)
    assert calls.act(PROVIDER, replace(low, is_last=True)) == "sessions.bad-ticket"
    calls.must(PROVIDER, low)
    calls.must(CALLER, calls.ticket(600))
    calls.wait(CHALLENGE)
    calls.must(CALLER, Rate(0, 1))


def test_neither_side_is_hurt_by_the_last_ticket_that_it_has_signed() -> None:
    """It ends a session at once only by both keys, at no less than was shown and no more than the
    caller has signed; what one side alone calls the last can be topped by the other."""
    calls = Calls()
    calls.begin_call()
    calls.must(CALLER, calls.ticket(60, last=True))
    calls.must(PROVIDER, calls.ticket(300))
    for seconds in (60, 299):
        early = calls.ticket(seconds, counter=COUNTERS, last=True)
        assert calls.act(CALLER, early) == "sessions.not-higher"
    forged = calls.ticket(600, by=COUNTERS, counter=COUNTERS, last=True)
    assert calls.act(PROVIDER, forged) == "sessions.bad-ticket"
    calls.must(CALLER, calls.ticket(300, counter=COUNTERS, last=True))
    assert calls.held(CALLER) == FUNDS - ESCROW // 2


def test_calling_oneself_costs_the_fee() -> None:
    """An account cannot call itself; two accounts of one person lose the platform's fee."""
    calls = Calls()
    assert calls.act(PROVIDER, call()) == "sessions.own-session"
    calls.begin_call()
    calls.settle(600)
    assert calls.held(CALLER) + calls.held(PROVIDER) == 2 * FUNDS - ESCROW // 5


def test_a_farm_of_ratings_pays_a_fee_for_each() -> None:
    """Nobody rates itself, or without a paid call: each bought rating costs the fee of a minute."""
    calls = Calls()
    assert calls.act(PROVIDER, Rate(0, 5)) == "ratings.not-invited"
    for number in range(3):
        calls.must(PROVIDER, profile())
        calls.begin_call(number=number)
        calls.settle(60, number)
        calls.must(CALLER, Rate(number, 5))
        assert calls.act(CALLER, Rate(number, 5)) == "ratings.already-rated"
    standing = STANDINGS.get(calls.world.state, PROVIDER)
    assert standing is not None
    assert standing.counts == (0, 0, 0, 0, 3)
    assert calls.pot("revenue") == 3 * (PRICE // 5)


def test_a_silent_side_keeps_nothing_of_the_other() -> None:
    """A provider without a ticket gets nothing; a caller that vanished pays for its last ticket."""
    calls = Calls()
    calls.begin_call()
    calls.wait(60 * MINUTES + SILENCE - 1)
    calls.must(PROVIDER, calls.ticket(300))
    calls.wait(CHALLENGE)
    assert calls.held(CALLER) == FUNDS - ESCROW // 2
