"""Names: `space/name` stands for a video, and resolves to its newest version.

A name resolves while the space and the video have the same owner. So nothing has to be looked
through when either changes hands: names of what went to another rest until the owners are one
again, or the space's owner gives them to something else.
"""

from consensus.cid import Cid
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.content.lineage import line_of, own_video, video_row
from vm.modules.content.spaces import own_space
from vm.modules.content.tables import (
    HOMES,
    NAMES,
    SPACES,
    Home,
    Line,
    Named,
    Place,
    SpaceName,
    VideoName,
    content,
)
from vm.view import View

NAME_TAKEN = content.error("name-taken", "The name stands for another video in this space.")
UNKNOWN_NAME = content.error("unknown-name", "The space has no such name.")


@content.event
@record("content.name_set")
class NameSet(Record):
    """A name in a space stands for a video, by its first version, or (null) for none."""

    space: SpaceName
    name: VideoName
    video: Cid | None


@content.action(gas=6_000)
@record("content.set_name")
class SetName(Action):
    """Let a name in a space of the sender's stand for a video of the sender's, whatever it stood
    for before, or (null) for none. `cid` may be any version: the name resolves to the newest
    (T3)."""

    space: SpaceName
    name: VideoName
    cid: Cid | None

    def apply(self, context: Context) -> None:
        state, sender, place = context.state, context.sender, Place(self.space, self.name)
        own_space(state, sender, self.space)
        if self.cid is not None:
            put_name(context, place, own_video(state, sender, self.cid).first)
            return
        if NAMES.get(state, self.space, self.name) is None:
            raise UNKNOWN_NAME.failed(f"{self.space} has no name {self.name}", field="name")
        NAMES.delete(state, self.space, self.name)
        context.emit(NameSet(self.space, self.name, None))


def check_place(view: View, account: bytes, place: Place, first: Cid) -> None:
    """Raise ActionFailed unless the account may give this name to the video of this first version,
    and no other video that it owns would lose it."""
    own_space(view, account, place.space, field="place.space")
    row = NAMES.get(view, place.space, place.name)
    if row is not None and row.video != first and resolve(view, place) is not None:
        raise NAME_TAKEN.failed(
            f"{place.space}/{place.name} stands for {row.video}: replace that, or set the name to "
            "another first",
            field="place.name",
        )


def put_name(context: Context, place: Place, first: Cid) -> None:
    """Let a name stand for the video of this first version."""
    NAMES.put(context.state, Named(first), place.space, place.name)
    HOMES.put(context.state, Home(place.space), first)
    context.emit(NameSet(place.space, place.name, first))


def home_of(view: View, cid: Cid) -> str | None:
    """The space in which a published version's video was last given a name; None if it never was,
    or if the space is another account's than the video."""
    video = video_row(view, cid)
    home = HOMES.get(view, video.first)
    space = None if home is None else SPACES.get(view, home.space)
    if home is None or space is None or space.owner != line_of(view, video).owner:
        return None
    return home.space


def resolve(view: View, place: Place) -> Line | None:
    """The line of the video that a name stands for; None if there is none, or if the space is
    another account's than the video."""
    space, row = SPACES.get(view, place.space), NAMES.get(view, place.space, place.name)
    if space is None or row is None:
        return None
    line = line_of(view, video_row(view, row.video))
    return line if line.owner == space.owner else None
