"""The rows of the index: how their keys are made. Numbers are big-endian, so that keys sort; those
written `~` are subtracted from 2^64 - 1, so that the newest, or the highest, comes first.

The first byte of a key says what the row is:
m  alone → Progress
n  ‖ day ‖ subject's kind ‖ subject ‖ metric ‖ 0 ‖ asset or type → a count
r  ‖ day ‖ subject's kind ‖ metric ‖ 0 ‖ asset ‖ 0 ‖ ~count ‖ subject: it has that count
d  ‖ day: it has a block
c  ‖ day ‖ account: it was active
k  ‖ account ‖ video → the place of its like; empty: it has liked the video once
l  ‖ account ‖ ~place ‖ video: it likes the video
q  ‖ video ‖ ~place ‖ account: the same
t  ‖ account ‖ video: it has commented on the video
s  ‖ account ‖ video → the newest day on which it has viewed the video
v  ‖ video ‖ ~day ‖ account: it has viewed the video on that day
w  ‖ day ‖ account ‖ video: the same
f  ‖ version → the first version of its video
o  ‖ first version → the video's owner
"""

from typing import NamedTuple

from consensus.cid import CID_BYTES, Cid
from consensus.kinds import KEY_BYTES
from node.statistics.metrics import TOTAL, Metric, SubjectKind

PROGRESS_ROW = b"m"
COUNT_ROW = b"n"
RANK_ROW = b"r"
DAY_ROW = b"d"
ACTIVE_ROW = b"c"
LIKE_ROW = b"k"
LIKED_ROW = b"l"
LIKER_ROW = b"q"
COMMENTER_ROW = b"t"
SEEN_ROW = b"s"
VIEWER_ROW = b"v"
VIEWED_ROW = b"w"
FIRST_ROW = b"f"
OWNER_ROW = b"o"
ALL_ROWS = (
    *(PROGRESS_ROW, COUNT_ROW, RANK_ROW, DAY_ROW, ACTIVE_ROW, LIKE_ROW, LIKED_ROW, LIKER_ROW),
    *(COMMENTER_ROW, SEEN_ROW, VIEWER_ROW, VIEWED_ROW, FIRST_ROW, OWNER_ROW),
)

NUMBER_BYTES = 8
PLACE_BYTES = 12  # height and place in the block
CHAIN_SUBJECT = b""
_END = b"\x00"


class Count(NamedTuple):
    """Which number a row counts."""

    day: int
    kind: SubjectKind
    subject: bytes
    metric: Metric
    of: str = ""


def number(value: int) -> bytes:
    """A number in a key or a row."""
    return value.to_bytes(NUMBER_BYTES)


def from_highest(value: int) -> bytes:
    """A number in a key whose highest value comes first, and back."""
    return number(TOTAL - value)


def place_of(height: int, index: int) -> bytes:
    """Where in the chain something happened."""
    return number(height) + index.to_bytes(PLACE_BYTES - NUMBER_BYTES)


def newest_first(place: bytes) -> bytes:
    """A place in a key whose newest comes first."""
    return bytes(0xFF - byte for byte in place)


def count_key(count: Count) -> bytes:
    """Where a count is."""
    head = counts_prefix(count.day, count.kind, count.subject)
    return head + count.metric.encode() + _END + count.of.encode()


def counts_prefix(day: int, kind: SubjectKind, subject: bytes) -> bytes:
    """What the keys of a subject's counts begin with."""
    return COUNT_ROW + number(day) + kind.value + subject


def read_count_key(prefix: bytes, key: bytes) -> tuple[Metric, str]:
    """The metric of a count, and its asset or type."""
    metric, _, of = key[len(prefix) :].partition(_END)
    return Metric(metric.decode()), of.decode()


def ranking_prefix(day: int, kind: SubjectKind, metric: Metric, of: str) -> bytes:
    """What the keys of a ranking begin with."""
    return RANK_ROW + number(day) + kind.value + metric.encode() + _END + of.encode() + _END


def rank_key(count: Count, value: int) -> bytes:
    """Where a subject with this count is in its ranking."""
    prefix = ranking_prefix(count.day, count.kind, count.metric, count.of)
    return prefix + from_highest(value) + count.subject


def read_rank_key(prefix: bytes, key: bytes) -> tuple[int, bytes]:
    """The count and the subject of a ranking's row."""
    start = len(prefix) + NUMBER_BYTES
    return TOTAL - int.from_bytes(key[len(prefix) : start]), key[start:]


def viewer_key(video: Cid, day: int, account: bytes) -> bytes:
    """Where a viewer is among those of a video."""
    return VIEWER_ROW + video.binary + from_highest(day) + account


def viewed_key(day: int, account: bytes, video: Cid) -> bytes:
    """Where a view is among those of a day."""
    return VIEWED_ROW + number(day) + account + video.binary


def read_viewed_key(key: bytes) -> tuple[int, bytes, Cid]:
    """The day, account and video of a view."""
    account, video = 1 + NUMBER_BYTES, 1 + NUMBER_BYTES + KEY_BYTES
    return int.from_bytes(key[1:account]), key[account:video], Cid(key[video:])


def of_both(row: bytes, account: bytes, video: Cid) -> bytes:
    """A row of an account and a video."""
    return row + account + video.binary


def listed_account(key: bytes) -> bytes:
    """The account at the end of a key."""
    return key[-KEY_BYTES:]


def listed_video(key: bytes) -> bytes:
    """The content id at the end of a key."""
    return key[-CID_BYTES:]
