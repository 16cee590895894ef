"""Selling for a payment outside the chain: sold, bought, marked as paid, released.

Both sides put up a bond. Who buys and does not pay in time loses it, and who loses a dispute.
"""

from consensus.kinds import AccountId, Amount, Asset, Counter
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.chain import chain_constants
from vm.modules.otc.settling import finish
from vm.modules.otc.tables import (
    BOUGHT,
    ESCROW_POT,
    NOT_FOR_YOU,
    NUMBERING,
    OPEN,
    OTHER_TERMS,
    OVER,
    PAID,
    RELEASE_S,
    SALE_AGENDA,
    PayS,
    Sale,
    Terms,
    check_end,
    numbering_of,
    otc,
    put_sale,
    sale_row,
)
from vm.modules.tokens import Memo, PositiveAmount, debit, fill_pot, tradable_row

IS_PARTY = otc.error("is-party", "Seller, buyer and arbiter are three accounts.")
NOT_OPEN = otc.error("not-open", "The sale is not open.")
NOT_BOUGHT = otc.error("not-bought", "The sale is not bought, or it is marked as paid already.")
NOT_THE_SELLER = otc.error("not-the-seller", "Only the sale's seller can do this.")
NOT_THE_BUYER = otc.error("not-the-buyer", "Only the sale's buyer can do this.")


@otc.event
@record("otc.sold")
class Sold(Record):
    """An account sells an amount for a payment outside the chain, by this number."""

    sale: Counter
    seller: AccountId
    asset: Asset
    units: Amount


@otc.event
@record("otc.bought")
class Bought(Record):
    """An account has bought, and pays outside the chain before a time (ms from the Unix epoch)."""

    sale: Counter
    buyer: AccountId
    due_ms: Counter


@otc.event
@record("otc.marked_paid")
class MarkedPaid(Record):
    """A buyer says that it has paid, and how that can be seen."""

    sale: Counter
    evidence: Memo


@otc.action(gas=8_000)
@record("otc.sell")
class Sell(Action):
    """Sell an amount of a tradable asset for a payment outside the chain, on `terms` in words, to
    one account or to anybody (K9, W1). Seller and buyer put up the bond each. Disputes are decided
    by the arbiter or, if that is null, by a policy."""

    asset: Asset
    units: PositiveAmount
    terms: Terms
    bond_units: Amount
    arbiter: AccountId | None
    buyer: AccountId | None
    pay_s: PayS
    until_ms: Counter

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        tradable_row(state, self.asset)
        if self.arbiter is not None and self.arbiter in (sender, self.buyer):
            raise IS_PARTY.failed(field="arbiter")
        if self.buyer == sender:
            raise IS_PARTY.failed(field="buyer")
        check_end(context, self.until_ms)
        debit(state, sender, self.asset, self.units, field="units")
        fill_pot(state, ESCROW_POT, self.asset, self.units)
        put_up_bond(context, self.bond_units)
        numbering = numbering_of(state)
        put_sale(state, numbering.sale, self._row(sender))
        NUMBERING.put(state, replace(numbering, sale=numbering.sale + 1))
        context.emit(Sold(numbering.sale, sender, self.asset, self.units))

    def _row(self, seller: bytes) -> Sale:
        return Sale(
            seller=seller,
            asset=self.asset,
            units=self.units,
            terms=self.terms,
            bond_units=self.bond_units,
            arbiter=self.arbiter,
            pay_s=self.pay_s,
            buyer=self.buyer,
            status=OPEN,
            due_ms=self.until_ms,
        )


@otc.action(gas=8_000)
@record("otc.buy")
class Buy(Action):
    """Buy what is sold, if it is what is named, for the bond: one has the sale's `pay_s` seconds to
    pay and to mark it, else the bond is the seller's (K9)."""

    sale: Counter
    asset: Asset
    units: PositiveAmount
    bond_units: Amount

    def apply(self, context: Context) -> None:
        state, sender, row = context.state, context.sender, sale_row(context.state, self.sale)
        if row.status != OPEN:
            raise NOT_OPEN.failed(f"it is {row.status}", field="sale")
        if row.buyer not in (None, sender):
            raise NOT_FOR_YOU.failed(field="sale")
        if sender in (row.seller, row.arbiter):
            raise IS_PARTY.failed(field="sale")
        if context.block.time_ms >= row.due_ms:
            raise OVER.failed(field="sale")
        if (self.asset, self.units, self.bond_units) != (row.asset, row.units, row.bond_units):
            raise OTHER_TERMS.failed(
                f"it gives {row.units} {row.asset} for a bond of {row.bond_units}", field="sale"
            )
        put_up_bond(context, row.bond_units)
        due_ms = context.block.time_ms + 1000 * row.pay_s
        SALE_AGENDA.remove(state, row.due_ms, self.sale)
        put_sale(state, self.sale, replace(row, buyer=sender, status=BOUGHT, due_ms=due_ms))
        context.emit(Bought(self.sale, sender, due_ms))


@otc.action(gas=4_000)
@record("otc.mark_paid")
class MarkPaid(Action):
    """As the buyer, say that the payment is made; the seller has `otc.release_s` to release what it
    sold, then the sale is disputed (K9)."""

    sale: Counter
    evidence: Memo

    def apply(self, context: Context) -> None:
        state, row = context.state, sale_row(context.state, self.sale)
        if row.status != BOUGHT:
            raise NOT_BOUGHT.failed(f"it is {row.status}", field="sale")
        if row.buyer != context.sender:
            raise NOT_THE_BUYER.failed(field="sale")
        if context.block.time_ms >= row.due_ms:
            raise OVER.failed(field="sale")
        due_ms = context.block.time_ms + 1000 * RELEASE_S.read(state)
        SALE_AGENDA.remove(state, row.due_ms, self.sale)
        put_sale(state, self.sale, replace(row, status=PAID, due_ms=due_ms))
        context.emit(MarkedPaid(self.sale, self.evidence))


@otc.action(gas=5_000)
@record("otc.release")
class Release(Action):
    """As the seller, give the buyer what was sold, and both their bonds; or take an open sale
    back (K9)."""

    sale: Counter

    def apply(self, context: Context) -> None:
        row = sale_row(context.state, self.sale)
        if row.seller != context.sender:
            raise NOT_THE_SELLER.failed(field="sale")
        SALE_AGENDA.remove(context.state, row.due_ms, self.sale)
        finish(context, self.sale, row, is_bought=row.status != OPEN, loser=None)


def put_up_bond(context: Context, units: int) -> None:
    """Put the sender's bond into escrow; raises ActionFailed (`bond_units`) if it has less."""
    native = chain_constants(context.state).native_asset
    debit(context.state, context.sender, native, units, field="bond_units")
    fill_pot(context.state, ESCROW_POT, native, units)
