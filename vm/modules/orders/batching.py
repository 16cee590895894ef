"""Batches: orders whose lists are complete are gathered at a stated price, and a policy approves
them, or refuses them."""

from collections.abc import Sequence

from consensus.codec import Wire, encode
from consensus.hashing import sha256
from consensus.kinds import AccountId, Amount, Asset, Counter, Digest
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.gov import PROPOSALS, Proposal
from vm.modules.gov.tables import OPEN as OPEN_PROPOSAL
from vm.modules.gov.tables import REJECTED, VETOED
from vm.modules.market import reference_price
from vm.modules.orders.closing import NOTHING_DUE, REFUSED, close_order, dissolve
from vm.modules.orders.tables import (
    APPROVED,
    BATCHES,
    ESCROW_POT,
    GATHERED,
    LIST_AGENDA,
    LISTED,
    LISTINGS,
    NOT_THE_LEADER,
    NUMBERING,
    OPEN,
    ORDER_AGENDA,
    ORDERS,
    OTHER_ASSET,
    PAID,
    PAYABLE_POT,
    USERS_PPM,
    Batch,
    Gathered,
    Order,
    Terms,
    batch_row,
    issue,
    left_to_issue,
    numbering_of,
    order_row,
    orders,
    terms_row,
)
from vm.modules.tokens import PositiveAmount, asset_row, drain_pot, fill_pot
from vm.parameter import PARTS_PER_MILLION
from vm.view import View

NOT_LISTED = orders.error("not-listed", "The order has no complete list, or is gathered already.")
MIXED = orders.error("mixed-assets", "The orders of a batch are paid in one asset.")
NEEDS_PRICE = orders.error("needs-price", "Orders for which something is issued need a price.")
NO_PRICE_NEEDED = orders.error("no-price-needed", "Nothing is issued for these orders: no price.")
NO_REFERENCE = orders.error("no-reference", "The market has no reference price for these assets.")
TOO_CHEAP = orders.error("too-cheap", "The price is lower than the market's reference price.")
IS_APPROVED = orders.error("already-approved", "The batch is approved already.")
OTHER_BATCH = orders.error("other-batch", "The batch is another one than was decided on.")


@orders.event
@record("orders.gathered")
class BatchGathered(Record):
    """Orders were gathered in a batch of this number, to be approved at this price."""

    batch: Counter
    leader: AccountId
    orders: Gathered
    price: PositiveAmount | None


@orders.event
@record("orders.approved")
class BatchApproved(Record):
    """A batch was approved: what its orders pay to those who are listed (units), and how many of
    these were issued."""

    batch: Counter
    asset: Asset
    units: Amount
    issued: Amount


@orders.action(gas=24_000)
@record("orders.gather")
class Gather(Action):
    """As who leads them, gather orders whose lists are complete in a batch, at a stated price no
    lower than the market's reference price (K2); orders that are paid in the asset which was issued
    have none (K3)."""

    orders: Gathered
    price: PositiveAmount | None

    def apply(self, context: Context) -> None:
        state, numbering = context.state, numbering_of(context.state)
        rows = [order_row(state, n, field=f"orders[{i}]") for i, n in enumerate(self.orders)]
        for i, row in enumerate(rows):
            if row.leader != context.sender:
                raise NOT_THE_LEADER.failed(field=f"orders[{i}]")
            if row.asset != rows[0].asset:
                raise MIXED.failed(field=f"orders[{i}]")
            if row.status != LISTED or self.orders[i] in self.orders[:i]:
                raise NOT_LISTED.failed(field=f"orders[{i}]")
            gathered = replace(row, status=GATHERED, batch=numbering.batch)
            ORDERS.put(state, gathered, self.orders[i])
        check_price(state, terms_row(state), rows[0].asset, self.price)
        batch = Batch(
            leader=context.sender,
            orders=self.orders,
            asset=rows[0].asset,
            price=self.price,
            fees=sum(row.fee for row in rows),
            digest=_digest(state, self.orders, rows, self.price),
            status=OPEN,
            proposal=None,
            units=0,
            issued=0,
            approved_ms=None,
        )
        BATCHES.put(state, batch, numbering.batch)
        NUMBERING.put(state, replace(numbering, batch=numbering.batch + 1))
        context.emit(BatchGathered(numbering.batch, context.sender, self.orders, self.price))


@orders.action(gas=16_000)
@record("orders.dissolve")
class Dissolve(Action):
    """As who gathered it, take back a batch that is not approved, such as one at a price that has
    become too low; its orders can be gathered anew (K2)."""

    batch: Counter

    def apply(self, context: Context) -> None:
        row = batch_row(context.state, self.batch)
        if row.leader != context.sender:
            raise NOT_THE_LEADER.failed(field="batch")
        if row.status != OPEN:
            raise IS_APPROVED.failed(field="batch")
        dissolve(context, self.batch, row)


@orders.action(gas=20_000, governed=True)
@record("orders.approve")
class Approve(Action):
    """Approve a batch of this digest. The fees go to the pot for them, and for each order
    floor(fee x 10^decimals / price) units are issued, no more than are left, and shared by who is
    listed (K2, K6); what was paid in the issued asset is shared itself (K3). An order for which
    nothing would be issued goes back to its client."""

    batch: Counter
    digest: Digest

    def in_words(self) -> str:
        return f"approve batch {self.batch} of service orders"

    def apply(self, context: Context) -> None:
        state, terms = context.state, terms_row(context.state)
        batch = batch_row(state, self.batch)
        if batch.status != OPEN:
            raise IS_APPROVED.failed(field="batch")
        if batch.digest != self.digest:
            raise OTHER_BATCH.failed(field="digest")
        check_price(state, terms, batch.asset, batch.price)
        units = issued = 0
        for number in batch.orders:
            row = order_row(state, number)
            due = units_due(state, terms, row, batch.price)
            if due:
                issued += _take_in(context, terms, row, due)
                _pay_out(context, number, row, due)
                units += due
            else:
                close_order(context, number, row, NOTHING_DUE)
        approved = replace(
            batch, status=APPROVED, units=units, issued=issued, approved_ms=context.block.time_ms
        )
        BATCHES.put(state, approved, self.batch)
        context.emit(BatchApproved(self.batch, terms.asset, units, issued))


def check_price(view: View, terms: Terms, asset: str, price: int | None) -> None:
    """Raise ActionFailed unless orders that are paid in this asset can be approved at this price
    (units of the asset per whole token of what is issued) now."""
    if asset == terms.asset:
        if price is not None:
            raise NO_PRICE_NEEDED.failed(field="price")
        return
    if asset != terms.fee_asset:
        raise OTHER_ASSET.failed(f"{asset} was replaced by {terms.fee_asset}", field="orders")
    if price is None:
        raise NEEDS_PRICE.failed(field="price")
    reference = reference_of(view, terms)
    if price < reference:
        raise TOO_CHEAP.failed(f"the reference price is {reference}", field="price")


def reference_of(view: View, terms: Terms) -> int:
    """The market's reference price of what is issued; raises ActionFailed if there is none."""
    reference = reference_price(view, terms.asset, terms.fee_asset)
    if reference is None:
        raise NO_REFERENCE.failed(f"{terms.asset} is not traded for {terms.fee_asset} here")
    return reference


def units_due(view: View, terms: Terms, row: Order, price: int | None) -> int:
    """What an order pays at this price: as much as its fee is worth, rounded down, but no more than
    is left to issue (K2); its fee, if it was paid in what is issued (K3)."""
    if price is None:
        return row.fee
    whole = int(10 ** asset_row(view, terms.asset).decimals)
    return min(row.fee * whole // price, left_to_issue(view, terms))


def _take_in(context: Context, terms: Terms, row: Order, units: int) -> int:
    """Take an order's fee out of escrow and make the units payable that it pays; returns how many
    of them were issued."""
    drain_pot(context.state, ESCROW_POT, row.asset, row.fee)
    if row.asset == terms.asset:
        fill_pot(context.state, PAYABLE_POT, terms.asset, units)
        return 0
    fill_pot(context.state, terms.pot, row.asset, row.fee)
    return issue(context.state, terms, units)


def _pay_out(context: Context, number: int, row: Order, units: int) -> None:
    """Let who is listed be paid in the blocks that follow."""
    state = context.state
    listing = None if row.listing is None else LISTINGS.get(state, row.listing)
    if row.listing is None or listing is None:
        raise RuntimeError(f"order {number} is gathered and has no list")
    user_units = units * USERS_PPM.read(state) // PARTS_PER_MILLION
    due = replace(listing, user_units=user_units, leader_units=units - user_units)
    LISTINGS.put(state, due, row.listing)
    LIST_AGENDA.add(state, context.block.time_ms, row.listing)
    ORDER_AGENDA.remove(state, row.until_ms, number)
    ORDERS.put(state, replace(row, status=PAID, units=units), number)


def _digest(view: View, numbers: Gathered, rows: Sequence[Order], price: int | None) -> bytes:
    """SHA-256 of all that is decided on: each order, its fee and its list, and the price."""
    listings = [LISTINGS.get(view, row.listing or 0) for row in rows]
    parts: list[Wire] = [
        [number, row.asset, row.fee, listing.digest]
        for number, row, listing in zip(numbers, rows, listings, strict=True)
        if listing is not None
    ]
    whole: list[Wire] = ["orders-batch", 1, price, parts]
    return sha256(encode(whole))


@orders.end_block
def follow_votes(context: Context) -> None:
    """Note which proposal decides on a batch: the first one. If it is rejected or vetoed and was
    about that batch alone, all its orders are refused, and their clients have their fees back."""
    for (number,) in PROPOSALS.written(context.state):
        proposal = PROPOSALS.get(context.state, number)
        if proposal is None:
            continue
        for approval in _approvals(proposal):
            batch = BATCHES.get(context.state, approval.batch)
            if batch is not None and batch.status == OPEN and batch.digest == approval.digest:
                _follow(context, number, proposal, approval.batch, batch)


def _follow(context: Context, number: int, proposal: Proposal, name: int, batch: Batch) -> None:
    state, is_refused = context.state, proposal.status in (REJECTED, VETOED)
    if proposal.status == OPEN_PROPOSAL and batch.proposal is None:
        BATCHES.put(state, replace(batch, proposal=number), name)
    elif proposal.status == OPEN_PROPOSAL or batch.proposal != number:
        return
    elif is_refused and len(proposal.actions) == 1:
        dissolve(context, name, batch)
        for order in batch.orders:
            close_order(context, order, order_row(state, order), REFUSED)
    else:
        BATCHES.put(state, replace(batch, proposal=None), name)


def _approvals(proposal: Proposal) -> list[Approve]:
    """The batches that a proposal would approve."""
    return [Approve.unpack(wire) for wire in proposal.actions if wire[0] == Approve.tag]
