"""What two nodes prove to each other before the first message. No I/O here.

After TLS the dialler says Hello, the listener says Hello, the dialler sends its Proof, the
listener sends its own. Each signs its role, both Hellos (ids, nonces, chain, protocol version)
and the hash of the server certificate: a relay that ends TLS on both sides shows the dialler
another certificate than the listener's, so what either signs is worthless to the other. The
listener speaks last, so that a join secret is only ever shown to a node that was dialled on
purpose or has shown it first.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from consensus.codec import encode
from consensus.hashing import sha256
from consensus.keys import KeyPair, verifies
from p2p.identity import PeerId, short_id
from p2p.messages import PROTOCOL_VERSION, Hello, Proof

DIALLER = "dialler"
LISTENER = "listener"


class Outcome(Enum):
    """What came of a connection that somebody began; the values are labels of metrics."""

    PROVEN = "proven"
    UNREACHABLE = "unreachable"
    RATE = "rate"
    CROWDED_OUT = "crowded_out"
    LOST = "lost"
    SLOW = "slow"
    INVALID = "invalid"
    PROTOCOL = "protocol"
    CHAIN = "chain"
    OWN_ID = "own_id"
    WRONG_NODE = "wrong_node"
    NO_MEMBER = "no_member"
    JOIN_SECRET = "join_secret"  # noqa: S105 - a label
    PROOF = "proof"
    BANNED = "banned"
    CONNECTED = "connected"
    NO_PLACE = "no_place"
    LEAVING = "leaving"
    REFUSED_BY_PEER = "refused_by_peer"


class HandshakeFailed(Exception):
    """No connection came of it; `reason` is a sentence for the log and, mostly, for the peer.

    `claimed` is the id that the other side gave, unproven, if it came to that.
    """

    def __init__(self, outcome: Outcome, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.reason = reason
        self.claimed: PeerId | None = None


class RefusedByPeer(HandshakeFailed):
    """The other side said Goodbye with `reason`."""

    def __init__(self, reason: str) -> None:
        super().__init__(Outcome.REFUSED_BY_PEER, reason)


def everyone(_: PeerId) -> bool:
    """The membership of an open network."""
    return True


@dataclass(frozen=True, slots=True)
class Admission:
    """Who may connect: ids that `is_member` accepts (asked anew each time), and, if there is
    a join secret, only who knows it."""

    is_member: Callable[[PeerId], bool] = everyone
    join_secret: bytes | None = None


@dataclass(frozen=True, slots=True)
class Transcript:
    """What both sides have said, and the server certificate's SHA-256 as this side saw it."""

    dialler: Hello
    listener: Hello
    certificate_digest: bytes

    def message(self, role: str) -> bytes:
        """What the side in `role` signs."""
        return encode(
            [
                "handshake",
                PROTOCOL_VERSION,
                role,
                sha256(self.dialler.encode()),
                sha256(self.listener.encode()),
                self.certificate_digest,
            ]
        )

    def prove(self, role: str, key: KeyPair, join_secret: bytes | None) -> Proof:
        """The proof of the side in `role`."""
        message = self.message(role)
        return Proof(key.sign(message), _join_code(join_secret, message))

    def check(self, role: str, proof: Proof, join_secret: bytes | None) -> None:
        """Raise HandshakeFailed unless `proof` is by the side in `role`."""
        message = self.message(role)
        expected = _join_code(join_secret, message)
        if expected is not None and not hmac.compare_digest(expected, proof.join or b""):
            raise HandshakeFailed(
                Outcome.JOIN_SECRET, "this network needs its join secret; yours is missing or wrong"
            )
        signer = self.dialler.id if role == DIALLER else self.listener.id
        if not verifies(signer, message, proof.signature):
            raise HandshakeFailed(
                Outcome.PROOF, "the proof of identity does not fit this connection"
            )


def check_hello(mine: Hello, theirs: Hello, admission: Admission) -> None:
    """Raise HandshakeFailed if this node does not talk to who says `theirs`."""
    if theirs.protocol != mine.protocol:
        raise HandshakeFailed(
            Outcome.PROTOCOL,
            f"protocol version {theirs.protocol} is not spoken here; {mine.protocol} is",
        )
    if theirs.chain != mine.chain:
        raise HandshakeFailed(
            Outcome.CHAIN,
            f"another chain: {theirs.chain.hex()[:16]}… there, {mine.chain.hex()[:16]}… here",
        )
    if theirs.id == mine.id:
        raise HandshakeFailed(
            Outcome.OWN_ID, "that is this node itself, or another with its identity key"
        )
    if not admission.is_member(theirs.id):
        raise HandshakeFailed(
            Outcome.NO_MEMBER, f"{short_id(theirs.id)} is not a member of this network"
        )


def _join_code(secret: bytes | None, message: bytes) -> bytes | None:
    return None if secret is None else hmac.digest(secret, message, "sha256")
