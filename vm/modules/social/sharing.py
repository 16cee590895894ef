"""Shares: each account shares a video once; its share link names it (T4, T6)."""

from consensus.cid import Cid
from consensus.kinds import AccountId, Counter
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.activity import ActivityKind
from vm.modules.content import note_at
from vm.modules.social.tables import (
    COUNTS,
    SHARERS,
    Sharer,
    check_video,
    counts_of,
    reaction_keys,
    social,
)

ALREADY_SHARED = social.error("already-shared", "The account has shared this video already.")


@social.event
@record("social.shared")
class Shared(Record):
    """An account has shared a video, and with it so many."""

    video: Cid
    account: AccountId
    shares: Counter


@social.action(gas=1_000, free=True)
@record("social.share")
class Share(Action):
    """Say that the sender shares a video, which counts once for an account (T4). Who pays through
    its link names it as the referrer (T6), whether it has said so or not."""

    video: Cid

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        check_video(state, self.video)
        if SHARERS.get(state, self.video, sender) is not None:
            raise ALREADY_SHARED.failed(field="video")
        SHARERS.put(state, Sharer(context.block.time_ms), self.video, sender)
        counts = counts_of(state, self.video)
        counts = replace(counts, shares=counts.shares + 1)
        COUNTS.put(state, counts, self.video)
        context.emit(Shared(self.video, sender, counts.shares))
        note_at(context, sender, self.video, ActivityKind.SHARE)

    def touches(self, sender: bytes) -> tuple[bytes, ...]:
        return reaction_keys(self.video, SHARERS.state_key(self.video, sender))
