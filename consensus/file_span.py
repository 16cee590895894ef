"""A span of a file's bytes, by the blocks that hold it and those on the way to them alone."""

from collections.abc import Callable, Iterator

from consensus.cid import DAG_PB, RAW, Cid
from consensus.dagpb import FILE, decode_node, decode_unixfs
from consensus.errors import InvalidEncoding
from consensus.unixfs import MAX_FILE_DEPTH, check_content_block


def read_span(
    root: Cid, start: int, stop: int, get_block: Callable[[Cid], bytes]
) -> Iterator[bytes]:
    """The bytes of a file from `start` up to and without `stop`, or its end, in pieces, each block
    checked.

    Raises InvalidProof for a block that is not its CID's, InvalidEncoding for one that is none of a
    file or not as large as its parent says, and whatever `get_block` raises. Memory: one block and
    the children of one node a level.
    """
    places: list[tuple[Cid, int, int | None, int]] = [(root, 0, None, 0)]
    while places:
        cid, at, size, depth = places.pop()
        data = get_block(cid)
        check_content_block(cid, data)
        if cid.codec == RAW:
            _check_size(cid, size, len(data))
            if piece := data[max(0, start - at) : max(0, stop - at)]:
                yield piece
            continue
        if cid.codec != DAG_PB or depth == MAX_FILE_DEPTH:
            raise InvalidEncoding(f"{cid} is no block of a file at this place")
        children = _children(data)
        _check_size(cid, size, sum(length for _, length in children))
        following: list[tuple[Cid, int, int | None, int]] = []
        for child, length in children:
            if at < stop and at + length > start:
                following.append((child, at, length, depth + 1))
            at += length
        places.extend(reversed(following))


def _children(data: bytes) -> list[tuple[Cid, int]]:
    """The children of a file's node and the bytes of content below each."""
    node = decode_node(data)
    message = decode_unixfs(node.data or b"")
    if message.kind != FILE or len(node.links) != len(message.blocksizes):
        raise InvalidEncoding("a node of a file is expected, with a size for each link")
    links = (link.hash for link in node.links)
    return list(zip(links, message.blocksizes, strict=True))


def _check_size(cid: Cid, expected: int | None, size: int) -> None:
    if expected is not None and size != expected:
        raise InvalidEncoding(f"{cid} is not as large as its parent says")
