"""Purchases: the price waits in escrow until the key is delivered and has stood the test, or goes
back (T9)."""

from consensus.cid import Cid
from consensus.codec import UINT64_MAX
from consensus.kinds import AccountId, Amount, Asset, Counter
from consensus.record import Record, record
from consensus.sealed_key import ViewingKey
from vm.context import Context
from vm.declare import Action
from vm.modules.activity import ActivityKind
from vm.modules.content import note_at
from vm.modules.ranking import vote
from vm.modules.rebate import collect
from vm.modules.referral import check_referrer, pay_creator
from vm.modules.tokens import BALANCES, PositiveAmount, credit, debit, drain_pot, fill_pot
from vm.modules.viewing.offering import NOT_OFFERED, check_payable
from vm.modules.viewing.tables import (
    ACCESS,
    AGENDA,
    DELIVERY_S,
    ESCROW_POT,
    FEE_PPM,
    OFFERS,
    PURCHASES,
    SPENDING,
    Access,
    Offer,
    Purchase,
    Spending,
    offer_of,
    viewing,
)
from vm.view import State, View

DUE_A_BLOCK = 256  # the rest is settled in the blocks that follow

OWN_VIDEO = viewing.error("own-video", "The video is the account's own.")
ALREADY_BOUGHT = viewing.error("already-bought", "The account has bought this video already.")
OFFER_CHANGED = viewing.error("offer-changed", "The video is for sale at another price.")


@viewing.event
@record("viewing.bought")
class Bought(Record):
    """An account has paid for a video into escrow; its owner has until `due_ms` (ms from the Unix
    epoch) to deliver the key to this viewing key."""

    video: Cid
    buyer: AccountId
    viewing_key: ViewingKey
    asset: Asset
    price: Amount
    referrer: AccountId | None
    due_ms: Counter


@viewing.event
@record("viewing.paid_out")
class PaidOut(Record):
    """A price has left escrow: the platform's fee, the referrer's part of what that leaves, and the
    rest for the seller."""

    video: Cid
    buyer: AccountId
    asset: Asset
    seller: AccountId
    amount: Amount
    referrer: AccountId | None
    referral: Amount
    fee: Amount


@viewing.event
@record("viewing.refunded")
class Refunded(Record):
    """A buyer has the price back: no key came in time or, if it was disputed, a wrong one."""

    video: Cid
    buyer: AccountId
    asset: Asset
    price: Amount
    is_disputed: bool


@viewing.action(gas=12_000)
@record("viewing.buy")
class Buy(Action):
    """Pay for the key to a video, which is to be sealed to this viewing key: one made for this
    purchase alone, as its secret proves a wrong delivery. Asset and price are those of the offer
    that the buyer saw; `referrer` is who led it there (T6, T9)."""

    video: Cid
    asset: Asset
    price: PositiveAmount
    viewing_key: ViewingKey
    referrer: AccountId | None

    def apply(self, context: Context) -> None:
        state, buyer = context.state, context.sender
        offer = self._check(state, buyer)
        debit(state, buyer, offer.asset, offer.price)
        fill_pot(state, ESCROW_POT, offer.asset, offer.price)
        due_ms = context.block.time_ms + 1000 * DELIVERY_S.read(state)
        purchase = Purchase(
            self.viewing_key,
            offer.asset,
            offer.price,
            self.referrer,
            offer.referral_ppm(self.referrer),
            due_ms,
            None,
        )
        PURCHASES.put(state, purchase, self.video, buyer)
        AGENDA.add(state, due_ms, self.video, buyer)
        ACCESS.put(state, Access(self.viewing_key, None, is_bought=True), buyer, self.video)
        context.emit(
            Bought(
                self.video,
                buyer,
                self.viewing_key,
                offer.asset,
                offer.price,
                self.referrer,
                due_ms,
            )
        )

    def _check(self, view: View, buyer: bytes) -> Offer:
        offer = offer_of(view, self.video)
        if offer is None:
            raise NOT_OFFERED.failed(field="video")
        if buyer == offer.owner:
            raise OWN_VIDEO.failed(field="video")
        access = ACCESS.get(view, buyer, self.video)
        if access is not None and access.is_bought:
            raise ALREADY_BOUGHT.failed(field="video")
        if (self.asset, self.price) != (offer.asset, offer.price):
            raise OFFER_CHANGED.failed(
                f"the price is {offer.price} units of {offer.asset} now", field="price"
            )
        check_payable(view, offer.asset)
        check_referrer(view, self.referrer, payer=buyer, creator=offer.owner)
        return offer

    def touches(self, sender: bytes) -> tuple[bytes, ...]:
        return (
            OFFERS.state_key(self.video),
            ACCESS.state_key(sender, self.video),
            BALANCES.state_key(sender, self.asset),
        )


@viewing.begin_block
def settle_due(context: Context) -> None:
    """Settle the purchases that are due at this block's time, a bounded number a block: pay out
    those whose key was delivered, give back the price of the others."""
    due = AGENDA.take(context.state, context.block.time_ms, limit=DUE_A_BLOCK)
    for _, video, buyer in due:
        row = PURCHASES.get(context.state, video, buyer)
        if row is None:
            raise RuntimeError(f"{buyer.hex()} is listed and has no purchase of {video}")
        if row.seller is None:
            refund(context, video, buyer, row, is_disputed=False)
        else:
            _pay_out(context, video, buyer, row, row.seller)


def _pay_out(context: Context, video: Cid, buyer: bytes, row: Purchase, seller: bytes) -> None:
    """The platform's fee votes for the video (T5); the referrer's part is of what that leaves, and
    the rest the seller's (T6)."""
    state = context.state
    drain_pot(state, ESCROW_POT, row.asset, row.price)
    fee = collect(
        context,
        source=viewing.name,
        payer=buyer,
        provider=seller,
        asset=row.asset,
        gross=row.price,
        fee_ppm=FEE_PPM.read(state),
    )
    left = row.price - fee
    referral = pay_creator(
        context,
        payer=buyer,
        creator=seller,
        asset=row.asset,
        amount=left,
        referrer=row.referrer,
        ppm=row.referral_ppm,
    )
    PURCHASES.delete(state, video, buyer)
    _count(state, video, row)
    vote(context, voter=buyer, creator=seller, asset=row.asset, fee=fee, video=video)
    note_at(context, buyer, video, ActivityKind.PAYMENT, creator=seller)
    paid = (left - referral, row.referrer, referral, fee)
    context.emit(PaidOut(video, buyer, row.asset, seller, *paid))


def _count(state: State, video: Cid, row: Purchase) -> None:
    before = SPENDING.get(state, video, row.asset) or Spending(0, 0, 0)
    referred = 0 if row.referrer is None else row.price
    after = Spending(
        before.purchases + 1,
        min(before.units + row.price, UINT64_MAX),
        min(before.referred_units + referred, UINT64_MAX),
    )
    SPENDING.put(state, after, video, row.asset)


def refund(context: Context, video: Cid, buyer: bytes, row: Purchase, *, is_disputed: bool) -> None:
    """Give a buyer the whole price back; the purchase is as if it had not been. What lists it
    under its time is the caller's to remove."""
    state = context.state
    drain_pot(state, ESCROW_POT, row.asset, row.price)
    credit(state, buyer, row.asset, row.price)
    PURCHASES.delete(state, video, buyer)
    ACCESS.delete(state, buyer, video)
    context.emit(Refunded(video, buyer, row.asset, row.price, is_disputed))
