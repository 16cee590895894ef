"""What the node's works need of the network: messages out, and word of those who misbehave."""

from typing import Protocol

from consensus.record import Record
from p2p.identity import PeerId


class Peers(Protocol):
    """Calls that queue and return at once (p2p.network.Network)."""

    def broadcast(self, message: Record, exclude: PeerId | None = None) -> None:
        """Send gossip to every peer that is not known to have it."""

    def send(self, peer: PeerId, message: Record) -> bool:
        """Send gossip to one peer, even if it has it; False if it is gone."""

    def holders(self, message: Record) -> list[PeerId]:
        """The peers that sent this gossip, or were sent it."""

    def misbehaved(self, peer: PeerId, points: float, why: str) -> None:
        """Count points against a peer."""
