"""What a node answers about paid and private viewing."""

from typing import Annotated

from consensus.cid import Cid
from consensus.kinds import AccountId, Asset, Digest
from consensus.record import AtMost, Record, part
from node.query.answers import MAX_PAGE, Cursor, Place
from vm.modules.viewing import Access, Offer, Purchase, Spending


@part
class SpendingItem(Record):
    """What was paid for a video in an asset."""

    asset: Asset
    spending: Spending


@part
class ViewingAnswer(Record):
    """How a video can be viewed: the commitment to the key that it is sealed with (null: it is not
    sealed), the offer that holds (null: it is not for sale), and what was paid for it so far."""

    commitment: Digest | None
    offer: Offer | None
    spending: Annotated[tuple[SpendingItem, ...], AtMost(MAX_PAGE)]
    at: Place


@part
class PurchaseItem(Record):
    """Who has bought a video, and the purchase, whose price is in escrow."""

    buyer: AccountId
    purchase: Purchase


@part
class PurchasesAnswer(Record):
    """A page of the purchases of a video that are in escrow, by buyer."""

    items: Annotated[tuple[PurchaseItem, ...], AtMost(MAX_PAGE)]
    next: Cursor | None
    at: Place


@part
class AccessItem(Record):
    """A video, an account's key to it, and the purchase if its price is in escrow."""

    video: Cid
    access: Access
    purchase: Purchase | None


@part
class AccessesAnswer(Record):
    """A page of the videos that an account has bought or was granted, by CID."""

    items: Annotated[tuple[AccessItem, ...], AtMost(MAX_PAGE)]
    next: Cursor | None
    at: Place
