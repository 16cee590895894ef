"""UnixFS files and directories with the ids that IPFS gives them, built and read as streams.

A file is cut into chunks, its raw leaves; balanced trees of dag-pb nodes link them, all leaves
at one depth, every node full but those on the right edge (Kubo's balanced layout). Profiles
are those of IPIP-0499.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from consensus.cid import DAG_PB, RAW, Cid, cid_of
from consensus.codec import UINT64_MAX
from consensus.dagpb import (
    DIRECTORY,
    FILE,
    PBLink,
    PBNode,
    UnixfsData,
    decode_node,
    decode_unixfs,
    encode_node,
    encode_unixfs,
)
from consensus.errors import InvalidEncoding, InvalidProof

MAX_CONTENT_BLOCK_BYTES = 2 * 1024 * 1024
MAX_DIRECTORY_BYTES = 256 * 1024
MAX_NAME_BYTES = 255
MAX_FILE_DEPTH = 6
MAX_FILE_LINKS = 1024
MIN_INNER_BYTES = 1024
MAX_NODE_BYTES = 128 * 1024
MAX_AHEAD = 32

ContentBlock: TypeAlias = tuple[Cid, bytes]

# Told the ids of the blocks that follow.
NoteNext: TypeAlias = Callable[[Sequence[Cid]], None]


@dataclass(frozen=True, slots=True)
class Profile:
    """How a file is cut: bytes of a chunk, and links of a node."""

    name: str
    chunk_bytes: int
    max_links: int


KUBO = Profile("kubo-cidv1-256k-174", 262_144, 174)
UNIXFS_2025 = Profile("unixfs-v1-2025", 1_048_576, 1024)
PROFILES = {profile.name: profile for profile in (KUBO, UNIXFS_2025)}

for _profile in PROFILES.values():
    if not MIN_INNER_BYTES <= _profile.chunk_bytes <= MAX_CONTENT_BLOCK_BYTES:
        raise ValueError(f"chunks of {_profile.name} are out of bounds")
    if _profile.max_links > MAX_FILE_LINKS:
        raise ValueError(f"nodes of {_profile.name} are out of bounds")


def profile_named(name: str) -> Profile:
    """The profile of this name; raises InvalidEncoding naming those that exist."""
    if name not in PROFILES:
        raise InvalidEncoding(f"no profile {name[:80]!r}; known are {', '.join(PROFILES)}")
    return PROFILES[name]


@dataclass(frozen=True, slots=True)
class Subtree:
    """A file or part of one: its root, bytes of content, and bytes of all its blocks (Tsize)."""

    cid: Cid
    size: int
    tsize: int


class FileBuilder:
    """Turns a file's bytes into its blocks, in memory of one chunk and one node a level.

    Feed bytes in any pieces and store the blocks that come out; `finish` gives the last ones,
    after which `root` is the whole file. A block may come out more than once.
    """

    def __init__(self, profile: Profile = KUBO) -> None:
        self._profile = profile
        self._rest = bytearray()
        self._levels: list[list[Subtree]] = [[]]
        self._root: Subtree | None = None

    @property
    def root(self) -> Subtree:
        """The file; only after `finish`."""
        if self._root is None:
            raise ValueError("the file is not finished")
        return self._root

    def feed(self, data: bytes) -> list[ContentBlock]:
        """The blocks that these bytes complete, children before parents.

        Chunk-sized pieces are not copied.
        """
        size = self._profile.chunk_bytes
        blocks: list[ContentBlock] = []
        if not self._rest and len(data) == size:
            self._add_leaf(data, blocks)
            return blocks
        self._rest += data
        whole = len(self._rest) - len(self._rest) % size
        for start in range(0, whole, size):
            self._add_leaf(bytes(self._rest[start : start + size]), blocks)
        del self._rest[:whole]
        return blocks

    def finish(self) -> list[ContentBlock]:
        """The remaining blocks, the root's last; sets `root`."""
        blocks: list[ContentBlock] = []
        if self._rest or self._levels == [[]]:
            self._add_leaf(bytes(self._rest), blocks)
        level = 0
        while level + 1 < len(self._levels) or len(self._levels[level]) > 1:
            if self._levels[level]:
                self._close_node(level, blocks)
            level += 1
        self._root = self._levels[level][0]
        return blocks

    def _add_leaf(self, chunk: bytes, blocks: list[ContentBlock]) -> None:
        cid = cid_of(RAW, chunk)
        blocks.append((cid, chunk))
        self._levels[0].append(Subtree(cid, len(chunk), len(chunk)))
        level = 0
        while len(self._levels[level]) == self._profile.max_links:
            self._close_node(level, blocks)
            level += 1

    def _close_node(self, level: int, blocks: list[ContentBlock]) -> None:
        """Link the subtrees of a level from one node, which joins the level above."""
        children = self._levels[level]
        message = UnixfsData(FILE, tuple(child.size for child in children))
        links = tuple(PBLink(child.cid, "", child.tsize) for child in children)
        data = encode_node(PBNode(links, encode_unixfs(message)))
        node = Subtree(
            cid_of(DAG_PB, data),
            message.filesize,
            len(data) + sum(child.tsize for child in children),
        )
        blocks.append((node.cid, data))
        self._levels[level] = []
        if level + 1 == len(self._levels):
            self._levels.append([])
        self._levels[level + 1].append(node)


def file_of(pieces: Iterable[bytes], profile: Profile = KUBO) -> Subtree:
    """The id and sizes of the file whose bytes these pieces are; its blocks are dropped."""
    builder = FileBuilder(profile)
    for piece in pieces:
        builder.feed(piece)
    builder.finish()
    return builder.root


@dataclass(frozen=True, slots=True)
class DirectoryEntry:
    """A name in a directory, and the file or directory that it stands for (its Tsize beside)."""

    name: str
    cid: Cid
    tsize: int

    def __post_init__(self) -> None:
        try:
            raw = self.name.encode()
        except UnicodeEncodeError as error:
            raise InvalidEncoding("a name that is not UTF-8", field="name") from error
        if not 1 <= len(raw) <= MAX_NAME_BYTES or b"/" in raw or b"\x00" in raw:
            raise InvalidEncoding(
                f"a name has 1 to {MAX_NAME_BYTES} bytes without '/' and NUL", field="name"
            )
        if self.name in (".", ".."):
            raise InvalidEncoding("'.' and '..' are not names", field="name")


@dataclass(frozen=True, slots=True)
class DirectoryNode:
    """A directory's block, its id, and the bytes of all blocks below it and itself (Tsize)."""

    cid: Cid
    data: bytes
    tsize: int


def directory_node(entries: Iterable[DirectoryEntry]) -> DirectoryNode:
    """The directory of these entries, in whatever order they come.

    Raises InvalidEncoding for a name given twice, and for a directory beyond one block of
    MAX_DIRECTORY_BYTES: above that IPFS shards, and a plain block would get another id.
    """
    ordered = sorted(entries, key=lambda entry: entry.name.encode())
    if len({entry.name for entry in ordered}) != len(ordered):
        raise InvalidEncoding("a name occurs twice in the directory", field="entries")
    links = tuple(PBLink(entry.cid, entry.name, entry.tsize) for entry in ordered)
    data = encode_node(PBNode(links, encode_unixfs(UnixfsData(DIRECTORY))))
    if len(data) > MAX_DIRECTORY_BYTES:
        raise InvalidEncoding(
            f"a directory of {len(ordered)} entries takes {len(data)} bytes, above the "
            f"{MAX_DIRECTORY_BYTES} of one block: split it into several directories",
            field="entries",
        )
    tsize = len(data) + sum(entry.tsize for entry in ordered)
    return DirectoryNode(cid_of(DAG_PB, data), data, tsize)


def directory_entries(data: bytes) -> tuple[DirectoryEntry, ...] | None:
    """The entries of a directory by the order of their names; None if the node is a file's.

    Raises InvalidEncoding for any other node: one above MAX_DIRECTORY_BYTES, a sharded directory,
    a name twice or a name that is none.
    """
    if len(data) > MAX_DIRECTORY_BYTES:
        raise InvalidEncoding(f"{len(data)} bytes; a directory has at most {MAX_DIRECTORY_BYTES}")
    node = decode_node(data)
    if decode_unixfs(node.data or b"").kind == FILE:
        return None
    entries = tuple(
        DirectoryEntry(link.name or "", link.hash, link.tsize or 0) for link in node.links
    )
    if any(low.name == high.name for low, high in pairwise(entries)):
        raise InvalidEncoding("a name occurs twice in the directory", field="entries")
    return entries


def check_content_block(cid: Cid, data: bytes) -> None:
    """Raise InvalidEncoding for a block above 2 MiB, InvalidProof unless `cid` is its id."""
    if len(data) > MAX_CONTENT_BLOCK_BYTES:
        raise InvalidEncoding(
            f"{len(data)} bytes; a block of content has at most {MAX_CONTENT_BLOCK_BYTES}"
        )
    if cid_of(cid.codec, data) != cid:
        raise InvalidProof(f"the bytes are not those of {cid}")


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file's tree: what its parent says it is (the root: unknown sizes)."""

    cid: Cid
    depth: int
    size: int | None = None
    tsize: int | None = None


def open_place(place: Place, data: bytes) -> tuple[int, list[Place]]:
    """The bytes of content below a block, and its children in order.

    Raises InvalidEncoding for a block that breaks a rule at its place.
    """
    children: list[Place] = []
    if place.cid.codec == RAW:
        size = tsize = len(data)
    elif place.cid.codec == DAG_PB:
        size, tsize, children = _open_node(place.depth, data)
    else:
        raise InvalidEncoding(f"{place.cid} is not a file: raw or dag-pb is expected")
    if place.size is not None and (place.size, place.tsize) != (size, tsize):
        raise InvalidEncoding(f"{place.cid} is not as large as its parent says", field="links")
    return size, children


def _open_node(depth: int, data: bytes) -> tuple[int, int, list[Place]]:
    """The content bytes, Tsize and children of an inner node of a file.

    Every child but the last holds at least MIN_INNER_BYTES, so that the blocks of a tree,
    and the work to walk it, are bounded by its size.
    """
    if len(data) > MAX_NODE_BYTES:
        raise InvalidEncoding(f"{len(data)} bytes; a node of a file has at most {MAX_NODE_BYTES}")
    node = decode_node(data)
    message = decode_unixfs(node.data or b"")
    if message.kind != FILE:
        raise InvalidEncoding("a directory where a file is expected: name a file in it")
    if depth >= MAX_FILE_DEPTH:
        raise InvalidEncoding(f"a file deeper than {MAX_FILE_DEPTH} levels")
    sizes = message.blocksizes
    if not 1 <= len(node.links) == len(sizes) <= MAX_FILE_LINKS:
        raise InvalidEncoding(
            f"a node has 1 to {MAX_FILE_LINKS} links with a size for each", field="links"
        )
    if min(sizes[:-1], default=MIN_INNER_BYTES) < MIN_INNER_BYTES or sizes[-1] < 1:
        raise InvalidEncoding(f"chunks of less than {MIN_INNER_BYTES} bytes", field="blocksizes")
    children: list[Place] = []
    tsize = len(data)
    for link, size in zip(node.links, sizes, strict=True):
        if link.tsize is None or link.name:
            raise InvalidEncoding("links of a file have a size and no name", field="links")
        children.append(Place(link.hash, depth + 1, size, link.tsize))
        tsize += link.tsize
    return message.filesize, tsize, children


def read_file(
    root: Cid, get_block: Callable[[Cid], bytes], *, note_next: NoteNext | None = None
) -> Iterator[bytes]:
    """The content of a file, leaf by leaf, each block checked before anything of it comes out.

    `note_next` is told before each block which ones follow it, as far as they are known and at
    most MAX_AHEAD, so that they can be got meanwhile. Raises InvalidProof for a block that is not
    its CID's, InvalidEncoding for a tree that breaks a rule, and whatever `get_block` raises.
    Memory: one block and one node a level.
    """
    places = [Place(root, 0)]
    while places:
        place = places.pop()
        if note_next is not None:
            note_next([following.cid for following in reversed(places[-MAX_AHEAD:])])
        data = get_block(place.cid)
        check_content_block(place.cid, data)
        _, children = open_place(place, data)
        if place.cid.codec == RAW:
            yield data
        places.extend(reversed(children))


class FileWalk:
    """Which blocks of a file to get next, for a fetcher that stores them as they come.

    A block that occurs again later in the file is wanted again: look into the store before
    asking the network. Keeps at most MAX_FILE_DEPTH times MAX_FILE_LINKS places.
    """

    def __init__(self, root: Cid, max_bytes: int = UINT64_MAX) -> None:
        """Begin at `root`; a file of more than `max_bytes` of content is refused."""
        self._places = [Place(root, 0)]  # the next one last
        self._max_bytes = max_bytes
        self._size: int | None = None

    @property
    def done(self) -> bool:
        """Whether every block of the file was accepted."""
        return not self._places

    @property
    def size(self) -> int | None:
        """The file's bytes of content, as soon as the root is accepted."""
        return self._size

    def wanted(self, ahead: int = MAX_AHEAD) -> list[Cid]:
        """The next blocks in order of reading, without repeats, from at most `ahead` places.

        Ends at the first inner node, which must be opened before what follows it.
        """
        cids: dict[Cid, None] = {}
        for place in reversed(self._places[-min(ahead, MAX_AHEAD) :]):
            cids[place.cid] = None
            if place.cid.codec != RAW:
                break
        return list(cids)

    def accept(self, cid: Cid, data: bytes) -> bool:
        """Take a block; False if it is not wanted (any more), so that it proves nothing.

        Raises InvalidProof or InvalidEncoding, and changes nothing, if the block is not the
        CID's or does not fit the tree.
        """
        begin = max(0, len(self._places) - MAX_AHEAD)
        window = self._places[begin:]
        if all(place.cid != cid for place in window):
            return False
        check_content_block(cid, data)
        opened: list[Place] = []
        size = 0
        for place in window:
            if place.cid == cid:
                size, children = open_place(place, data)
                opened.extend(reversed(children))
            else:
                opened.append(place)
        if self._size is None:
            if size > self._max_bytes:
                raise InvalidEncoding(f"a file of {size} bytes; at most {self._max_bytes} is taken")
            self._size = size
        self._places[begin:] = opened
        return True
