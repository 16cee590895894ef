"""The configuration of a node and of the commands that ask one.

Every setting is declared once, below, in its section. node/config/sources.py finds what flags,
environment and file say and checks it; node/config/file.py writes such files.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, get_args

from node.config.setting import (
    Setting,
    account,
    choice,
    host,
    integer,
    listing,
    node_id,
    none_or,
    optional,
    path,
    peer,
    text,
    url,
    yes_or_no,
)
from node.mail.index import MIN_MAILBOX_BYTES, MIN_QUOTA_BYTES, MailLimits
from p2p.limits import DEFAULT_BUDGET_BYTES, PEER_BYTES
from p2p.links import MAX_BLOCKED, MAX_DELAY_MS, MAX_LOSS_PPM, LinkFaults
from p2p.peeraddress import PeerAddress

MAX_PEERS = 256
MAX_MEMBERS = 1024
# Peers that were away for a while, and queries of the last slots, need the newest blocks: four
# times as many as may pile up unfinal before blocks stay empty, as the preset has it.
MIN_KEPT_BLOCKS = 1024
# A node that joins from a snapshot needs all blocks above it, which grow while it fetches it.
MIN_KEPT_SNAPSHOTS = 2
MAX_STATISTICS_DAYS = 366
SEATS = "seats"


class Section:
    """Base of the sections; each field's annotation holds its Setting."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class NodeSection(Section):
    """Where the node keeps what it knows."""

    data_dir: Annotated[Path, Setting("~/.reelect/node/data", path, "Folder of the chain's data.")]
    genesis: Annotated[
        Path,
        Setting("~/.reelect/node/genesis.cbor", path, "The genesis file, the same for all nodes."),
    ]
    key_file: Annotated[
        Path, Setting("~/.reelect/node/node.seed.json", path, "Seed of the node's identity key.")
    ]


@dataclass(frozen=True, slots=True)
class P2pSection(Section):
    """The network of nodes."""

    host: Annotated[str, Setting("0.0.0.0", host, "Address to listen on.")]  # noqa: S104
    port: Annotated[int, Setting(7400, integer(0, 65_535), "Port; 0 takes any free one.")]
    advertise_port: Annotated[
        int,
        Setting(
            0,
            integer(0, 65_535),
            "Port that others reach this node at, if a router maps another; 0: the same.",
        ),
    ]
    peers: Annotated[
        tuple[PeerAddress, ...],
        Setting([], listing(peer, MAX_PEERS), "Nodes to begin with: node_id@host:port."),
    ]
    target_degree: Annotated[
        int, Setting(6, integer(1, 32), "How many neighbours to keep connections to.")
    ]
    max_inbound: Annotated[
        int, Setting(32, integer(0, 256), "How many others may connect to this node.")
    ]
    queue_budget_bytes: Annotated[
        int,
        Setting(
            DEFAULT_BUDGET_BYTES,
            integer(PEER_BYTES, 2**40),
            "Most bytes that wait for all peers together; one peer can cost at most "
            f"{-(-PEER_BYTES // 2**20)} MiB.",
        ),
    ]
    discover: Annotated[
        bool,
        Setting(True, yes_or_no, "Find more nodes than `peers`; else connect to these, to all."),
    ]
    membership: Annotated[
        str, Setting("open", choice("open", "members"), "Who may connect: all, or `members`.")
    ]
    members: Annotated[
        tuple[bytes, ...],
        Setting([], listing(node_id, MAX_MEMBERS), "Node ids that may connect."),
    ]
    join_secret_file: Annotated[
        Path | None,
        Setting("", optional(path), "File with a secret that every node must know."),
    ]


@dataclass(frozen=True, slots=True)
class LinksSection(Section):
    """Faults of the links, made by the node itself: to try things on loopback only."""

    latency_ms: Annotated[
        int, Setting(0, integer(0, MAX_DELAY_MS), "How long all that is sent is under way.")
    ]
    jitter_ms: Annotated[
        int, Setting(0, integer(0, MAX_DELAY_MS), "By how much that varies, up or down.")
    ]
    loss_ppm: Annotated[
        int,
        Setting(0, integer(0, MAX_LOSS_PPM), "Segments lost at first, of a million; 10000: 1%."),
    ]
    blocked: Annotated[
        tuple[bytes, ...],
        Setting([], listing(node_id, MAX_BLOCKED), "Node ids that nothing passes to or from."),
    ]

    @property
    def faults(self) -> LinkFaults:
        """As the network takes them."""
        return LinkFaults(self.latency_ms, self.jitter_ms, self.loss_ppm, self.blocked)


@dataclass(frozen=True, slots=True)
class ApiSection(Section):
    """The HTTP interface."""

    host: Annotated[str, Setting("127.0.0.1", host, "Address to listen on; loopback is private.")]
    port: Annotated[int, Setting(7480, integer(0, 65_535), "Port; 0 takes any free one.")]
    admin_token_file: Annotated[
        Path | None,
        Setting("", optional(path), "File with the token of admin calls; none: no admin calls."),
    ]


@dataclass(frozen=True, slots=True)
class LogSection(Section):
    """What the node says about itself."""

    level: Annotated[
        str,
        Setting("info", choice("debug", "info", "warning", "error"), "The least that is logged."),
    ]
    file: Annotated[Path | None, Setting("", optional(path), "Log file; empty: stderr.")]


@dataclass(frozen=True, slots=True)
class StorageSection(Section):
    """What the node keeps of the chain, and how a new one gets it."""

    keep_blocks: Annotated[
        int,
        Setting(
            0,
            none_or(MIN_KEPT_BLOCKS, 2**40),
            "Newest final blocks to keep; 0 keeps all (an archive).",
        ),
    ]
    snapshot_blocks: Annotated[
        int,
        Setting(
            250,
            integer(0, 2**40),
            "Take a snapshot for new nodes each so many blocks, or a doubling of it; 0: never.",
        ),
    ]
    join: Annotated[
        str,
        Setting(
            "auto",
            choice("auto", "snapshot", "blocks"),
            "How a new node gets the state: a snapshot if peers have one, only so, or all blocks.",
        ),
    ]


@dataclass(frozen=True, slots=True)
class ContentSection(Section):
    """Videos that the node keeps."""

    quota_bytes: Annotated[
        int, Setting(10 * 2**30, integer(0, 2**60), "Most bytes of content on disk.")
    ]
    replicate_bytes: Annotated[
        int,
        Setting(
            2**30,
            integer(0, 2**60),
            "Of these, bytes that are kept of others' videos for the network's sake; 0: none.",
        ),
    ]
    replicas: Annotated[
        int,
        Setting(3, integer(1, 64), "How many nodes are to hold each video; the same on all."),
    ]
    max_upload_bytes_per_s: Annotated[
        int,
        Setting(
            64 * 2**20,
            integer(0, 2**40),
            "Bytes of content a second that are given to all peers together; 0: any.",
        ),
    ]


@dataclass(frozen=True, slots=True)
class MailSection(Section):
    """Sealed mail that the node holds for whoever it is to."""

    quota_bytes: Annotated[
        int,
        Setting(128 * 2**20, none_or(MIN_QUOTA_BYTES, 2**40), "Most bytes of mail; 0: none."),
    ]
    mailbox_bytes: Annotated[
        int,
        Setting(
            16 * 2**20,
            integer(MIN_MAILBOX_BYTES, 2**40),
            "Most bytes in one mailbox; a sender gets a sixteenth of that.",
        ),
    ]

    @property
    def limits(self) -> MailLimits:
        """As the mailroom takes them."""
        return MailLimits(self.quota_bytes, self.mailbox_bytes)


@dataclass(frozen=True, slots=True)
class StatisticsSection(Section):
    """What the node counts of final blocks, for its API (T13)."""

    keep_days: Annotated[
        int,
        Setting(
            90,
            none_or(1, MAX_STATISTICS_DAYS),
            "Newest days of which statistics are kept beside the totals; 0: no statistics.",
        ),
    ]


@dataclass(frozen=True, slots=True)
class ClientSection(Section):
    """What commands that ask a node or sign begin with."""

    node: Annotated[str, Setting("http://127.0.0.1:7480", url, "The API of the node to ask.")]
    keystore: Annotated[
        Path, Setting("~/.reelect/node/keystore", path, "Folder of the encrypted keys.")
    ]
    account: Annotated[str, Setting("", text, "Name or address of the key that signs.")]
    accounts: Annotated[
        Path | None,
        Setting("", optional(path), "File of a local network's accounts, which need no password."),
    ]
    genesis: Annotated[
        Path, Setting("~/.reelect/node/genesis.cbor", path, "Genesis file that proofs begin from.")
    ]
    mail: Annotated[
        Path,
        Setting("~/.reelect/mail", path, "Folder of groups' keys and of copies of sent letters."),
    ]


@dataclass(frozen=True, slots=True)
class Seat(Section):
    """A producer that this node runs: a table `[[seats]]`, 0 to 21 of them; all keys needed."""

    account: Annotated[bytes, Setting("", account, "The producer's account.")]
    consensus_key_file: Annotated[Path, Setting("", path, "Seed of its consensus key.")]
    beacon_seed_file: Annotated[Path, Setting("", path, "Seed of its beacon reveals.")]


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration, checked."""

    node: NodeSection
    p2p: P2pSection
    links: LinksSection
    api: ApiSection
    log: LogSection
    storage: StorageSection
    content: ContentSection
    mail: MailSection
    statistics: StatisticsSection
    client: ClientSection
    seats: tuple[Seat, ...]


SECTIONS: dict[str, type[Section]] = {
    "node": NodeSection,
    "p2p": P2pSection,
    "links": LinksSection,
    "api": ApiSection,
    "log": LogSection,
    "storage": StorageSection,
    "content": ContentSection,
    "mail": MailSection,
    "statistics": StatisticsSection,
    "client": ClientSection,
}


def settings_of(section: type[Section]) -> dict[str, Setting]:
    """The settings of a section by key."""
    return {name: get_args(hint)[1] for name, hint in section.__annotations__.items()}


SETTINGS: dict[str, Setting] = {
    f"{name}.{key}": setting
    for name, section in SECTIONS.items()
    for key, setting in settings_of(section).items()
}
