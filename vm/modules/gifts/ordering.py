"""Gifts made to order: the orderer names a maker whom it trusts with the work, and pays in escrow.

The maker is paid when it delivers; an order that it declines, or that is late, is paid back.
"""

from consensus.cid import Cid
from consensus.kinds import AccountId, Amount, Asset, Counter
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.gifts.tables import (
    AGENDA,
    ESCROW_POT,
    FEE_PPM,
    FIRST,
    MADE,
    NUMBERING,
    ORDERS,
    Made,
    Order,
    WaitS,
    gifts,
)
from vm.modules.ranking import vote
from vm.modules.rebate import collect
from vm.modules.tokens import PositiveAmount, asset_row, credit, debit, drain_pot, fill_pot
from vm.view import State, View

LATE_A_BLOCK = 32

UNKNOWN_ORDER = gifts.error("unknown-order", "There is no such order, or it is over.")
NOT_THE_MAKER = gifts.error("not-the-maker", "Another account was asked to make this.")
UNKNOWN_MADE = gifts.error("unknown-made", "No gift of this number was made.")
NOT_THE_OWNER = gifts.error("not-the-owner", "The gift is another account's.")
OWN_ORDER = gifts.error("own-order", "A gift is ordered from another account.")


@gifts.event
@record("gifts.ordered")
class Ordered(Record):
    """A maker was asked to make a gift."""

    order: Counter
    orderer: AccountId
    maker: AccountId
    asset: Asset
    price: Amount


@gifts.event
@record("gifts.order_over")
class OrderOver(Record):
    """An order is over: what was made for it; null: nothing, and its price was paid back."""

    order: Counter
    made: Cid | None


@gifts.event
@record("gifts.passed_on")
class PassedOn(Record):
    """A gift that was made to order is another account's from now on."""

    order: Counter
    giver: AccountId
    to: AccountId


@gifts.action(gas=6_000)
@record("gifts.order")
class OrderGift(Action):
    """Ask an account to make a gift after a description, within `wait_s` seconds; the price is held
    until then (P8)."""

    maker: AccountId
    asset: Asset
    price: PositiveAmount
    brief: Cid
    wait_s: WaitS

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        asset_row(state, self.asset)
        if self.maker == sender:
            raise OWN_ORDER.failed(field="maker")
        debit(state, sender, self.asset, self.price, field="price")
        fill_pot(state, ESCROW_POT, self.asset, self.price)
        numbering = NUMBERING.get(state) or FIRST
        number = numbering.order
        NUMBERING.put(state, replace(numbering, order=number + 1))
        until_ms = context.block.time_ms + 1000 * self.wait_s
        order = Order(sender, self.maker, self.asset, self.price, self.brief, until_ms)
        ORDERS.put(state, order, number)
        AGENDA.add(state, until_ms, number)
        context.emit(Ordered(number, sender, self.maker, self.asset, self.price))


@gifts.action(gas=6_000)
@record("gifts.deliver")
class Deliver(Action):
    """As its maker, deliver a gift that was ordered: it is the orderer's, and the maker is paid but
    for the platform's fee (P8), which votes for the maker (T5)."""

    order: Counter
    animation: Cid

    def apply(self, context: Context) -> None:
        state, order = context.state, _own_order(context, self.order)
        _end(state, self.order, order)
        fee = collect(
            context,
            source=gifts.name,
            payer=order.orderer,
            provider=order.maker,
            asset=order.asset,
            gross=order.price,
            fee_ppm=FEE_PPM.read(state),
        )
        credit(state, order.maker, order.asset, order.price - fee)
        vote(
            context,
            voter=order.orderer,
            creator=order.maker,
            asset=order.asset,
            fee=fee,
            video=None,
        )
        MADE.put(state, Made(order.orderer, order.maker, self.animation), self.order)
        context.emit(OrderOver(self.order, self.animation))


@gifts.action(gas=4_000)
@record("gifts.decline")
class Decline(Action):
    """As its maker, decline an order: its price is paid back (P8)."""

    order: Counter

    def apply(self, context: Context) -> None:
        _pay_back(context, self.order, _own_order(context, self.order))


@gifts.action(gas=3_000)
@record("gifts.pass_on")
class PassOn(Action):
    """Give a gift that was made to order to another account (P8)."""

    order: Counter
    to: AccountId

    def apply(self, context: Context) -> None:
        row = MADE.get(context.state, self.order)
        if row is None:
            raise UNKNOWN_MADE.failed(field="order")
        if row.owner != context.sender:
            raise NOT_THE_OWNER.failed(field="order")
        MADE.put(context.state, replace(row, owner=self.to), self.order)
        context.emit(PassedOn(self.order, context.sender, self.to))


@gifts.begin_block
def pay_back_late(context: Context) -> None:
    """Pay back orders that are late, a bounded number a block."""
    for _, number in AGENDA.take(context.state, context.block.time_ms, limit=LATE_A_BLOCK):
        order = _order(context.state, number)
        drain_pot(context.state, ESCROW_POT, order.asset, order.price)
        credit(context.state, order.orderer, order.asset, order.price)
        ORDERS.delete(context.state, number)
        context.emit(OrderOver(number, None))


def _order(view: View, number: int) -> Order:
    row = ORDERS.get(view, number)
    if row is None:
        raise UNKNOWN_ORDER.failed(f"there is no order {number}", field="order")
    return row


def _own_order(context: Context, number: int) -> Order:
    row = _order(context.state, number)
    if row.maker != context.sender:
        raise NOT_THE_MAKER.failed(field="order")
    return row


def _end(state: State, number: int, order: Order) -> None:
    drain_pot(state, ESCROW_POT, order.asset, order.price)
    ORDERS.delete(state, number)
    AGENDA.remove(state, order.until_ms, number)


def _pay_back(context: Context, number: int, order: Order) -> None:
    _end(context.state, number, order)
    credit(context.state, order.orderer, order.asset, order.price)
    context.emit(OrderOver(number, None))
