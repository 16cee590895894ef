"""Buying back: what the foundation buys of the issued asset on the order book is burned at once,
until nothing is left to issue (K4)."""

from consensus.kinds import Amount, Asset
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.market import BUY, PlaceOrder
from vm.modules.orders.batching import reference_of
from vm.modules.orders.tables import left_to_issue, orders, terms_row
from vm.modules.tokens import (
    CommunityPot,
    PositiveAmount,
    asset_row,
    balance_of,
    count_burned,
    credit,
    debit,
    fill_pot,
    take_from_pot,
)

MOST_MET = 8  # orders of the book, as what a proposal does costs the same whatever it meets

ISSUE_IS_OVER = orders.error("issue-is-over", "Nothing is left to issue: nothing is bought back.")
TOO_DEAR = orders.error("too-dear", "The price is higher than the market's reference price.")
NOTHING_SOLD = orders.error("nothing-sold", "Nobody sells at this price.")


@orders.event
@record("orders.bought_back")
class BoughtBack(Record):
    """So many units of the issued asset were bought out of a pot on the order book, and burned."""

    pot: CommunityPot
    paid: Amount
    asset: Asset
    burned: Amount


@orders.action(gas=20_000, governed=True)
@record("orders.buy_back")
class BuyBack(Action):
    """Buy up to `amount` units of the issued asset out of a community's pot, from at most eight
    orders of the book, at this price or a better one, which is no higher than the market's
    reference price; and burn them. Once nothing is left to issue, nothing is bought back (K4)."""

    pot: CommunityPot
    price: PositiveAmount
    amount: PositiveAmount

    @property
    def subject(self) -> str:
        return self.pot

    def in_words(self) -> str:
        return (
            f"buy back and burn up to {self.amount} units out of the pot {self.pot}, "
            f"at {self.price} per whole token at most"
        )

    def apply(self, context: Context) -> None:
        state, buyer, terms = context.state, context.sender, terms_row(context.state)
        if not left_to_issue(state, terms):
            raise ISSUE_IS_OVER.failed()
        reference = reference_of(state, terms)
        if self.price > reference:
            raise TOO_DEAR.failed(f"the reference price is {reference}", field="price")
        base, quote = terms.asset, terms.fee_asset
        most = self.price * self.amount // 10 ** asset_row(state, base).decimals
        take_from_pot(state, self.pot, quote, most, field="amount")
        credit(state, buyer, quote, most)
        held, funds = balance_of(state, buyer, base), balance_of(state, buyer, quote)
        order = PlaceOrder(base, quote, BUY, self.price, self.amount, MOST_MET, False, None)
        order.apply(context)
        bought = balance_of(state, buyer, base) - held
        paid = funds - balance_of(state, buyer, quote)
        if not bought:
            raise NOTHING_SOLD.failed(field="price")
        debit(state, buyer, base, bought)
        count_burned(state, base, bought)
        debit(state, buyer, quote, most - paid)
        fill_pot(state, self.pot, quote, most - paid)
        context.emit(BoughtBack(self.pot, paid, base, bought))
