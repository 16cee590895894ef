"""The keystore: a folder of encrypted keys, one JSON file each.

The files have the shape of EIP-2335 (crypto: kdf, checksum, cipher, each with function, params
and message) with stronger functions: Argon2id stretches the password, XChaCha20-Poly1305
encrypts the 32-byte seed and, as its additional data, protects every other field; the tag is the
checksum's message. Passwords are prepared as EIP-2335 says.
"""

import json
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from nacl import bindings, pwhash
from nacl.exceptions import CryptoError
from nacl.utils import random

from consensus.codec import encode
from consensus.errors import Invalid, InvalidEncoding
from consensus.kinds import Bytes, Text, Uint
from consensus.record import Record, part
from node.failure import Refused
from node.files import PRIVATE, read_bounded, write_new
from node.wallet.derivation import KeyKind

FORMAT = "reelect-key/1"
MAX_FILE_BYTES = 16_384
MAX_KEYS = 10_000
NAME_PATTERN = "[a-z0-9][a-z0-9._-]{0,63}"

_SALT_BYTES = pwhash.argon2id.SALTBYTES
_NONCE_BYTES = bindings.crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
_KEY_BYTES = bindings.crypto_aead_xchacha20poly1305_ietf_KEYBYTES
_TAG_BYTES = bindings.crypto_aead_xchacha20poly1305_ietf_ABYTES


@part
class KdfParams(Record):
    """Argon2id: passes and bytes of memory (one lane), bounded so that a file cannot exhaust us."""

    dklen: Annotated[int, Uint(_KEY_BYTES, _KEY_BYTES)]
    opslimit: Annotated[int, Uint(16, 1)]
    memlimit: Annotated[int, Uint(2**30, 8192)]
    salt: Annotated[bytes, Bytes(_SALT_BYTES, _SALT_BYTES)]


@part
class Kdf(Record):
    """How the password becomes a key."""

    function: Annotated[str, Text(32, 1, "argon2id")]
    params: KdfParams
    message: Annotated[str, Text(0)]


@part
class NoParams(Record):
    """A function without parameters."""


@part
class Checksum(Record):
    """What shows that the password was right and no field was changed."""

    function: Annotated[str, Text(32, 1, "poly1305")]
    params: NoParams
    message: Annotated[bytes, Bytes(_TAG_BYTES, _TAG_BYTES)]


@part
class CipherParams(Record):
    """XChaCha20-Poly1305: the nonce."""

    nonce: Annotated[bytes, Bytes(_NONCE_BYTES, _NONCE_BYTES)]


@part
class Cipher(Record):
    """The encrypted seed."""

    function: Annotated[str, Text(32, 1, "xchacha20-poly1305")]
    params: CipherParams
    message: Annotated[bytes, Bytes(32, 32)]


@part
class Crypto(Record):
    """The three functions of EIP-2335."""

    kdf: Kdf
    checksum: Checksum
    cipher: Cipher


@part
class KeyFile(Record):
    """The content of a key file."""

    format: Annotated[str, Text(32, 1, FORMAT)]
    crypto: Crypto
    description: Annotated[str, Text(16, 1, "account|consensus|node|beacon")]
    pubkey: Annotated[str, Text(80)]
    path: Annotated[str, Text(80)]


@dataclass(frozen=True, slots=True)
class Strength:
    """What a guess at a password costs: passes over so much memory."""

    opslimit: int
    memlimit_bytes: int


STRONG = Strength(pwhash.argon2id.OPSLIMIT_MODERATE, pwhash.argon2id.MEMLIMIT_MODERATE)


@dataclass(frozen=True, slots=True)
class StoredKey:
    """What a key file says without its password."""

    name: str
    kind: KeyKind
    id: str
    path: str
    file: Path


@dataclass(frozen=True, slots=True)
class Keystore:
    """A folder of key files named NAME.json."""

    folder: Path

    def add(
        self,
        name: str,
        kind: KeyKind,
        seed: bytes,
        password: str,
        *,
        path: str = "",
        strength: Strength = STRONG,
    ) -> StoredKey:
        """Encrypt a seed into a new file; raises Refused if the name is taken or no name."""
        file = self._file(name)
        if file.exists():
            raise Refused(
                f"a key named {name!r} exists and is not overwritten; choose another --name",
                field=str(file),
            )
        content = _encrypt(kind, seed, password, path, strength)
        write_new(file, json.dumps(content.to_json(), indent=2).encode() + b"\n", mode=PRIVATE)
        return StoredKey(name, kind, content.pubkey, path, file)

    def keys(self) -> list[StoredKey]:
        """All keys, by name; an empty list if the folder does not exist."""
        files = sorted(self.folder.glob("*.json")) if self.folder.is_dir() else []
        if len(files) > MAX_KEYS:
            raise Refused(f"more than {MAX_KEYS} keys", field=str(self.folder))
        return [_stored(file, _read(file)) for file in files]

    def find(self, which: str) -> StoredKey:
        """The key with this name, address or public key; raises Refused if there is none."""
        found = [key for key in self.keys() if which in (key.name, key.id)]
        if not found:
            raise Refused(
                f"no key {which!r} here; `reelect keys list` shows what there is",
                field=str(self.folder),
                code="unknown-key",
            )
        return found[0]

    def seed(self, which: str, password: str) -> bytes:
        """The 32-byte seed of a key; raises Refused for a wrong password."""
        key = self.find(which)
        return _decrypt(_read(key.file), password, key.file)

    def _file(self, name: str) -> Path:
        try:
            Text(64, 1, NAME_PATTERN).pack(name)
        except InvalidEncoding as error:
            raise Refused(
                "a name is made of a-z, 0-9, dot, dash and underscore, at most 64", field="name"
            ) from error
        return self.folder / f"{name}.json"


def _encrypt(kind: KeyKind, seed: bytes, password: str, path: str, strength: Strength) -> KeyFile:
    params = KdfParams(_KEY_BYTES, strength.opslimit, strength.memlimit_bytes, random(_SALT_BYTES))
    nonce = random(_NONCE_BYTES)
    key_id = kind.id_of(seed)
    sealed = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(
        seed, _bound(params, kind.value, key_id, path), nonce, _stretch(password, params)
    )
    crypto = Crypto(
        Kdf("argon2id", params, ""),
        Checksum("poly1305", NoParams(), sealed[-_TAG_BYTES:]),
        Cipher("xchacha20-poly1305", CipherParams(nonce), sealed[:-_TAG_BYTES]),
    )
    return KeyFile(FORMAT, crypto, kind.value, key_id, path)


def _decrypt(content: KeyFile, password: str, file: Path) -> bytes:
    crypto = content.crypto
    bound = _bound(crypto.kdf.params, content.description, content.pubkey, content.path)
    try:
        return bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
            crypto.cipher.message + crypto.checksum.message,
            bound,
            crypto.cipher.params.nonce,
            _stretch(password, crypto.kdf.params),
        )
    except CryptoError:
        raise Refused(
            "wrong password, or the file was changed", field=str(file), code="wrong-password"
        ) from None


def _bound(params: KdfParams, kind: str, key_id: str, path: str) -> bytes:
    """The additional data: every field that is not itself part of the sealed box."""
    return encode([FORMAT, kind, key_id, path, params.pack()])


def _stretch(password: str, params: KdfParams) -> bytes:
    """EIP-2335: NFKD, control codes C0, C1 and Delete stripped, UTF-8; then Argon2id."""
    text = unicodedata.normalize("NFKD", password)
    prepared = "".join(c for c in text if unicodedata.category(c) != "Cc").encode()
    return pwhash.argon2id.kdf(
        params.dklen, prepared, params.salt, params.opslimit, params.memlimit
    )


def _read(file: Path) -> KeyFile:
    try:
        return KeyFile.from_json(json.loads(read_bounded(file, MAX_FILE_BYTES)))
    except (Invalid, ValueError, RecursionError) as error:
        raise Refused(f"not a key file: {error}", field=str(file), code="key-file") from error


def _stored(file: Path, content: KeyFile) -> StoredKey:
    return StoredKey(file.stem, KeyKind(content.description), content.pubkey, content.path, file)
