"""Sealed content: files encrypted in chunks, so that any range can be read by itself.

A sealed file is its header and then its chunks. Each chunk is encrypted by XChaCha20-Poly1305 with
a nonce of the header's prefix, the chunk's place and whether it is the last one (STREAM: Hoang,
Reyhanitabar, Rogaway, Vizár, "Online Authenticated-Encryption and its Nonce-Reuse
Misuse-Resistance", 2015), and with the header as its additional data: a chunk that was altered,
moved, left out or put behind the end does not open. That cipher would open under more than one key;
the header therefore commits to the key.

Chunks end at multiples of their size, the first one being shorter by the header: with a size that
divides a content block's, no chunk lies in two blocks.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

from nacl import bindings
from nacl.exceptions import CryptoError

from consensus.errors import Invalid, InvalidEncoding, InvalidProof
from consensus.kinds import Bytes, Digest, Uint
from consensus.record import Record, record
from consensus.sealed_key import CONTENT_KEY_BYTES, commitment_to
from consensus.unixfs import KUBO

TAG_BYTES = bindings.crypto_aead_xchacha20poly1305_ietf_ABYTES
NONCE_PREFIX_BYTES = 19
MAX_CHUNKS = 2**32
CHUNK_LOG2 = 16

# Called with a place and a size: those bytes of the sealed file.
ReadAt = Callable[[int, int], bytes]


@record("sealed.content")
class Header(Record):
    """The head of a sealed file: the binary logarithm of the size of its chunks, what their nonces
    begin with, and the commitment to its key."""

    chunk_log2: Annotated[int, Uint(18, 10)]
    nonce_prefix: Annotated[bytes, Bytes(NONCE_PREFIX_BYTES, NONCE_PREFIX_BYTES)]
    commitment: Digest

    @property
    def chunk_bytes(self) -> int:
        """The bytes of a chunk in the sealed file, its tag among them."""
        return 1 << self.chunk_log2

    def room(self, index: int) -> int:
        """The bytes of content that a chunk holds if it is not the last one."""
        return self.chunk_bytes - TAG_BYTES - (0 if index else HEADER_BYTES)

    def first_byte(self, index: int) -> int:
        """The place in the content of a chunk's first byte."""
        return index * (self.chunk_bytes - TAG_BYTES) - (HEADER_BYTES if index else 0)


_START = Header(CHUNK_LOG2, bytes(NONCE_PREFIX_BYTES), bytes(32)).encode()
HEADER_BYTES = len(_START)
_TAGGED = _START[: -2 - (1 + NONCE_PREFIX_BYTES) - (2 + 32)]  # of whatever version

if KUBO.chunk_bytes % (1 << CHUNK_LOG2):
    raise ValueError("chunks of sealed files must not lie in two blocks")
if bindings.crypto_aead_xchacha20poly1305_ietf_NPUBBYTES != NONCE_PREFIX_BYTES + 5:
    raise ValueError("a nonce is its prefix, four bytes of the place, and the mark of the last")
if bindings.crypto_aead_xchacha20poly1305_ietf_KEYBYTES != CONTENT_KEY_BYTES:
    raise ValueError("a content key is the cipher's")


def is_sealed(start: bytes) -> bool:
    """Whether a file that starts with these bytes says that it is sealed."""
    return start.startswith(_TAGGED)


def read_header(start: bytes) -> Header:
    """The header of a sealed file that starts with these bytes; raises InvalidEncoding."""
    try:
        return Header.decode(start[:HEADER_BYTES])
    except Invalid as error:
        raise error.within("header") from None


def check_key(header: Header, key: bytes) -> None:
    """Raise InvalidProof for a key that is not the one that the header commits to."""
    if len(key) != CONTENT_KEY_BYTES or commitment_to(key) != header.commitment:
        raise InvalidProof("the key is not the one that the content was sealed with", field="key")


def seal(pieces: Iterable[bytes], header: Header, key: bytes) -> Iterator[bytes]:
    """The sealed file of the content in these pieces, in memory of a piece and a chunk. The same
    header, key and content give the same bytes."""
    check_key(header, key)
    yield header.encode()
    content, index, last = _Stream(pieces), 0, False
    while not last:
        data = content.take(header.room(index))
        last = content.is_over()
        yield seal_chunk(header, key, index, data, last=last)
        index += 1


def unseal(pieces: Iterable[bytes], key: bytes) -> Iterator[bytes]:
    """The content of the sealed file in these pieces, each chunk checked before it comes out.

    Raises InvalidEncoding for what has no header, InvalidProof for another key, and for a chunk
    that was altered, moved, left out or added.
    """
    file = _Stream(pieces)
    header = read_header(file.take(HEADER_BYTES))
    check_key(header, key)
    index, last = 0, False
    while not last:
        data = file.take(header.room(index) + TAG_BYTES)
        last = file.is_over()
        yield unseal_chunk(header, key, index, data, last=last)
        index += 1


def seal_chunk(header: Header, key: bytes, index: int, content: bytes, *, last: bool) -> bytes:
    """A chunk of a sealed file; raises InvalidEncoding if it would be one too many."""
    return bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(
        content, header.encode(), _nonce(header, index, last=last), key
    )


def unseal_chunk(header: Header, key: bytes, index: int, chunk: bytes, *, last: bool) -> bytes:
    """The content of a chunk; raises InvalidProof if it is not the one at this place."""
    nonce = _nonce(header, index, last=last)
    if len(chunk) < TAG_BYTES + min(index, 1):
        raise InvalidProof("the sealed file is cut off", field=f"chunks[{index}]")
    try:
        return bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
            chunk, header.encode(), nonce, key
        )
    except CryptoError:
        raise InvalidProof(
            "not as it was sealed: altered, moved, or the file was cut off or added to",
            field=f"chunks[{index}]",
        ) from None


def _nonce(header: Header, index: int, *, last: bool) -> bytes:
    if index >= MAX_CHUNKS:
        raise InvalidEncoding(f"a sealed file has at most {MAX_CHUNKS} chunks")
    return header.nonce_prefix + index.to_bytes(4, "big") + bytes([last])


@dataclass(frozen=True, slots=True)
class SealedFile:
    """A sealed file of so many bytes, to be read at any place. Raises InvalidEncoding for a size
    that none with this header has."""

    header: Header
    size: int

    def __post_init__(self) -> None:
        over = self.size % self.header.chunk_bytes or self.header.chunk_bytes
        is_short = self.size < HEADER_BYTES + TAG_BYTES or over <= TAG_BYTES
        if is_short or self.chunks > MAX_CHUNKS:
            raise InvalidEncoding(f"no sealed file has {self.size} bytes", field="size")

    @property
    def chunks(self) -> int:
        """How many there are."""
        return -(-self.size // self.header.chunk_bytes)

    @property
    def content_bytes(self) -> int:
        """The size of the content."""
        return self.size - HEADER_BYTES - self.chunks * TAG_BYTES

    def read(self, key: bytes, start: int, end: int, read_at: ReadAt) -> Iterator[bytes]:
        """The content from byte `start` up to, without, `end`; only the chunks that hold it are
        read. Raises InvalidEncoding for a range beyond the content, and as `unseal` does."""
        check_key(self.header, key)
        if not 0 <= start <= end <= self.content_bytes:
            raise InvalidEncoding(
                f"{start} to {end} is no range of {self.content_bytes} bytes", field="range"
            )
        index, chunk_bytes = self._holding(start), self.header.chunk_bytes
        while start < end:
            place = index * chunk_bytes or HEADER_BYTES
            size = min((index + 1) * chunk_bytes, self.size) - place
            chunk = read_at(place, size)
            last = index + 1 == self.chunks
            content = unseal_chunk(self.header, key, index, chunk, last=last)
            first = self.header.first_byte(index)
            yield content[start - first : end - first]
            start = first + len(content)
            index += 1

    def _holding(self, place: int) -> int:
        """The chunk that holds this byte of the content."""
        return (place + HEADER_BYTES) // (self.header.chunk_bytes - TAG_BYTES)


class _Stream:
    """Pieces of bytes, taken in other sizes."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = bytearray()

    def take(self, size: int) -> bytes:
        """The next bytes: fewer than `size` only at the end."""
        self._fill(size)
        taken = bytes(self._rest[:size])
        del self._rest[:size]
        return taken

    def is_over(self) -> bool:
        """Whether nothing is left."""
        self._fill(1)
        return not self._rest

    def _fill(self, size: int) -> None:
        while len(self._rest) < size:
            piece = next(self._pieces, None)
            if piece is None:
                return
            self._rest += piece
