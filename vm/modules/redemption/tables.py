"""The module `redemption`: its rows, and what must hold between them."""

from collections.abc import Iterator
from typing import Annotated

from consensus.kinds import AccountId, Counter, Text, Uint
from consensus.record import Record, record
from vm.declare import Module
from vm.modules.chain import chain_constants
from vm.modules.tokens import CommunityPot, PositiveAmount, pot_of
from vm.table import Table
from vm.view import View

redemption = Module(
    "redemption", "What the community's token buys from its catalogue, and the vouchers for it."
)

ESCROW_POT = "redemption.escrow"
MAX_VALID_S = 366 * 24 * 3600

Title = Annotated[str, Text(200, 1)]
Stock = Annotated[int, Uint(1_000_000)]
ValidS = Annotated[int, Uint(MAX_VALID_S, 60)]
PROPOSED, OPEN, CLOSED = "proposed", "open", "closed"
STATUS_TEXT = Text(16, 1, f"{PROPOSED}|{OPEN}|{CLOSED}")
Status = Annotated[str, STATUS_TEXT]


@record("redemption.pool")
class Pool(Record):
    """The pot to which what is redeemed returns."""

    pot: CommunityPot


@record("redemption.numbering")
class Numbering(Record):
    """The numbers of the next offer and the next voucher."""

    offer: Counter
    voucher: Counter


@record("redemption.offer")
class Offer(Record):
    """What a provider gives for the token: at which price before steps, how often still, and for
    how many seconds a voucher is good; and how many vouchers were honoured, and how many lapsed."""

    provider: AccountId
    title: Title
    price: PositiveAmount
    stock: Stock
    valid_s: ValidS
    status: Status
    honoured: Counter
    lapsed: Counter


@record("redemption.voucher")
class Voucher(Record):
    """A claim on its offer's provider: whose it is, what was paid for it, which is held until it is
    honoured, and until when that can be (ms from the Unix epoch)."""

    offer: Counter
    holder: AccountId
    paid: PositiveAmount
    until_ms: Counter


@record("redemption.held")
class Held(Record):
    """Lists a voucher by who holds it."""


@record("redemption.issued")
class Issued(Record):
    """Lists a voucher by its offer."""


POOL: Table[Pool] = redemption.table(Pool)
NUMBERING: Table[Numbering] = redemption.table(Numbering)
OFFERS: Table[Offer, int] = redemption.table(Offer, offer=Counter)
VOUCHERS: Table[Voucher, int] = redemption.table(Voucher, voucher=Counter)
HELD: Table[Held, bytes, int] = redemption.table(Held, account=AccountId, voucher=Counter)
ISSUED: Table[Issued, int, int] = redemption.table(Issued, offer=Counter, voucher=Counter)

UNKNOWN_OFFER = redemption.error("unknown-offer", "There is no such offer.")
UNKNOWN_VOUCHER = redemption.error(
    "unknown-voucher", "There is no such voucher, or it was honoured or has lapsed."
)


def offer_row(view: View, number: int) -> Offer:
    """The offer; raises ActionFailed (`offer`) if there is none."""
    row = OFFERS.get(view, number)
    if row is None:
        raise UNKNOWN_OFFER.failed(f"there is no offer {number}", field="offer")
    return row


def voucher_row(view: View, number: int) -> Voucher:
    """The voucher; raises ActionFailed (`voucher`) if there is none."""
    row = VOUCHERS.get(view, number)
    if row is None:
        raise UNKNOWN_VOUCHER.failed(f"there is no voucher {number}", field="voucher")
    return row


@redemption.invariant
def vouchers_are_listed_and_paid_for(view: View) -> Iterator[str]:
    """The pot holds what was paid for all vouchers, which are listed by holder and offer."""
    rows = {number: row for (number,), row in VOUCHERS.every(view)}
    held = pot_of(view, ESCROW_POT, chain_constants(view).native_asset)
    paid = sum(row.paid for row in rows.values())
    if held != paid:
        yield f"the pot {ESCROW_POT} holds {held}, {paid} was paid for vouchers"
    if {key for key, _ in HELD.every(view)} != {(row.holder, n) for n, row in rows.items()}:
        yield "vouchers are not listed by who holds them"
    if {key for key, _ in ISSUED.every(view)} != {(row.offer, n) for n, row in rows.items()}:
        yield "vouchers are not listed by their offers"
    for number, row in rows.items():
        if OFFERS.get(view, row.offer) is None:
            yield f"voucher {number} is of an offer that does not exist"
