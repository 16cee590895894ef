"""Makes sealed.json from a naive reading of docs/protocol.md section 22, without the project.

Run once: `python -m tests.vectors.generate_sealed`; the tests compare the checked-in file. A case
of `files` has the content key, the header's fields, the size of the content, whose byte at place i
is i mod 251, and the size, SHA-256 and first 104 bytes of the sealed file. A case of `keys` has a
viewing key with its secret, a sealed key, and the content key that it holds (null: it does not
open).
"""

import hashlib
import json
import struct
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from nacl import bindings

FILE = Path(__file__).with_name("sealed.json")


def _turn(x: list[int], a: int, b: int, c: int, d: int) -> None:
    for place, other, target, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        x[place] = (x[place] + x[other]) & 0xFFFFFFFF
        mixed = x[target] ^ x[place]
        x[target] = (mixed << bits | mixed >> (32 - bits)) & 0xFFFFFFFF


def _hchacha20(key: bytes, nonce: bytes) -> bytes:
    """draft-irtf-cfrg-xchacha section 2.2."""
    x = list(struct.unpack("<16I", b"expand 32-byte k" + key + nonce))
    for _ in range(10):
        for column in range(4):
            _turn(x, column, column + 4, column + 8, column + 12)
        for diagonal in range(4):
            others = [4 + (diagonal + 1) % 4, 8 + (diagonal + 2) % 4, 12 + (diagonal + 3) % 4]
            _turn(x, diagonal, *others)
    return struct.pack("<8I", *x[:4], *x[12:])


def _encrypt(key: bytes, nonce: bytes, content: bytes, header: bytes) -> bytes:
    cipher = ChaCha20Poly1305(_hchacha20(key, nonce[:16]))
    return cipher.encrypt(bytes(4) + nonce[16:], content, header)


def _header(log2: int, prefix: bytes, key: bytes) -> bytes:
    commitment = hashlib.sha256(b"\x83\x6asealed.key\x01\x58\x20" + key).digest()
    fields = bytes([log2]) + b"\x53" + prefix + b"\x58\x20" + commitment
    return b"\x85\x6esealed.content\x01" + fields


def _sealed(key: bytes, log2: int, prefix: bytes, content: bytes) -> bytes:
    header = _header(log2, prefix, key)
    size, first = (1 << log2) - 16, (1 << log2) - 16 - len(header)
    parts = [content[:first]]
    parts += [content[start : start + size] for start in range(first, len(content), size)]
    file = header
    for index, part in enumerate(parts):
        mark = b"\x01" if index + 1 == len(parts) else b"\x00"
        nonce = prefix + index.to_bytes(4, "big") + mark
        file += _encrypt(key, nonce, part, header)
    return file


def _file(log2: int, content_bytes: int) -> dict[str, object]:
    key = hashlib.sha256(b"key %d" % content_bytes).digest()
    prefix = hashlib.sha256(b"prefix %d" % content_bytes).digest()[:19]
    content = bytes(i % 251 for i in range(content_bytes))
    file = _sealed(key, log2, prefix, content)
    return {
        "key": key.hex(),
        "chunk_log2": log2,
        "nonce_prefix": prefix.hex(),
        "content_bytes": content_bytes,
        "sealed_bytes": len(file),
        "sha256": hashlib.sha256(file).hexdigest(),
        "start": file[:104].hex(),
    }


def _key(name: str) -> dict[str, object]:
    secret, one_off, content_key = (
        hashlib.sha256(f"{name} {what}".encode()).digest() for what in ("reader", "one-off", "key")
    )
    public, ephemeral = map(bindings.crypto_scalarmult_base, (secret, one_off))
    nonce = hashlib.blake2b(ephemeral + public, digest_size=24).digest()
    sealed = ephemeral + bindings.crypto_box(content_key, nonce, public, one_off)
    return {
        "secret": secret.hex(),
        "viewing_key": public.hex(),
        "sealed": sealed.hex(),
        "key": content_key.hex(),
    }


def cases() -> dict[str, list[dict[str, object]]]:
    """The cases of sealed.json."""
    first = 65_536 - 16 - 72
    sizes = [0, 1, first - 1, first, first + 1, first + 65_520, first + 65_521, 200_000]
    good = _key("a")
    altered = bytearray.fromhex(str(good["sealed"]))
    altered[79] ^= 1
    zero = bytes(32) + bytes.fromhex(str(good["sealed"]))[32:]
    return {
        "files": [_file(16, size) for size in sizes] + [_file(10, 5_000)],
        "keys": [
            good,
            _key("b"),
            {**good, "sealed": altered.hex(), "key": None},
            {**good, "sealed": _key("b")["sealed"], "key": None},
            {**good, "sealed": zero.hex(), "key": None},
        ],
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(cases(), indent=1) + "\n", "utf-8")
