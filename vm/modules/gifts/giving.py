"""Giving: the receiver gets the price of a gift at once, but for the platform's fee."""

from consensus.cid import Cid
from consensus.codec import UINT64_MAX
from consensus.kinds import AccountId, Amount, Asset
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.activity import ActivityKind, note
from vm.modules.apps import AppName, own_open_app
from vm.modules.content import note_at, owner_of
from vm.modules.gifts.tables import (
    CATALOGUE,
    FEE_PPM,
    FIRST,
    GIVINGS,
    GIVINGS_KEPT,
    NUMBERING,
    RECEIVED,
    STOCK_POT,
    STOCKS,
    Gift,
    GiftName,
    Giving,
    Pieces,
    Received,
    Stock,
    gift_row,
    gifts,
    sold_gift,
)
from vm.modules.live import is_open
from vm.modules.ranking import vote
from vm.modules.rebate import collect
from vm.modules.referral import check_referrer, pay_creator, terms_of
from vm.modules.tokens import PositiveAmount, asset_row, debit, drain_pot, fill_pot

GIFT_EXISTS = gifts.error("gift-exists", "A gift of this name was listed already.")
NOT_THEIRS = gifts.error("not-theirs", "The video is not one of who gets the gift.")
NO_STOCK = gifts.error("no-stock", "The developer has no piece of this gift left: buy some first.")


@gifts.event
@record("gifts.listed")
class Listed(Record):
    """A gift is in the catalogue from now on, or not any more."""

    gift: GiftName
    is_listed: bool


@gifts.event
@record("gifts.given")
class Given(Record):
    """An account was given a gift by another, for a video or not: it got `earned` of the price."""

    gift: GiftName
    giver: AccountId
    to: AccountId
    video: Cid | None
    asset: Asset
    price: Amount
    earned: Amount


@gifts.action(gas=4_000, governed=True)
@record("gifts.list")
class ListGift(Action):
    """Put a gift into the catalogue (P8)."""

    gift: GiftName
    asset: Asset
    price: PositiveAmount
    animation: Cid

    @property
    def subject(self) -> str:
        return self.gift

    def in_words(self) -> str:
        return f"put the gift {self.gift} into the catalogue for {self.price} units of {self.asset}"

    def apply(self, context: Context) -> None:
        asset_row(context.state, self.asset)
        if CATALOGUE.get(context.state, self.gift) is not None:
            raise GIFT_EXISTS.failed(field="gift")
        row = Gift(self.asset, self.price, self.animation, is_listed=True)
        CATALOGUE.put(context.state, row, self.gift)
        context.emit(Listed(self.gift, is_listed=True))


@gifts.action(gas=3_000, governed=True)
@record("gifts.retire")
class Retire(Action):
    """Take a gift out of the catalogue; pieces that apps have paid for can still be won (P8)."""

    gift: GiftName

    @property
    def subject(self) -> str:
        return self.gift

    def in_words(self) -> str:
        return f"take the gift {self.gift} out of the catalogue"

    def apply(self, context: Context) -> None:
        row = sold_gift(context.state, self.gift)
        retired = Gift(row.asset, row.price, row.animation, is_listed=False)
        CATALOGUE.put(context.state, retired, self.gift)
        context.emit(Listed(self.gift, is_listed=False))


@gifts.action(gas=6_000)
@record("gifts.give")
class Give(Action):
    """Buy a gift of the catalogue for an account, perhaps for one of its videos; it gets the price
    at once, but for the platform's fee (P8) and the part of the referrer, who has led the sender
    there (T6). The fee votes for the account, and for the video or else its open live room (T5)."""

    gift: GiftName
    to: AccountId
    video: Cid | None
    referrer: AccountId | None

    def apply(self, context: Context) -> None:
        state, sender, row = context.state, context.sender, sold_gift(context.state, self.gift)
        if self.video is not None and owner_of(state, self.video) != self.to:
            raise NOT_THEIRS.failed(field="video")
        check_referrer(state, self.referrer, payer=sender, creator=self.to)
        debit(state, sender, row.asset, row.price)
        _hand_over(
            context,
            self.gift,
            row,
            self.to,
            video=self.video,
            referrer=self.referrer,
            app=None,
        )
        if self.video is None:
            note(context, sender, ActivityKind.PAYMENT, creator=self.to)
        else:
            note_at(context, sender, self.video, ActivityKind.PAYMENT)


@gifts.action(gas=4_000)
@record("gifts.stock_up")
class StockUp(Action):
    """As the developer of an app, pay for pieces of a gift, to be won in it (P8, T11)."""

    app: AppName
    gift: GiftName
    pieces: Pieces

    def apply(self, context: Context) -> None:
        state, sender, row = context.state, context.sender, sold_gift(context.state, self.gift)
        own_open_app(state, sender, self.app)
        debit(state, sender, row.asset, row.price * self.pieces)
        fill_pot(state, STOCK_POT, row.asset, row.price * self.pieces)
        before = STOCKS.get(state, sender, self.gift)
        pieces = self.pieces if before is None else before.pieces + self.pieces
        STOCKS.put(state, Stock(pieces), sender, self.gift)


@gifts.action(gas=6_000)
@record("gifts.hand_out")
class HandOut(Action):
    """As the developer of an app, give an account a gift that it has won there, out of what the
    developer has paid for (P8, T11)."""

    app: AppName
    gift: GiftName
    to: AccountId

    def apply(self, context: Context) -> None:
        state, sender, row = context.state, context.sender, gift_row(context.state, self.gift)
        own_open_app(state, sender, self.app)
        stock = STOCKS.get(state, sender, self.gift)
        if stock is None:
            raise NO_STOCK.failed(field="gift")
        if stock.pieces > 1:
            STOCKS.put(state, Stock(stock.pieces - 1), sender, self.gift)
        else:
            STOCKS.delete(state, sender, self.gift)
        drain_pot(state, STOCK_POT, row.asset, row.price)
        _hand_over(context, self.gift, row, self.to, video=None, referrer=None, app=self.app)


def _hand_over(
    context: Context,
    name: str,
    row: Gift,
    to: bytes,
    *,
    video: Cid | None,
    referrer: bytes | None,
    app: str | None,
) -> None:
    """Give the receiver a price that was taken before."""
    state, giver = context.state, context.sender
    fee = collect(
        context,
        source=gifts.name,
        payer=giver,
        provider=to,
        asset=row.asset,
        gross=row.price,
        fee_ppm=FEE_PPM.read(state),
    )
    referral = pay_creator(
        context,
        payer=giver,
        creator=to,
        asset=row.asset,
        amount=row.price - fee,
        referrer=referrer,
        ppm=terms_of(state, to).ppm(referrer),
    )
    in_room = is_open(state, to)
    vote(context, voter=giver, creator=to, asset=row.asset, fee=fee, video=video, in_room=in_room)
    before = RECEIVED.get(state, to, name) or Received(0, 0)
    units = min(before.units + row.price, UINT64_MAX)
    RECEIVED.put(state, Received(before.count + 1, units), to, name)
    earned = row.price - fee - referral
    context.emit(Given(name, giver, to, video, row.asset, row.price, earned))
    numbering = NUMBERING.get(state) or FIRST
    number, time_ms = numbering.givings + 1, context.block.time_ms
    NUMBERING.put(state, replace(numbering, givings=number))
    paid = (row.asset, row.price, earned)
    giving = Giving(number, time_ms, name, giver, to, video, app, *paid)
    GIVINGS.put(state, giving, number % GIVINGS_KEPT)
