"""Unsigned varints: seven bits a byte, the lowest first, in their shortest form only.

Sources: Protocol Buffers wire format; multiformats unsigned-varint.
"""

from consensus.codec import UINT64_MAX
from consensus.errors import InvalidEncoding

MAX_VARINT_BYTES = 10


def encode_varint(value: int) -> bytes:
    """The bytes of an unsigned 64-bit integer; raises InvalidEncoding for any other."""
    if not 0 <= value <= UINT64_MAX:
        raise InvalidEncoding(f"{value} is not an unsigned 64-bit integer")
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(data: bytes | bytearray, position: int) -> tuple[int, int] | None:
    """The varint that begins at `position` and where it ends; None if it goes on after the data.

    Raises InvalidEncoding for one above 64 bits and for one that is not in its shortest form.
    """
    value = 0
    for i in range(MAX_VARINT_BYTES):
        if position + i >= len(data):
            return None
        byte = data[position + i]
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            if byte == 0 and i:
                raise InvalidEncoding("a varint is not in its shortest form")
            if value > UINT64_MAX:
                break
            return value, position + i + 1
    raise InvalidEncoding("a varint above 64 bits")
