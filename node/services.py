"""What a running node offers to its API: the one thing that the API is given."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from consensus.cid import Cid
from node.block_relay import CompactCounts
from node.chain import Chain
from node.content.exchange import ContentExchange
from node.content.segment_prover import SegmentProver
from node.finality_log import FinalityLog
from node.hub import Hub
from node.mail.exchange import MailExchange
from node.mempool import Mempool
from node.presence import Stall
from node.query.answers import SyncProgress
from node.served import Fetch
from node.statistics.index import StatisticsIndex
from p2p.budget import Budget
from p2p.counters import Counters
from p2p.identity import PeerId
from p2p.links import LinkFaults
from p2p.network import NetworkSizes, PeerInfo
from p2p.peeraddress import PeerAddress
from storage.content import ContentStore


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the node can serve and, if not, why, in sentences.

    `stall` says why nothing becomes final, which is no fault of this node: it serves all the
    same. `signing` says why its seats sign nothing, nothing if they do; `progress` how far a
    catch-up is, None if there is none worth a word.
    """

    ready: bool
    reasons: tuple[str, ...]
    syncing: bool
    clock_offset_ms: int
    stall: Stall | None = None
    signing: tuple[str, ...] = ()
    progress: SyncProgress | None = None


class PeersView(Protocol):
    """What the API reads of the network (p2p.network.Network)."""

    @property
    def id(self) -> PeerId:
        """This node's id."""

    @property
    def counters(self) -> Counters:
        """What the network has done since it started."""

    @property
    def listen_port(self) -> int:
        """The port this node listens on."""

    @property
    def budget(self) -> Budget:
        """What waits for all peers together."""

    def peers(self) -> tuple[PeerInfo, ...]:
        """The connected peers."""

    def banned(self) -> dict[PeerId, float]:
        """Who is kept out, and for how many seconds more."""

    def ban(self, peer: PeerId, duration_s: float, why: str) -> None:
        """Keep a peer out for so long."""

    def unban(self, peer: PeerId) -> None:
        """Let a peer in again, and forget what it did."""

    def add(self, address: PeerAddress) -> None:
        """Note a node that may be dialled."""

    def sizes(self) -> NetworkSizes:
        """How much the network knows."""

    @property
    def link_faults(self) -> LinkFaults | None:
        """The faults of the links; None if they cannot have any."""

    def set_link_faults(self, faults: LinkFaults) -> None:
        """Have other faults from now on."""


@dataclass(frozen=True, slots=True)
class Services:
    """A running node, as its API sees it.

    `submit` checks a transaction's bytes, lets it wait, tells the peers and returns its id, or
    raises Invalid…; `fetch` brings a content block from this node or its peers, or raises
    ContentTakenDown; `is_served` says whether content may be given out (it is asked in threads);
    `now_ms` is the node's clock (Unix milliseconds); `seats` are the producer ids whose keys the
    node holds; `statistics` is None if the node keeps none; `genesis_file` reads the genesis file,
    and raises NotFound if it is gone or was exchanged.
    """

    chain: Chain
    mempool: Mempool
    network: PeersView
    content: ContentStore
    content_exchange: ContentExchange
    segments: SegmentProver
    mail: MailExchange
    statistics: StatisticsIndex | None
    hub: Hub
    finality_log: FinalityLog
    compact_blocks: CompactCounts
    submit: Callable[[bytes], Awaitable[bytes]]
    fetch: Fetch
    is_served: Callable[[Cid], bool]
    health: Callable[[], Health]
    now_ms: Callable[[], int]
    seats: tuple[bytes, ...]
    genesis_file: Callable[[], bytes]
