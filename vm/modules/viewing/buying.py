"""Purchases: the price waits in escrow until the key is delivered and has stood the test, or goes
back (T9)."""

from consensus.cid import Cid
from consensus.codec import UINT64_MAX
from consensus.kinds import AccountId, Amount, Asset, Counter
from consensus.record import Record, record
from consensus.sealed_key import ViewingKey
from vm.context import Context
from vm.declare import Action
from vm.modules.account import SENDERS
from vm.modules.activity import ActivityKind, note
from vm.modules.content import home_of
from vm.modules.tokens import BALANCES, PositiveAmount, credit, debit, drain_pot, fill_pot
from vm.modules.viewing.offering import NOT_OFFERED, check_payable
from vm.modules.viewing.tables import (
    ACCESS,
    AGENDA,
    DELIVERY_S,
    ESCROW_POT,
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
from vm.parameter import PARTS_PER_MILLION
from vm.view import State, View

DUE_A_BLOCK = 256  # the rest is settled in the blocks that follow

OWN_VIDEO = viewing.error("own-video", "The video is the account's own.")
ALREADY_BOUGHT = viewing.error("already-bought", "The account has bought this video already.")
OFFER_CHANGED = viewing.error("offer-changed", "The video is for sale at another price.")
BAD_REFERRER = viewing.error(
    "bad-referrer", "Who leads a buyer to a video is another account than buyer and owner."
)
UNKNOWN_REFERRER = viewing.error(
    "unknown-referrer", "No account that ever sent a transaction has this id."
)


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
    """A price has left escrow: the referrer's part, and the rest for the seller."""

    video: Cid
    buyer: AccountId
    asset: Asset
    seller: AccountId
    amount: Amount
    referrer: AccountId | None
    referral: Amount


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
    that the buyer saw; `referrer` is who led it there."""

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
        if self.referrer in (buyer, offer.owner):
            raise BAD_REFERRER.failed(field="referrer")
        if self.referrer is not None and SENDERS.get(view, self.referrer) is None:
            raise UNKNOWN_REFERRER.failed(field="referrer")
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
    """The referrer's part is rounded down; what that leaves is the seller's (T6)."""
    state, referral = context.state, row.price * row.referral_ppm // PARTS_PER_MILLION
    drain_pot(state, ESCROW_POT, row.asset, row.price)
    credit(state, seller, row.asset, row.price - referral)
    if row.referrer is not None:
        credit(state, row.referrer, row.asset, referral)
    PURCHASES.delete(state, video, buyer)
    _count(state, video, row)
    note(context, buyer, ActivityKind.PAYMENT, creator=seller, space=home_of(state, video))
    context.emit(
        PaidOut(video, buyer, row.asset, seller, row.price - referral, row.referrer, referral)
    )


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
