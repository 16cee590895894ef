"""The module `otc`: its rows, and what must hold between them (K9)."""

from collections import Counter as Tally
from collections.abc import Iterator
from typing import Annotated

from consensus.kinds import AccountId, Amount, Asset, Counter, Text, Uint
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Module
from vm.modules.agenda import Agenda
from vm.modules.chain import chain_constants
from vm.modules.tokens import POTS, PositiveAmount
from vm.table import KeyPart, Table
from vm.view import State, View

otc = Module("otc", "Trades over the counter, whose halves are in escrow.")

ESCROW_POT = "otc.escrow"
LONGEST_S = 31 * 24 * 3_600
LONGEST_MS = 1000 * LONGEST_S

RELEASE_S = otc.parameter(
    "release_s",
    default=86_400,
    minimum=60,
    maximum=LONGEST_S,
    unit="seconds",
    sentence="How long a seller has to release a sale whose buyer says that it has paid; then the "
    "sale is disputed (K9).",
)
DECIDE_S = otc.parameter(
    "decide_s",
    default=7 * 86_400,
    minimum=60,
    maximum=LONGEST_S,
    unit="seconds",
    sentence="How long a disputed sale can be decided on; then the seller has back what it sold, "
    "and each side its bond (K9).",
)

Terms = Annotated[str, Text(500, 1)]
PayS = Annotated[int, Uint(LONGEST_S, 60)]
OPEN, BOUGHT, PAID, DISPUTED = "open", "bought", "paid", "disputed"
Status = Annotated[str, Text(8, 1, f"{OPEN}|{BOUGHT}|{PAID}|{DISPUTED}")]


@record("otc.numbering")
class Numbering(Record):
    """The numbers of the next offer and the next sale."""

    offer: Counter
    sale: Counter


@record("otc.offer")
class Offer(Record):
    """An amount in escrow for another asset's: for `taker`, or for anybody if that is null, before
    `until_ms` (ms from the Unix epoch)."""

    maker: AccountId
    asset: Asset
    units: PositiveAmount
    price_asset: Asset
    price_units: PositiveAmount
    taker: AccountId | None
    until_ms: Counter


@record("otc.sale")
class Sale(Record):
    """An amount in escrow for a payment outside the chain, on terms in words. Both sides put up a
    bond of the native asset. `arbiter` decides disputes; if it is null, a policy does. `buyer` is
    who alone may buy, or has bought. At `due_ms` (ms from the Unix epoch) an open sale ends, and a
    bought one that is not paid; a paid one is disputed, and a disputed one goes back."""

    seller: AccountId
    asset: Asset
    units: PositiveAmount
    terms: Terms
    bond_units: Amount
    arbiter: AccountId | None
    pay_s: PayS
    buyer: AccountId | None
    status: Status
    due_ms: Counter

    @property
    def bonds(self) -> int:
        """How many bonds are in escrow."""
        return 1 if self.status == OPEN else 2


@record("otc.offer_due")
class OfferDue(Record):
    """Lists an offer by when it ends."""


@record("otc.sale_due")
class SaleDue(Record):
    """Lists a sale by when something becomes of it."""


NUMBERING: Table[Numbering] = otc.table(Numbering)
OFFERS: Table[Offer, int] = otc.table(Offer, offer=Counter)
SALES: Table[Sale, int] = otc.table(Sale, sale=Counter)
OFFERS_DUE: Table[OfferDue, int, int] = otc.table(OfferDue, until_ms=Counter, offer=Counter)
SALES_DUE: Table[SaleDue, int, int] = otc.table(SaleDue, due_ms=Counter, sale=Counter)
OFFER_AGENDA: Agenda[int] = Agenda(OFFERS_DUE, OfferDue())
SALE_AGENDA: Agenda[int] = Agenda(SALES_DUE, SaleDue())

UNKNOWN_OFFER = otc.error("unknown-offer", "There is no such offer, or it is over.")
UNKNOWN_SALE = otc.error("unknown-sale", "There is no such sale, or it is over.")
ENDS_TOO_EARLY = otc.error("ends-too-early", "An offer or a sale ends later than now.")
ENDS_TOO_LATE = otc.error("ends-too-late", "An offer or a sale ends within 31 days.")
OTHER_TERMS = otc.error("other-terms", "The offer or sale of this number has other terms.")
NOT_FOR_YOU = otc.error("not-for-you", "The offer or sale is for another account.")
OVER = otc.error("over", "The time for this is over.")


def offer_row(view: View, number: int) -> Offer:
    """The offer; raises ActionFailed (`offer`) if there is none."""
    row = OFFERS.get(view, number)
    if row is None:
        raise UNKNOWN_OFFER.failed(f"there is no offer {number}", field="offer")
    return row


def sale_row(view: View, number: int) -> Sale:
    """The sale; raises ActionFailed (`sale`) if there is none."""
    row = SALES.get(view, number)
    if row is None:
        raise UNKNOWN_SALE.failed(f"there is no sale {number}", field="sale")
    return row


def numbering_of(view: View) -> Numbering:
    """The numbers that come next, from 1."""
    return NUMBERING.get(view) or Numbering(1, 1)


def check_end(context: Context, until_ms: int) -> None:
    """Raise ActionFailed unless an offer or a sale can last until this time."""
    now_ms = context.block.time_ms
    if until_ms <= now_ms:
        raise ENDS_TOO_EARLY.failed(f"now it is {now_ms} ms", field="until_ms")
    if until_ms > now_ms + LONGEST_MS:
        raise ENDS_TOO_LATE.failed(field="until_ms")


def put_sale(state: State, number: int, row: Sale) -> None:
    """Write a sale that is not on the agenda, and list it."""
    SALES.put(state, row, number)
    SALE_AGENDA.add(state, row.due_ms, number)


@otc.invariant
def escrow_is_kept(view: View) -> Iterator[str]:
    """The pot holds what all offers and sales have in escrow."""
    wanted: Tally[str] = Tally()
    native = chain_constants(view).native_asset
    for _, offer in OFFERS.every(view):
        wanted[offer.asset] += offer.units
    for _, sale in SALES.every(view):
        wanted[sale.asset] += sale.units
        wanted[native] += sale.bonds * sale.bond_units
    held = {asset: pot.amount for (name, asset), pot in POTS.every(view) if name == ESCROW_POT}
    if held != +wanted:
        yield f"the pot {ESCROW_POT} holds {held}, {dict(wanted)} is in escrow"


@otc.invariant
def all_are_listed(view: View) -> Iterator[str]:
    """Offers and sales are listed by when something becomes of them; what is bought has a buyer."""
    offers: set[tuple[KeyPart, ...]] = {(row.until_ms, n) for (n,), row in OFFERS.every(view)}
    yield from OFFER_AGENDA.disagreements(view, offers)
    sales: set[tuple[KeyPart, ...]] = {(row.due_ms, n) for (n,), row in SALES.every(view)}
    yield from SALE_AGENDA.disagreements(view, sales)
    for (number,), row in SALES.every(view):
        if row.status != OPEN and row.buyer is None:
            yield f"sale {number} is {row.status} and has no buyer"
