"""What operators tell a node about its peers: the bodies of the admin calls."""

from typing import Annotated

from consensus.kinds import PublicKey, Text, Uint
from consensus.record import Record, part
from p2p.messages import MAX_REASON_BYTES
from p2p.scoring import MAX_BAN_S

MAX_PEER_ADDRESS_BYTES = 330
MAX_BAN_REASON_BYTES = 200

if MAX_BAN_REASON_BYTES + len("banned: ") > MAX_REASON_BYTES:
    raise ValueError("the reason of a ban is told to the peer whole")


@part
class PeerBan(Record):
    """Keep the node with this id out for so many seconds."""

    id: PublicKey
    duration_s: Annotated[int, Uint(int(MAX_BAN_S), 1)]
    reason: Annotated[str, Text(MAX_BAN_REASON_BYTES)] | None


@part
class PeerPardon(Record):
    """Let the node with this id in again."""

    id: PublicKey


@part
class PeerAddition(Record):
    """A node that may be dialled: `<64 hex digits>@host:port`."""

    address: Annotated[str, Text(MAX_PEER_ADDRESS_BYTES, 1)]
