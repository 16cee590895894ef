"""The beacon: randomness that each producer commits to beforehand (DESIGN section 3).

A producer's reveals are links of a hash chain: link 0 = H(encoding of ["reveal", 1, seed, salt]),
link k = H(link k-1), H = SHA-256. The last link is registered as the commitment; each block
reveals the preimage of the producer's current commitment on that fork, and the reveal is the
commitment from then on.
"""

from math import isqrt

from consensus.codec import encode
from consensus.errors import InvalidHeader
from consensus.hashing import ZERO_DIGEST, sha256

GENESIS_BEACON = ZERO_DIGEST
REVEAL_CHAIN_LENGTH = 131_072


def next_beacon(beacon: bytes, reveal: bytes) -> bytes:
    """The beacon after a block: H(beacon ‖ reveal); an empty slot leaves it as it is."""
    return sha256(beacon + reveal)


def check_reveal(commitment: bytes, reveal: bytes) -> None:
    """Raise InvalidHeader unless H(reveal) is the producer's commitment on this fork."""
    if sha256(reveal) != commitment:
        raise InvalidHeader(
            "not the preimage of the producer's commitment on this fork", field="reveal"
        )


class RevealChain:
    """One producer's secret reveals, in the order of use.

    `seed` is the producer's beacon seed, secret; `salt` is public and differs with every
    commitment, so that no reveal is used twice. Memory and the work of a reveal are
    O(sqrt(length)); building it is `length` hashes.
    """

    def __init__(self, seed: bytes, salt: bytes, length: int = REVEAL_CHAIN_LENGTH) -> None:
        if length < 1:
            raise ValueError("a reveal chain has at least one reveal")
        self.length = length
        self._stride = isqrt(length - 1) + 1
        self._checkpoints: list[bytes] = []
        link = sha256(encode(["reveal", 1, seed, salt]))
        for place in range(length):
            if place % self._stride == 0:
                self._checkpoints.append(link)
            link = sha256(link)
        self.commitment = link

    def reveal(self, used: int) -> bytes:
        """The reveal after `used` earlier ones: link length - 1 - used.

        Raises ValueError when the chain is used up: register a new commitment before.
        """
        if not 0 <= used < self.length:
            raise ValueError(f"the chain has {self.length} reveals, {used} are used")
        place = self.length - 1 - used
        link = self._checkpoints[place // self._stride]
        for _ in range(place % self._stride):
            link = sha256(link)
        return link
