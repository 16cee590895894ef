"""Answers about who stores what: a video's pledges, and a provider's. Any thread may call."""

from typing import Annotated

from consensus.cid import Cid
from consensus.kinds import AccountId, Amount, Counter, Digest
from consensus.record import AtMost, Record, part
from consensus.segments import SegmentProof
from node.events import place_of
from node.query.answers import MAX_PAGE, Cursor, Place
from node.query.chain_view import ChainView, NotFound
from node.query.state_queries import scan
from vm.modules.possession import (
    MAX_PROVIDERS,
    MAX_SEGMENTS,
    PLEDGES,
    PROVIDED,
    ROOTS,
    Pledge,
    Provider,
    Root,
    drawn_segments,
    provider_of,
    unsettled_of,
)


@part
class PledgeItem(Record):
    """A pledge; the indexes of the segments of its open challenge, in order; and what it has earned
    since it was last settled, which it gets with the next answer."""

    cid: Cid
    provider: AccountId
    pledge: Pledge
    root: Root
    segments: Annotated[tuple[Counter, ...], AtMost(MAX_SEGMENTS)]
    unsettled: Amount


@part
class ProvidersAnswer(Record):
    """Who pledges to hold a video, in the order of their accounts, and its segment root."""

    cid: Cid
    root: Root
    items: Annotated[tuple[PledgeItem, ...], AtMost(MAX_PROVIDERS.maximum)]
    at: Place


@part
class ProviderAnswer(Record):
    """What an account has done as a provider, and what it pledges to hold, by content id."""

    provider: AccountId
    record: Provider
    items: Annotated[tuple[PledgeItem, ...], AtMost(MAX_PAGE)]
    next: Cursor | None
    at: Place


@part
class HashedAnswer(Record):
    """How many bytes of a file this node has hashed; its segment root once that is all of it, null
    while there is more to hash: ask again."""

    cid: Cid
    size_bytes: Counter
    root: Digest | None


@part
class SegmentsAnswer(Record):
    """Segments of a file that this node stores, in the order asked for, each with its path."""

    cid: Cid
    proofs: Annotated[tuple[SegmentProof, ...], AtMost(MAX_SEGMENTS)]


def providers(view: ChainView, cid: Cid) -> ProvidersAnswer:
    """A video's pledges; raises NotFound if it has no segment root."""
    root = ROOTS.get(view.state, cid)
    if root is None:
        raise NotFound(f"no segment root of {cid} is registered", field="cid")
    found = PLEDGES.scan(view.state, cid, limit=MAX_PROVIDERS.maximum)
    items = tuple(_item(view, cid, root, account, row) for (_, account), row in found)
    return ProvidersAnswer(cid, root, items, place_of(view.block))


def provider(view: ChainView, account: bytes, limit: int, cursor: str | None) -> ProviderAnswer:
    """An account's pledges and what it has done; raises InvalidEncoding (`cursor`)."""
    found, following = scan(view, PROVIDED.prefix(account), limit, cursor)
    items: list[PledgeItem] = []
    for cid in (PROVIDED.key_parts(key)[-1] for key, _ in found):
        if isinstance(cid, Cid):
            root, row = ROOTS.get(view.state, cid), PLEDGES.get(view.state, cid, account)
            if root is not None and row is not None:
                items.append(_item(view, cid, root, account, row))
    record = provider_of(view.state, account)
    return ProviderAnswer(account, record, tuple(items), following, place_of(view.block))


def _item(view: ChainView, cid: Cid, root: Root, account: bytes, row: Pledge) -> PledgeItem:
    drawn = () if row.challenge is None else drawn_segments(row.challenge, root.size_bytes)
    return PledgeItem(cid, account, row, root, drawn, unsettled_of(view.state, row))
