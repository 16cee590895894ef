"""Calls, tickets, ratings and time-outs in any order, against an exact naive model."""

from dataclasses import dataclass
from fractions import Fraction
from math import floor

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.vm.calls import (
    ACCEPT,
    CALLER,
    CHALLENGE,
    COUNTERS,
    PROVIDER,
    RATE,
    SILENCE,
    Calls,
    ask,
    call,
    profile,
    wish,
)
from tests.vm.world import FUNDS
from vm.declare import Action
from vm.modules.ratings import STANDINGS, Rate, Standing, ratings
from vm.modules.sessions import Accept, Decline, sessions
from vm.modules.tokens import conserved

CHECKS = [conserved, *sessions.invariants, *ratings.invariants]
SIDES = st.sampled_from([CALLER, PROVIDER])
NUMBERS = st.integers(0, 2)
SECONDS = st.one_of(st.integers(0, 600), st.integers(0, 86_400))


@dataclass
class NaiveCall:
    """A call, what it holds, and until when the next thing must happen."""

    price: int
    minutes: int
    until: int
    is_accepted: bool = False
    seconds: int | None = None


class SessionsMachine(RuleBasedStateMachine):
    """The chain and the model agree to the unit after each step."""

    @initialize()
    def begin(self) -> None:
        """Ben is available at 100 a minute."""
        self.calls, self.now, self.number = Calls(), 0, 0
        self.held = {CALLER: FUNDS, PROVIDER: FUNDS}
        self.fees, self.price, self.is_available = 0, 100, True
        self.open: dict[int, NaiveCall] = {}
        self.invited: dict[tuple[int, bytes], int] = {}
        self.stars: dict[bytes, list[int]] = {CALLER: [], PROVIDER: []}

    def done(self, sender: bytes, action: Action, *, good: bool) -> bool:
        """Whether it is done, which must be so just if it is `good`."""
        result = self.calls.act(sender, action)
        assert (result == "ok") is good, result
        return good

    @rule(price=st.integers(1, 10**6), available=st.sampled_from([True, True, False]))
    def offer(self, price: int, available: bool) -> None:
        """Calls on their way keep their price."""
        self.done(PROVIDER, profile(price, available=available), good=True)
        self.price, self.is_available = price, available

    @rule(
        minutes=st.one_of(st.integers(1, 10), st.integers(1, 1440)),
        more=st.sampled_from([0, 0, 0, 1]),
    )
    def call(self, minutes: int, more: int) -> None:
        """At the price or, now and then, at another."""
        escrow = self.price * minutes
        good = self.is_available and not more and self.held[CALLER] >= escrow
        if self.done(CALLER, call(self.price + more, minutes), good=good):
            self.begin_call(NaiveCall(self.price, minutes, self.now + ACCEPT))

    @rule(most=st.integers(1, 10**6))
    def request(self, most: int) -> None:
        """Ben is matched just if he is available at that price; what he costs less returns."""
        if self.done(CALLER, ask(wish(most)), good=self.held[CALLER] >= 10 * most):
            self.calls.draw(bytes(32))
            if self.is_available and self.price <= most:
                self.begin_call(NaiveCall(self.price, 10, self.now + ACCEPT))
            else:
                self.number += 1

    def begin_call(self, made: NaiveCall) -> None:
        """Its escrow is taken."""
        self.held[CALLER] -= made.price * made.minutes
        self.open[self.number] = made
        self.number += 1

    @rule(back=NUMBERS, who=st.sampled_from([PROVIDER, PROVIDER, CALLER]))
    def accept(self, back: int, who: bytes) -> None:
        """One of the last calls, by its provider or somebody else."""
        number = max(0, self.number - 1 - back)
        row = self.open.get(number)
        good = who == PROVIDER and row is not None and not row.is_accepted
        if self.done(who, Accept(number, COUNTERS.public), good=good) and row is not None:
            row.is_accepted, row.until = True, self.now + 60 * row.minutes + SILENCE
            self.is_available = False

    @rule(back=NUMBERS)
    def decline(self, back: int) -> None:
        """All returns."""
        number = max(0, self.number - 1 - back)
        row = self.open.get(number)
        if self.done(PROVIDER, Decline(number), good=row is not None and not row.is_accepted):
            self.close(number)

    @rule(back=NUMBERS, who=SIDES, seconds=SECONDS, both=st.booleans(), last=st.booleans())
    def settle(self, back: int, who: bytes, seconds: int, both: bool, last: bool) -> None:
        """A ticket of one signature or of two, the last one or not."""
        number = max(0, self.number - 1 - back)
        row = self.open.get(number)
        good = row is not None and row.is_accepted and seconds <= 60 * row.minutes
        lowest = -1 if row is None or row.seconds is None else row.seconds
        good = good and (seconds > lowest or (seconds == lowest and both and last))
        action = self.calls.ticket(seconds, number, counter=COUNTERS if both else None, last=last)
        if self.done(who, action, good=good) and row is not None:
            row.until = self.now + CHALLENGE if row.seconds is None else row.until
            row.seconds = seconds
            if both and last:
                self.close(number)

    def close(self, number: int) -> None:
        """What was shown is paid; the rest returns."""
        row = self.open.pop(number)
        charge = floor(Fraction(row.price) * Fraction(row.seconds or 0, 60))
        fee = floor(charge * Fraction(1, 5))
        self.held[CALLER] += row.price * row.minutes - charge
        self.held[PROVIDER] += charge - fee
        self.fees += fee
        if (row.seconds or 0) >= 60:
            self.invited |= {(number, who): self.now + RATE for who in (CALLER, PROVIDER)}

    @rule(back=NUMBERS, who=SIDES, stars=st.integers(1, 5))
    def rate(self, back: int, who: bytes, stars: int) -> None:
        """Once each."""
        number = max(0, self.number - 1 - back)
        if self.done(who, Rate(number, stars), good=(number, who) in self.invited):
            del self.invited[number, who]
            self.stars[PROVIDER if who == CALLER else CALLER].append(stars)

    @rule(seconds=st.sampled_from([0, 1, ACCEPT, CHALLENGE, SILENCE, RATE]))
    def wait(self, seconds: int) -> None:
        """Time passes, and what is due happens."""
        self.now += seconds
        self.calls.wait(seconds)
        self.invited = {key: until for key, until in self.invited.items() if until > self.now}
        for number, row in list(self.open.items()):
            if row.until <= self.now:
                self.close(number)

    @invariant()
    def agrees(self) -> None:
        """Everything is where the model has it, and nothing came or went."""
        for who, units in self.held.items():
            assert self.calls.held(who) == units
            given = self.stars[who]
            average = floor(1000 * Fraction(sum(given), len(given))) if given else 0
            expected = Standing(tuple(given.count(stars) for stars in range(1, 6)), average)
            standing = STANDINGS.get(self.calls.world.state, who)
            assert (standing or Standing((0,) * 5, 0)) == expected
        assert self.calls.pot() == sum(row.price * row.minutes for row in self.open.values())
        assert self.calls.pot("revenue") == self.fees
        assert [fault for check in CHECKS for fault in check(self.calls.world.state)] == []


TestSessionsMachine = SessionsMachine.TestCase
TestSessionsMachine.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)
