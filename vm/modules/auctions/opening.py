"""Opening and closing auctions, and what the winner shows."""

from dataclasses import replace

from consensus.cid import Cid
from consensus.kinds import AccountId, Amount, Counter
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.auctions.tables import (
    AGENDA,
    AUCTIONS,
    ESCROW_POT,
    NUMBERING,
    Auction,
    LinkText,
    Numbering,
    Place,
    Shown,
    Terms,
    auction_row,
    auctions,
    has_won,
)
from vm.modules.chain import chain_constants
from vm.modules.tokens import drain_pot, fill_pot

CLOSED_A_BLOCK = 16

BAD_TIMES = auctions.error(
    "bad-times",
    "An auction closes later than now, at the latest at its hard close, which is no later than the "
    "slot begins to show, and that ends later.",
)
NOT_THE_WINNER = auctions.error("not-the-winner", "Only who has won the slot says what it shows.")
OVER = auctions.error("over", "The slot's time is over.")


@auctions.event
@record("auctions.opened")
class Opened(Record):
    """An auction of this number is open."""

    auction: Counter
    terms: Terms


@auctions.event
@record("auctions.ended")
class Ended(Record):
    """An auction is closed: who has won it for how much; null: nobody has bid."""

    auction: Counter
    winner: AccountId | None
    paid: Amount


@auctions.event
@record("auctions.chosen")
class Chosen(Record):
    """A slot shows this from now on, within its time."""

    auction: Counter
    place: Place
    shown: Shown


@auctions.action(gas=8_000, governed=True)
@record("auctions.open")
class Open(Action):
    """Sell the time of an advertising slot by open ascending auction in the native asset (W6)."""

    terms: Terms

    @property
    def subject(self) -> str:
        return self.terms.pot

    def in_words(self) -> str:
        return f"sell the slot {self.terms.place} by auction, from {self.terms.reserve} units on"

    def apply(self, context: Context) -> None:
        state, terms = context.state, self.terms
        times = (terms.closes_ms, terms.hard_close_ms, terms.shows_from_ms)
        if context.block.time_ms >= times[0] or list(times) != sorted(times):
            raise BAD_TIMES.failed(field="terms.closes_ms")
        if terms.shows_until_ms <= terms.shows_from_ms:
            raise BAD_TIMES.failed(field="terms.shows_until_ms")
        row = NUMBERING.get(state)
        number = 1 if row is None else row.auction
        NUMBERING.put(state, Numbering(number + 1))
        AUCTIONS.put(state, Auction(terms, None, 0, is_closed=False, shown=None), number)
        AGENDA.add(state, terms.closes_ms, number)
        context.emit(Opened(number, terms))


@auctions.action(gas=4_000)
@record("auctions.choose")
class Choose(Action):
    """As its winner, say what a slot shows, as often as wanted until its time is over (W6)."""

    auction: Counter
    cid: Cid
    link: LinkText

    def apply(self, context: Context) -> None:
        row = auction_row(context.state, self.auction)
        if not has_won(row, context.sender):
            raise NOT_THE_WINNER.failed(field="auction")
        if context.block.time_ms >= row.terms.shows_until_ms:
            raise OVER.failed(field="auction")
        shown = Shown(self.cid, self.link)
        AUCTIONS.put(context.state, replace(row, shown=shown), self.auction)
        context.emit(Chosen(self.auction, row.terms.place, shown))


@auctions.begin_block
def close_due(context: Context) -> None:
    """Close the auctions whose time has come, a bounded number a block."""
    state = context.state
    for _, number in AGENDA.take(state, context.block.time_ms, limit=CLOSED_A_BLOCK):
        row = auction_row(state, number)
        native = chain_constants(state).native_asset
        if row.leader is not None:
            drain_pot(state, ESCROW_POT, native, row.top)
            fill_pot(state, row.terms.pot, native, row.top)
        AUCTIONS.put(state, replace(row, is_closed=True), number)
        context.emit(Ended(number, row.leader, row.top))
