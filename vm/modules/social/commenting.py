"""Comments: by the content id of what they say (T4)."""

from consensus.cid import RAW, Cid
from consensus.kinds import AccountId, Counter
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.activity import ActivityKind
from vm.modules.content import VIDEOS, note_at
from vm.modules.rebate import COMMENT, note_activity
from vm.modules.social.tables import (
    COMMENTS,
    COUNTS,
    MAX_COMMENT_BYTES,
    Comment,
    CommentBytes,
    check_video,
    counts_of,
    social,
)

NOT_RAW = social.error("not-raw", "A comment is one block: its content id must be a raw one.")
TOO_LARGE = social.error("too-large", "The comment is larger than this chain takes.")


@social.event
@record("social.commented")
class Commented(Record):
    """A video has a comment of this number."""

    video: Cid
    number: Counter
    author: AccountId
    cid: Cid
    size_bytes: CommentBytes


@social.action(gas=2_000, free=True)
@record("social.write_comment")
class WriteComment(Action):
    """Comment on a video: the content id and size of one block of content, which a node stores
    (T4)."""

    video: Cid
    cid: Cid
    size_bytes: CommentBytes

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        check_video(state, self.video)
        if self.cid.codec != RAW:
            raise NOT_RAW.failed(field="cid")
        limit = MAX_COMMENT_BYTES.read(state)
        if self.size_bytes > limit:
            raise TOO_LARGE.failed(
                f"{self.size_bytes} bytes; at most {limit} are taken", field="size_bytes"
            )
        counts = counts_of(state, self.video)
        number = counts.comments
        comment = Comment(sender, self.cid, self.size_bytes, context.block.time_ms)
        COMMENTS.put(state, comment, self.video, number)
        COUNTS.put(state, replace(counts, comments=number + 1), self.video)
        context.emit(Commented(self.video, number, sender, self.cid, self.size_bytes))
        note_activity(context, sender, COMMENT)
        note_at(context, sender, self.video, ActivityKind.COMMENT)

    def touches(self, sender: bytes) -> tuple[bytes, ...]:
        return (VIDEOS.state_key(self.video), COUNTS.state_key(self.video))
