"""Publication: content gets its owner, who has committed to it before."""

from consensus.cid import DAG_PB, RAW, Cid
from consensus.kinds import AccountId, Digest
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.activity import note_post
from vm.modules.content.committing import use_commitment
from vm.modules.content.lineage import check_newest, line_of, own_video, put_line, video_row
from vm.modules.content.naming import check_place, put_name
from vm.modules.content.spaces import space_row
from vm.modules.content.tables import (
    CLIPS,
    OWNED,
    OWNERSHIP_PROFILE,
    VIDEOS,
    Clip,
    Licence,
    Line,
    MediaType,
    Owned,
    Place,
    Profile,
    SizeBytes,
    Title,
    VersionNumber,
    Video,
    content,
)
from vm.view import View

_MIB = 1_048_576

MIB_GAS = content.parameter(
    "mib_gas",
    default=1_000,
    minimum=0,
    maximum=1_000_000,
    unit="gas",
    sentence="What publishing costs for each begun MiB of the content.",
)
MAX_SIZE_BYTES = content.parameter(
    "max_size_bytes",
    default=4 * 1024 * _MIB,
    minimum=_MIB,
    maximum=2**40,
    unit="bytes",
    sentence="The largest content that can be published.",
)

ALREADY_PUBLISHED = content.error("already-published", "This content has an owner already.")
WRONG_CODEC = content.error(
    "wrong-codec",
    "The profile gives content of one chunk a raw CID, and larger content a dag-pb CID.",
)
TOO_LARGE = content.error("too-large", "The content is larger than this chain takes.")


@content.event
@record("content.published")
class Published(Record):
    """A version of a video has got its owner. Of a first version, `first` is its own CID."""

    cid: Cid
    owner: AccountId
    first: Cid
    number: VersionNumber
    parent: Cid | None
    size_bytes: SizeBytes
    media_type: MediaType
    title: Title


@content.action(gas=16_000)
@record("content.publish")
class Publish(Action):
    """Publish content that the sender, who becomes its owner, has committed to with this salt.
    `replaces`: the newest version of a video of the sender's, whose next version it becomes;
    `parent`: the published video that it is a clip of; `place`: a name for it in a space of the
    sender's (T3)."""

    cid: Cid
    profile: Profile
    size_bytes: SizeBytes
    media_type: MediaType
    title: Title
    licence: Licence | None
    replaces: Cid | None
    parent: Cid | None
    place: Place | None
    salt: Digest

    def derived_gas(self, view: View) -> int:
        return -(-self.size_bytes // _MIB) * MIB_GAS.read(view)

    def apply(self, context: Context) -> None:
        state, owner = context.state, context.sender
        self._check_content(state)
        before = None if self.replaces is None else self._replaced(context, self.replaces)
        if self.parent is not None:
            video_row(state, self.parent, field="parent")
        first = self.cid if before is None else before.first
        if self.place is not None:
            check_place(state, owner, self.place, first)
        use_commitment(context, self.cid, self.salt)  # last: what else fails is known before
        number = 1 if before is None else before.number + 1
        self._put(context, first, number)
        kind, size_bytes = self.media_type, self.size_bytes
        context.emit(
            Published(self.cid, owner, first, number, self.parent, size_bytes, kind, self.title)
        )
        if self.place is not None:
            put_name(context, self.place, first)
        if before is None:
            note_post(context, owner, self._channel(state))

    def _channel(self, view: View) -> str | None:
        return None if self.place is None else space_row(view, self.place.space).channel

    def _check_content(self, view: View) -> None:
        if self.cid.codec != (RAW if self.size_bytes <= OWNERSHIP_PROFILE.chunk_bytes else DAG_PB):
            raise WRONG_CODEC.failed(field="cid")
        limit = MAX_SIZE_BYTES.read(view)
        if self.size_bytes > limit:
            raise TOO_LARGE.failed(
                f"{self.size_bytes} bytes; at most {limit} are taken", field="size_bytes"
            )
        video = VIDEOS.get(view, self.cid)
        if video is not None:
            raise ALREADY_PUBLISHED.failed(
                f"{self.cid} was published at height {video.height}", field="cid"
            )

    def _replaced(self, context: Context, replaced: Cid) -> Video:
        video = own_video(context.state, context.sender, replaced, field="replaces")
        check_newest(context.state, replaced, video, field="replaces")
        return video

    def _put(self, context: Context, first: Cid, number: int) -> None:
        """Write the rows of the new version."""
        state, owner, block = context.state, context.sender, context.block
        is_first = first == self.cid
        video = Video(
            line=Line(owner, self.cid, None) if is_first else None,
            first=first,
            number=number,
            replaces=self.replaces,
            parent=self.parent,
            profile=self.profile,
            size_bytes=self.size_bytes,
            media_type=self.media_type,
            title=self.title,
            licence=self.licence,
            height=block.height,
            time_ms=block.time_ms,
        )
        VIDEOS.put(state, video, self.cid)
        if is_first:
            OWNED.put(state, Owned(), owner, block.height, self.cid)
        else:
            line = line_of(state, video)
            put_line(state, first, Line(owner, self.cid, line.offered_to))
        if self.parent is not None:
            CLIPS.put(state, Clip(), self.parent, block.height, self.cid)
