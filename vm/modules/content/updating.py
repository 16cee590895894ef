"""What is said of a video, changed by its owner."""

from consensus.cid import Cid
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.content.lineage import own_video
from vm.modules.content.tables import VIDEOS, Licence, MediaType, Title, content


@content.event
@record("content.updated")
class Updated(Record):
    """A version of a video has this media type, title and licence."""

    cid: Cid
    media_type: MediaType
    title: Title
    licence: Licence | None


@content.action(gas=5_000)
@record("content.update")
class Update(Action):
    """Change what is said of a version of a video of the sender's: all three as they shall be. Who
    was given a licence before has it by the blocks before."""

    cid: Cid
    media_type: MediaType
    title: Title
    licence: Licence | None

    def apply(self, context: Context) -> None:
        video = own_video(context.state, context.sender, self.cid)
        changed = replace(video, media_type=self.media_type, title=self.title, licence=self.licence)
        VIDEOS.put(context.state, changed, self.cid)
        context.emit(Updated(self.cid, self.media_type, self.title, self.licence))
