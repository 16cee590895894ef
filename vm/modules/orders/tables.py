"""The module `orders`: its rows and parameters.

A client's service order goes from placed to accepted, listed, gathered in a batch and paid; or it
is closed before that, and its fee goes back.
"""

from typing import Annotated

from consensus.cid import Cid
from consensus.kinds import AccountId, Amount, Asset, Counter, Digest, Text, Uint
from consensus.record import AtMost, Record, record
from vm.declare import Module
from vm.modules.agenda import Agenda
from vm.modules.tokens import (
    CommunityPot,
    PositiveAmount,
    asset_row,
    count_minted,
    drain_pot,
    fill_pot,
    pot_of,
)
from vm.parameter import PARTS_PER_MILLION
from vm.table import Table
from vm.view import State, View

orders = Module(
    "orders",
    "Service orders, paid in advance, and the asset that is issued at equal value for them.",
)

ESCROW_POT = "orders.escrow"  # the fees of orders that are not paid out yet
PAYABLE_POT = "orders.payable"  # what approved orders pay, until each has its share
MOST_GATHERED = 16  # orders of a batch
MOST_SHARES = 10_000  # of an order
MOST_SCORE = 1_000_000

USERS_PPM = orders.parameter(
    "users_ppm",
    default=800_000,
    minimum=0,
    maximum=PARTS_PER_MILLION,
    unit="ppm",
    sentence="What part of an order the users who did the task share, rounded down; the rest is "
    "the leaders' who completed it (K2, K3).",
)
DECIDE_S = orders.parameter(
    "decide_s",
    default=30 * 86_400,
    minimum=60,
    maximum=366 * 86_400,
    unit="seconds",
    sentence="How long an order waits to be accepted, and from then on to be approved; then its "
    "fee goes back to its client (K2).",
)

PLACED, ACCEPTED, LISTED, GATHERED, PAID = "placed", "accepted", "listed", "gathered", "paid"
OrderStatus = Annotated[str, Text(8, 1, f"{PLACED}|{ACCEPTED}|{LISTED}|{GATHERED}|{PAID}")]
OPEN, APPROVED = "open", "approved"
BatchStatus = Annotated[str, Text(8, 1, f"{OPEN}|{APPROVED}")]
USER, LEADER = "user", "leader"
Role = Annotated[str, Text(6, 1, f"{USER}|{LEADER}")]
Score = Annotated[int, Uint(MOST_SCORE, 1)]
Title = Annotated[str, Text(200, 1)]
Gathered = Annotated[tuple[Counter, ...], AtMost(MOST_GATHERED, 1)]


@record("orders.terms")
class Terms(Record):
    """What orders are about: the asset that is issued for them, and in which they are paid when
    nothing is left to issue; the one in which they are paid before; the pot that fees go to; and
    the pot whose units are given out before others are issued."""

    asset: Asset
    fee_asset: Asset
    pot: CommunityPot
    quota: CommunityPot


@record("orders.order")
class Order(Record):
    """An order, whose whole fee is in escrow until it is paid or closed; who leads it, since it was
    accepted; until when it waits (ms from the Unix epoch); its list and its batch, if it has them;
    and how many units its users and leaders share, once it is paid."""

    client: AccountId
    leader: AccountId | None
    asset: Asset
    fee: PositiveAmount
    title: Title
    brief: Cid
    status: OrderStatus
    until_ms: Counter
    listing: Counter | None
    batch: Counter | None
    units: Amount


@record("orders.listing")
class Listing(Record):
    """The list of who did an order's task and who completed it: how many entries it has, the sums
    of their scores, a digest of them; what users and leaders share, once the order is paid, and how
    many entries have got theirs."""

    order: Counter
    entries: Counter
    user_score: Counter
    leader_score: Counter
    digest: Digest
    user_units: Amount
    leader_units: Amount
    paid: Counter


@record("orders.share")
class ShareRow(Record):
    """An entry of a list: the account, its role and score, and the scores of the entries of that
    role before it."""

    account: AccountId
    role: Role
    score: Score
    before: Counter


@record("orders.batch")
class Batch(Record):
    """Orders that are approved together: who gathered them, the asset of their fees, the stated
    price (units of that asset per whole token of what is issued; null where nothing is issued), the
    fees together, a digest of all that is decided on, the proposal that decides on it, and, once it
    is approved, what the orders paid (units), how many of them were issued, and when (ms from the
    Unix epoch)."""

    leader: AccountId
    orders: Gathered
    asset: Asset
    price: PositiveAmount | None
    fees: Amount
    digest: Digest
    status: BatchStatus
    proposal: Counter | None
    units: Amount
    issued: Amount
    approved_ms: Counter | None


@record("orders.numbering")
class Numbering(Record):
    """The numbers of the next order, list and batch."""

    order: Counter
    listing: Counter
    batch: Counter


@record("orders.due")
class Due(Record):
    """Lists the orders by when they are closed."""


@record("orders.unpaid")
class Unpaid(Record):
    """Lists the lists whose next entries are paid, or removed if their order was closed."""


TERMS: Table[Terms] = orders.table(Terms)
ORDERS: Table[Order, int] = orders.table(Order, order=Counter)
LISTINGS: Table[Listing, int] = orders.table(Listing, listing=Counter)
SHARES: Table[ShareRow, int, int] = orders.table(ShareRow, listing=Counter, place=Counter)
BATCHES: Table[Batch, int] = orders.table(Batch, batch=Counter)
NUMBERING: Table[Numbering] = orders.table(Numbering)
DUE: Table[Due, int, int] = orders.table(Due, until_ms=Counter, order=Counter)
UNPAID: Table[Unpaid, int, int] = orders.table(Unpaid, time_ms=Counter, listing=Counter)
ORDER_AGENDA: Agenda[int] = Agenda(DUE, Due())
LIST_AGENDA: Agenda[int] = Agenda(UNPAID, Unpaid())

NO_TERMS = orders.error("no-terms", "No orders are taken here yet.")
UNKNOWN_ORDER = orders.error("unknown-order", "There is no such order, or it was closed.")
UNKNOWN_BATCH = orders.error("unknown-batch", "There is no such batch, or it was dissolved.")
OTHER_ASSET = orders.error("other-asset", "Orders are not paid in this asset now.")
NOT_THE_LEADER = orders.error("not-the-leader", "Only who leads the order can do this.")


def terms_row(view: View) -> Terms:
    """What orders are about; raises ActionFailed if none are taken."""
    row = TERMS.get(view)
    if row is None:
        raise NO_TERMS.failed()
    return row


def order_row(view: View, number: int, *, field: str = "order") -> Order:
    """The order; raises ActionFailed, for the field that names it, if there is none."""
    row = ORDERS.get(view, number)
    if row is None:
        raise UNKNOWN_ORDER.failed(f"there is no order {number}, or it was closed", field=field)
    return row


def batch_row(view: View, number: int) -> Batch:
    """The batch; raises ActionFailed (`batch`) if there is none."""
    row = BATCHES.get(view, number)
    if row is None:
        raise UNKNOWN_BATCH.failed(
            f"there is no batch {number}, or it was dissolved", field="batch"
        )
    return row


def numbering_of(view: View) -> Numbering:
    """The numbers that come next, from 1."""
    return NUMBERING.get(view) or Numbering(1, 1, 1)


def left_to_issue(view: View, terms: Terms) -> int:
    """How many units can still be given out for orders: what the quota's pot holds, and what the
    asset's cap leaves of its cumulative issue, for which burning makes no room (K1, K2)."""
    row = asset_row(view, terms.asset)
    return row.cap - row.minted + pot_of(view, terms.quota, terms.asset)


def paying_asset(view: View, terms: Terms) -> str:
    """The asset in which orders are paid now: once nothing is left to issue, the issued one
    (K3)."""
    return terms.fee_asset if left_to_issue(view, terms) else terms.asset


def issue(state: State, terms: Terms, units: int) -> int:
    """Make so many units payable, no more than are left: those of the quota's pot first. Returns
    how many of them were issued."""
    held = min(units, pot_of(state, terms.quota, terms.asset))
    drain_pot(state, terms.quota, terms.asset, held)
    count_minted(state, terms.asset, units - held)
    fill_pot(state, PAYABLE_POT, terms.asset, units)
    return units - held
