"""Frames: any cutting of the stream gives the same frames, and nothing unexpected is gathered."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2p.frames import HEAD_BYTES, LONG_BYTES, Frame, FrameReader, InvalidFrame, Limit, frame_bytes

LIMIT = 40
frames = st.builds(Frame, st.integers(0, 255), st.integers(0, 2**32 - 1), st.binary(max_size=LIMIT))


def anything(kind: int, request: int) -> int:
    return LIMIT


def read_all(chunks: list[bytes], limit: Limit = anything) -> tuple[list[Frame], bool]:
    """The frames of a stream, and whether it then turned out to be invalid."""
    reader = FrameReader(limit)
    found: list[Frame] = []
    for chunk in chunks:
        reader.append(chunk)
        try:
            while (frame := reader.next()) is not None:
                found.append(frame)
        except InvalidFrame:
            return found, True
    return found, False


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


def test_a_frame_is_laid_out_as_documented() -> None:
    assert frame_bytes(17, 0x01020304, b"abc").hex() == "00000003" + "11" + "01020304" + "616263"


@given(st.lists(frames, max_size=8), st.lists(st.integers(0, 1000), max_size=8))
def test_frames_survive_any_cutting(sent: list[Frame], places: list[int]) -> None:
    stream = b"".join(frame_bytes(f.kind, f.request, f.payload) for f in sent)
    assert read_all(cut(stream, places)) == (sent, False)


@given(
    st.lists(st.integers(-2, 2) | st.just(-LONG_BYTES), min_size=1, max_size=3),
    st.lists(st.integers(0, 4 * LONG_BYTES), max_size=8),
)
def test_long_frames_survive_any_cutting_beside_short_ones(
    more: list[int], places: list[int]
) -> None:
    sizes = [LONG_BYTES + each for each in more]
    sent = [Frame(n, 7, bytes((n + 1,)) * size) for n, size in enumerate(sizes)]
    stream = b"".join(frame_bytes(f.kind, f.request, f.payload) for f in sent)
    assert read_all(cut(stream, places), lambda _, __: LONG_BYTES + 2) == (sent, False)


@given(st.binary(max_size=400), st.lists(st.integers(0, 1000), max_size=8))
def test_random_bytes_give_the_same_result_however_cut(data: bytes, places: list[int]) -> None:
    assert read_all(cut(data, places)) == read_all([data])


def test_an_oversized_frame_is_refused_by_its_head_alone() -> None:
    reader = FrameReader(anything)
    reader.append(frame_bytes(5, 0, bytes(LIMIT + 1))[: HEAD_BYTES - 1])
    assert reader.next() is None
    reader.append(frame_bytes(5, 0, bytes(LIMIT + 1))[HEAD_BYTES - 1 : HEAD_BYTES])
    with pytest.raises(InvalidFrame, match="41 bytes; kind 5 has at most 40"):
        reader.next()


def test_the_limit_is_asked_once_a_frame_and_may_refuse_it() -> None:
    asked: list[tuple[int, int]] = []

    def limit(kind: int, request: int) -> int:
        asked.append((kind, request))
        if kind == 9:
            raise InvalidFrame("not this one")
        return LIMIT

    reader = FrameReader(limit)
    data = frame_bytes(7, 3, b"xy")
    for i in range(len(data)):
        reader.append(data[i : i + 1])
        frame = reader.next()
    assert frame == Frame(7, 3, b"xy")
    reader.append(frame_bytes(9, 0, b""))
    with pytest.raises(InvalidFrame):
        reader.next()
    assert asked == [(7, 3), (9, 0)]
