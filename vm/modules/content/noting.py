"""What is done at a video counts for the day's reward pool (T8)."""

from consensus.cid import Cid
from vm.context import Context
from vm.modules.activity import ActivityKind, is_counting, note
from vm.modules.content.lineage import owner_of
from vm.modules.content.naming import home_of


def note_at(
    context: Context,
    account: bytes,
    video: Cid,
    kind: ActivityKind,
    *,
    creator: bytes | None = None,
) -> None:
    """Count what an account has done at a video, where activity counts: for its owner, unless
    another account was its creator then."""
    if is_counting(context.state):
        whose = owner_of(context.state, video) if creator is None else creator
        note(context, account, kind, creator=whose, space=home_of(context.state, video))
