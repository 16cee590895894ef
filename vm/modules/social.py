"""Likes and comments on videos (T4): each account likes a video once; comments are content ids."""

from collections import Counter as Tally
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

from consensus.cid import RAW, Cid
from consensus.kinds import AccountId, Counter, Uint
from consensus.record import Record, record
from consensus.unixfs import KUBO
from vm.context import Context
from vm.declare import Action, Module
from vm.modules.activity import ActivityKind, is_counting, note
from vm.modules.content import VIDEOS, home_of, owner_of
from vm.modules.rebate import COMMENT, note_activity
from vm.table import Table
from vm.view import State, View

social = Module("social", "Likes and comments on videos; both are free.")

LARGEST_COMMENT_BYTES = KUBO.chunk_bytes  # so that it is one block, whose id is its hash

CommentBytes = Annotated[int, Uint(LARGEST_COMMENT_BYTES, 1)]

MAX_COMMENT_BYTES = social.parameter(
    "max_comment_bytes",
    default=16_384,
    minimum=256,
    maximum=LARGEST_COMMENT_BYTES,
    unit="bytes",
    sentence="The largest comment.",
)


@record("social.liker")
class Liker(Record):
    """Lists who likes a video, and since when (ms from the Unix epoch)."""

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
    """How many like a video, and how many comments it has; no row while nobody ever did either."""

    likes: Counter
    comments: Counter


LIKERS: Table[Liker, Cid, bytes] = social.table(Liker, video=Cid, account=AccountId)
COMMENTS: Table[Comment, Cid, int] = social.table(Comment, video=Cid, number=Counter)
COUNTS: Table[Counts, Cid] = social.table(Counts, video=Cid)

UNKNOWN_VIDEO = social.error("unknown-video", "No such video is published on this chain.")
ALREADY_LIKED = social.error("already-liked", "The account likes this video already.")
NOT_LIKED = social.error("not-liked", "The account does not like this video.")
NOT_RAW = social.error("not-raw", "A comment is one block: its content id must be a raw one.")
TOO_LARGE = social.error("too-large", "The comment is larger than this chain takes.")


@social.event
@record("social.liked")
class Liked(Record):
    """An account likes a video, and with it so many."""

    video: Cid
    account: AccountId
    likes: Counter


@social.event
@record("social.unliked")
class Unliked(Record):
    """An account likes a video no more, but so many do."""

    video: Cid
    account: AccountId
    likes: Counter


@social.event
@record("social.commented")
class Commented(Record):
    """A video has a comment of this number."""

    video: Cid
    number: Counter
    author: AccountId
    cid: Cid
    size_bytes: CommentBytes


@social.action(gas=1_000, free=True)
@record("social.like")
class Like(Action):
    """Like a video, which an account can do once."""

    video: Cid

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        _check_video(state, self.video)
        if LIKERS.get(state, self.video, sender) is not None:
            raise ALREADY_LIKED.failed(field="video")
        LIKERS.put(state, Liker(context.block.time_ms), self.video, sender)
        context.emit(Liked(self.video, sender, _count_like(state, self.video, 1)))
        _note(context, self.video, ActivityKind.LIKE)

    def touches(self, sender: bytes) -> tuple[bytes, ...]:
        return _like_keys(self.video, sender)


@social.action(gas=1_000, free=True)
@record("social.unlike")
class Unlike(Action):
    """Take the like of a video back."""

    video: Cid

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        if LIKERS.get(state, self.video, sender) is None:
            raise NOT_LIKED.failed(field="video")
        LIKERS.delete(state, self.video, sender)
        context.emit(Unliked(self.video, sender, _count_like(state, self.video, -1)))

    def touches(self, sender: bytes) -> tuple[bytes, ...]:
        return _like_keys(self.video, sender)


@social.action(gas=2_000, free=True)
@record("social.write_comment")
class WriteComment(Action):
    """Comment on a video: the content id and size of one block of content, which a node stores."""

    video: Cid
    cid: Cid
    size_bytes: CommentBytes

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        _check_video(state, self.video)
        if self.cid.codec != RAW:
            raise NOT_RAW.failed(field="cid")
        limit = MAX_COMMENT_BYTES.read(state)
        if self.size_bytes > limit:
            raise TOO_LARGE.failed(
                f"{self.size_bytes} bytes; at most {limit} are taken", field="size_bytes"
            )
        counts = counts_of(state, self.video)
        number = counts.comments
        comment = Comment(sender, self.cid, self.size_bytes, context.block.time_ms)
        COMMENTS.put(state, comment, self.video, number)
        COUNTS.put(state, replace(counts, comments=number + 1), self.video)
        context.emit(Commented(self.video, number, sender, self.cid, self.size_bytes))
        note_activity(context, sender, COMMENT)
        _note(context, self.video, ActivityKind.COMMENT)

    def touches(self, sender: bytes) -> tuple[bytes, ...]:
        return (VIDEOS.state_key(self.video), COUNTS.state_key(self.video))


def counts_of(view: View, video: Cid) -> Counts:
    """How many like a video and how many comments it has."""
    return COUNTS.get(view, video) or Counts(0, 0)


def _check_video(view: View, video: Cid) -> None:
    if VIDEOS.get(view, video) is None:
        raise UNKNOWN_VIDEO.failed(f"{video} is not published here", field="video")


def _note(context: Context, video: Cid, kind: ActivityKind) -> None:
    if not is_counting(context.state):
        return
    owner, home = owner_of(context.state, video), home_of(context.state, video)
    note(context, context.sender, kind, creator=owner, space=home)


def _count_like(state: State, video: Cid, change: int) -> int:
    counts = counts_of(state, video)
    counts = replace(counts, likes=counts.likes + change)
    COUNTS.put(state, counts, video)
    return counts.likes


def _like_keys(video: Cid, account: bytes) -> tuple[bytes, ...]:
    return (
        VIDEOS.state_key(video),
        LIKERS.state_key(video, account),
        COUNTS.state_key(video),
    )


@social.invariant
def counts_agree(view: View) -> Iterator[str]:
    """The counts are those of the rows, which are of published videos."""
    likes = Tally(video for (video, _), _ in LIKERS.every(view))
    comments: Tally[Cid] = Tally()
    for (video, number), _ in COMMENTS.every(view):
        if number != comments[video]:
            yield f"comment {number} of {video} comes after {comments[video]} others"
        comments[video] += 1
    for (video,), row in COUNTS.every(view):
        found = Counts(likes.pop(video, 0), comments.pop(video, 0))
        if found != row:
            yield f"{video} has {found}, not {row}"
        if VIDEOS.get(view, video) is None:
            yield f"{video} is liked or commented on, and not published"
    for video in sorted(likes | comments, key=str):
        yield f"{video} has likes or comments that are not counted"
