"""Orders: a client pays the whole fee into escrow, and a policy says who leads the order."""

from consensus.address import format_address
from consensus.cid import Cid
from consensus.kinds import AccountId, Amount, Asset, Counter
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.orders.closing import CANCELLED, close_order
from vm.modules.orders.tables import (
    ACCEPTED,
    DECIDE_S,
    ESCROW_POT,
    NUMBERING,
    ORDER_AGENDA,
    ORDERS,
    OTHER_ASSET,
    PLACED,
    TERMS,
    Order,
    Terms,
    Title,
    numbering_of,
    order_row,
    orders,
    paying_asset,
    terms_row,
)
from vm.modules.tokens import CommunityPot, PositiveAmount, asset_row, debit, fill_pot

SAME_ASSET = orders.error("same-asset", "Orders are paid in one asset, and another is issued.")
ISSUED_ASSET = orders.error("issued-asset", "The asset that is issued for orders is not changed.")
NOT_PLACED = orders.error("not-placed", "The order was accepted already.")
NOT_THE_CLIENT = orders.error("not-the-client", "Only the order's client can do this.")


@orders.event
@record("orders.placed")
class Placed(Record):
    """A client has placed an order of this number, and paid its fee into escrow."""

    order: Counter
    client: AccountId
    asset: Asset
    fee: Amount
    title: Title


@orders.event
@record("orders.accepted")
class Accepted(Record):
    """An order was accepted, and has a leader."""

    order: Counter
    leader: AccountId


@orders.action(gas=3_000, governed=True)
@record("orders.set_terms")
class SetTerms(Action):
    """Let service orders be paid in `fee_asset`, for which `asset` is issued at equal value; fees
    go to the community's pot `pot`, and what `quota` holds is given out before more is issued
    (K2)."""

    asset: Asset
    fee_asset: Asset
    pot: CommunityPot
    quota: CommunityPot

    @property
    def subject(self) -> str:
        return self.asset

    def in_words(self) -> str:
        return (
            f"let orders be paid in {self.fee_asset} into the pot {self.pot}, and {self.asset} be "
            f"issued for them after what the pot {self.quota} holds"
        )

    def apply(self, context: Context) -> None:
        asset_row(context.state, self.asset)
        asset_row(context.state, self.fee_asset, field="fee_asset")
        if self.asset == self.fee_asset:
            raise SAME_ASSET.failed(field="fee_asset")
        before = TERMS.get(context.state)
        if before is not None and before.asset != self.asset:
            raise ISSUED_ASSET.failed(f"it is {before.asset}", field="asset")
        TERMS.put(context.state, Terms(self.asset, self.fee_asset, self.pot, self.quota))


@orders.action(gas=8_000)
@record("orders.place")
class Place(Action):
    """Order a service, and pay its whole fee into escrow (K2): in the asset that is issued for
    orders once nothing is left to issue (K3), which naming the asset agrees to."""

    asset: Asset
    fee: PositiveAmount
    title: Title
    brief: Cid

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        wanted = paying_asset(state, terms_row(state))
        if self.asset != wanted:
            raise OTHER_ASSET.failed(f"orders are paid in {wanted} now", field="asset")
        debit(state, sender, self.asset, self.fee, field="fee")
        fill_pot(state, ESCROW_POT, self.asset, self.fee)
        numbering = numbering_of(state)
        row = Order(
            client=sender,
            leader=None,
            asset=self.asset,
            fee=self.fee,
            title=self.title,
            brief=self.brief,
            status=PLACED,
            until_ms=_wait(context),
            listing=None,
            batch=None,
            units=0,
        )
        ORDERS.put(state, row, numbering.order)
        ORDER_AGENDA.add(state, row.until_ms, numbering.order)
        NUMBERING.put(state, replace(numbering, order=numbering.order + 1))
        context.emit(Placed(numbering.order, sender, self.asset, self.fee, self.title))


@orders.action(gas=4_000)
@record("orders.cancel")
class Cancel(Action):
    """As its client, take back an order that is not accepted yet, with its fee (K2)."""

    order: Counter

    def apply(self, context: Context) -> None:
        row = order_row(context.state, self.order)
        if row.client != context.sender:
            raise NOT_THE_CLIENT.failed(field="order")
        if row.status != PLACED:
            raise NOT_PLACED.failed(field="order")
        close_order(context, self.order, row, CANCELLED)


@orders.action(gas=4_000, governed=True)
@record("orders.accept")
class Accept(Action):
    """Accept an order, and let an account lead it: from now on its client cannot take it back,
    unless it is not approved in time (K2)."""

    order: Counter
    leader: AccountId

    def in_words(self) -> str:
        return f"accept order {self.order}, led by {format_address(self.leader)}"

    def apply(self, context: Context) -> None:
        state, row = context.state, order_row(context.state, self.order)
        if row.status != PLACED:
            raise NOT_PLACED.failed(field="order")
        ORDER_AGENDA.remove(state, row.until_ms, self.order)
        row = replace(row, leader=self.leader, status=ACCEPTED, until_ms=_wait(context))
        ORDERS.put(state, row, self.order)
        ORDER_AGENDA.add(state, row.until_ms, self.order)
        context.emit(Accepted(self.order, self.leader))


def _wait(context: Context) -> int:
    """Until when an order waits from now on (ms from the Unix epoch)."""
    return context.block.time_ms + 1000 * DECIDE_S.read(context.state)
