"""The module `auctions`: its rows, and what must hold between them."""

from collections import Counter as Tally
from collections.abc import Iterator
from typing import Annotated

from consensus.cid import Cid
from consensus.kinds import AccountId, Amount, Asset, Counter, Text, Uint
from consensus.record import Record, part, record
from vm.declare import Module
from vm.modules.agenda import Agenda
from vm.modules.pots import Ppm
from vm.modules.tokens import POTS, CommunityPot, PositiveAmount
from vm.table import KeyPart, Table
from vm.view import View

auctions = Module("auctions", "Advertising slots, sold by open ascending auction.")

ESCROW_POT = "auctions.escrow"

MOST_AHEAD = 32  # slots of a place that are sold or on sale: all are looked at when one is added

PLACE_TEXT = Text(64, 1)
Place = Annotated[str, PLACE_TEXT]
LinkText = Annotated[str, Text(500)]
ExtensionS = Annotated[int, Uint(7 * 24 * 3600)]


@part
class Terms(Record):
    """What is sold and how: the place, and from when until when it shows what the winner chooses;
    the asset that is bid, the least that is bid, and by how much (ppm) a bid tops the one before;
    when the auction closes (ms from the Unix epoch): a new lead less than `extension_s` before that
    puts it off by as much, but never beyond `hard_close_ms`; and the community's pot that gets the
    proceeds."""

    place: Place
    shows_from_ms: Counter
    shows_until_ms: Counter
    asset: Asset
    reserve: PositiveAmount
    step_ppm: Ppm
    closes_ms: Counter
    hard_close_ms: Counter
    extension_s: ExtensionS
    pot: CommunityPot


@part
class Shown(Record):
    """What the winner shows: a video or other content, and a link."""

    cid: Cid
    link: LinkText


@record("auctions.auction")
class Auction(Record):
    """An auction: its terms, of which the close may have been put off; who leads, with how much;
    whether it is closed, and what its winner shows."""

    terms: Terms
    leader: AccountId | None
    top: Amount
    is_closed: bool
    shown: Shown | None


@record("auctions.bid")
class BidRow(Record):
    """All that is bid for an account, by itself and by others."""

    total: PositiveAmount


@record("auctions.slot")
class Slot(Record):
    """Lists an auction by its place and when its slot ends (ms from the Unix epoch), and says when
    it begins. Slots of a place do not overlap; one that nobody has bought is listed no more."""

    shows_from_ms: Counter
    auction: Counter


@record("auctions.given")
class Given(Record):
    """What one account has put into a bid of its own or of another. What was put into the bid that
    has won stays listed, though it is paid."""

    units: PositiveAmount


@record("auctions.due")
class Due(Record):
    """Lists an auction by when it closes, or if it is closed by when bids that lost go back."""


@record("auctions.numbering")
class Numbering(Record):
    """The number of the next auction."""

    auction: Counter


AUCTIONS: Table[Auction, int] = auctions.table(Auction, auction=Counter)
SLOTS: Table[Slot, str, int] = auctions.table(Slot, place=Place, shows_until_ms=Counter)
BIDS: Table[BidRow, int, bytes] = auctions.table(BidRow, auction=Counter, bidder=AccountId)
GIVEN: Table[Given, int, bytes, bytes] = auctions.table(
    Given, auction=Counter, bidder=AccountId, giver=AccountId
)
DUE: Table[Due, int, int] = auctions.table(Due, time_ms=Counter, auction=Counter)
NUMBERING: Table[Numbering] = auctions.table(Numbering)
AGENDA: Agenda[int] = Agenda(DUE, Due())

UNKNOWN_AUCTION = auctions.error("unknown-auction", "There is no such auction.")
IS_CLOSED = auctions.error("closed", "The auction is closed.")


def auction_row(view: View, number: int) -> Auction:
    """The auction; raises ActionFailed (`auction`) if there is none."""
    row = AUCTIONS.get(view, number)
    if row is None:
        raise UNKNOWN_AUCTION.failed(f"there is no auction {number}", field="auction")
    return row


def slots_after(view: View, place: str, time_ms: int) -> list[tuple[int, Slot]]:
    """When they end and what they are: the slots of a place that end later than this, the next
    first."""
    start = SLOTS.state_key(place, time_ms + 1)
    found = SLOTS.scan(view, place, start=start, limit=MOST_AHEAD)
    return [(until_ms, slot) for (_, until_ms), slot in found]


def has_won(auction: Auction, bidder: bytes) -> bool:
    """Whether the auction is closed and this account's."""
    return auction.is_closed and auction.leader == bidder


@auctions.invariant
def bids_are_kept(view: View) -> Iterator[str]:
    """The pot holds what is given to bids that have not won; totals and leads agree with it."""
    totals: Tally[tuple[int, bytes]] = Tally()
    for (number, bidder, _), given in GIVEN.every(view):
        totals[number, bidder] += given.units
    if {key: row.total for key, row in BIDS.every(view)} != dict(totals):
        yield "the totals of bids are not what was given to them"
    rows = {number: row for (number,), row in AUCTIONS.every(view)}
    owed: Tally[str] = Tally()
    for (number, bidder), units in totals.items():
        if not has_won(rows[number], bidder):
            owed[rows[number].terms.asset] += units
    held = {asset: pot.amount for (name, asset), pot in POTS.every(view) if name == ESCROW_POT}
    if held != dict(owed):
        yield f"the pot {ESCROW_POT} holds {held}, {dict(owed)} is bid"
    for number, row in rows.items():
        if row.leader is not None and totals[number, row.leader] != row.top:
            yield f"who leads auction {number} has bid {totals[number, row.leader]}, not {row.top}"


@auctions.invariant
def slots_do_not_overlap(view: View) -> Iterator[str]:
    """A place's slots are those of its auctions but for what nobody bought, one after the other."""
    wanted = {
        (row.terms.place, row.terms.shows_until_ms): Slot(row.terms.shows_from_ms, number)
        for (number,), row in AUCTIONS.every(view)
        if not (row.is_closed and row.leader is None)
    }
    if dict(SLOTS.every(view)) != wanted:
        yield "the slots that are listed are not those of the auctions"
    ends: dict[str, int] = {}
    for place, until_ms in sorted(wanted):
        if wanted[place, until_ms].shows_from_ms < ends.get(place, 0):
            yield f"slots of the place {place} overlap before {until_ms} ms"
        ends[place] = until_ms


@auctions.invariant
def auctions_are_due(view: View) -> Iterator[str]:
    """An open auction is due when it closes; a closed one while a bid that lost has to go back."""
    losing = {
        number
        for (number, bidder), _ in BIDS.every(view)
        if bidder != auction_row(view, number).leader
    }
    listed = {number: time_ms for (time_ms, number), _ in DUE.every(view)}
    wanted: set[tuple[KeyPart, ...]] = set()
    for (number,), row in AUCTIONS.every(view):
        if not row.is_closed:
            wanted.add((row.terms.closes_ms, number))
        elif number in losing:
            wanted.add((listed.get(number, row.terms.closes_ms), number))
    yield from AGENDA.disagreements(view, wanted)
