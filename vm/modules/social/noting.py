"""What is done at a video counts for the day's reward pool (T8)."""

from consensus.cid import Cid
from vm.context import Context
from vm.modules.activity import ActivityKind, is_counting, note
from vm.modules.content import home_of, owner_of


def note_at(context: Context, account: bytes, video: Cid, kind: ActivityKind) -> None:
    """Count what an account has done at a video, where activity counts."""
    if is_counting(context.state):
        owner, home = owner_of(context.state, video), home_of(context.state, video)
        note(context, account, kind, creator=owner, space=home)
