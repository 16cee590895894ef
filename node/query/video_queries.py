"""Answers about videos, spaces and names. Any thread may call."""

from collections.abc import Callable
from contextlib import suppress

from consensus.cid import Cid
from consensus.errors import Invalid, InvalidEncoding
from node.events import place_of
from node.query.answers import (
    NameAnswer,
    NameItem,
    NamesAnswer,
    SpaceAnswer,
    SpaceItem,
    SpacesAnswer,
    VideoAnswer,
    VideoItem,
    VideosAnswer,
)
from node.query.chain_view import ChainView, NotFound
from node.query.cursor import make_cursor, read_key_cursor
from node.query.state_queries import scan
from vm.modules.content import (
    CLIPS,
    IN_CHANNEL,
    NAMES,
    OWNED,
    SPACES,
    SPACES_OWNED,
    TAKEN_DOWN,
    VIDEOS,
    Place,
    Video,
    line_of,
    resolve,
)
from vm.table import KeyPart, TableDeclaration

# Which blocks this node stores.
Holds = Callable[[Cid], bool]


def video(view: ChainView, cid: Cid, here: Holds) -> VideoAnswer:
    """A version of a published video; raises NotFound."""
    return VideoAnswer(_item(view, cid, here), place_of(view.block))


def videos(
    view: ChainView, owner: bytes | None, limit: int, cursor: str | None, here: Holds
) -> VideosAnswer:
    """All versions of published videos by CID, or one owner's first versions by height; raises
    InvalidEncoding (`cursor`)."""
    table: TableDeclaration = VIDEOS if owner is None else OWNED
    found, following = scan(view, table.prefix(*(() if owner is None else (owner,))), limit, cursor)
    cids = (table.key_parts(key)[-1] for key, _ in found)
    items = tuple(_item(view, cid, here) for cid in cids if isinstance(cid, Cid))
    return VideosAnswer(items, following, place_of(view.block))


def versions(
    view: ChainView, cid: Cid, limit: int, cursor: str | None, here: Holds
) -> VideosAnswer:
    """All versions of a video, the newest first; raises NotFound, InvalidEncoding (`cursor`)."""
    one = _video(view, cid)
    listing = f"versions of {one.first}"
    following = read_key_cursor(listing, cursor)
    version: Cid | None = line_of(view.state, one).newest
    if following is not None:
        version = _version(view, following, one.first)
    items: list[VideoItem] = []
    while version is not None and len(items) < limit:
        items.append(_item(view, version, here))
        version = items[-1].video.replaces
    mark = None if version is None else make_cursor(listing, version.binary)
    return VideosAnswer(tuple(items), mark, place_of(view.block))


def clips(view: ChainView, cid: Cid, limit: int, cursor: str | None, here: Holds) -> VideosAnswer:
    """The clips of a version of a video in order of publication; raises NotFound, InvalidEncoding
    (`cursor`)."""
    _video(view, cid)
    found, following = scan(view, CLIPS.prefix(cid), limit, cursor)
    clip_ids = (CLIPS.key_parts(key)[-1] for key, _ in found)
    items = tuple(_item(view, clip, here) for clip in clip_ids if isinstance(clip, Cid))
    return VideosAnswer(items, following, place_of(view.block))


def space(view: ChainView, name: str) -> SpaceAnswer:
    """A space; raises NotFound."""
    return SpaceAnswer(_space(view, name), place_of(view.block))


def spaces(
    view: ChainView, owner: bytes | None, channel: str | None, limit: int, cursor: str | None
) -> SpacesAnswer:
    """All spaces by name; or an owner's, or those in a channel, of which at most one is given;
    raises InvalidEncoding (`cursor`)."""
    table: TableDeclaration = SPACES
    first_parts: tuple[KeyPart, ...] = ()
    if owner is not None:
        table, first_parts = SPACES_OWNED, (owner,)
    elif channel is not None:
        table, first_parts = IN_CHANNEL, (channel,)
    found, following = scan(view, table.prefix(*first_parts), limit, cursor)
    items = tuple(_space(view, str(table.key_parts(key)[-1])) for key, _ in found)
    return SpacesAnswer(items, following, place_of(view.block))


def names(view: ChainView, name: str, limit: int, cursor: str | None) -> NamesAnswer:
    """The names in a space; raises NotFound, InvalidEncoding (`cursor`)."""
    _space(view, name)
    found, following = scan(view, NAMES.prefix(name), limit, cursor)
    items = tuple(_name(view, Place(name, str(NAMES.key_parts(key)[-1]))) for key, _ in found)
    return NamesAnswer(items, following, place_of(view.block))


def resolved(view: ChainView, place: Place, here: Holds) -> NameAnswer:
    """What a name resolves to; raises NotFound for one that does not."""
    row, line = NAMES.get(view.state, place.space, place.name), resolve(view.state, place)
    if row is None or line is None:
        raise NotFound(
            f"{place.space}/{place.name} resolves to no video at height {view.block.height}"
        )
    keys = (
        SPACES.state_key(place.space),
        NAMES.state_key(place.space, place.name),
        VIDEOS.state_key(row.video),
    )
    return NameAnswer(_item(view, line.newest, here), keys, place_of(view.block))


def _version(view: ChainView, mark: bytes, first: Cid) -> Cid:
    """The version that a cursor stands before; raises InvalidEncoding for another video's."""
    with suppress(Invalid):
        cid = Cid(mark)
        if _video(view, cid).first == first:
            return cid
    raise InvalidEncoding("no version of this video follows", field="cursor")


def _video(view: ChainView, cid: Cid) -> Video:
    found = VIDEOS.get(view.state, cid)
    if found is None:
        raise NotFound(f"no video {cid} is published at height {view.block.height}")
    return found


def _item(view: ChainView, cid: Cid, here: Holds) -> VideoItem:
    found = _video(view, cid)
    line, down = line_of(view.state, found), TAKEN_DOWN.get(view.state, cid)
    return VideoItem(cid, line.owner, line.offered_to, line.newest, found, down, here(cid))


def _space(view: ChainView, name: str) -> SpaceItem:
    found = SPACES.get(view.state, name)
    if found is None:
        raise NotFound(f"there is no space {name} at height {view.block.height}")
    return SpaceItem(name, found)


def _name(view: ChainView, place: Place) -> NameItem:
    row = NAMES.get(view.state, place.space, place.name)
    if row is None:
        raise RuntimeError(f"{place.space}/{place.name} was listed and is not there")
    line = resolve(view.state, place)
    return NameItem(place.space, place.name, row.video, None if line is None else line.newest)
