"""Keys from words: BIP-39 mnemonics and SLIP-0010 Ed25519 derivation.

Path: m/44'/1919247724'/kind'/index', every step hardened as SLIP-0010 demands for Ed25519.
1919247724 spells "reel" in ASCII; it is not registered in SLIP-0044. `kind` is 0 account,
1 consensus, 2 node identity, 3 beacon seed, so that one mnemonic backs up a whole producer
and no key serves two purposes.
"""

import unicodedata
from enum import Enum
from functools import cache

from mnemonic import Mnemonic
from slip10 import HARDENED_INDEX, SLIP10

from consensus.address import format_address
from consensus.codec import encode
from consensus.errors import Invalid
from consensus.hashing import sha256
from consensus.keys import KeyPair

PURPOSE = 44
COIN = int.from_bytes(b"reel", "big")
WORD_COUNTS = (12, 15, 18, 21, 24)
MAX_INDEX = 2**31 - 1


class InvalidMnemonic(Invalid):
    """Words that are not a BIP-39 mnemonic."""

    code = "invalid-mnemonic"


class KeyKind(Enum):
    """What a key is for; its value names it in files and on the command line."""

    ACCOUNT = "account"
    CONSENSUS = "consensus"
    NODE = "node"
    BEACON = "beacon"

    @property
    def step(self) -> int:
        """Its number in derivation paths."""
        return _STEPS.index(self)

    def id_of(self, seed: bytes) -> str:
        """The public name of the key that `seed` makes.

        An address for an account, the public key in hex for consensus and node; a beacon seed
        has a fingerprint, the hash of a tagged encoding of it.
        """
        if self is KeyKind.BEACON:
            return sha256(encode(["beacon.fingerprint", 1, seed])).hex()
        public = KeyPair.from_seed(seed).public
        return format_address(public) if self is KeyKind.ACCOUNT else public.hex()


_STEPS = (KeyKind.ACCOUNT, KeyKind.CONSENSUS, KeyKind.NODE, KeyKind.BEACON)


@cache
def _english() -> Mnemonic:
    return Mnemonic("english")


def new_mnemonic(words: int = 24) -> str:
    """A new English mnemonic of 12, 15, 18, 21 or 24 words from the system's randomness."""
    if words not in WORD_COUNTS:
        raise InvalidMnemonic(f"a mnemonic has {_counts()} words, not {words}")
    return _english().generate(words * 32 // 3)


def check_mnemonic(text: str) -> str:
    """The words of `text` in lower case with single spaces.

    Raises InvalidMnemonic, naming the first word that is not in the list, or for a wrong
    number of words or a checksum that does not match.
    """
    words = unicodedata.normalize("NFKD", text).lower().split()
    if len(words) not in WORD_COUNTS:
        raise InvalidMnemonic(f"a mnemonic has {_counts()} words, not {len(words)}")
    for place, word in enumerate(words, start=1):
        if word not in _english().wordlist:
            raise InvalidMnemonic(f"word {place} is not in the BIP-39 English list")
    if not _english().check(" ".join(words)):
        raise InvalidMnemonic("the checksum does not match: a word is wrong or out of place")
    return " ".join(words)


def _counts() -> str:
    return ", ".join(map(str, WORD_COUNTS[:-1])) + f" or {WORD_COUNTS[-1]}"


def master_seed(mnemonic: str, passphrase: str = "") -> bytes:
    """The 64-byte BIP-39 seed of a mnemonic; checks it first (InvalidMnemonic)."""
    return bytes(Mnemonic.to_seed(check_mnemonic(mnemonic), passphrase))


def derivation_path(kind: KeyKind, index: int) -> str:
    """The path of a key as text, such as m/44'/1919247724'/0'/0'."""
    return f"m/{PURPOSE}'/{COIN}'/{kind.step}'/{index}'"


def derive_seed(master: bytes, kind: KeyKind, index: int) -> bytes:
    """The 32-byte seed at `derivation_path(kind, index)` under a master seed."""
    if not 0 <= index <= MAX_INDEX:
        raise InvalidMnemonic(f"an index is between 0 and {MAX_INDEX}", field="index")
    return slip10_seed(master, (PURPOSE, COIN, kind.step, index))


def slip10_seed(master: bytes, steps: tuple[int, ...]) -> bytes:
    """The 32-byte Ed25519 seed at hardened `steps` under a master seed (SLIP-0010)."""
    tree = SLIP10.from_seed(master, curve_name="ed25519")
    return bytes(tree.get_privkey_from_path([step + HARDENED_INDEX for step in steps]))


def account_key(mnemonic: str, index: int) -> KeyPair:
    """The account key number `index` of a mnemonic."""
    return KeyPair.from_seed(derive_seed(master_seed(mnemonic), KeyKind.ACCOUNT, index))
