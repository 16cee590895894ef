"""What a node is told of the live streams that it serves, by its operator."""

from typing import Annotated

from consensus.cid import Cid
from consensus.kinds import Counter, Text, Uint
from consensus.record import Record, part

MAX_TARGET_S = 60


@part
class FeedSegment(Record):
    """The next segment of an open live room's stream: its content id, and how long it plays. None
    of a show is longer than `target_s`, rounded to seconds."""

    cid: Cid
    duration_ms: Annotated[int, Uint(1000 * MAX_TARGET_S, 1)]
    is_discontinuous: bool
    target_s: Annotated[int, Uint(MAX_TARGET_S, 1)]


@part
class FeedAnswer(Record):
    """How many segments of a show came so far, how many of them players get now, and the path of
    their playlist."""

    show: Counter
    came: Counter
    listed: Counter
    playlist: Annotated[str, Text(128, 1)]
