"""The catalogue: providers propose offers, and a policy lets them in."""

from consensus.kinds import AccountId, Counter
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.redemption.tables import (
    CLOSED,
    NUMBERING,
    OFFERS,
    OPEN,
    POOL,
    PROPOSED,
    Numbering,
    Offer,
    Pool,
    Status,
    Stock,
    Title,
    ValidS,
    offer_row,
    redemption,
)
from vm.modules.tokens import CommunityPot, PositiveAmount
from vm.view import View

NOT_PROPOSED = redemption.error("not-proposed", "The offer was decided on already.")
NOT_THE_PROVIDER = redemption.error("not-the-provider", "Only the offer's provider can do this.")
IS_CLOSED = redemption.error("closed", "The offer is closed already.")


@redemption.event
@record("redemption.offered")
class Offered(Record):
    """A provider has proposed an offer of this number."""

    offer: Counter
    provider: AccountId
    title: Title


@redemption.event
@record("redemption.status_set")
class StatusSet(Record):
    """An offer is open, or closed, from now on."""

    offer: Counter
    status: Status


@redemption.action(gas=2_000, governed=True)
@record("redemption.set_pool")
class SetPool(Action):
    """Let what is paid for redemptions return to this community's pot (W2)."""

    pot: CommunityPot

    @property
    def subject(self) -> str:
        return self.pot

    def in_words(self) -> str:
        return f"let what is redeemed return to the pot {self.pot}"

    def apply(self, context: Context) -> None:
        POOL.put(context.state, Pool(self.pot))


@redemption.action(gas=6_000)
@record("redemption.offer")
class MakeOffer(Action):
    """Propose to give something for the token, such as a ticket, a discount or an hour of one's
    time, so many times; a voucher is good for `valid_s` seconds (W8)."""

    title: Title
    price: PositiveAmount
    stock: Stock
    valid_s: ValidS

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        numbering = numbering_of(state)
        offer = Offer(
            sender, self.title, self.price, self.stock, self.valid_s, PROPOSED, honoured=0, lapsed=0
        )
        OFFERS.put(state, offer, numbering.offer)
        NUMBERING.put(state, replace(numbering, offer=numbering.offer + 1))
        context.emit(Offered(numbering.offer, sender, self.title))


@redemption.action(gas=3_000, governed=True)
@record("redemption.approve")
class Approve(Action):
    """Let a proposed offer into the catalogue (W8)."""

    offer: Counter

    def in_words(self) -> str:
        return f"let offer {self.offer} into the catalogue of redemptions"

    def apply(self, context: Context) -> None:
        if offer_row(context.state, self.offer).status != PROPOSED:
            raise NOT_PROPOSED.failed(field="offer")
        _set_status(context, self.offer, OPEN)


@redemption.action(gas=3_000)
@record("redemption.close")
class Close(Action):
    """As its provider, take an offer back; its vouchers stay good (W8)."""

    offer: Counter

    def apply(self, context: Context) -> None:
        if offer_row(context.state, self.offer).provider != context.sender:
            raise NOT_THE_PROVIDER.failed(field="offer")
        _close(context, self.offer)


@redemption.action(gas=3_000, governed=True)
@record("redemption.remove")
class Remove(Action):
    """Take an offer out of the catalogue, or refuse it; its vouchers stay good (W8)."""

    offer: Counter

    def in_words(self) -> str:
        return f"take offer {self.offer} out of the catalogue of redemptions"

    def apply(self, context: Context) -> None:
        offer_row(context.state, self.offer)
        _close(context, self.offer)


def numbering_of(view: View) -> Numbering:
    """The numbers that come next, from 1."""
    return NUMBERING.get(view) or Numbering(1, 1)


def _close(context: Context, number: int) -> None:
    if offer_row(context.state, number).status == CLOSED:
        raise IS_CLOSED.failed(field="offer")
    _set_status(context, number, CLOSED)


def _set_status(context: Context, number: int, status: str) -> None:
    OFFERS.put(context.state, replace(offer_row(context.state, number), status=status), number)
    context.emit(StatusSet(number, status))
