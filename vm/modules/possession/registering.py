"""Registering: the segment root of a video, by which what is proved of it is checked.

Nothing on chain can tell a right root from a false one. Whoever holds the content can: the root is
a function of its bytes. A false root harms nobody who compares before pledging; governance puts
it right.
"""

from consensus.cid import Cid
from consensus.kinds import Digest
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.content import VIDEOS, SizeBytes, owner_of
from vm.modules.possession.tables import ROOTS, Root, possession, root_row

NOT_PUBLISHED = possession.error("not-published", "No video of this id is published.")
NOT_THE_OWNER = possession.error("not-the-owner", "Only the video's owner registers its root.")
ALREADY_REGISTERED = possession.error(
    "already-registered", "The video's root is registered: only a proposal puts another in place."
)


@possession.event
@record("possession.registered")
class Registered(Record):
    """A video's segment root, of so many bytes, is this from now on."""

    cid: Cid
    root: Digest
    size_bytes: SizeBytes


@possession.action(gas=5_000)
@record("possession.register")
class Register(Action):
    """Register the segment root of a video of one's own, once; it is of as many bytes as the
    video was published with."""

    cid: Cid
    root: Digest

    def apply(self, context: Context) -> None:
        state, video = context.state, VIDEOS.get(context.state, self.cid)
        if video is None:
            raise NOT_PUBLISHED.failed(field="cid")
        if owner_of(state, self.cid) != context.sender:
            raise NOT_THE_OWNER.failed(field="cid")
        if ROOTS.get(state, self.cid) is not None:
            raise ALREADY_REGISTERED.failed(field="cid")
        ROOTS.put(state, Root(self.root, video.size_bytes, 0), self.cid)
        context.emit(Registered(self.cid, self.root, video.size_bytes))


@possession.action(gas=5_000, governed=True)
@record("possession.correct")
class Correct(Action):
    """Put the right root and size of a video in place of false ones: who pledges for it must
    answer by these from now on."""

    cid: Cid
    root: Digest
    size_bytes: SizeBytes

    @property
    def subject(self) -> str:
        return str(self.cid)

    def in_words(self) -> str:
        return (
            f"let the segment root of {self.cid} be {self.root.hex()}, of {self.size_bytes} bytes"
        )

    def apply(self, context: Context) -> None:
        row = root_row(context.state, self.cid)
        ROOTS.put(context.state, replace(row, root=self.root, size_bytes=self.size_bytes), self.cid)
        context.emit(Registered(self.cid, self.root, self.size_bytes))
