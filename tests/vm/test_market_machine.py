"""Orders of all kinds, cancelled, expiring, over days, against a naive model of the book."""

from dataclasses import dataclass
from fractions import Fraction
from math import floor
from statistics import median

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.vm.exchange import (
    DAY_MS,
    LEAST_TURNOVER,
    LOT,
    OPENING,
    PALT,
    POLICY,
    RICH,
    TICK,
    USDT,
    A,
    B,
    C,
    D,
    Exchange,
    order,
)
from tests.vm.world import GENESIS_TIME_MS
from vm.modules.dividends import Open, holding
from vm.modules.market import BUY, PRICES, SELL
from vm.modules.market.tables import ACCOUNT_ORDERS, FEE_PPM, SIDE_ORDERS
from vm.modules.tokens import balance_of, pot_of

PEOPLE = [A, B, C, D]
WHO, SIDE = st.sampled_from(PEOPLE), st.sampled_from([BUY, SELL])
PRICE = st.one_of(st.integers(995, 1_005), st.integers(1, 2_000))
AMOUNT = st.one_of(st.integers(1, 5), st.integers(1, 30_000), st.just(RICH * 60))
MOST_OWN, MOST_OF_SIDE = 4, 6
FEE = Fraction(7, 1000)
FILLS = st.sampled_from([0, 1, 2, 3, 64, 64, 64])


@dataclass
class NaiveOrder:
    """Price and amount in whole tokens."""

    number: int
    who: bytes
    side: str
    price: Fraction
    left: Fraction
    until: int | None

    @property
    def pays(self) -> tuple[str, Fraction]:
        """What it has in escrow."""
        return ("USDT", self.price * self.left) if self.side == BUY else ("PALT", self.left)


class MarketMachine(RuleBasedStateMachine):
    """The chain and the model agree to the unit after each step."""

    @initialize()
    def begin(self) -> None:
        """Small bounds, a fee, and holders of both assets who are paid."""
        self.market = Exchange()
        state = self.market.world.state
        ACCOUNT_ORDERS.set(state, MOST_OWN)
        SIDE_ORDERS.set(state, MOST_OF_SIDE)
        FEE_PPM.set(state, int(FEE * 10**6))
        for asset in ("PALT", "USDT"):
            self.market.must(POLICY, Open(asset, "REEL"))
        self.market.new_block()
        self.free = {(who, asset): Fraction(RICH) for who in PEOPLE for asset in ("PALT", "USDT")}
        self.revenue = Fraction(0)
        self.orders: list[NaiveOrder] = []
        self.number = 0
        self.today: list[tuple[Fraction, Fraction]] = []
        self.averages: list[int] = []
        self.price = OPENING

    @property
    def now(self) -> int:
        """The block's time."""
        return self.market.time_ms

    @rule(
        who=WHO,
        side=SIDE,
        price=PRICE,
        amount=AMOUNT,
        fills=FILLS,
        rests=st.sampled_from([True, True, True, False]),
        wait=st.sampled_from([None, None, 0, 1, 500, DAY_MS]),
    )
    def place(
        self,
        who: bytes,
        side: str,
        price: int,
        amount: int,
        fills: int,
        rests: bool,
        wait: int | None,
    ) -> None:
        """Any order; the model's is undone if it fails."""
        until = None if wait is None else self.now + wait
        action = order(side, price, amount, fills=fills, rests=rests, until_ms=until)
        made = NaiveOrder(
            0, who, side, Fraction(price * TICK, USDT), Fraction(amount * LOT, PALT), until
        )
        before = (
            dict(self.free),
            [NaiveOrder(**vars(each)) for each in self.orders],
            self.revenue,
            list(self.today),
            self.number,
        )
        good = until != self.now and self.meet(made, fills, rests)
        assert (self.market.act(who, action) == "ok") is good
        if not good:
            self.free, self.orders, self.revenue, self.today, self.number = before

    def meet(self, made: NaiveOrder, fills: int, rests: bool) -> bool:
        """Whether it can be done; then it is."""
        better = -1 if made.side == BUY else 1
        others = [each for each in self.orders if each.side != made.side]
        others = [each for each in others if (each.price - made.price) * better >= 0]
        others.sort(key=lambda each: (-better * each.price, each.number))
        met = 0
        while others and made.left:
            if met == fills:
                return fills > 0
            other = others.pop(0)
            met += 1
            if other.who == made.who or (other.until is not None and other.until <= self.now):
                self.give_back(other)
            else:
                self.trade(made, other)
        if self.is_overdrawn():
            return False
        return not made.left or not rests or self.rest(made)

    def trade(self, made: NaiveOrder, other: NaiveOrder) -> None:
        """Fill as much as both have."""
        units = min(made.left, other.left)
        paid = units * other.price
        fee = Fraction(floor(paid * USDT * FEE), USDT)
        buyer, seller = (made, other) if made.side == BUY else (other, made)
        if buyer is made:
            self.free[made.who, "USDT"] -= paid
        else:
            self.free[made.who, "PALT"] -= units
        self.free[buyer.who, "PALT"] += units
        self.free[seller.who, "USDT"] += paid - fee
        self.revenue += fee
        made.left -= units
        other.left -= units
        if not other.left:
            self.orders.remove(other)
        self.today.append((units, paid))

    def rest(self, made: NaiveOrder) -> bool:
        """Into the book, if there is room and enough."""
        if sum(each.who == made.who for each in self.orders) == MOST_OWN:
            return False
        side = [each for each in self.orders if each.side == made.side]
        if len(side) == MOST_OF_SIDE:
            sign = -1 if made.side == BUY else 1
            last = max(side, key=lambda each: (sign * each.price, each.number))
            if sign * made.price >= sign * last.price:
                return False
            self.give_back(last)
        asset, units = made.pays
        self.free[made.who, asset] -= units
        self.number += 1
        made.number = self.number
        self.orders.append(made)
        return not self.is_overdrawn()

    def is_overdrawn(self) -> bool:
        """Whether somebody has paid more than it had."""
        return min(self.free.values()) < 0

    def give_back(self, gone: NaiveOrder) -> None:
        """Out of the book."""
        asset, units = gone.pays
        self.free[gone.who, asset] += units
        self.orders.remove(gone)

    @rule(who=WHO, place=st.integers(0, 20))
    def cancel(self, who: bytes, place: int) -> None:
        """An own order, another's, or none."""
        found = self.orders[place % len(self.orders)] if self.orders else None
        number = 10**6 if found is None else found.number
        result = self.market.cancel(who, number)
        good = found is not None and found.who == who
        assert (result == "ok") is good, result
        if good and found is not None:
            self.give_back(found)

    @rule(ms=st.sampled_from([1, 499, 30_000, DAY_MS, 3 * DAY_MS]))
    def wait(self, ms: int) -> None:
        """Time passes, orders expire, days end."""
        day = (self.now - GENESIS_TIME_MS) // DAY_MS
        self.market.new_block(ms)
        for each in [each for each in self.orders if each.until is not None]:
            if each.until is not None and each.until <= self.now:
                self.give_back(each)
        if (self.now - GENESIS_TIME_MS) // DAY_MS > day:
            self.end_day()

    def end_day(self) -> None:
        """The price follows, by its definition."""
        volume = sum((units for units, _ in self.today), Fraction(0))
        turnover = sum((paid for _, paid in self.today), Fraction(0))
        self.today = []
        if turnover * USDT < LEAST_TURNOVER:
            return
        self.averages.append(floor(turnover * USDT / volume))
        target = floor(Fraction(median([Fraction(each) for each in self.averages[-7:]])))
        step = floor(Fraction(self.price, 10))
        self.price = min(max(target, self.price - step), self.price + step)

    @invariant()
    def agrees(self) -> None:
        """Everything is where the model has it, and nothing came or went."""
        state = self.market.world.state
        for asset, unit in (("PALT", PALT), ("USDT", USDT)):
            for who in PEOPLE:
                free = self.free[who, asset]
                mine = [each.pays for each in self.orders if each.who == who]
                escrowed = sum((units for name, units in mine if name == asset), Fraction(0))
                assert balance_of(state, who, asset) == free * unit
                assert holding(state, who, asset) == (free + escrowed) * unit
        assert pot_of(state, "revenue", "USDT") == self.revenue * USDT
        for side, sign in ((BUY, -1), (SELL, 1)):
            rows = [each for each in self.orders if each.side == side]
            rows.sort(key=lambda each: (sign * each.price, each.number))
            assert self.market.book(side) == [
                (each.who, int(each.price * USDT / TICK), int(each.left * PALT / LOT))
                for each in rows
            ]
        row = PRICES.get(state, "PALT", "USDT")
        assert row is not None
        assert (row.price, [each.average for each in row.days]) == (
            self.price,
            self.averages[-7:],
        )
        assert self.market.faults() == []


TestMarketMachine = MarketMachine.TestCase
TestMarketMachine.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
