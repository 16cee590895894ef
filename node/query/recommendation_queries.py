"""What a node recommends, by who likes what (T13). Any thread may call.

Each answer reads a bounded number of rows: the newest viewers, likers and likes. Nothing is drawn
at random, and ties are in the order of content ids: equal indexes give equal answers.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from consensus.cid import Cid
from node.events import place_of
from node.query.chain_view import ChainView, NotFound
from node.query.statistics_answers import RecommendationsAnswer, RecommendedItem
from node.query.statistics_queries import coverage, ranked_videos
from node.statistics.index import IndexView
from node.statistics.metrics import Metric
from node.statistics.rows import (
    LIKE_ROW,
    LIKED_ROW,
    LIKER_ROW,
    SEEN_ROW,
    VIEWER_ROW,
    from_highest,
    listed_account,
    listed_video,
    number,
    of_both,
)
from vm.modules.content import VIDEOS, is_served, line_of, owner_of

VIEWERS_CONSIDERED = 128  # views of a video, the newest first
LIKERS_CONSIDERED = 128  # of a video, the newest first
OWN_LIKES_CONSIDERED = 32  # of the account that is recommended to
LIKERS_OF_EACH = 16  # of what it likes
LIKES_CONSIDERED = 64  # of each other account

LIKED_BY_VIEWERS, LIKED_BY_LIKERS = "liked-by-viewers", "liked-by-likers"
DAY_RANKING, TOTAL_RANKING = "day-ranking", "total-ranking"


def for_video(view: ChainView, index: IndexView, cid: Cid, limit: int) -> RecommendationsAnswer:
    """What those who have viewed or liked a video also like, by how many of them; raises NotFound
    for one that is not published."""
    if VIDEOS.get(view.state, cid) is None:
        raise NotFound(f"no video {cid} is published at height {view.block.height}")
    audience = {*_viewers(index, cid.binary), *_likers(index, cid.binary, LIKERS_CONSIDERED)}
    counts = _liked_by(index, audience)
    items = _shown(view, _by_count(counts), lambda other: other != cid, limit)
    return _answer(view, index, LIKED_BY_VIEWERS, items)


def for_account(
    view: ChainView, index: IndexView, account: bytes, limit: int
) -> RecommendationsAnswer:
    """What those like who like what an account likes, by how many of them, without what it has
    seen, likes or owns; where that is nothing, what is liked most of the newest day, or else of all
    days."""

    def is_new(cid: Cid) -> bool:
        return not _knows(index, account, cid) and owner_of(view.state, cid) != account

    liked = _likes(index, account, OWN_LIKES_CONSIDERED)
    alike = {other for cid in liked for other in _likers(index, cid, LIKERS_OF_EACH)} - {account}
    sources: tuple[tuple[str, Iterable[tuple[Cid, int]]], ...] = (
        (LIKED_BY_LIKERS, _by_count(_liked_by(index, alike))),
        (DAY_RANKING, ranked_videos(index, index.progress.day, Metric.LIKES)),
        (TOTAL_RANKING, ranked_videos(index, None, Metric.LIKES)),
    )
    for reason, counted in sources:
        items = _shown(view, counted, is_new, limit)
        if items:
            return _answer(view, index, reason, items)
    return _answer(view, index, TOTAL_RANKING, ())


def _answer(
    view: ChainView, index: IndexView, reason: str, items: tuple[RecommendedItem, ...]
) -> RecommendationsAnswer:
    return RecommendationsAnswer(reason, items, coverage(index), place_of(view.block))


def _shown(
    view: ChainView,
    counted: Iterable[tuple[Cid, int]],
    is_wanted: Callable[[Cid], bool],
    limit: int,
) -> tuple[RecommendedItem, ...]:
    """The first of these that are wanted and served."""
    items = (
        _item(view, cid, count)
        for cid, count in counted
        if is_wanted(cid) and is_served(view.state, cid)
    )
    return tuple(islice(items, limit))


def _item(view: ChainView, cid: Cid, count: int) -> RecommendedItem:
    video = VIDEOS.get(view.state, cid)
    if video is None:
        raise RuntimeError(f"{cid} is liked and not published")
    return RecommendedItem(cid, video.title, line_of(view.state, video).owner, count)


def _liked_by(index: IndexView, accounts: Iterable[bytes]) -> Counter[bytes]:
    """By how many of these accounts each video is liked."""
    return Counter(cid for account in accounts for cid in _likes(index, account, LIKES_CONSIDERED))


def _by_count(counts: Counter[bytes]) -> Iterator[tuple[Cid, int]]:
    for cid, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        yield Cid(cid), count


def _likes(index: IndexView, account: bytes, most: int) -> list[bytes]:
    """The newest videos that an account likes."""
    rows = index.rows.scan(LIKED_ROW + account, limit=most)
    return [listed_video(key) for key, _ in rows]


def _likers(index: IndexView, cid: bytes, most: int) -> list[bytes]:
    """The newest accounts that like a video."""
    return [listed_account(key) for key, _ in index.rows.scan(LIKER_ROW + cid, limit=most)]


def _viewers(index: IndexView, cid: bytes) -> list[bytes]:
    """The newest viewers of a video, of the days that are kept."""
    prefix = VIEWER_ROW + cid
    too_old = prefix + from_highest(index.first_day - 1) if index.first_day else b"\xff"
    rows = index.rows.scan(prefix, limit=VIEWERS_CONSIDERED)
    return [listed_account(key) for key, _ in rows if key < too_old]


def _knows(index: IndexView, account: bytes, cid: Cid) -> bool:
    """Whether an account likes a video, or has viewed it on a day that is kept."""
    seen = index.rows.get(of_both(SEEN_ROW, account, cid))
    if seen is not None and seen >= number(index.first_day):
        return True
    return bool(index.rows.get(of_both(LIKE_ROW, account, cid)))
