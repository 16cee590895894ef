"""What attacks on calls and ratings gain the attacker: nothing, or less than they cost."""

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
    paid = calls.ticket(600, 0, counter=COUNTERS)
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


def test_calling_oneself_costs_the_fee() -> None:
    """An account cannot call itself; two accounts of one person lose the platform's fee."""
    calls = Calls()
    assert calls.act(PROVIDER, call()) == "sessions.own-call"
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
        assert calls.act(CALLER, Rate(number, 5)) == "ratings.not-invited"
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
