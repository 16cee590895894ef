"""The feed of a live show: the newest segments of its stream, as an HLS media playlist (RFC 8216).

The window slides: an old segment goes once KEPT_TARGETS times the target duration is there without
it (section 6.2.2 asks for three). Segments stay in the content store until it needs their room.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from consensus.cid import Cid

MEDIA_TYPE = "application/vnd.apple.mpegurl"
KEPT_TARGETS = 6
MAX_SEGMENTS = 256
MAX_FEEDS = 64
_VERSION = 3  # the first with durations that are no whole seconds
# The extension says what a segment is to those who go by names.
_SEGMENT_NAME = "segment.ts"


@dataclass(frozen=True, slots=True)
class Segment:
    """An MPEG transport stream, by its content id. If it is discontinuous its encoding or its
    clock does not go on from the segment before."""

    cid: Cid
    duration_ms: int
    is_discontinuous: bool


@dataclass(frozen=True, slots=True)
class Feed:
    """The newest segments of a show, none of which, rounded, is longer than `target_s`. So many
    went before, of which so many were discontinuous."""

    show: int
    target_s: int
    segments: tuple[Segment, ...] = ()
    gone: int = 0
    gone_discontinuous: int = 0

    def fits(self, duration_ms: int) -> bool:
        """Whether a segment is no longer than the target duration (section 4.3.3.1)."""
        return (duration_ms + 500) // 1000 <= self.target_s

    def holds(self, cid: Cid) -> bool:
        """Whether one of the segments has this content."""
        return any(segment.cid == cid for segment in self.segments)

    def followed_by(self, segment: Segment) -> "Feed":
        """The feed with one more segment, and without those that it no longer needs."""
        segments = (*self.segments, segment)
        kept_ms = sum(each.duration_ms for each in segments)
        first = 0
        while (
            kept_ms - segments[first].duration_ms >= 1000 * KEPT_TARGETS * self.target_s
            or len(segments) - first > MAX_SEGMENTS
        ):
            kept_ms -= segments[first].duration_ms
            first += 1
        dropped = sum(each.is_discontinuous for each in segments[:first])
        return replace(
            self,
            segments=segments[first:],
            gone=self.gone + first,
            gone_discontinuous=self.gone_discontinuous + dropped,
        )

    def playlist(self, *, is_over: bool) -> str:
        """The media playlist; if the show is over players look for no more."""
        lines = [
            "#EXTM3U",
            f"#EXT-X-VERSION:{_VERSION}",
            f"#EXT-X-TARGETDURATION:{self.target_s}",
            f"#EXT-X-MEDIA-SEQUENCE:{self.gone}",
            f"#EXT-X-DISCONTINUITY-SEQUENCE:{self.gone_discontinuous}",
        ]
        for segment in self.segments:
            if segment.is_discontinuous:
                lines.append("#EXT-X-DISCONTINUITY")
            seconds, rest_ms = divmod(segment.duration_ms, 1000)
            lines.append(f"#EXTINF:{seconds}.{rest_ms:03},")
            lines.append(f"/ipfs/{segment.cid}?filename={_SEGMENT_NAME}")
        if is_over:
            lines.append("#EXT-X-ENDLIST")
        return "\n".join(lines) + "\n"


@dataclass(slots=True)
class Feeds:
    """The feeds that a node serves, at most MAX_FEEDS, by the room's owner; they are kept in memory
    only."""

    by_owner: dict[bytes, Feed] = field(default_factory=dict)

    def has_room(self, owner: bytes, is_over: Callable[[bytes, Feed], bool]) -> bool:
        """Whether this owner's feed can be kept; forgets those that are over if it must."""
        if owner not in self.by_owner and len(self.by_owner) >= MAX_FEEDS:
            ended = [each for each, feed in self.by_owner.items() if is_over(each, feed)]
            for each in ended:
                del self.by_owner[each]
        return owner in self.by_owner or len(self.by_owner) < MAX_FEEDS
