"""The module `gifts`: its rows, and what must hold between them."""

from collections import Counter as Tally
from collections.abc import Iterator
from typing import Annotated

from consensus.cid import Cid
from consensus.kinds import AccountId, Amount, Asset, Counter, Text, Uint
from consensus.record import Record, record
from vm.declare import Module
from vm.modules.agenda import Agenda
from vm.modules.apps import AppName
from vm.modules.tokens import POTS, PositiveAmount
from vm.table import Table
from vm.view import View

gifts = Module("gifts", "Virtual gifts from a catalogue, and gifts made to order.")

STOCK_POT = "gifts.stock"
ESCROW_POT = "gifts.escrow"
GIVINGS_KEPT = 256
MAX_WAIT_S = 90 * 24 * 3600

GIFT_TEXT = Text(32, 1, "[a-z0-9][a-z0-9-]*")
GiftName = Annotated[str, GIFT_TEXT]
WaitS = Annotated[int, Uint(MAX_WAIT_S, 60)]
GivingPlace = Annotated[int, Uint(GIVINGS_KEPT - 1)]
Pieces = Annotated[int, Uint(100_000, 1)]

FEE_PPM = gifts.parameter(
    "fee_ppm",
    default=200_000,
    minimum=0,
    maximum=1_000_000,
    unit="ppm",
    sentence="The platform's part of what is paid for a gift, rounded down (P4, P8).",
)


@record("gifts.gift")
class Gift(Record):
    """A gift of the catalogue: its price, in which asset, and its animation. One that is retired is
    not bought any more; its price never changes."""

    asset: Asset
    price: PositiveAmount
    animation: Cid
    is_listed: bool


@record("gifts.received")
class Received(Record):
    """How often an account was given this gift, and what was paid for these in all, which stays at
    2^64 - 1 once it has reached that."""

    count: Counter
    units: Amount


@record("gifts.giving")
class Giving(Record):
    """One of the newest 256 gifts of the catalogue that were given, at its number modulo 256: when
    (ms from the Unix epoch), by whom and to whom, for which video, in which of the giver's apps it
    was won (null: it was bought), and what was paid for it, of which the receiver got `earned`."""

    number: Counter
    time_ms: Counter
    gift: GiftName
    giver: AccountId
    to: AccountId
    video: Cid | None
    app: AppName | None
    asset: Asset
    price: PositiveAmount
    earned: Amount


@record("gifts.stock")
class Stock(Record):
    """How many pieces of a gift the developer of an app has paid for and not handed out."""

    pieces: Counter


@record("gifts.order")
class Order(Record):
    """A gift that is being made: for whom, by whom, for what, after which description, and until
    when it must be there (ms from the Unix epoch)."""

    orderer: AccountId
    maker: AccountId
    asset: Asset
    price: PositiveAmount
    brief: Cid
    until_ms: Counter


@record("gifts.made")
class Made(Record):
    """A gift that was made to order, of which there is one: whose it is, and its animation."""

    owner: AccountId
    maker: AccountId
    animation: Cid


@record("gifts.due")
class Due(Record):
    """Lists an order by when it must be there."""


@record("gifts.numbering")
class Numbering(Record):
    """The number of the next order, which is that of the gift that is made for it, and how many
    gifts of the catalogue were ever given; the newest has this number."""

    order: Counter
    givings: Counter


CATALOGUE: Table[Gift, str] = gifts.table(Gift, gift=GiftName)
RECEIVED: Table[Received, bytes, str] = gifts.table(Received, account=AccountId, gift=GiftName)
GIVINGS: Table[Giving, int] = gifts.table(Giving, place=GivingPlace)
STOCKS: Table[Stock, bytes, str] = gifts.table(Stock, developer=AccountId, gift=GiftName)
ORDERS: Table[Order, int] = gifts.table(Order, order=Counter)
MADE: Table[Made, int] = gifts.table(Made, order=Counter)
DUE: Table[Due, int, int] = gifts.table(Due, until_ms=Counter, order=Counter)
NUMBERING: Table[Numbering] = gifts.table(Numbering)
AGENDA: Agenda[int] = Agenda(DUE, Due())

FIRST = Numbering(1, 0)

UNKNOWN_GIFT = gifts.error("unknown-gift", "There is no gift of this name.")
RETIRED = gifts.error("retired", "The gift is not sold any more.")


def gift_row(view: View, name: str) -> Gift:
    """The gift; raises ActionFailed (`gift`) if there is none of this name."""
    row = CATALOGUE.get(view, name)
    if row is None:
        raise UNKNOWN_GIFT.failed(f"there is no gift {name}", field="gift")
    return row


def sold_gift(view: View, name: str) -> Gift:
    """The gift, if it is sold; raises ActionFailed (`gift`)."""
    row = gift_row(view, name)
    if not row.is_listed:
        raise RETIRED.failed(field="gift")
    return row


@gifts.invariant
def stock_and_orders_are_paid_for(view: View) -> Iterator[str]:
    """The pots hold what developers have paid for their stock, and orderers for their orders."""
    wanted: Tally[tuple[str, str]] = Tally()
    for (_, name), stock in STOCKS.every(view):
        row = gift_row(view, name)
        wanted[STOCK_POT, row.asset] += stock.pieces * row.price
    for _, order in ORDERS.every(view):
        wanted[ESCROW_POT, order.asset] += order.price
    held = {key: pot.amount for key, pot in POTS.every(view) if key[0] in (STOCK_POT, ESCROW_POT)}
    if held != dict(wanted):
        yield f"the pots hold {held}, not {dict(wanted)}"
    listed = {(order.until_ms, number) for (number,), order in ORDERS.every(view)}
    yield from AGENDA.disagreements(view, {(at, number) for at, number in listed})


@gifts.invariant
def the_newest_givings_are_kept(view: View) -> Iterator[str]:
    """Of all gifts that were given the newest are there, each in its place."""
    given = (NUMBERING.get(view) or FIRST).givings
    newest = range(max(1, given - GIVINGS_KEPT + 1), given + 1)
    found = {place: row.number for (place,), row in GIVINGS.every(view)}
    if found != {number % GIVINGS_KEPT: number for number in newest}:
        yield f"the givings kept are {sorted(found.values())}, not the newest of {given}"
