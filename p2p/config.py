"""How one node takes part in the network."""

from dataclasses import dataclass, field
from pathlib import Path

from p2p.handshake import Admission
from p2p.limits import DEFAULT_BUDGET_BYTES
from p2p.links import LinkFaults
from p2p.peeraddress import PeerAddress


@dataclass(frozen=True, slots=True)
class Timing:
    """How long things may take, in seconds.

    A peer is asked for its status every `keep_alive_s`; one that does not answer within
    `silence_s`, or takes nothing of what is sent for so long, is let go. Every
    `maintenance_s` the address book is saved and memberships are looked at again, every `feeler_s`
    an address that was only heard of is tried.
    """

    handshake_s: float = 5.0
    dial_s: float = 5.0
    keep_alive_s: float = 5.0
    silence_s: float = 15.0
    maintenance_s: float = 30.0
    feeler_s: float = 120.0


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """Where to listen, whom to dial, how many to let in.

    `host` and `port` to listen on (port 0: any free), `advertised_port` for others to dial if it is
    another; `peers` to begin with; `outbound`
    connections are dialled and kept, others accepted up to `max_inbound`, of which each
    address group (loopback aside) gets `max_inbound_per_group`. What is known of addresses and of
    peers' conduct is kept in the files `address_book` and `conducts`, if they are named. Without
    `discover` nobody but `peers` is dialled, and all of them. `max_strangers` bounds handshakes at
    one time. When more than `budget_bytes` wait for all peers together (p2p/limits.py), the one
    with the most is let go. With `links` the links have these faults, which may change later;
    without they never have any.
    """

    host: str = "127.0.0.1"
    port: int = 0
    advertised_port: int | None = None
    peers: tuple[PeerAddress, ...] = ()
    outbound: int = 4
    max_inbound: int = 32
    max_inbound_per_group: int = 8
    max_strangers: int = 64
    budget_bytes: int = DEFAULT_BUDGET_BYTES
    discover: bool = True
    address_book: Path | None = None
    conducts: Path | None = None
    admission: Admission = field(default_factory=Admission)
    links: LinkFaults | None = None
    timing: Timing = field(default_factory=Timing)

    @property
    def wanted_outbound(self) -> int:
        """How many connections to dial and keep."""
        return self.outbound if self.discover else len(self.peers)
