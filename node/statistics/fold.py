"""How final blocks change the rows of the index (T13). Pure.

What one account can repeat for next to nothing counts once: an account's like of a video on the day
when it first liked it, whether it takes the like back or not; an account as a commenter of a video;
an account as active on a day. All else is bounded by what the chain lets through.
"""

from collections import Counter
from collections.abc import Callable

from consensus.cid import Cid
from consensus.codec import UINT64_MAX
from node.statistics.happenings import Fact, Happening, Like, Ownership
from node.statistics.metrics import RANKED_METRICS, TOTAL, Metric, SubjectKind
from node.statistics.rows import (
    ACTIVE_ROW,
    CHAIN_SUBJECT,
    COMMENTER_ROW,
    FIRST_ROW,
    LIKE_ROW,
    LIKED_ROW,
    LIKER_ROW,
    OWNER_ROW,
    SEEN_ROW,
    Count,
    count_key,
    newest_first,
    number,
    of_both,
    rank_key,
    viewed_key,
    viewer_key,
)
from storage.database import Write

MAX_COUNT = UINT64_MAX  # a count that has reached this stays there


class Fold:
    """Facts taken one after the other, and the writes that they come to. `read` gives the value
    under a key as it was before the first."""

    def __init__(self, read: Callable[[bytes], bytes | None]) -> None:
        self._read = read
        self._rows: dict[bytes, bytes | None] = {}
        self._more: Counter[Count] = Counter()

    def take(self, day: int, place: bytes, fact: Fact) -> None:
        """Count what happened on a day, at a place of the chain that is above all before."""
        match fact:
            case Ownership():
                self._rows[FIRST_ROW + fact.version.binary] = fact.first.binary
                self._rows[OWNER_ROW + fact.first.binary] = fact.owner
            case Like():
                self._take_like(day, place, fact)
            case Happening():
                self._take_happening(day, fact)

    def writes(self) -> list[Write]:
        """All changes, for one batch."""
        rows = dict(self._rows)
        for count, more in self._more.items():
            key = count_key(count)
            row = self._read(key)
            before = 0 if row is None else int.from_bytes(row)
            after = min(before + more, MAX_COUNT)
            rows[key] = number(after)
            if count.kind is not SubjectKind.CHAIN and count.metric in RANKED_METRICS:
                if before:
                    rows[rank_key(count, before)] = None
                rows[rank_key(count, after)] = b""
        return list(rows.items())

    def _take_happening(self, day: int, happening: Happening) -> None:
        metric, account, video = happening.metric, happening.account, happening.video
        if metric is Metric.ACTIVE_ACCOUNTS and account is not None:
            for period in (day, TOTAL):
                if self._is_first(ACTIVE_ROW + number(period) + account):
                    chain = Count(period, SubjectKind.CHAIN, CHAIN_SUBJECT, metric)
                    self._more[chain] += 1
            return
        self._count(day, happening)
        if account is None or video is None:
            return
        if metric is Metric.COMMENTS and self._is_first(of_both(COMMENTER_ROW, account, video)):
            self._count(day, Happening(Metric.COMMENTERS, account=account, video=video))
        if metric is Metric.VIEWS:
            self._rows[viewer_key(video, day, account)] = b""
            self._rows[viewed_key(day, account, video)] = b""
            self._rows[of_both(SEEN_ROW, account, video)] = number(day)

    def _take_like(self, day: int, place: bytes, like: Like) -> None:
        account, video = like.account, like.video
        key = of_both(LIKE_ROW, account, video)
        before = self._get(key)
        if before:
            self._list_like(before, like, None)
        if like.is_liked:
            self._list_like(place, like, b"")
        self._rows[key] = place if like.is_liked else b""
        if like.is_liked and self._is_first_like(before):
            self._count(day, Happening(Metric.LIKES, account=account, video=video))

    @staticmethod
    def _is_first_like(before: bytes | None) -> bool:
        """Whether the account had never liked the video, by its row before."""
        return before is None

    def _list_like(self, place: bytes, like: Like, value: bytes | None) -> None:
        at, account, video = newest_first(place), like.account, like.video.binary
        self._rows[LIKED_ROW + account + at + video] = value
        self._rows[LIKER_ROW + video + at + account] = value

    def _count(self, day: int, happening: Happening) -> None:
        if not happening.units:
            return
        for kind, subject in self._subjects(happening):
            for period in (day, TOTAL):
                count = Count(period, kind, subject, happening.metric, happening.of)
                self._more[count] += happening.units

    def _subjects(self, happening: Happening) -> list[tuple[SubjectKind, bytes]]:
        subjects = [(SubjectKind.CHAIN, CHAIN_SUBJECT)]
        creator = happening.creator
        if happening.video is not None:
            subjects.append((SubjectKind.VIDEO, happening.video.binary))
            creator = creator or self._owner(happening.video)
        if creator is not None:
            subjects.append((SubjectKind.CREATOR, creator))
        if happening.account is not None:
            subjects.append((SubjectKind.ACCOUNT, happening.account))
        return subjects

    def _owner(self, version: Cid) -> bytes | None:
        first = self._get(FIRST_ROW + version.binary)
        return None if first is None else self._get(OWNER_ROW + first)

    def _is_first(self, key: bytes) -> bool:
        """Whether a row was not there, which then is."""
        is_first = self._get(key) is None
        if is_first:
            self._rows[key] = b""
        return is_first

    def _get(self, key: bytes) -> bytes | None:
        return self._rows[key] if key in self._rows else self._read(key)
