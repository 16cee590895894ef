"""Pairs: governance lets two assets be traded for each other."""

from consensus.kinds import Amount, Asset
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.market.tables import (
    MOST_PAIRS,
    PAIRS,
    PRICES,
    Pair,
    Price,
    market,
    pair_row,
    whole_token,
)
from vm.modules.tokens import PositiveAmount, asset_row
from vm.view import View

SAME_ASSET = market.error("same-asset", "An asset is traded for another one.")
NOT_TRADABLE = market.error("not-tradable", "The asset may not be traded.")
PAIR_EXISTS = market.error("pair-exists", "These two assets are traded for each other already.")
TOO_MANY_PAIRS = market.error("too-many-pairs", "No more pairs can be kept.")
INEXACT = market.error(
    "inexact", "A tick times a lot is no whole number of units of quote: make one of them larger."
)


@market.event
@record("market.pair_opened")
class PairOpened(Record):
    """Two assets are traded for each other from now on."""

    base: Asset
    quote: Asset
    pair: Pair
    opening_price: Amount


@market.event
@record("market.least_turnover_set")
class LeastTurnoverSet(Record):
    """A day counts for a pair's price from now on if so many units of quote were paid in it."""

    base: Asset
    quote: Asset
    least_turnover: Amount


@market.action(gas=5_000, governed=True)
@record("market.open_pair")
class OpenPair(Action):
    """Let two assets that may be traded (W1) be so, in multiples of this tick and lot. A day on
    which `least_turnover` units of quote are paid counts for the pair's price, which is
    `opening_price` before any (P2)."""

    base: Asset
    quote: Asset
    tick: PositiveAmount
    lot: PositiveAmount
    least_turnover: PositiveAmount
    opening_price: PositiveAmount

    @property
    def subject(self) -> str:
        return f"{self.base}-{self.quote}"

    def in_words(self) -> str:
        price = f"{self.opening_price} units of {self.quote} per {self.base}"
        return f"let {self.base} be traded for {self.quote}, at first at {price}"

    def apply(self, context: Context) -> None:
        self._check(context.state)
        pair = Pair(self.tick, self.lot, self.least_turnover)
        PAIRS.put(context.state, pair, self.base, self.quote)
        PRICES.put(context.state, Price(self.opening_price, ()), self.base, self.quote)
        context.emit(PairOpened(self.base, self.quote, pair, self.opening_price))

    def _check(self, view: View) -> None:
        for field, asset in (("base", self.base), ("quote", self.quote)):
            if not asset_row(view, asset, field=field).tradable:
                raise NOT_TRADABLE.failed(f"{asset} may not be traded", field=field)
        if self.base == self.quote:
            raise SAME_ASSET.failed(field="quote")
        names = [key for key, _ in PAIRS.scan(view, limit=MOST_PAIRS)]
        if (self.base, self.quote) in names or (self.quote, self.base) in names:
            raise PAIR_EXISTS.failed(field="base")
        if len(names) == MOST_PAIRS:
            raise TOO_MANY_PAIRS.failed(f"there are {MOST_PAIRS} already")
        if self.tick * self.lot % whole_token(view, self.base):
            raise INEXACT.failed(field="lot")


@market.action(gas=2_000, governed=True)
@record("market.set_least_turnover")
class SetLeastTurnover(Action):
    """Let a day count for a pair's price if so many units of quote are paid in it (P2): the day
    that is not over, too."""

    base: Asset
    quote: Asset
    least_turnover: PositiveAmount

    @property
    def subject(self) -> str:
        return f"{self.base}-{self.quote}"

    def in_words(self) -> str:
        least = f"{self.least_turnover} units of {self.quote}"
        return f"let a day count for the price of {self.base} once {least} are paid in it"

    def apply(self, context: Context) -> None:
        row = pair_row(context.state, self.base, self.quote)
        pair = Pair(row.tick, row.lot, self.least_turnover)
        PAIRS.put(context.state, pair, self.base, self.quote)
        context.emit(LeastTurnoverSet(self.base, self.quote, self.least_turnover))
