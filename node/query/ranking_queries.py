"""Answers about the ranking and live rooms. Any thread may call."""

from typing import cast

from consensus.address import format_address
from node.events import place_of
from node.query.chain_view import ChainView
from node.query.ranking_answers import (
    LiveAnswer,
    RankingAnswer,
    RankingItem,
    RoomItem,
    RoomsAnswer,
    SlotsAnswer,
)
from node.query.state_queries import scan
from vm.modules.live import ROOMS, SHOWS, Room, prepaid_by
from vm.modules.ranking import (
    PLACES,
    ROOM,
    SLOTS,
    SLOTS_SHOWN,
    points_at,
    score_of,
    seen_by,
    tempo_of,
)


def ranking(view: ChainView, kind: str, limit: int, cursor: str | None) -> RankingAnswer:
    """A page of the ranking; raises InvalidEncoding (`cursor`)."""
    found, following = scan(view, PLACES.prefix(kind), limit, cursor)
    items = tuple(_item(view, kind, cast(str, PLACES.key_parts(key)[2])) for key, _ in found)
    return RankingAnswer(kind, items, following, place_of(view.block))


def slots(view: ChainView, kind: str, viewer: bytes | None) -> SlotsAnswer:
    """What is recommended, to this viewer if one is named."""
    row, place = SLOTS.get(view.state, kind), place_of(view.block)
    if row is None:
        return SlotsAnswer(kind, None, None, (), place)
    subjects = seen_by(row, viewer, SLOTS_SHOWN.read(view.state))
    items = tuple(_item(view, kind, subject) for subject in subjects)
    return SlotsAnswer(kind, row.policy, row.height, items, place)


def rooms(view: ChainView, limit: int, cursor: str | None) -> RoomsAnswer:
    """The open rooms; raises InvalidEncoding (`cursor`)."""
    found, following = scan(view, ROOMS.prefix(), limit, cursor)
    items = tuple(
        _room(view, cast(bytes, ROOMS.key_parts(key)[0]), Room.decode(value))
        for key, value in found
    )
    return RoomsAnswer(items, following, place_of(view.block))


def live(view: ChainView, owner: bytes) -> LiveAnswer:
    """An account's room and packets."""
    row = ROOMS.get(view.state, owner)
    item = None if row is None else _room(view, owner, row)
    return LiveAnswer(owner, item, prepaid_by(view.state, owner), place_of(view.block))


def _item(view: ChainView, kind: str, subject: str) -> RankingItem:
    score = score_of(view.state, kind, subject)
    tick = tempo_of(view.state).tick_at(view.time_ms)
    return RankingItem(subject, points_at(score.strength, tick), score.votes)


def _room(view: ChainView, owner: bytes, row: Room) -> RoomItem:
    show = SHOWS.get(view.state, row.show)
    if show is None:
        raise RuntimeError(f"there is no show {row.show}")
    return RoomItem(owner, row, show, _item(view, ROOM, format_address(owner)).points)
