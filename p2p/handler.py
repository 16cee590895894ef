"""What the network asks of the node that it serves."""

from enum import Enum
from typing import Protocol

from consensus.record import Record
from p2p.identity import PeerId
from p2p.messages import Status


class Verdict(Enum):
    """What becomes of a message: ACCEPT relays it if it is gossip, IGNORE does not, REJECT does
    not and counts against the peer that sent it."""

    ACCEPT = "accept"
    IGNORE = "ignore"
    REJECT = "reject"


class Handler(Protocol):
    """The node's side. Calls for different peers overlap; for one peer, gossip of one priority
    comes in order, one call after the other.

    An Invalid that is raised counts as REJECT (or refuses the request) with its message as the
    reason. Any other exception is a bug: it is logged with its traceback, counted in
    `Counters.faults`, and costs the connection that it came by.
    """

    def status(self) -> Status:
        """The node's chain now; also told to peers."""

    async def gossip(self, peer: PeerId, message: Record, raw: bytes) -> Verdict:
        """Judge a message that is new to this node; `raw` is its payload.

        Votes hold only votes, TransactionIds only ids, that were not passed on before.
        """

    async def serve(self, peer: PeerId, request: Record) -> Record | None:
        """The answer to a request, of the type that the table names; None refuses it."""

    def connected(self, peer: PeerId) -> None:
        """A peer is there and can be sent to."""

    def disconnected(self, peer: PeerId) -> None:
        """A peer is gone; called once for each `connected`."""
