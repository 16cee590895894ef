"""Likes: each account likes a video once (T4)."""

from consensus.cid import Cid
from consensus.kinds import AccountId, Counter
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.activity import ActivityKind
from vm.modules.content import note_at
from vm.modules.social.tables import (
    COUNTS,
    LIKERS,
    Liker,
    check_video,
    counts_of,
    reaction_keys,
    social,
)
from vm.view import State

ALREADY_LIKED = social.error("already-liked", "The account likes this video already.")
NOT_LIKED = social.error("not-liked", "The account does not like this video.")


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


@social.action(gas=1_000, free=True)
@record("social.like")
class Like(Action):
    """Like a video, which an account can do once (T4)."""

    video: Cid

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        check_video(state, self.video)
        if LIKERS.get(state, self.video, sender) is not None:
            raise ALREADY_LIKED.failed(field="video")
        LIKERS.put(state, Liker(context.block.time_ms), self.video, sender)
        context.emit(Liked(self.video, sender, _count_like(state, self.video, 1)))
        note_at(context, sender, self.video, ActivityKind.LIKE)

    def touches(self, sender: bytes) -> tuple[bytes, ...]:
        return reaction_keys(self.video, LIKERS.state_key(self.video, sender))


@social.action(gas=1_000, free=True)
@record("social.unlike")
class Unlike(Action):
    """Take the like of a video back (T4)."""

    video: Cid

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        if LIKERS.get(state, self.video, sender) is None:
            raise NOT_LIKED.failed(field="video")
        LIKERS.delete(state, self.video, sender)
        context.emit(Unliked(self.video, sender, _count_like(state, self.video, -1)))

    def touches(self, sender: bytes) -> tuple[bytes, ...]:
        return reaction_keys(self.video, LIKERS.state_key(self.video, sender))


def _count_like(state: State, video: Cid, change: int) -> int:
    counts = counts_of(state, video)
    counts = replace(counts, likes=counts.likes + change)
    COUNTS.put(state, counts, video)
    return counts.likes
