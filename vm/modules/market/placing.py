"""Placing and cancelling orders: an order that comes meets those that rest, at their prices, the
best price first and of one price the oldest; what is left of it rests, or goes."""

from consensus.kinds import AccountId, Amount, Asset, Counter
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.market.book import (
    CANCELLED,
    EXPIRED,
    OWN,
    OpenOrder,
    best_orders,
    escrow_of,
    fill,
    give_back,
    open_order,
    release,
    rest,
)
from vm.modules.market.pricing import note_trade
from vm.modules.market.tables import (
    AGENDA,
    BUY,
    FEE_PPM,
    ORDERS,
    SELL,
    Fills,
    Side,
    market,
    pair_row,
    whole_token,
)
from vm.modules.revenue import take_in
from vm.modules.tokens import BALANCES, PositiveAmount, credit, debit
from vm.parameter import PARTS_PER_MILLION
from vm.view import View

FILL_GAS = 8_000
EXPIRED_A_BLOCK = 256  # the rest goes in the blocks that follow

OFF_TICK = market.error("off-tick", "The price is no multiple of the pair's tick.")
OFF_LOT = market.error("off-lot", "The amount is no multiple of the pair's lot.")
ALREADY_OVER = market.error("already-over", "The order would have expired already.")
WOULD_TRADE = market.error("would-trade", "The order may meet none, and would.")
UNKNOWN_ORDER = market.error("unknown-order", "The account has no open order of this number.")


@market.event
@record("market.traded")
class Traded(Record):
    """An order that came, of this side, has met one that rested, `order`, of which so much is left
    now. The seller has got `paid` less the fee."""

    base: Asset
    quote: Asset
    side: Side
    price: Amount
    amount: Amount
    paid: Amount
    fee: Amount
    buyer: AccountId
    seller: AccountId
    order: Counter
    left: Amount


@market.event
@record("market.dropped")
class Dropped(Record):
    """What was left of an order that came was not kept: it was not to rest, or it had met as many
    orders as it may and would have met more."""

    account: AccountId
    base: Asset
    quote: Asset
    side: Side
    price: Amount
    amount: Amount


@market.action(gas=16_000)
@record("market.place")
class PlaceOrder(Action):
    """Buy or sell an amount of base (units) at this price or a better one (units of quote per whole
    token), and fill it from at most `most_fills` orders: one with 0 is to meet none. What is left
    then is kept open if it `rests`, until `until_ms` (ms from the Unix epoch) or until it is
    cancelled; but if it would still meet an order, it is dropped. An open order of the sender's own
    that it meets is given back, and one that has expired, each counting as one met. What rests
    counts for its owner (P4)."""

    base: Asset
    quote: Asset
    side: Side
    price: PositiveAmount
    amount: PositiveAmount
    most_fills: Fills
    rests: bool
    until_ms: Counter | None

    def derived_gas(self, view: View) -> int:
        return FILL_GAS * self.most_fills

    def apply(self, context: Context) -> None:
        self._check(context)
        left, would_meet = self._meet(context)
        order = self._order(context.sender, left)
        if left and self.rests and not would_meet:
            rest(context, order)
        elif left:
            context.emit(
                Dropped(context.sender, self.base, self.quote, self.side, self.price, left)
            )

    def _check(self, context: Context) -> None:
        pair = pair_row(context.state, self.base, self.quote)
        if self.price % pair.tick:
            raise OFF_TICK.failed(f"prices are multiples of {pair.tick}", field="price")
        if self.amount % pair.lot:
            raise OFF_LOT.failed(f"amounts are multiples of {pair.lot}", field="amount")
        if self._order(context.sender, self.amount).is_over(context.block.time_ms):
            raise ALREADY_OVER.failed(field="until_ms")

    def _order(self, sender: bytes, left: int) -> OpenOrder:
        return OpenOrder(
            0, sender, self.base, self.quote, self.side, self.price, left, self.until_ms
        )

    def _meet(self, context: Context) -> tuple[int, bool]:
        """What is left when it has met as many as it may, and whether it would meet more."""
        left = self.amount
        other_side = SELL if self.side == BUY else BUY
        orders = best_orders(
            context.state, self.base, self.quote, other_side, limit=self.most_fills + 1
        )
        for met, other in enumerate(orders):
            if not left or not self._takes(other.price):
                break
            if not self.most_fills:
                raise WOULD_TRADE.failed(f"an order at {other.price} is open", field="price")
            if met == self.most_fills:
                return left, True
            if other.is_over(context.block.time_ms):
                give_back(context, other, EXPIRED)
            elif other.account == context.sender:
                give_back(context, other, OWN)
            else:
                amount = min(left, other.left)
                _trade(context, other, amount)
                left -= amount
        return left, False

    def _takes(self, price: int) -> bool:
        return price <= self.price if self.side == BUY else price >= self.price

    def touches(self, sender: bytes) -> tuple[bytes, ...]:
        return tuple(BALANCES.state_key(sender, asset) for asset in (self.base, self.quote))


def _trade(context: Context, other: OpenOrder, amount: int) -> None:
    """Let the sender fill so much of an order that rests, at its price, which is exact."""
    state, sender, base, quote = context.state, context.sender, other.base, other.quote
    paid = other.price * amount // whole_token(state, base)
    fee = paid * FEE_PPM.read(state) // PARTS_PER_MILLION
    side = SELL if other.side == BUY else BUY
    buyer, seller = (sender, other.account) if side == BUY else (other.account, sender)
    if side == BUY:
        debit(state, sender, quote, paid, field="amount")
    else:
        debit(state, sender, base, amount, field="amount")
    release(state, other.account, *escrow_of(state, other, amount))
    credit(state, buyer, base, amount)
    credit(state, seller, quote, paid - fee)
    take_in(state, source=market.name, asset=quote, fee=fee)  # it is no consumption
    fill(state, other, amount)
    note_trade(
        state,
        base,
        quote,
        side=side,
        price=other.price,
        amount=amount,
        time_ms=context.block.time_ms,
    )
    context.emit(
        Traded(
            base,
            quote,
            side,
            other.price,
            amount,
            paid,
            fee,
            buyer,
            seller,
            other.number,
            other.left - amount,
        )
    )


@market.action(gas=6_000)
@record("market.cancel")
class CancelOrder(Action):
    """Take an open order of the sender's out of the book, and what it holds back."""

    number: Counter

    def apply(self, context: Context) -> None:
        order = open_order(context.state, context.sender, self.number)
        if order is None:
            raise UNKNOWN_ORDER.failed(f"you have no open order {self.number}", field="number")
        give_back(context, order, CANCELLED)

    def touches(self, sender: bytes) -> tuple[bytes, ...]:
        return (ORDERS.state_key(sender, self.number),)


@market.begin_block
def expire_due(context: Context) -> None:
    """Give back what has expired at this block's time, a bounded number of orders a block."""
    for time_ms, account, number in AGENDA.take(
        context.state, context.block.time_ms, limit=EXPIRED_A_BLOCK
    ):
        order = open_order(context.state, account, number)
        if order is None:
            raise RuntimeError(f"order {number} is listed at {time_ms} and not open")
        give_back(context, order, EXPIRED)
