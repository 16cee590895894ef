"""Answers about paid and private viewing. Any thread may call."""

from typing import cast

from consensus.cid import Cid
from node.events import place_of
from node.query.answers import MAX_PAGE
from node.query.chain_view import ChainView, NotFound
from node.query.state_queries import scan
from node.query.viewing_answers import (
    AccessesAnswer,
    AccessItem,
    PurchaseItem,
    PurchasesAnswer,
    SpendingItem,
    ViewingAnswer,
)
from vm.modules.content import VIDEOS
from vm.modules.viewing import (
    ACCESS,
    COMMITMENTS,
    PURCHASES,
    SPENDING,
    Access,
    Purchase,
    offer_of,
)


def viewing(view: ChainView, video: Cid) -> ViewingAnswer:
    """How a video can be viewed; raises NotFound if it is not published."""
    state = view.state
    if VIDEOS.get(state, video) is None:
        raise NotFound(f"no video {video} is published at height {view.block.height}")
    commitment = COMMITMENTS.get(state, video)
    spent = SPENDING.scan(state, video, limit=MAX_PAGE)
    return ViewingAnswer(
        None if commitment is None else commitment.commitment,
        offer_of(state, video),
        tuple(SpendingItem(asset, row) for (_, asset), row in spent),
        place_of(view.block),
    )


def purchases(view: ChainView, video: Cid, limit: int, cursor: str | None) -> PurchasesAnswer:
    """The purchases of a video in escrow; raises InvalidEncoding (`cursor`)."""
    found, following = scan(view, PURCHASES.prefix(video), limit, cursor)
    items = tuple(
        PurchaseItem(cast(bytes, PURCHASES.key_parts(key)[1]), Purchase.decode(value))
        for key, value in found
    )
    return PurchasesAnswer(items, following, place_of(view.block))


def accesses(view: ChainView, account: bytes, limit: int, cursor: str | None) -> AccessesAnswer:
    """The videos that an account has bought or was granted; raises InvalidEncoding (`cursor`)."""
    found, following = scan(view, ACCESS.prefix(account), limit, cursor)
    items = tuple(
        _access_item(view, account, cast(Cid, ACCESS.key_parts(key)[1]), Access.decode(value))
        for key, value in found
    )
    return AccessesAnswer(items, following, place_of(view.block))


def _access_item(view: ChainView, account: bytes, video: Cid, access: Access) -> AccessItem:
    return AccessItem(video, access, PURCHASES.get(view.state, video, account))
