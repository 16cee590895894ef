"""Feeds of live shows: a window of segments that slides as RFC 8216 asks."""

from hypothesis import given
from hypothesis import strategies as st

from consensus.cid import RAW, cid_of
from node.live.feed import KEPT_TARGETS, MAX_FEEDS, MAX_SEGMENTS, Feed, Feeds, Segment

TARGET_S = 2
LEAST_TARGETS = 3  # RFC 8216, section 6.2.2


def segment(number: int, duration_ms: int = 2_000, *, is_discontinuous: bool = False) -> Segment:
    return Segment(cid_of(RAW, b"%d" % number), duration_ms, is_discontinuous)


def test_a_playlist_tells_players_what_there_is() -> None:
    feed = Feed(7, TARGET_S).followed_by(segment(0, 2_040))
    feed = feed.followed_by(segment(1, 7, is_discontinuous=True))
    expected = [
        "#EXTM3U",
        "#EXT-X-VERSION:3",
        "#EXT-X-TARGETDURATION:2",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-DISCONTINUITY-SEQUENCE:0",
        "#EXTINF:2.040,",
        f"/ipfs/{segment(0).cid}?filename=segment.ts",
        "#EXT-X-DISCONTINUITY",
        "#EXTINF:0.007,",
        f"/ipfs/{segment(1).cid}?filename=segment.ts",
    ]
    assert feed.playlist(is_over=False) == "\n".join([*expected, ""])
    assert feed.playlist(is_over=True) == "\n".join([*expected, "#EXT-X-ENDLIST", ""])


def test_old_segments_go_and_are_counted() -> None:
    feed = Feed(7, TARGET_S)
    for number in range(KEPT_TARGETS + 3):
        feed = feed.followed_by(segment(number, is_discontinuous=number == 1))
    assert [each.cid for each in feed.segments] == [
        segment(number).cid for number in range(3, KEPT_TARGETS + 3)
    ]
    assert (feed.gone, feed.gone_discontinuous) == (3, 1)
    assert "#EXT-X-MEDIA-SEQUENCE:3\n#EXT-X-DISCONTINUITY-SEQUENCE:1\n" in feed.playlist(
        is_over=False
    )


@given(st.lists(st.integers(1, 1000 * TARGET_S + 499), max_size=60))
def test_whatever_the_durations_what_is_left_lasts_long_enough(durations: list[int]) -> None:
    feed, before = Feed(7, TARGET_S), 0
    for number, duration_ms in enumerate(durations):
        assert feed.fits(duration_ms)
        feed = feed.followed_by(segment(number, duration_ms))
        assert before <= feed.gone
        before = feed.gone
        assert feed.gone + len(feed.segments) == number + 1
        kept_ms = sum(each.duration_ms for each in feed.segments)
        assert not feed.gone or kept_ms >= 1000 * LEAST_TARGETS * TARGET_S


def test_a_window_of_tiny_segments_is_bounded() -> None:
    feed = Feed(7, TARGET_S)
    for number in range(MAX_SEGMENTS + 5):
        feed = feed.followed_by(segment(number, 1))
    assert (len(feed.segments), feed.gone) == (MAX_SEGMENTS, 5)


def test_a_duration_is_rounded_to_whole_seconds() -> None:
    assert Feed(7, TARGET_S).fits(2_499)
    assert not Feed(7, TARGET_S).fits(2_500)


def test_feeds_that_are_over_make_room_for_others() -> None:
    feeds = Feeds({bytes([number]): Feed(number, 2) for number in range(MAX_FEEDS)})
    assert not feeds.has_room(b"new", lambda owner, feed: False)
    assert feeds.has_room(b"\0", lambda owner, feed: False), "its own goes on"
    assert feeds.has_room(b"new", lambda owner, feed: feed.show == 3)
    assert set(feeds.by_owner) == {bytes([number]) for number in range(MAX_FEEDS)} - {b"\3"}
