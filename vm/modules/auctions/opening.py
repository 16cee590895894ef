"""Opening auctions, and what their winners show."""

from typing import Annotated

from consensus.cid import Cid
from consensus.kinds import Asset, Counter, Uint
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.auctions.tables import (
    AGENDA,
    AUCTIONS,
    MOST_AHEAD,
    NUMBERING,
    SLOTS,
    Auction,
    ExtensionS,
    LinkText,
    Numbering,
    Place,
    Shown,
    Slot,
    Terms,
    auction_row,
    auctions,
    has_won,
    slots_after,
)
from vm.modules.pots import Ppm
from vm.modules.tokens import CommunityPot, PositiveAmount, asset_row

MAX_SPAN_S = 366 * 24 * 3600

SpanS = Annotated[int, Uint(MAX_SPAN_S, 1)]

TOO_EARLY = auctions.error("too-early", "A slot begins no earlier than its auction can close.")
TOO_FAR = auctions.error("too-far", "A slot begins within two years from now.")
OVERLAPS = auctions.error("overlaps", "The place is sold, or on sale, for a part of this time.")
TOO_MANY = auctions.error("too-many-slots", "No more slots of the place can be on sale ahead.")
NOT_THE_WINNER = auctions.error("not-the-winner", "Only who has won the slot says what it shows.")
OVER = auctions.error("over", "The slot's time is over.")


@auctions.event
@record("auctions.opened")
class Opened(Record):
    """An auction of this number is open."""

    auction: Counter
    terms: Terms


@auctions.event
@record("auctions.chosen")
class Chosen(Record):
    """A slot shows this from now on, within its time."""

    auction: Counter
    place: Place
    shown: Shown


@auctions.action(gas=12_000, governed=True)
@record("auctions.open")
class Open(Action):
    """Sell the time of an advertising slot by open ascending auction in an asset (W6, T10).
    Bids are taken for `open_s` seconds, and by new leads shortly before the close for
    `most_extension_s` more at most. The slot is that of `shows_s` seconds from `shows_from_ms` on;
    null: from when bids end at the latest and the place is free for good."""

    place: Place
    shows_from_ms: Counter | None
    shows_s: SpanS
    asset: Asset
    reserve: PositiveAmount
    step_ppm: Ppm
    open_s: SpanS
    extension_s: ExtensionS
    most_extension_s: ExtensionS
    pot: CommunityPot

    @property
    def subject(self) -> str:
        return self.pot

    def in_words(self) -> str:
        return (
            f"sell {self.shows_s} s of the place {self.place} by auction within {self.open_s} s, "
            f"from {self.reserve} units of {self.asset} on"
        )

    def apply(self, context: Context) -> None:
        state, terms = context.state, self._terms(context)
        asset_row(state, self.asset)
        row = NUMBERING.get(state)
        number = 1 if row is None else row.auction
        NUMBERING.put(state, Numbering(number + 1))
        AUCTIONS.put(state, Auction(terms, None, 0, is_closed=False, shown=None), number)
        SLOTS.put(state, Slot(terms.shows_from_ms, number), terms.place, terms.shows_until_ms)
        AGENDA.add(state, terms.closes_ms, number)
        context.emit(Opened(number, terms))

    def _terms(self, context: Context) -> Terms:
        closes_ms = context.block.time_ms + 1000 * self.open_s
        hard_close_ms = closes_ms + 1000 * self.most_extension_s
        from_ms = self._shows_from(context, hard_close_ms)
        return Terms(
            place=self.place,
            shows_from_ms=from_ms,
            shows_until_ms=from_ms + 1000 * self.shows_s,
            asset=self.asset,
            reserve=self.reserve,
            step_ppm=self.step_ppm,
            closes_ms=closes_ms,
            hard_close_ms=hard_close_ms,
            extension_s=self.extension_s,
            pot=self.pot,
        )

    def _shows_from(self, context: Context, hard_close_ms: int) -> int:
        now_ms, from_ms = context.block.time_ms, self.shows_from_ms
        ahead = slots_after(context.state, self.place, now_ms)
        if len(ahead) == MOST_AHEAD:
            raise TOO_MANY.failed(f"{MOST_AHEAD} are", field="place")
        if from_ms is None:
            return max([hard_close_ms, *(until_ms for until_ms, _ in ahead)])
        if from_ms < hard_close_ms:
            raise TOO_EARLY.failed(f"{hard_close_ms} ms at the earliest", field="shows_from_ms")
        if from_ms > now_ms + 2000 * MAX_SPAN_S:
            raise TOO_FAR.failed(field="shows_from_ms")
        until_ms = from_ms + 1000 * self.shows_s
        for ends_ms, slot in ahead:
            if slot.shows_from_ms < until_ms and from_ms < ends_ms:
                raise OVERLAPS.failed(f"by auction {slot.auction}", field="shows_from_ms")
        return from_ms


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
