"""Letters: what is inside envelopes, how it is sealed for a person or a group, and who wrote it.

For a person it is sealed as libsodium's `crypto_box_seal` does it, to the viewing key that follows
from the person's own key (node/wallet/viewing.py): an account has one encryption key. Within a
group it is encrypted by a key that only members have (XChaCha20-Poly1305), so that what can be
opened was written by a member.

The sender signs the envelope's head, which has the hash of what is sealed, and what is sealed names
the sender's key: nobody can send another's sealed letter as his own.
"""

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, TypeVar

from nacl import bindings
from nacl.exceptions import CryptoError

from consensus.address import format_address
from consensus.codec import encode
from consensus.errors import Invalid, InvalidEncoding
from consensus.hashing import sha256
from consensus.keys import KeyPair
from consensus.kinds import AccountId, Bytes, Counter, Digest, PublicKey, Text
from consensus.mail import (
    MAX_SEALED_BYTES,
    SEALED_BYTES,
    WORK_BITS,
    WORK_BYTES,
    Envelope,
    EnvelopeHead,
    group_mailbox,
    with_work,
)
from consensus.record import AtMost, Record, record
from consensus.sealed_key import SEALED_KEY_BYTES, open_sealed_key, viewing_key_of
from node.wallet.viewing import account_viewing_key, account_viewing_secret, seal_key

SEED_BYTES = 32
MAX_TEXT_BYTES = 60_000
MAX_NAME_BYTES = 64
MAX_REKEYED = 700  # members whose new keys fit one envelope
_BOX_OVERHEAD = bindings.crypto_box_SEALBYTES
_NONCE_BYTES = bindings.crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
_GROUP_OVERHEAD = _NONCE_BYTES + bindings.crypto_aead_xchacha20poly1305_ietf_ABYTES

GroupName = Annotated[str, Text(MAX_NAME_BYTES, 1)]
Seed = Annotated[bytes, Bytes(SEED_BYTES, SEED_BYTES)]

L = TypeVar("L", bound=Record)


@record("mail.letter")
class Letter(Record):
    """What somebody writes. `sender` is the key that signs the envelope, `sent_ms` the sender's
    clock; `burn` asks the reader to delete it once it is read."""

    sender: PublicKey
    sent_ms: Counter
    burn: bool
    text: Annotated[str, Text(MAX_TEXT_BYTES, 1)]


@record("mail.invitation")
class Invitation(Record):
    """The key of a group, for a new member, by its owner. `epoch` counts the group's keys."""

    sender: PublicKey
    sent_ms: Counter
    group: Digest
    name: GroupName
    epoch: Counter
    seed: Seed


@record("mail.rekeying")
class Rekeying(Record):
    """A group's next key, by its owner, sealed to each member who stays; sent within the group by
    its last key, in as many letters as that takes. `removed` stays no member."""

    sender: PublicKey
    sent_ms: Counter
    group: Digest
    epoch: Counter
    removed: AccountId
    seeds: Annotated[
        tuple[Annotated[bytes, Bytes(SEALED_KEY_BYTES, SEALED_KEY_BYTES)], ...],
        AtMost(MAX_REKEYED, 1),
    ]


Inside = Letter | Invitation | Rekeying
Seal = Callable[[bytes], bytes]

if MAX_REKEYED * (SEALED_KEY_BYTES + 2) + 512 > MAX_SEALED_BYTES:
    raise ValueError("a full rekeying must fit the largest envelope")


@dataclass(frozen=True, slots=True)
class GroupKeys:
    """What follows from the seed of a group's key."""

    reader: KeyPair
    content_key: bytes = field(repr=False)

    @property
    def mailbox(self) -> bytes:
        """Where the group's mail is."""
        return group_mailbox(self.reader.public)


def group_keys(seed: bytes) -> GroupKeys:
    """The keys of a group's members."""
    reader = KeyPair.from_seed(hmac.digest(seed, encode(["mail.group_reader", 1]), "sha256"))
    return GroupKeys(reader, hmac.digest(seed, encode(["mail.group_content", 1]), "sha256"))


# Sealing


def seal_for(mailbox: bytes) -> Seal:
    """How a letter is sealed for a person, by the key that is the mailbox. Raises InvalidEncoding
    for one that nobody can have."""
    viewing_key = account_viewing_key(mailbox)

    def seal(letter: bytes) -> bytes:
        return bindings.crypto_box_seal(_padded(letter, _BOX_OVERHEAD), viewing_key)

    return seal


def seal_within(keys: GroupKeys) -> Seal:
    """How a letter is sealed for a group, by one of its members."""

    def seal(letter: bytes) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(
            _padded(letter, _GROUP_OVERHEAD), keys.mailbox, nonce, keys.content_key
        )

    return seal


def _padded(letter: bytes, overhead: int) -> bytes:
    """The letter, a byte 0x80 and zeros (ISO/IEC 7816-4) up to one of the sizes."""
    for size in SEALED_BYTES:
        room = size - overhead
        if len(letter) < room:
            return letter + b"\x80" + bytes(room - len(letter) - 1)
    raise InvalidEncoding(
        f"a letter has at most {MAX_SEALED_BYTES - overhead - 1} bytes: publish what is longer, "
        "and send its content id"
    )


def _unpadded(padded: bytes) -> bytes:
    letter, mark, _ = padded.rpartition(b"\x80")
    if not mark or any(padded[len(letter) + 1 :]):
        raise InvalidEncoding("no padding")
    return letter


def open_sealed(envelope: Envelope, seed: bytes) -> Inside:
    """What is in an envelope to the key of this seed; raises Invalid if it cannot be opened, or was
    not made by the sender that its head names."""
    secret = account_viewing_secret(seed)
    try:
        padded = bindings.crypto_box_seal_open(envelope.sealed, viewing_key_of(secret), secret)
    except CryptoError:
        raise InvalidEncoding("not sealed to this key", field="sealed") from None
    return _read(envelope, padded)


def open_within(envelope: Envelope, keys: GroupKeys) -> Inside:
    """The same, of an envelope to a group."""
    nonce, sealed = envelope.sealed[:_NONCE_BYTES], envelope.sealed[_NONCE_BYTES:]
    try:
        padded = bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(
            sealed, keys.mailbox, nonce, keys.content_key
        )
    except CryptoError:
        raise InvalidEncoding("not sealed by a member", field="sealed") from None
    return _read(envelope, padded)


def _read(envelope: Envelope, padded: bytes) -> Inside:
    data = _unpadded(padded)
    for kind in (Letter, Invitation, Rekeying):
        try:
            inside: Inside = kind.decode(data)
        except Invalid:
            continue
        if inside.sender != envelope.head.sender:
            raise InvalidEncoding("written by another than who sent it", field="sender")
        return inside
    raise InvalidEncoding("no letter that this release knows", field="sealed")


# Sending


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends on a chain: an account by one of its keys, or nobody (None) by a one-time key.
    Without `pays`, work is done for each envelope."""

    chain: bytes
    account: bytes | None
    key: KeyPair
    pays: bool

    @property
    def name(self) -> str:
        """For people."""
        return "anonymous" if self.account is None else format_address(self.account)


def anonymous(chain: bytes) -> Sender:
    """A sender that nothing connects with any other letter."""
    return Sender(chain, None, KeyPair.from_seed(secrets.token_bytes(SEED_BYTES)), pays=False)


def make_envelope(
    sender: Sender, mailbox: bytes, seal: Seal, inside: Inside, expires_ms: int
) -> Envelope:
    """An envelope, ready to be sent. Raises InvalidEncoding for what is too long."""
    sealed = seal(inside.encode())
    head = EnvelopeHead(
        sender.chain,
        sender.account,
        sender.key.public,
        mailbox,
        expires_ms,
        sha256(sealed),
        bytes(WORK_BYTES),
    )
    if not sender.pays:
        head = with_work(head, WORK_BITS[len(sealed)])
    return Envelope(head, sender.key.sign(head.encode()), sealed)


# New keys of a group


def seal_seeds(seed: bytes, members: list[bytes]) -> list[tuple[bytes, ...]]:
    """A group's next seed, sealed to each of these members' keys, in portions of one letter."""
    sealed = [seal_key(seed, account_viewing_key(member)) for member in members]
    return [tuple(sealed[i : i + MAX_REKEYED]) for i in range(0, len(sealed), MAX_REKEYED)]


def find_seed(rekeying: Rekeying, seeds: list[bytes]) -> bytes | None:
    """The group's next seed, if it was sealed to a key of one of these seeds."""
    for secret in map(account_viewing_secret, seeds):
        for sealed in rekeying.seeds:
            found = open_sealed_key(sealed, secret)
            if found is not None:
                return found
    return None
