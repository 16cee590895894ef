"""The module `content`: its rows, and what is said in them."""

from typing import Annotated

from consensus.cid import Cid
from consensus.kinds import AccountId, Counter, Digest, Text, Uint
from consensus.record import Record, part, record
from consensus.unixfs import KUBO
from vm.declare import Module
from vm.modules.account import HandleName
from vm.modules.agenda import Agenda
from vm.table import Table

content = Module(
    "content",
    "Videos by content id, each claimed once: their versions, their names in spaces, takedown.",
)

OWNERSHIP_PROFILE = KUBO  # one profile only, else one file could be claimed under two CIDs
NAME_PATTERN = r"[a-z0-9]+(-[a-z0-9]+)*"
NAME_TEXT = Text(64, 1, NAME_PATTERN)

Profile = Annotated[str, Text(32, 1, OWNERSHIP_PROFILE.name)]
MediaType = Annotated[str, Text(127, 3, "[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+-]*")]
Title = Annotated[str, Text(200, 1, r"[^\n\t]+")]
Reason = Annotated[str, Text(200, 1, r"[^\n\t]+")]
# As SPDX 2.3 annex D writes it, without parentheses: CC-BY-4.0, LicenseRef-fans OR CC0-1.0.
Licence = Annotated[
    str, Text(64, 1, r"[A-Za-z0-9][A-Za-z0-9.+-]*( (AND|OR|WITH) [A-Za-z0-9][A-Za-z0-9.+-]*)*")
]
SizeBytes = Annotated[int, Uint(2**53 - 1, 1)]
VersionNumber = Annotated[int, Uint(minimum=1)]
SpaceName = HandleName
Channel = HandleName
VideoName = Annotated[str, NAME_TEXT]


@part
class Place(Record):
    """A name in a space, written `space/name`."""

    space: SpaceName
    name: VideoName


@part
class Line(Record):
    """All versions of a video: who owns them, the newest one, and the account (null: none) that
    gets them by accepting."""

    owner: AccountId
    newest: Cid
    offered_to: AccountId | None


@record("content.video")
class Video(Record):
    """A version of a video: its number, the first version, in whose row alone the line is, the one
    that it replaces (null: it is the first), and the video that it is a clip of (null: of none);
    the profile that its CID was made by, its size, media type, title and licence (null: nothing is
    said), and the height and time (ms from the Unix epoch) of publication."""

    line: Line | None
    first: Cid
    number: VersionNumber
    replaces: Cid | None
    parent: Cid | None
    profile: Profile
    size_bytes: SizeBytes
    media_type: MediaType
    title: Title
    licence: Licence | None
    height: Counter
    time_ms: Counter


@record("content.owned")
class Owned(Record):
    """Lists an account's videos in order of publication, each by its first version."""


@record("content.clip")
class Clip(Record):
    """Lists the clips of a video in order of publication."""


@record("content.commitment")
class CommitmentRow(Record):
    """What an account has committed to publish: at which height, and when it lapses (ms from the
    Unix epoch)."""

    height: Counter
    lapses_ms: Counter


@record("content.lapse")
class Lapse(Record):
    """Lists a commitment under the time when it lapses."""


@record("content.space")
class Space(Record):
    """A room in which its owner gives videos names: the channel that it is in, its title, the
    account (null: none) that gets it by accepting, and the height at which it was created."""

    owner: AccountId
    channel: Channel
    title: Title
    offered_to: AccountId | None
    height: Counter


@record("content.space_owned")
class SpaceOwned(Record):
    """Lists an account's spaces by name."""


@record("content.in_channel")
class InChannel(Record):
    """Lists the spaces in a channel by name."""


@record("content.name")
class Named(Record):
    """What a name in a space stands for: a video, by its first version. It resolves, to the newest
    version, while space and video have the same owner."""

    video: Cid


@record("content.home")
class Home(Record):
    """The space in which a video, named by its first version, was last given a name."""

    space: SpaceName


@record("content.taken_down")
class TakenDown(Record):
    """Content that nodes do not serve: why, and since which height and time (ms from the Unix
    epoch)."""

    reason: Reason
    height: Counter
    time_ms: Counter


VIDEOS: Table[Video, Cid] = content.table(Video, cid=Cid)
OWNED: Table[Owned, bytes, int, Cid] = content.table(
    Owned, owner=AccountId, height=Counter, cid=Cid
)
CLIPS: Table[Clip, Cid, int, Cid] = content.table(Clip, parent=Cid, height=Counter, cid=Cid)
COMMITMENTS: Table[CommitmentRow, bytes, bytes] = content.table(
    CommitmentRow, account=AccountId, commitment=Digest
)
LAPSES: Table[Lapse, int, bytes, bytes] = content.table(
    Lapse, time_ms=Counter, account=AccountId, commitment=Digest
)
AGENDA: Agenda[bytes, bytes] = Agenda(LAPSES, Lapse())
SPACES: Table[Space, str] = content.table(Space, space=SpaceName)
SPACES_OWNED: Table[SpaceOwned, bytes, str] = content.table(
    SpaceOwned, owner=AccountId, space=SpaceName
)
IN_CHANNEL: Table[InChannel, str, str] = content.table(InChannel, channel=Channel, space=SpaceName)
NAMES: Table[Named, str, str] = content.table(Named, space=SpaceName, name=VideoName)
HOMES: Table[Home, Cid] = content.table(Home, first=Cid)
TAKEN_DOWN: Table[TakenDown, Cid] = content.table(TakenDown, cid=Cid)
