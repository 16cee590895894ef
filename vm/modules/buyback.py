"""Buy-back: a community's pot buys an asset with what comes to it, from the order book (T10).

At the beginning of a block the pot fills the cheapest orders that sell at no more than the pair's
reference price; it places no order of its own, so that nobody can lie in wait for a bid. What
nobody has sold it by the end of the day it passes on in kind. Its purchases do not count for the
reference price: what bounds the pot is not moved by it.
"""

from collections.abc import Iterator

from consensus.kinds import AccountId, Amount, Asset
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action, Module
from vm.modules.economy import begins_day
from vm.modules.market import SELL, OpenOrder, best_orders, reference_price
from vm.modules.market.book import fill, release
from vm.modules.market.tables import FEE_PPM, PAIRS, pair_row, whole_token
from vm.modules.revenue import take_in
from vm.modules.tokens import CommunityPot, credit, drain_pot, fill_pot, pot_of
from vm.parameter import PARTS_PER_MILLION
from vm.table import Table
from vm.view import View

buyback = Module("buyback", "Pots that buy an asset with what comes to them, from the order book.")

MOST_RULES = 8
FILLS_A_BLOCK = 8  # of each pot; the rest waits for the next block


@record("buyback.rule")
class Rule(Record):
    """What a pot buys, `base`, with which asset, `quote`, and the pot that gets what it has bought
    and what it has not spent."""

    base: Asset
    quote: Asset
    to: CommunityPot


RULES: Table[Rule, str] = buyback.table(Rule, pot=CommunityPot)

OWN_POT = buyback.error("own-pot", "What a pot buys goes somewhere else.")
TOO_MANY = buyback.error("too-many-rules", "No more pots can buy.")
NO_RULE = buyback.error("no-rule", "The pot buys nothing.")


@buyback.event
@record("buyback.rule_set")
class RuleSet(Record):
    """A pot buys in this way from now on; null: it buys no more, and keeps what it holds."""

    pot: CommunityPot
    rule: Rule | None


@buyback.event
@record("buyback.bought")
class Bought(Record):
    """A pot has bought so much of `base` from an order, at a price in units of `quote` per whole
    token. The seller has got `paid` less the market's fee."""

    pot: CommunityPot
    base: Asset
    quote: Asset
    amount: Amount
    price: Amount
    paid: Amount
    fee: Amount
    seller: AccountId


@buyback.event
@record("buyback.passed_on")
class PassedOn(Record):
    """What a pot had not spent by the end of a day went on in kind."""

    pot: CommunityPot
    asset: Asset
    amount: Amount


@buyback.action(gas=5_000, governed=True)
@record("buyback.start")
class Start(Action):
    """Let a community's pot buy an asset with all that it holds of another, at the pair's reference
    price at most, for another pot; what it is not sold by the end of a day goes there in kind
    (T10). A pot that buys already does so by these rules from now on."""

    pot: CommunityPot
    base: Asset
    quote: Asset
    to: CommunityPot

    @property
    def subject(self) -> str:
        return self.pot

    def in_words(self) -> str:
        return f"let the pot {self.pot} buy {self.base} with the {self.quote} that comes to it"

    def apply(self, context: Context) -> None:
        state = context.state
        pair_row(state, self.base, self.quote)
        if self.to == self.pot:
            raise OWN_POT.failed(field="to")
        names = [name for (name,), _ in RULES.scan(state, limit=MOST_RULES)]
        if self.pot not in names and len(names) == MOST_RULES:
            raise TOO_MANY.failed(f"{MOST_RULES} pots buy already", field="pot")
        rule = Rule(self.base, self.quote, self.to)
        RULES.put(state, rule, self.pot)
        context.emit(RuleSet(self.pot, rule))


@buyback.action(gas=2_000, governed=True)
@record("buyback.stop")
class Stop(Action):
    """Let a pot buy no more, and keep what it holds (T10)."""

    pot: CommunityPot

    @property
    def subject(self) -> str:
        return self.pot

    def in_words(self) -> str:
        return f"let the pot {self.pot} buy no more"

    def apply(self, context: Context) -> None:
        if RULES.get(context.state, self.pot) is None:
            raise NO_RULE.failed(f"the pot {self.pot} buys nothing", field="pot")
        RULES.delete(context.state, self.pot)
        context.emit(RuleSet(self.pot, None))


@buyback.begin_block
def buy(context: Context) -> None:
    """Let each pot buy from a bounded number of orders; at the end of a day it passes the rest on
    in kind (T10)."""
    for (pot,), rule in list(RULES.scan(context.state, limit=MOST_RULES)):
        if not pot_of(context.state, pot, rule.quote):
            continue
        _fill_cheapest(context, pot, rule)
        left = pot_of(context.state, pot, rule.quote)
        if left and begins_day(context):
            drain_pot(context.state, pot, rule.quote, left)
            fill_pot(context.state, rule.to, rule.quote, left)
            context.emit(PassedOn(pot, rule.quote, left))


def _fill_cheapest(context: Context, pot: str, rule: Rule) -> None:
    state = context.state
    most = reference_price(state, rule.base, rule.quote) or 0
    lot = pair_row(state, rule.base, rule.quote).lot
    whole = whole_token(state, rule.base)
    for order in list(best_orders(state, rule.base, rule.quote, SELL, limit=FILLS_A_BLOCK)):
        if order.is_over(context.block.time_ms):
            continue  # it goes back by itself
        if order.price > most:
            return
        affordable = pot_of(state, pot, rule.quote) * whole // order.price
        amount = min(order.left, affordable - affordable % lot)
        if not amount:
            return
        _buy(context, pot, rule, order, amount)


def _buy(context: Context, pot: str, rule: Rule, order: OpenOrder, amount: int) -> None:
    state = context.state
    paid = order.price * amount // whole_token(state, rule.base)  # exact: whole lots at a tick
    fee = paid * FEE_PPM.read(state) // PARTS_PER_MILLION
    drain_pot(state, pot, rule.quote, paid)
    release(state, order.account, rule.base, amount)
    fill_pot(state, rule.to, rule.base, amount)
    credit(state, order.account, rule.quote, paid - fee)
    take_in(state, source=buyback.name, asset=rule.quote, fee=fee)
    fill(state, order, amount)
    context.emit(Bought(pot, rule.base, rule.quote, amount, order.price, paid, fee, order.account))


@buyback.invariant
def pots_buy_what_is_traded(view: View) -> Iterator[str]:
    """Each rule is for a pair that is traded, and for another place than the pot."""
    for (pot,), rule in RULES.every(view):
        if PAIRS.get(view, rule.base, rule.quote) is None:
            yield f"the pot {pot} buys {rule.base} with {rule.quote}, which are not traded"
        if rule.to == pot:
            yield f"the pot {pot} buys for itself"
