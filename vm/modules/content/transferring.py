"""Transfers of videos and spaces: offered by their owner, and accepted by who gets them.

Nobody gets what they have not accepted: what an account owns is what others see of it.
"""

from consensus.cid import Cid
from consensus.kinds import AccountId
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.content.lineage import check_newest, line_of, own_video, put_line, video_row
from vm.modules.content.spaces import own_space, space_row
from vm.modules.content.tables import (
    OWNED,
    SPACES,
    SPACES_OWNED,
    Line,
    Owned,
    SpaceName,
    SpaceOwned,
    content,
)

OWN_TRANSFER = content.error("own-transfer", "The account is the owner already.")
NOT_OFFERED = content.error("not-offered", "This is not offered to the account.")


@content.event
@record("content.offered")
class Offered(Record):
    """A video, by its first version, is offered to an account, or (null) to nobody any more."""

    video: Cid
    to: AccountId | None


@content.event
@record("content.transferred")
class Transferred(Record):
    """A video, by its first version, has gone from one owner to another."""

    video: Cid
    before: AccountId
    owner: AccountId


@content.event
@record("content.space_offered")
class SpaceOffered(Record):
    """A space is offered to an account, or (null) to nobody any more."""

    space: SpaceName
    to: AccountId | None


@content.event
@record("content.space_transferred")
class SpaceTransferred(Record):
    """A space has gone from one owner to another."""

    space: SpaceName
    before: AccountId
    owner: AccountId


@content.action(gas=6_000)
@record("content.transfer")
class Transfer(Action):
    """Offer a video of the sender's, with all its versions, to an account, which owns them once it
    accepts; null takes the offer back. `cid` may be any version."""

    cid: Cid
    to: AccountId | None

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        video = own_video(state, sender, self.cid)
        if self.to == sender:
            raise OWN_TRANSFER.failed(field="to")
        put_line(state, video.first, replace(line_of(state, video), offered_to=self.to))
        context.emit(Offered(video.first, self.to))


@content.action(gas=9_000)
@record("content.accept")
class Accept(Action):
    """Accept a video that is offered to the sender, with all its versions. `cid` is the newest one,
    so that the sender knows what that is."""

    cid: Cid

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        video = video_row(state, self.cid)
        if line_of(state, video).offered_to != sender:
            raise NOT_OFFERED.failed(field="cid")
        check_newest(state, self.cid, video)
        give_video(context, video.first, sender)


@content.action(gas=6_000)
@record("content.transfer_space")
class TransferSpace(Action):
    """Offer a space of the sender's to an account, which owns it once it accepts; null takes the
    offer back. Names in it rest, unless their videos go to the same account."""

    space: SpaceName
    to: AccountId | None

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        space = own_space(state, sender, self.space)
        if self.to == sender:
            raise OWN_TRANSFER.failed(field="to")
        SPACES.put(state, replace(space, offered_to=self.to), self.space)
        context.emit(SpaceOffered(self.space, self.to))


@content.action(gas=9_000)
@record("content.accept_space")
class AcceptSpace(Action):
    """Accept a space that is offered to the sender."""

    space: SpaceName

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        space = space_row(state, self.space)
        if space.offered_to != sender:
            raise NOT_OFFERED.failed(field="space")
        SPACES.put(state, replace(space, owner=sender, offered_to=None), self.space)
        SPACES_OWNED.delete(state, space.owner, self.space)
        SPACES_OWNED.put(state, SpaceOwned(), sender, self.space)
        context.emit(SpaceTransferred(self.space, space.owner, sender))


def give_video(context: Context, first: Cid, owner: bytes) -> None:
    """Make an account the owner of a video, by its first version; it is offered to nobody then."""
    state = context.state
    video = video_row(state, first)
    before = line_of(state, video)
    put_line(state, first, Line(owner, before.newest, None))
    OWNED.delete(state, before.owner, video.height, first)
    OWNED.put(state, Owned(), owner, video.height, first)
    context.emit(Transferred(first, before.owner, owner))
