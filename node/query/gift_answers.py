"""What a node answers about gifts."""

from typing import Annotated

from consensus.kinds import Amount
from consensus.record import AtMost, Record, part
from node.query.answers import MAX_PAGE, Cursor, Place
from vm.modules.gifts import GIVINGS_KEPT, Gift, GiftName, Giving


@part
class GiftItem(Record):
    """A gift of the catalogue, and what of its price is the platform's fee now and what the
    receiver gets, in units of its asset (P8)."""

    name: GiftName
    gift: Gift
    fee: Amount
    earned: Amount


@part
class GiftAnswer(Record):
    """A gift of the catalogue."""

    item: GiftItem
    at: Place


@part
class GiftsAnswer(Record):
    """A page of the catalogue, by name."""

    items: Annotated[tuple[GiftItem, ...], AtMost(MAX_PAGE)]
    next: Cursor | None
    at: Place


@part
class GivingsAnswer(Record):
    """The newest gifts of the catalogue that were given, the newest first; the chain keeps 256."""

    items: Annotated[tuple[Giving, ...], AtMost(GIVINGS_KEPT)]
    at: Place
