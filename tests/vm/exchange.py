"""A chain on which PALT is traded for USDT, for tests of the market."""

from dataclasses import dataclass, field, replace

from consensus.errors import ActionFailed
from tests.vm.stage import Stage
from tests.vm.world import ANNA, BARE, BEN, CLEO, GENESIS_TIME_MS, World, key
from vm.declare import Action
from vm.modules.economy import turn_day
from vm.modules.market import (
    BUY,
    ESCROW_POT,
    MOST_FILLS,
    SELL,
    CancelOrder,
    OpenPair,
    PlaceOrder,
    best_orders,
    close_days,
    expire_due,
    reference_price,
)
from vm.modules.tokens import Create, Issue, balance_of, pot_of
from vm.registry import REGISTRY

A, B, C, D = ANNA.public, BEN.public, CLEO.public, key("dora").public
POLICY = b"p" * 32
PALT, USDT = 10**8, 10**6  # a whole token of each
TICK, LOT = 100, 10**6
LEAST_TURNOVER = 10 * USDT
OPENING = USDT // 10
DAY_MS = 60_000  # of devnet
RICH = 10**6


def order(
    side: str,
    price: int,
    amount: int,
    *,
    fills: int = MOST_FILLS,
    rests: bool = True,
    until_ms: int | None = None,
) -> PlaceOrder:
    """An order for so many lots, at so many ticks."""
    return PlaceOrder("PALT", "USDT", side, price * TICK, amount * LOT, fills, rests, until_ms)


def buy(price: int, amount: int, **terms: int | bool | None) -> PlaceOrder:
    """An order to buy."""
    return order(BUY, price, amount, **terms)  # type: ignore[arg-type]


def sell(price: int, amount: int, **terms: int | bool | None) -> PlaceOrder:
    """An order to sell."""
    return order(SELL, price, amount, **terms)  # type: ignore[arg-type]


@dataclass
class Exchange(Stage):
    """The pair is open, and four people have a million of each asset."""

    world: World = field(default_factory=lambda: World.begin(BARE))

    def __post_init__(self) -> None:
        super().__post_init__()
        for asset, decimals in (("PALT", 8), ("USDT", 6)):
            self.must(POLICY, Create(asset, asset, decimals, 10**18, True, True, None))
            for account in (A, B, C, D):
                self.must(POLICY, Issue(account, asset, RICH * 10**decimals, ""))
        opened = OpenPair("PALT", "USDT", TICK, LOT, LEAST_TURNOVER, OPENING)
        self.must(POLICY, opened)
        self.events.clear()

    def must(self, sender: bytes, action: Action) -> None:
        """Carry out what must succeed."""
        result = self.act(sender, action)
        if result != "ok":
            raise AssertionError(f"{action.tag}: {result}")

    def place(self, sender: bytes, action: PlaceOrder) -> int:
        """Place what must succeed; the number of what rests of it, 0 if nothing does."""
        self.must(sender, action)
        event = self.events[-1]
        return event.number if event.tag == "market.rested" else 0  # type: ignore[attr-defined]

    def cancel(self, sender: bytes, number: int) -> str:
        """Cancel; "ok" or the code of the failure."""
        return self.act(sender, CancelOrder(number))

    def failure(self, sender: bytes, action: Action) -> tuple[str, str]:
        """Code and field of an action's failure."""
        try:
            action.apply(self.context(sender))
        except ActionFailed as error:
            return error.code.removeprefix("market."), error.field
        raise AssertionError("it did not fail")

    def new_block(self, ms: int = 0) -> None:
        """Time passes; a block follows."""
        self.time_ms += ms
        self.world.height += 1
        steps = (turn_day, close_days, expire_due, *REGISTRY.end_steps)
        self.step(*steps, block=replace(self.block, time_ms=self.time_ms))

    def next_day(self) -> None:
        """The first block of the next day."""
        passed = (self.time_ms - GENESIS_TIME_MS) % DAY_MS
        self.new_block(DAY_MS - passed)

    def held(self, account: bytes) -> tuple[int, int]:
        """What an account has more than at the beginning: lots of PALT, and units of USDT."""
        palt, usdt = (balance_of(self.world.state, account, asset) for asset in ("PALT", "USDT"))
        lots, rest = divmod(palt - RICH * PALT, LOT)
        if rest:
            raise AssertionError("a part of a lot")
        return lots, usdt - RICH * USDT

    def book(self, side: str) -> list[tuple[bytes, int, int]]:
        """The open orders of a side: account, price in ticks, lots left."""
        return [
            (each.account, each.price // TICK, each.left // LOT)
            for each in best_orders(self.world.state, "PALT", "USDT", side, limit=1000)
        ]

    @property
    def escrow(self) -> tuple[int, int]:
        """What orders hold of PALT and USDT."""
        state = self.world.state
        return pot_of(state, ESCROW_POT, "PALT"), pot_of(state, ESCROW_POT, "USDT")

    @property
    def price(self) -> int:
        """The reference price."""
        found = reference_price(self.world.state, "PALT", "USDT")
        if found is None:
            raise AssertionError("no price")
        return found

    def faults(self) -> list[str]:
        """What is wrong with the state: nothing."""
        return list(REGISTRY.broken_invariants(self.world.state))
