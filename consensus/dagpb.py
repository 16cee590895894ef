"""Strict dag-pb nodes and the UnixFS message inside them: one encoding, and no other is accepted.

Sources: IPLD dag-pb specification (links before data, links sorted by name), UnixFS
specification (`Data`), Protocol Buffers wire format (varints, length-delimited fields).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from consensus.cid import Cid
from consensus.errors import InvalidEncoding
from consensus.varint import encode_varint, read_varint

DIRECTORY, FILE = 1, 2
_OTHER_KINDS = {0: "raw", 3: "metadata", 4: "symlink", 5: "sharded directory"}

# A key is field number << 3 | wire type, where 0 is a varint and 2 length-delimited bytes.
_NODE_DATA, _NODE_LINK = 0x0A, 0x12
_LINK_HASH, _LINK_NAME, _LINK_TSIZE = 0x0A, 0x12, 0x18
_UNIXFS_TYPE, _UNIXFS_FILESIZE, _UNIXFS_BLOCKSIZE = 0x08, 0x18, 0x20


@dataclass(frozen=True, slots=True)
class PBLink:
    """A link: target, name (absent: None) and cumulative bytes of the target (absent: None)."""

    hash: Cid
    name: str | None
    tsize: int | None


@dataclass(frozen=True, slots=True)
class PBNode:
    """A dag-pb node: links in order of their names' bytes, and opaque data (absent: None)."""

    links: tuple[PBLink, ...]
    data: bytes | None


@dataclass(frozen=True, slots=True)
class UnixfsData:
    """The UnixFS message of a node: FILE or DIRECTORY.

    A file says the bytes of content below each link, in order (`blocksizes`); a directory has
    none. `filesize` is their sum.
    """

    kind: int
    blocksizes: tuple[int, ...] = ()

    @property
    def filesize(self) -> int:
        """The bytes of content below the node."""
        return sum(self.blocksizes)


def _chunk(key: int, content: bytes) -> bytes:
    return bytes((key,)) + encode_varint(len(content)) + content


def _number(key: int, value: int) -> bytes:
    return bytes((key,)) + encode_varint(value)


class _Reader:
    """A cursor over protobuf fields that must come in their canonical order."""

    __slots__ = ("data", "position")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def take(self, key: int) -> bool:
        """Step over the field key if it is the next byte."""
        if self.data[self.position : self.position + 1] != bytes((key,)):
            return False
        self.position += 1
        return True

    def varint(self) -> int:
        found = read_varint(self.data, self.position)
        if found is None:
            raise InvalidEncoding("truncated")
        value, self.position = found
        return value

    def chunk(self) -> bytes:
        size = self.varint()
        end = self.position + size
        if end > len(self.data):
            raise InvalidEncoding("truncated")
        content = self.data[self.position : end]
        self.position = end
        return content

    def finish(self) -> None:
        if self.position != len(self.data):
            raise InvalidEncoding(
                f"byte {self.position}: a field that is unknown, repeated or out of order"
            )


def _check_order(links: Iterable[PBLink]) -> None:
    names = ((link.name or "").encode() for link in links)
    if any(low > high for low, high in pairwise(names)):
        raise InvalidEncoding("the links are not in order of their names", field="links")


def _encode_link(link: PBLink) -> bytes:
    out = _chunk(_LINK_HASH, link.hash.binary)
    if link.name is not None:
        out += _chunk(_LINK_NAME, link.name.encode())
    if link.tsize is not None:
        out += _number(_LINK_TSIZE, link.tsize)
    return out


def encode_node(node: PBNode) -> bytes:
    """The canonical bytes of a node; raises InvalidEncoding if its links are out of order."""
    _check_order(node.links)
    parts = [_chunk(_NODE_LINK, _encode_link(link)) for link in node.links]
    if node.data is not None:
        parts.append(_chunk(_NODE_DATA, node.data))
    return b"".join(parts)


def _decode_link(data: bytes) -> PBLink:
    reader = _Reader(data)
    if not reader.take(_LINK_HASH):
        raise InvalidEncoding("a link begins with its hash")
    target = Cid(reader.chunk())
    name = None
    if reader.take(_LINK_NAME):
        try:
            name = reader.chunk().decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidEncoding("a name that is not UTF-8", field="name") from error
    tsize = reader.varint() if reader.take(_LINK_TSIZE) else None
    reader.finish()
    return PBLink(target, name, tsize)


def decode_node(data: bytes) -> PBNode:
    """Read a node; raises InvalidEncoding unless `encode_node(result) == data`.

    Only links by the CIDs of this chain (CIDv1, sha2-256) are read.
    """
    reader = _Reader(data)
    links: list[PBLink] = []
    while reader.take(_NODE_LINK):
        content = reader.chunk()
        try:
            links.append(_decode_link(content))
        except InvalidEncoding as error:
            raise error.within(f"links[{len(links)}]") from None
    body = reader.chunk() if reader.take(_NODE_DATA) else None
    reader.finish()
    _check_order(links)
    return PBNode(tuple(links), body)


def encode_unixfs(message: UnixfsData) -> bytes:
    """The canonical bytes of a UnixFS message."""
    out = _number(_UNIXFS_TYPE, message.kind)
    if message.kind == FILE:
        out += _number(_UNIXFS_FILESIZE, message.filesize)
    return out + b"".join(_number(_UNIXFS_BLOCKSIZE, size) for size in message.blocksizes)


def decode_unixfs(data: bytes) -> UnixfsData:
    """Read a UnixFS message; raises InvalidEncoding unless `encode_unixfs(result) == data`.

    Inline content, permissions, times, symbolic links and sharded directories belong to other
    profiles than ours and are refused, and so is a file size that its blocks do not add up to.
    """
    reader = _Reader(data)
    if not reader.take(_UNIXFS_TYPE):
        raise InvalidEncoding("a UnixFS message begins with its type")
    kind = reader.varint()
    if kind not in (FILE, DIRECTORY):
        name = _OTHER_KINDS.get(kind, str(kind))
        raise InvalidEncoding(f"UnixFS type {name}: only files and directories are used")
    if kind == DIRECTORY:
        reader.finish()
        return UnixfsData(DIRECTORY)
    if not reader.take(_UNIXFS_FILESIZE):
        raise InvalidEncoding("a file says its size, and its content is in raw leaves")
    filesize = reader.varint()
    blocksizes: list[int] = []
    while reader.take(_UNIXFS_BLOCKSIZE):
        blocksizes.append(reader.varint())
    reader.finish()
    if sum(blocksizes) != filesize:
        raise InvalidEncoding("the block sizes do not add up to the file size", field="filesize")
    return UnixfsData(FILE, tuple(blocksizes))
