"""The module `social`: its parameters and rows, and what must hold between them."""

from collections import Counter as Tally
from collections.abc import Iterator
from typing import Annotated

from consensus.cid import Cid
from consensus.kinds import AccountId, Amount, Asset, Counter, Uint
from consensus.record import Record, record
from consensus.unixfs import KUBO
from vm.declare import Module
from vm.modules.agenda import Agenda
from vm.modules.content import VIDEOS
from vm.parameter import PARTS_PER_MILLION
from vm.table import KeyPart, Table
from vm.view import View

social = Module("social", "Likes, comments, shares, views and tips of videos.")

LARGEST_COMMENT_BYTES = KUBO.chunk_bytes  # so that it is one block, whose id is its hash

CommentBytes = Annotated[int, Uint(LARGEST_COMMENT_BYTES, 1)]

MAX_COMMENT_BYTES = social.parameter(
    "max_comment_bytes",
    default=16_384,
    minimum=256,
    maximum=LARGEST_COMMENT_BYTES,
    unit="bytes",
    sentence="The largest comment (T4).",
)
VIEWS_A_DAY = social.parameter(
    "views_a_day",
    default=100,
    minimum=0,
    maximum=10_000,
    unit="views",
    sentence="How many videos' views of a person's day count (T4).",
)
TIP_FEE_PPM = social.parameter(
    "tip_fee_ppm",
    default=50_000,
    minimum=0,
    maximum=PARTS_PER_MILLION,
    unit="ppm",
    sentence="The platform's part of a tip, rounded down (T4).",
)


@record("social.liker")
class Liker(Record):
    """Lists who likes a video, and since when (ms from the Unix epoch)."""

    time_ms: Counter


@record("social.sharer")
class Sharer(Record):
    """Lists who has shared a video, and when (ms from the Unix epoch)."""

    time_ms: Counter


@record("social.comment")
class Comment(Record):
    """A comment on a video, by its number: who wrote it, the content id and size of what it says,
    and when (ms from the Unix epoch)."""

    author: AccountId
    cid: Cid
    size_bytes: CommentBytes
    time_ms: Counter


@record("social.counts")
class Counts(Record):
    """How many like a video, how many comments it has, how many have shared it, and how many views
    of persons, of each one a day, it had; no row while nobody ever did any of this."""

    likes: Counter
    comments: Counter
    shares: Counter = 0
    views: Counter = 0


@record("social.tips")
class Tips(Record):
    """What was tipped for a video in an asset: how often, and how much, which stays at 2^64 - 1
    once it has reached that."""

    count: Counter
    units: Amount


@record("social.viewer")
class Viewer(Record):
    """How many views of a person have counted of a day, and of the day before that."""

    day: Counter
    views: Counter
    views_before: Counter


@record("social.seen")
class Seen(Record):
    """A view that has counted, until its receipt cannot be shown any more (ms from the Unix
    epoch)."""


LIKERS: Table[Liker, Cid, bytes] = social.table(Liker, video=Cid, account=AccountId)
SHARERS: Table[Sharer, Cid, bytes] = social.table(Sharer, video=Cid, account=AccountId)
COMMENTS: Table[Comment, Cid, int] = social.table(Comment, video=Cid, number=Counter)
COUNTS: Table[Counts, Cid] = social.table(Counts, video=Cid)
TIPS: Table[Tips, Cid, str] = social.table(Tips, video=Cid, asset=Asset)
VIEWERS: Table[Viewer, bytes] = social.table(Viewer, viewer=AccountId)
SEEN: Table[Seen, int, bytes, Cid] = social.table(
    Seen, until_ms=Counter, viewer=AccountId, video=Cid
)
AGENDA: Agenda[bytes, Cid] = Agenda(SEEN, Seen())

UNKNOWN_VIDEO = social.error("unknown-video", "No such video is published on this chain.")


def counts_of(view: View, video: Cid) -> Counts:
    """How often a video was liked, commented on, shared and viewed."""
    return COUNTS.get(view, video) or Counts(0, 0)


def check_video(view: View, video: Cid, *, field: str = "video") -> None:
    """Raise ActionFailed for a video that is not published."""
    if VIDEOS.get(view, video) is None:
        raise UNKNOWN_VIDEO.failed(f"{video} is not published here", field=field)


def reaction_keys(video: Cid, row_key: bytes) -> tuple[bytes, ...]:
    """What liking or sharing a video reads, beside the row of who does."""
    return (VIDEOS.state_key(video), row_key, COUNTS.state_key(video))


@social.invariant
def counts_agree(view: View) -> Iterator[str]:
    """The counts are those of the rows, which are of published videos."""
    likes = Tally(video for (video, _), _ in LIKERS.every(view))
    shares = Tally(video for (video, _), _ in SHARERS.every(view))
    comments: Tally[Cid] = Tally()
    for (video, number), _ in COMMENTS.every(view):
        if number != comments[video]:
            yield f"comment {number} of {video} comes after {comments[video]} others"
        comments[video] += 1
    for (video,), row in COUNTS.every(view):
        found = (likes.pop(video, 0), comments.pop(video, 0), shares.pop(video, 0))
        if found != (row.likes, row.comments, row.shares):
            yield f"{video} has {found} likes, comments and shares, not as {row} says"
        if VIDEOS.get(view, video) is None:
            yield f"{video} is liked, shared, viewed or commented on, and not published"
    for video in sorted(likes | comments | shares, key=str):
        yield f"{video} has likes, comments or shares that are not counted"


@social.invariant
def views_agree(view: View) -> Iterator[str]:
    """The agenda lists the views that are kept, and each viewer's views were counted."""
    wanted: set[tuple[KeyPart, ...]] = {key for key, _ in SEEN.every(view)}
    yield from AGENDA.disagreements(view, wanted)
    for viewer in sorted({viewer for (_, viewer, _), _ in SEEN.every(view)}):
        if VIEWERS.get(view, viewer) is None:
            yield f"views of {viewer.hex()} are kept and none was counted"
