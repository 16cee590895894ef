"""Offering one asset for another: both change hands in one action, or neither does."""

from consensus.kinds import AccountId, Amount, Asset, Counter
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.otc.tables import (
    ESCROW_POT,
    NOT_FOR_YOU,
    NUMBERING,
    OFFER_AGENDA,
    OFFERS,
    OTHER_TERMS,
    OVER,
    Offer,
    check_end,
    numbering_of,
    offer_row,
    otc,
)
from vm.modules.tokens import PositiveAmount, credit, debit, drain_pot, fill_pot, tradable_row

SAME_ASSET = otc.error("same-asset", "An asset is not offered for itself.")
NOT_THE_MAKER = otc.error("not-the-maker", "Only who made the offer can withdraw it.")


@otc.event
@record("otc.offered")
class Offered(Record):
    """An account offers an amount of this number."""

    offer: Counter
    maker: AccountId
    asset: Asset
    units: Amount


@otc.event
@record("otc.taken")
class Taken(Record):
    """An offer was taken: its amount and its price have changed hands."""

    offer: Counter
    maker: AccountId
    taker: AccountId
    asset: Asset
    units: Amount
    price_asset: Asset
    price_units: Amount


@otc.event
@record("otc.withdrawn")
class Withdrawn(Record):
    """An offer is over, and its amount back: it was withdrawn, or nobody took it in time."""

    offer: Counter


@otc.action(gas=8_000)
@record("otc.make_offer")
class MakeOffer(Action):
    """Offer an amount for another asset's, to one account or, if `taker` is null, to anybody, until
    a time within 31 days; both assets must be tradable (K9, W1)."""

    asset: Asset
    units: PositiveAmount
    price_asset: Asset
    price_units: PositiveAmount
    taker: AccountId | None
    until_ms: Counter

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        tradable_row(state, self.asset)
        tradable_row(state, self.price_asset, field="price_asset")
        if self.asset == self.price_asset:
            raise SAME_ASSET.failed(field="price_asset")
        check_end(context, self.until_ms)
        debit(state, sender, self.asset, self.units, field="units")
        fill_pot(state, ESCROW_POT, self.asset, self.units)
        numbering = numbering_of(state)
        row = Offer(
            sender,
            self.asset,
            self.units,
            self.price_asset,
            self.price_units,
            self.taker,
            self.until_ms,
        )
        OFFERS.put(state, row, numbering.offer)
        OFFER_AGENDA.add(state, row.until_ms, numbering.offer)
        NUMBERING.put(state, replace(numbering, offer=numbering.offer + 1))
        context.emit(Offered(numbering.offer, sender, self.asset, self.units))


@otc.action(gas=8_000)
@record("otc.take")
class Take(Action):
    """Take an offer: pay its price and get its amount, if they are those that are named (K9)."""

    offer: Counter
    asset: Asset
    units: PositiveAmount
    price_asset: Asset
    price_units: PositiveAmount

    def apply(self, context: Context) -> None:
        state, sender, row = context.state, context.sender, offer_row(context.state, self.offer)
        if row.taker not in (None, sender):
            raise NOT_FOR_YOU.failed(field="offer")
        if context.block.time_ms >= row.until_ms:
            raise OVER.failed(f"it was until {row.until_ms} ms", field="offer")
        named = (self.asset, self.units, self.price_asset, self.price_units)
        if named != (row.asset, row.units, row.price_asset, row.price_units):
            raise OTHER_TERMS.failed(
                f"it gives {row.units} {row.asset} for {row.price_units} {row.price_asset}",
                field="offer",
            )
        debit(state, sender, row.price_asset, row.price_units, field="price_units")
        credit(state, row.maker, row.price_asset, row.price_units)
        _end(context, self.offer, row, sender)
        context.emit(
            Taken(
                self.offer,
                row.maker,
                sender,
                row.asset,
                row.units,
                row.price_asset,
                row.price_units,
            )
        )


@otc.action(gas=4_000)
@record("otc.withdraw")
class Withdraw(Action):
    """Take an offer of one's own back (K9)."""

    offer: Counter

    def apply(self, context: Context) -> None:
        row = offer_row(context.state, self.offer)
        if row.maker != context.sender:
            raise NOT_THE_MAKER.failed(field="offer")
        _end(context, self.offer, row, row.maker)
        context.emit(Withdrawn(self.offer))


def _end(context: Context, number: int, row: Offer, to: bytes) -> None:
    OFFER_AGENDA.remove(context.state, row.until_ms, number)
    give_offered(context, number, row, to)


def give_offered(context: Context, number: int, row: Offer, to: bytes) -> None:
    """Give an account what an offer, which is not on the agenda any more, has in escrow."""
    OFFERS.delete(context.state, number)
    drain_pot(context.state, ESCROW_POT, row.asset, row.units)
    credit(context.state, to, row.asset, row.units)
