"""Redeeming: a voucher is bought, handed on, and honoured or given back when its time is over.

What was paid is held meanwhile. Honoured, it returns to the participation pool (W2); else it goes
back to who holds the voucher, so that a provider that does not honour it gains nothing.
"""

from consensus.kinds import AccountId, Amount, Counter
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.chain import chain_constants
from vm.modules.redemption.offering import NOT_THE_PROVIDER, numbering_of
from vm.modules.redemption.tables import (
    ESCROW_POT,
    HELD,
    ISSUED,
    NUMBERING,
    OFFERS,
    OPEN,
    POOL,
    VOUCHERS,
    Held,
    Issued,
    Voucher,
    offer_row,
    redemption,
    voucher_row,
)
from vm.modules.steps import price_factor
from vm.modules.tokens import PositiveAmount, credit, debit, drain_pot, fill_pot
from vm.view import State, View

NO_POOL = redemption.error("no-pool", "Nothing can be redeemed here yet.")
NOT_OPEN = redemption.error("not-open", "The offer is not open.")
SOLD_OUT = redemption.error("sold-out", "Nothing is left of the offer.")
TOO_DEAR = redemption.error("too-dear", "The price now is more than the most that was named.")
NOT_THE_HOLDER = redemption.error("not-the-holder", "Only who holds the voucher can hand it on.")
TOO_LATE = redemption.error("too-late", "The voucher's time is over: it can only be given back.")
TOO_EARLY = redemption.error("too-early", "The voucher can still be honoured.")


@redemption.event
@record("redemption.redeemed")
class Redeemed(Record):
    """An account has a voucher of this number."""

    voucher: Counter
    offer: Counter
    account: AccountId
    paid: Amount


@redemption.event
@record("redemption.handed_on")
class HandedOn(Record):
    """A voucher is another account's from now on."""

    voucher: Counter
    to: AccountId


@redemption.event
@record("redemption.settled")
class Settled(Record):
    """A voucher is no more: it was honoured, and what was paid returned to the pool; or it lapsed,
    and that went back to who held it."""

    voucher: Counter
    offer: Counter
    honoured: bool
    holder: AccountId
    paid: Amount


@redemption.action(gas=6_000)
@record("redemption.redeem")
class Redeem(Action):
    """Buy a voucher of an offer for its price times the step that prices have reached (W3, W8), if
    that is at most `most` units."""

    offer: Counter
    most: PositiveAmount

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        offer, paid = offer_row(state, self.offer), price_now(state, self.offer)
        if POOL.get(state) is None:
            raise NO_POOL.failed()
        if offer.status != OPEN:
            raise NOT_OPEN.failed(f"it is {offer.status}", field="offer")
        if not offer.stock:
            raise SOLD_OUT.failed(field="offer")
        if paid > self.most:
            raise TOO_DEAR.failed(f"the price is {paid}, more than {self.most}", field="most")
        native = chain_constants(state).native_asset
        debit(state, sender, native, paid)
        fill_pot(state, ESCROW_POT, native, paid)
        OFFERS.put(state, replace(offer, stock=offer.stock - 1), self.offer)
        numbering = numbering_of(state)
        until_ms = context.block.time_ms + 1000 * offer.valid_s
        _put(state, Voucher(self.offer, sender, paid, until_ms), numbering.voucher)
        NUMBERING.put(state, replace(numbering, voucher=numbering.voucher + 1))
        context.emit(Redeemed(numbering.voucher, self.offer, sender, paid))


@redemption.action(gas=3_000)
@record("redemption.hand_on")
class HandOn(Action):
    """Give a voucher to another account (W8)."""

    voucher: Counter
    to: AccountId

    def apply(self, context: Context) -> None:
        state, voucher = context.state, voucher_row(context.state, self.voucher)
        if voucher.holder != context.sender:
            raise NOT_THE_HOLDER.failed(field="voucher")
        HELD.delete(state, voucher.holder, self.voucher)
        _put(state, replace(voucher, holder=self.to), self.voucher)
        context.emit(HandedOn(self.voucher, self.to))


@redemption.action(gas=4_000)
@record("redemption.honour")
class Honour(Action):
    """As the provider, say that a voucher was honoured: what was paid for it returns to the pool
    (W2, W8)."""

    voucher: Counter

    def apply(self, context: Context) -> None:
        state, voucher = context.state, voucher_row(context.state, self.voucher)
        if offer_row(state, voucher.offer).provider != context.sender:
            raise NOT_THE_PROVIDER.failed(field="voucher")
        if context.block.time_ms >= voucher.until_ms:
            raise TOO_LATE.failed(field="voucher")
        pool = POOL.get(state)
        if pool is None:
            raise NO_POOL.failed()
        native = chain_constants(state).native_asset
        drain_pot(state, ESCROW_POT, native, voucher.paid)
        fill_pot(state, pool.pot, native, voucher.paid)
        _settle(context, self.voucher, voucher, honoured=True)


@redemption.action(gas=4_000)
@record("redemption.give_back")
class GiveBack(Action):
    """Give back what was paid for a voucher that nobody honoured in time, to who holds it; anybody
    may send this (W8)."""

    voucher: Counter

    def apply(self, context: Context) -> None:
        state, voucher = context.state, voucher_row(context.state, self.voucher)
        if context.block.time_ms < voucher.until_ms:
            raise TOO_EARLY.failed(f"until {voucher.until_ms} ms", field="voucher")
        native = chain_constants(state).native_asset
        drain_pot(state, ESCROW_POT, native, voucher.paid)
        credit(state, voucher.holder, native, voucher.paid)
        _settle(context, self.voucher, voucher, honoured=False)


def price_now(view: View, number: int) -> int:
    """What a voucher of an offer costs now; raises ActionFailed (`offer`) if there is none."""
    return offer_row(view, number).price * price_factor(view)


def _put(state: State, voucher: Voucher, number: int) -> None:
    VOUCHERS.put(state, voucher, number)
    HELD.put(state, Held(), voucher.holder, number)
    ISSUED.put(state, Issued(), voucher.offer, number)


def _settle(context: Context, number: int, voucher: Voucher, *, honoured: bool) -> None:
    state, offer = context.state, offer_row(context.state, voucher.offer)
    VOUCHERS.delete(state, number)
    HELD.delete(state, voucher.holder, number)
    ISSUED.delete(state, voucher.offer, number)
    counted = replace(
        offer, honoured=offer.honoured + honoured, lapsed=offer.lapsed + (not honoured)
    )
    OFFERS.put(state, counted, voucher.offer)
    context.emit(Settled(number, voucher.offer, honoured, voucher.holder, voucher.paid))
