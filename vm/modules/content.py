"""Videos registered by content id."""

from typing import Annotated

from consensus.cid import DAG_PB, RAW, Cid
from consensus.kinds import AccountId, Counter, Text, Uint
from consensus.record import Record, record
from consensus.unixfs import KUBO
from vm.context import Context
from vm.declare import Action, Module
from vm.table import Table
from vm.view import View

content = Module("content", "Videos registered by content id; each can be claimed once.")

OWNERSHIP_PROFILE = KUBO  # one profile only, else one file could be claimed under two CIDs
_MIB = 1_048_576

Profile = Annotated[str, Text(32, 1, OWNERSHIP_PROFILE.name)]
MediaType = Annotated[str, Text(127, 3, "[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+-]*")]
Title = Annotated[str, Text(200, 1, r"[^\n\t]+")]
SizeBytes = Annotated[int, Uint(2**53 - 1, 1)]

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


@record("content.video")
class Video(Record):
    """A published video: its owner, the profile that its CID was made by, its size, media type
    and title, and the height and time (ms from the Unix epoch) of publication."""

    owner: AccountId
    profile: Profile
    size_bytes: SizeBytes
    media_type: MediaType
    title: Title
    height: Counter
    time_ms: Counter


@record("content.owned")
class Owned(Record):
    """Lists an account's videos in order of publication."""


VIDEOS: Table[Video, Cid] = content.table(Video, cid=Cid)
OWNED: Table[Owned, bytes, int, Cid] = content.table(
    Owned, owner=AccountId, height=Counter, cid=Cid
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
    """A video has got its owner."""

    cid: Cid
    owner: AccountId
    size_bytes: SizeBytes
    media_type: MediaType
    title: Title


@content.action(gas=5_000)
@record("content.publish")
class Publish(Action):
    """Register a video by its content id; the sender becomes its owner."""

    cid: Cid
    profile: Profile
    size_bytes: SizeBytes
    media_type: MediaType
    title: Title

    def derived_gas(self, view: View) -> int:
        return -(-self.size_bytes // _MIB) * MIB_GAS.read(view)

    def apply(self, context: Context) -> None:
        self._check(context.state)
        block, owner = context.block, context.sender
        VIDEOS.put(
            context.state,
            Video(
                owner,
                self.profile,
                self.size_bytes,
                self.media_type,
                self.title,
                block.height,
                block.time_ms,
            ),
            self.cid,
        )
        OWNED.put(context.state, Owned(), owner, block.height, self.cid)
        context.emit(Published(self.cid, owner, self.size_bytes, self.media_type, self.title))

    def _check(self, view: View) -> None:
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
