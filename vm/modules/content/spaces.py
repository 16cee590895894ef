"""Spaces: rooms of accounts, each in a channel, in which videos have names (T3).

A space's name is one of its own on the whole chain, as handles are. It costs what a handle of as
many letters does, burned, so that nobody hoards them.
"""

from consensus.address import format_address
from consensus.kinds import AccountId, Amount
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.account import handle_fee
from vm.modules.chain import chain_constants
from vm.modules.content.tables import (
    IN_CHANNEL,
    SPACES,
    SPACES_OWNED,
    Channel,
    InChannel,
    Space,
    SpaceName,
    SpaceOwned,
    Title,
    content,
)
from vm.modules.tokens import count_burned, debit
from vm.view import View

SPACE_TAKEN = content.error("space-taken", "There is a space of this name already.")
UNKNOWN_SPACE = content.error("unknown-space", "There is no space of this name.")
NOT_SPACE_OWNER = content.error("not-space-owner", "The space is another account's.")


@content.event
@record("content.space_created")
class SpaceCreated(Record):
    """An account has a new space, for which it burned a fee."""

    space: SpaceName
    owner: AccountId
    channel: Channel
    title: Title
    burned: Amount


@content.event
@record("content.space_updated")
class SpaceUpdated(Record):
    """A space has this channel and title."""

    space: SpaceName
    channel: Channel
    title: Title


@content.action(gas=14_000)
@record("content.create_space")
class CreateSpace(Action):
    """Create a space of a name that none has, in a channel. Its fee, that of a handle of as many
    letters, is burned (T3)."""

    space: SpaceName
    channel: Channel
    title: Title

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        if SPACES.get(state, self.space) is not None:
            raise SPACE_TAKEN.failed(f"there is a space {self.space}", field="space")
        fee, asset = handle_fee(state, self.space), chain_constants(state).native_asset
        debit(state, sender, asset, fee)
        count_burned(state, asset, fee)
        made = Space(sender, self.channel, self.title, None, context.block.height)
        SPACES.put(state, made, self.space)
        SPACES_OWNED.put(state, SpaceOwned(), sender, self.space)
        IN_CHANNEL.put(state, InChannel(), self.channel, self.space)
        context.emit(SpaceCreated(self.space, sender, self.channel, self.title, fee))


@content.action(gas=8_000)
@record("content.update_space")
class UpdateSpace(Action):
    """Give a space of the sender's another channel or title."""

    space: SpaceName
    channel: Channel
    title: Title

    def apply(self, context: Context) -> None:
        state = context.state
        space = own_space(state, context.sender, self.space)
        IN_CHANNEL.delete(state, space.channel, self.space)
        IN_CHANNEL.put(state, InChannel(), self.channel, self.space)
        changed = replace(space, channel=self.channel, title=self.title)
        SPACES.put(state, changed, self.space)
        context.emit(SpaceUpdated(self.space, self.channel, self.title))


def space_row(view: View, name: str, *, field: str = "space") -> Space:
    """The space of this name; raises ActionFailed if there is none."""
    space = SPACES.get(view, name)
    if space is None:
        raise UNKNOWN_SPACE.failed(f"there is no space {name}", field=field)
    return space


def own_space(view: View, account: bytes, name: str, *, field: str = "space") -> Space:
    """A space that the account owns; raises ActionFailed for another's, and for none."""
    space = space_row(view, name, field=field)
    if space.owner != account:
        raise NOT_SPACE_OWNER.failed(f"{name} is {format_address(space.owner)}'s", field=field)
    return space
