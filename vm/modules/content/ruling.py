"""What a community rules on content: that nodes do not serve it, and whose it is."""

from consensus.address import format_address
from consensus.cid import Cid
from consensus.kinds import AccountId
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.content.lineage import line_of, video_row
from vm.modules.content.tables import TAKEN_DOWN, Reason, TakenDown, content
from vm.modules.content.transferring import OWN_TRANSFER, give_video
from vm.view import View

ALREADY_DOWN = content.error("already-taken-down", "This content is taken down already.")
NOT_DOWN = content.error("not-taken-down", "This content is not taken down.")


@content.event
@record("content.was_taken_down")
class WasTakenDown(Record):
    """Nodes do not serve this content any more."""

    cid: Cid
    reason: Reason


@content.event
@record("content.restored")
class Restored(Record):
    """Nodes serve this content again."""

    cid: Cid
    reason: Reason


@content.event
@record("content.reassigned")
class Reassigned(Record):
    """A video, by its first version, was given to an account, and why."""

    video: Cid
    owner: AccountId
    reason: Reason


@content.action(gas=4_000, governed=True)
@record("content.take_down")
class TakeDown(Action):
    """Have nodes serve a content id no more, published or not. What the chain says of it stays."""

    cid: Cid
    reason: Reason

    def in_words(self) -> str:
        return f"have nodes serve {self.cid} no more: {self.reason}"

    def apply(self, context: Context) -> None:
        state, block = context.state, context.block
        if not is_served(state, self.cid):
            raise ALREADY_DOWN.failed(field="cid")
        TAKEN_DOWN.put(state, TakenDown(self.reason, block.height, block.time_ms), self.cid)
        context.emit(WasTakenDown(self.cid, self.reason))


@content.action(gas=4_000, governed=True)
@record("content.restore")
class Restore(Action):
    """Have nodes serve a content id again that was taken down."""

    cid: Cid
    reason: Reason

    def in_words(self) -> str:
        return f"have nodes serve {self.cid} again: {self.reason}"

    def apply(self, context: Context) -> None:
        if is_served(context.state, self.cid):
            raise NOT_DOWN.failed(field="cid")
        TAKEN_DOWN.delete(context.state, self.cid)
        context.emit(Restored(self.cid, self.reason))


@content.action(gas=10_000, governed=True)
@record("content.reassign")
class Reassign(Action):
    """Give a video, with all its versions, to an account whose claim to it is the better one."""

    cid: Cid
    owner: AccountId
    reason: Reason

    def in_words(self) -> str:
        whom = format_address(self.owner)
        return f"give the video {self.cid}, with all its versions, to {whom}: {self.reason}"

    def apply(self, context: Context) -> None:
        video = video_row(context.state, self.cid)
        if line_of(context.state, video).owner == self.owner:
            raise OWN_TRANSFER.failed(field="owner")
        give_video(context, video.first, self.owner)
        context.emit(Reassigned(video.first, self.owner, self.reason))


def is_served(view: View, cid: Cid) -> bool:
    """Whether nodes serve this content id: it was not taken down."""
    return TAKEN_DOWN.get(view, cid) is None
