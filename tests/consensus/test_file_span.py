"""Spans of files: the right bytes, by no other blocks than it takes, and false trees refused."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.cid import DAG_CBOR, DAG_PB, RAW, Cid, cid_of
from consensus.dagpb import FILE, PBLink, PBNode, UnixfsData, encode_node, encode_unixfs
from consensus.errors import InvalidEncoding, InvalidProof
from consensus.file_span import read_span
from consensus.unixfs import (
    MAX_FILE_DEPTH,
    DirectoryEntry,
    FileBuilder,
    Profile,
    directory_node,
)

TINY = Profile("tiny", 1_024, 3)  # trees of many levels from few bytes


def blocks_of(data: bytes) -> tuple[Cid, dict[Cid, bytes]]:
    builder = FileBuilder(TINY)
    blocks = dict(builder.feed(data))
    blocks.update(builder.finish())
    return builder.root.cid, blocks


DATA = bytes(i * 7 % 251 for i in range(20_000))
ROOT, BLOCKS = blocks_of(DATA)


def span(start: int, stop: int, get_block: Callable[[Cid], bytes] = BLOCKS.__getitem__) -> bytes:
    return b"".join(read_span(ROOT, start, stop, get_block))


@settings(max_examples=150)
@given(start=st.integers(0, 21_000), size=st.integers(0, 21_000))
def test_a_span_has_the_bytes_of_the_file(start: int, size: int) -> None:
    assert span(start, start + size) == DATA[start : start + size]


def test_a_file_of_one_block() -> None:
    cid = cid_of(RAW, b"hello")
    assert list(read_span(cid, 1, 3, {cid: b"hello"}.__getitem__)) == [b"el"]
    assert list(read_span(cid, 5, 9, {cid: b"hello"}.__getitem__)) == []


def test_only_the_blocks_on_the_way_are_read() -> None:
    read: list[Cid] = []

    def note(cid: Cid) -> bytes:
        read.append(cid)
        return BLOCKS[cid]

    assert span(5_000, 5_010, note) == DATA[5_000:5_010]
    assert len(read) == 4  # three levels of nodes over 20 chunks, and one of these
    assert sum(cid.codec == RAW for cid in read) == 1


def node_of(*children: tuple[bytes, int]) -> tuple[Cid, dict[Cid, bytes]]:
    """A node over raw chunks, with the sizes that it says they have."""
    links = tuple(PBLink(cid_of(RAW, chunk), "", len(chunk)) for chunk, _ in children)
    message = encode_unixfs(UnixfsData(FILE, tuple(size for _, size in children)))
    data = encode_node(PBNode(links, message))
    blocks = {cid_of(RAW, chunk): chunk for chunk, _ in children}
    return cid_of(DAG_PB, data), {cid_of(DAG_PB, data): data, **blocks}


@pytest.mark.parametrize("size", [1, 1_023, 1_025, 2**40])
def test_a_size_that_lies_is_refused(size: int) -> None:
    cid, blocks = node_of((bytes(1_024), size), (b"end", 3))
    with pytest.raises(InvalidEncoding, match="as large"):
        list(read_span(cid, 0, 2**50, blocks.__getitem__))


def test_a_block_that_is_another_is_refused() -> None:
    leaf = cid_of(RAW, DATA[:1_024])
    with pytest.raises(InvalidProof):
        span(0, 10, lambda cid: b"other" if cid == leaf else BLOCKS[cid])


def test_what_is_no_file_is_refused() -> None:
    folder = directory_node([DirectoryEntry("a", cid_of(RAW, b"a"), 1)])
    odd = encode_node(PBNode((), encode_unixfs(UnixfsData(FILE, (5,)))))
    for cid, data in (
        (folder.cid, folder.data),
        (cid_of(DAG_CBOR, b"\x80"), b"\x80"),
        (cid_of(DAG_PB, odd), odd),
    ):
        with pytest.raises(InvalidEncoding):
            list(read_span(cid, 0, 10, {cid: data}.__getitem__))


def test_a_tree_that_is_too_deep_is_refused() -> None:
    cid, blocks = node_of((b"x" * 1_024, 1_024))
    for _ in range(MAX_FILE_DEPTH):
        message = encode_unixfs(UnixfsData(FILE, (1_024,)))
        data = encode_node(PBNode((PBLink(cid, "", 1_024),), message))
        cid = cid_of(DAG_PB, data)
        blocks[cid] = data
    with pytest.raises(InvalidEncoding, match="no block of a file"):
        list(read_span(cid, 0, 10, blocks.__getitem__))
