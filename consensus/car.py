"""CAR files of version 1: a header that names roots, then blocks with their CIDs.

Source: IPLD CARv1 specification. A header or a section is a varint of its length and then as many
bytes: a header is the DAG-CBOR map of `roots` and `version`, a section a binary CID and its block.
Only the CIDs of this chain are written and read. Roots may name blocks that the file does not
hold, and a block may occur several times: what that means is the reader's business.
"""

from collections.abc import Sequence

from consensus.cid import CID_BYTES, Cid
from consensus.codec import decode_at, encode
from consensus.errors import Invalid, InvalidEncoding
from consensus.unixfs import MAX_CONTENT_BLOCK_BYTES, ContentBlock, check_content_block
from consensus.varint import encode_varint, read_varint

MAX_ROOTS = 1024

# The header's map: its head of two pairs, the shorter key first (DAG-CBOR's order of keys).
_BEFORE_ROOTS = b"\xa2" + encode("roots")
_AFTER_ROOTS = encode("version") + encode(1)
_VERSION_2 = b"\xa1" + encode("version") + encode(2)  # the whole pragma of a CAR of version 2
_LINK_BYTES = 5 + CID_BYTES
MAX_HEADER_BYTES = len(_BEFORE_ROOTS) + 3 + MAX_ROOTS * _LINK_BYTES + len(_AFTER_ROOTS)
MAX_SECTION_BYTES = CID_BYTES + MAX_CONTENT_BLOCK_BYTES


def car_header(roots: Sequence[Cid]) -> bytes:
    """How a CAR with 1 to MAX_ROOTS roots begins; raises InvalidEncoding for more or none."""
    _check_roots(len(roots))
    header = _BEFORE_ROOTS + encode(list(roots)) + _AFTER_ROOTS
    return encode_varint(len(header)) + header


def car_section(cid: Cid, data: bytes) -> bytes:
    """A block in a CAR. Whether it is the CID's is not looked at."""
    return encode_varint(CID_BYTES + len(data)) + cid.binary + data


class CarReader:
    """Reads a CAR that comes in pieces, each block checked against its CID.

    Keeps at most one section beside what it is fed. Raises InvalidEncoding where the bytes are no
    CAR of ours, and InvalidProof for a block that is not its CID's; `field` names the header or
    the block by its number. It is of no use afterwards.
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        self._roots: tuple[Cid, ...] | None = None
        self._blocks = 0

    @property
    def roots(self) -> tuple[Cid, ...] | None:
        """What the header names, in its order; None until all of the header has come."""
        return self._roots

    def feed(self, data: bytes) -> list[ContentBlock]:
        """The blocks that these bytes complete, in their order."""
        self._rest += data
        blocks: list[ContentBlock] = []
        position = 0
        try:
            while (found := self._next(position)) is not None:
                content, position = found
                if self._roots is None:
                    self._roots = _roots(content)
                    continue
                blocks.append(_block(content))
                self._blocks += 1
        except Invalid as error:
            raise error.within(self._place) from None
        del self._rest[:position]
        return blocks

    def finish(self) -> None:
        """Raise InvalidEncoding unless the CAR may end here."""
        if self._rest or self._roots is None:
            raise InvalidEncoding("truncated", field=self._place)

    @property
    def _place(self) -> str:
        return "header" if self._roots is None else f"blocks[{self._blocks}]"

    def _next(self, position: int) -> tuple[bytes, int] | None:
        """The header or section at `position` and where it ends; None if not all of it is here."""
        found = read_varint(self._rest, position)
        if found is None:
            return None
        size, start = found
        minimum, maximum = (
            (0, MAX_HEADER_BYTES) if self._roots is None else (CID_BYTES, MAX_SECTION_BYTES)
        )
        if not minimum <= size <= maximum:
            raise InvalidEncoding(f"a length of {size} bytes; {minimum} to {maximum} are allowed")
        end = start + size
        return (bytes(self._rest[start:end]), end) if end <= len(self._rest) else None


def _roots(header: bytes) -> tuple[Cid, ...]:
    if header == _VERSION_2:
        raise InvalidEncoding("a CAR of version 2: convert it to version 1", field="version")
    if not header.startswith(_BEFORE_ROOTS):
        raise InvalidEncoding("not the map of roots and version that begins a CAR")
    items, end = decode_at(header, len(_BEFORE_ROOTS))
    if not isinstance(items, list):
        raise InvalidEncoding("a list of links is expected", field="roots")
    roots = tuple(item for item in items if isinstance(item, Cid))
    if len(roots) != len(items):
        raise InvalidEncoding("a list of links is expected", field="roots")
    _check_roots(len(roots))
    if header[end:] != _AFTER_ROOTS:
        raise InvalidEncoding("only CARs of version 1 are read", field="version")
    return roots


def _check_roots(count: int) -> None:
    if not 1 <= count <= MAX_ROOTS:
        raise InvalidEncoding(f"{count} roots; a CAR has 1 to {MAX_ROOTS}", field="roots")


def _block(section: bytes) -> ContentBlock:
    cid, data = Cid(section[:CID_BYTES]), section[CID_BYTES:]
    check_content_block(cid, data)
    return cid, data
