"""Every message between nodes: a record each, and one table of how each is carried.

A new message is a record here and a line in `MESSAGES`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated

from consensus.block import (
    MAX_BLOCK_BYTES,
    MAX_BLOCK_TRANSACTIONS,
    MAX_CERTIFICATE_BYTES,
    Vote,
)
from consensus.cid import RAW, Cid, cid_of
from consensus.codec import encode
from consensus.compact import SHORT_ID_BYTES, CompactBlock
from consensus.errors import InvalidEncoding
from consensus.evidence import Evidence
from consensus.finality_proof import (
    MAX_FINALITY_PROOF_BYTES,
    MAX_PROOF_HEADERS,
    FinalityProof,
)
from consensus.kinds import (
    KEY_BYTES,
    SIGNATURE_BYTES,
    Bytes,
    Counter,
    Digest,
    PublicKey,
    Signature,
    Text,
    Uint,
)
from consensus.light_answer import MAX_STEPS_BYTES, DynastySteps
from consensus.mail import MAX_DELETION_BYTES, MAX_ENVELOPE_BYTES, Deletion, Envelope
from consensus.record import AtMost, Record, part, record
from consensus.snapshot import (
    MAX_CHUNK_ENCODED_BYTES,
    MAX_CHUNKS,
    MAX_MANIFEST_BYTES,
    SnapshotOffer,
)
from consensus.transaction import MAX_TRANSACTION_BYTES
from p2p.mail import (
    MAX_MAIL_BYTES,
    MAX_MAIL_IDS,
    MAX_MAIL_ITEMS,
    GetMail,
    GetMailIds,
    Mail,
    MailIds,
)
from p2p.peeraddress import PeerAddress
from p2p.provider import (
    MAX_HOPS,
    MAX_PROVIDERS,
    MAX_RECORD_BYTES,
    CarriedProvider,
    KnownProvider,
)

PROTOCOL_VERSION = 1
MAX_VOTES = 64
MAX_TRANSACTION_IDS = 512
MAX_TRANSACTIONS_BYTES = 1024 * 1024
MAX_BLOCKS = 128
MAX_HEADERS = 512
MAX_CONTENT_CIDS = 4
MAX_CONTENT_BLOCK_BYTES = 2 * 1024 * 1024
MAX_CONTENT_BYTES = 4 * 1024 * 1024
MAX_WANTED_CIDS = 64
MAX_PROVIDER_RECORDS = 64
MAX_PROVIDERS_BYTES = 64 * 1024
MAX_PEERS = 32
MAX_EVIDENCE_BYTES = 2048
MAX_SNAPSHOTS = 4
VOTES_LINGER_S = 0.02
TRANSACTION_IDS_LINGER_S = 0.1
MAX_REASON_BYTES = 240
MAX_COMPACT_BYTES = SHORT_ID_BYTES * MAX_BLOCK_TRANSACTIONS + MAX_CERTIFICATE_BYTES
_FRAMING_BYTES = 4096  # room for tags and array heads around bounded payloads

Reason = Annotated[str, Text(MAX_REASON_BYTES)]


@record("hello")
class Hello(Record):
    """First words on a connection. `instance` is drawn at a process's start; `listen_port` 0
    means that this node cannot be dialled."""

    protocol: Counter
    chain: Digest
    id: PublicKey
    nonce: Digest
    instance: Annotated[bytes, Bytes(8, 8)]
    listen_port: Annotated[int, Uint(65_535)]


@record("proof")
class Proof(Record):
    """Proof of a Hello's id: a signature over the handshake, and, where the network has a join
    secret, its HMAC-SHA256 of the same."""

    signature: Signature
    join: Digest | None


@record("goodbye")
class Goodbye(Record):
    """Why the sender is closing this connection; the last thing it sends."""

    reason: Reason


@record("refusal")
class Refusal(Record):
    """The answer to a request that is not served."""

    reason: Reason


@record("status")
class Status(Record):
    """A node's chain as it sees it; `time_ms` is its clock, Unix milliseconds."""

    head_id: Cid
    head_height: Counter
    final_id: Cid
    final_height: Counter
    slot: Counter
    time_ms: Counter


@record("get_status")
class GetStatus(Record):
    """Asks for a Status; also the keep-alive."""


@record("votes")
class Votes(Record):
    """Votes of any members for any blocks."""

    votes: Annotated[tuple[Vote, ...], AtMost(MAX_VOTES, 1)]


@record("transaction_ids")
class TransactionIds(Record):
    """Ids of transactions that the sender has and will give when asked."""

    ids: Annotated[tuple[Digest, ...], AtMost(MAX_TRANSACTION_IDS, 1)]


@record("get_transactions")
class GetTransactions(Record):
    """Asks for transactions by id."""

    ids: Annotated[tuple[Digest, ...], AtMost(MAX_TRANSACTION_IDS, 1)]


@record("transactions")
class Transactions(Record):
    """Encoded transactions, those of the request that the sender has and that fit
    MAX_TRANSACTIONS_BYTES together, in its order."""

    transactions: Annotated[
        tuple[Annotated[bytes, Bytes(MAX_TRANSACTION_BYTES)], ...], AtMost(MAX_TRANSACTION_IDS)
    ]


@record("get_block")
class GetBlock(Record):
    """Asks for one block by id."""

    id: Cid


@record("get_block_transactions")
class GetBlockTransactions(Record):
    """Asks for the transactions at these places of a block whose compact form the asked node has
    sent; they come in this order, as many as fit the answer, none if it has not that block at
    hand any more."""

    id: Cid
    places: Annotated[
        tuple[Annotated[int, Uint(MAX_BLOCK_TRANSACTIONS - 1)], ...],
        AtMost(MAX_TRANSACTION_IDS, 1),
    ]


@record("get_blocks")
class GetBlocks(Record):
    """Asks for the sender's blocks above a height, in order, as many as fit one answer."""

    after_height: Counter
    limit: Annotated[int, Uint(MAX_BLOCKS, 1)]


@record("blocks")
class Blocks(Record):
    """Encoded blocks, MAX_BLOCK_BYTES together; empty if there are none."""

    blocks: Annotated[
        tuple[Annotated[bytes, Bytes(MAX_BLOCK_BYTES)], ...],
        AtMost(MAX_BLOCKS),
    ]


@record("get_finality")
class GetFinality(Record):
    """Asks for a proof whose headers reach down to the final block of this height."""

    height: Counter


@record("get_headers")
class GetHeaders(Record):
    """Asks for a proof that reaches from the final block above a height as far up as it can, by
    the set that votes on the block of that height; `limit` is how many headers are enough."""

    after_height: Counter
    limit: Annotated[int, Uint(MAX_HEADERS, 1)]


@record("get_content")
class GetContent(Record):
    """Asks for content blocks by CID. If `root` says of which file they are, who has not all of
    them may ask somebody else who is nearer to a provider of that, with one hop less."""

    cids: Annotated[tuple[Cid, ...], AtMost(MAX_CONTENT_CIDS, 1)]
    root: Cid | None = None
    hops: Annotated[int, Uint(MAX_HOPS)] = 0


@part
class ContentBlock(Record):
    """A content block and the CID it was asked by; the receiver checks that they match."""

    cid: Cid
    data: Annotated[bytes, Bytes(MAX_CONTENT_BLOCK_BYTES)]


@record("content")
class Content(Record):
    """The asked content blocks that the sender has and that fit MAX_CONTENT_BYTES together."""

    blocks: Annotated[tuple[ContentBlock, ...], AtMost(MAX_CONTENT_CIDS)]


@record("want_have")
class WantHave(Record):
    """Asks which of these content blocks a node has."""

    cids: Annotated[tuple[Cid, ...], AtMost(MAX_WANTED_CIDS, 1)]


@record("have")
class Have(Record):
    """Which of the blocks that were asked about the sender has: bit i % 8 (the lowest is 0) of
    byte i // 8 for the i-th of them, in as many bytes as that takes, the rest 0."""

    bits: Annotated[bytes, Bytes(MAX_WANTED_CIDS // 8, 1)]


@record("get_providers")
class GetProviders(Record):
    """Asks for provider records that the sender has not, or only older ones of the same nodes.
    `known` are all that it has."""

    known: Annotated[tuple[KnownProvider, ...], AtMost(MAX_PROVIDERS)]


@record("providers")
class Providers(Record):
    """Provider records, MAX_PROVIDERS_BYTES together."""

    records: Annotated[tuple[CarriedProvider, ...], AtMost(MAX_PROVIDER_RECORDS)]


@record("get_peers")
class GetPeers(Record):
    """Asks for addresses of other nodes."""


@record("peers")
class Peers(Record):
    """Addresses that the sender has connected to or heard of."""

    addresses: Annotated[tuple[PeerAddress, ...], AtMost(MAX_PEERS)]


@record("get_snapshots")
class GetSnapshots(Record):
    """Asks for the snapshots that a node has."""


@record("snapshots")
class Snapshots(Record):
    """The sender's snapshots, the newest first."""

    offers: Annotated[tuple[SnapshotOffer, ...], AtMost(MAX_SNAPSHOTS)]


@record("get_manifest")
class GetManifest(Record):
    """Asks for the manifest of the snapshot of this block's state."""

    block_id: Cid


@record("manifest")
class Manifest(Record):
    """An encoded SnapshotManifest."""

    manifest: Annotated[bytes, Bytes(MAX_MANIFEST_BYTES)]


@record("get_chunk")
class GetChunk(Record):
    """Asks for a chunk, by its place in the manifest, of the snapshot of this block's state."""

    block_id: Cid
    index: Annotated[int, Uint(MAX_CHUNKS - 1)]


@record("chunk")
class Chunk(Record):
    """An encoded SnapshotChunk, so that it is served without being decoded."""

    chunk: Annotated[bytes, Bytes(MAX_CHUNK_ENCODED_BYTES)]


@record("get_steps")
class GetSteps(Record):
    """Asks for the proofs of the changes of the producer set from this dynasty on."""

    dynasty: Counter


class Priority(IntEnum):
    """What is sent first: the lower number."""

    CONSENSUS = 0
    CONTROL = 1
    TRANSACTIONS = 2
    BULK = 3


class Role(IntEnum):
    """How a kind is used.

    HANDSHAKE only before a connection is proven. NOTICE to one peer, never relayed. GOSSIP
    relayed to all, each item taken once from whoever brings it first. ANNOUNCEMENT taken once
    from each peer, and relayed by the node's own decision only. REQUEST is answered by its
    `answer` or by a Refusal; a RESPONSE is nothing but an answer.
    """

    HANDSHAKE = 0
    NOTICE = 1
    GOSSIP = 2
    ANNOUNCEMENT = 3
    REQUEST = 4
    RESPONSE = 5


@dataclass(frozen=True, slots=True)
class Rate:
    """How many items (messages, or items of a batch) a peer may send: a second, and at once."""

    per_s: float
    burst: float


@dataclass(frozen=True, slots=True)
class Batch:
    """Cuts and joins messages that are one tuple of equally long items, without decoding.

    A record's encoding is a fixed prefix, the tuple's array head, and the items' encodings one
    after the other; so items are told apart, dropped and packed together as bytes.
    """

    prefix: bytes
    item_bytes: int
    maximum: int

    def split(self, payload: bytes) -> list[bytes]:
        """The encoded items; raises InvalidEncoding. Each item still has to be decoded."""
        size = self.item_bytes
        count = (len(payload) - len(self.prefix)) // size
        start = len(payload) - count * size
        if not 1 <= count <= self.maximum or payload[:start] != self._head(count):
            raise InvalidEncoding("not a batch in the one accepted encoding")
        return [payload[i : i + size] for i in range(start, len(payload), size)]

    def join(self, items: list[bytes]) -> bytes:
        """The payload of a message of these items, at most `maximum`."""
        return self._head(len(items)) + b"".join(items)

    def _head(self, count: int) -> bytes:
        if count < 24:
            return self.prefix + bytes((0x80 | count,))
        if count < 256:
            return self.prefix + bytes((0x98, count))
        return self.prefix + b"\x99" + count.to_bytes(2, "big")

    @property
    def max_bytes(self) -> int:
        """The size of a full message."""
        return len(self._head(self.maximum)) + self.maximum * self.item_bytes


def _batch(kind: type[Record], example: bytes, maximum: int) -> Batch:
    prefix = encode([kind.tag, kind.version, []])[:-1]
    return Batch(prefix, len(example), maximum)


@dataclass(frozen=True, slots=True)
class MessageKind:
    """A line of the table: its number on the wire, how it is bounded and in which turn sent.

    `max_bytes` bounds the payload before it is gathered. For `linger_s` seconds it may wait for
    company before it is sent: each packet costs both sides about as much as ten votes.
    """

    number: int
    record: type[Record]
    role: Role
    max_bytes: int
    rate: Rate
    priority: Priority
    answer: type[Record] | None = None
    batch: Batch | None = None
    linger_s: float = 0.0

    @property
    def name(self) -> str:
        """The record's tag, for logs and metrics."""
        return self.record.tag


_VOTE = Vote(cid_of(RAW, b""), bytes(KEY_BYTES), bytes(SIGNATURE_BYTES)).encode()
_VOTES = _batch(Votes, _VOTE, MAX_VOTES)
_IDS = _batch(TransactionIds, encode(bytes(32)), MAX_TRANSACTION_IDS)
_IDS_BYTES = MAX_TRANSACTION_IDS * 34 + 64
_CONTENT_BYTES = MAX_CONTENT_BYTES + _FRAMING_BYTES

_ONCE = Rate(1, 4)
_FREE = Rate(1e9, 1e9)  # answers are bounded by their requests
_NOTICES = Rate(4, 16)
_EXCHANGE = Rate(0.1, 4)
_EVIDENCE = Rate(4, 128)  # a node tells all that it keeps to each new peer
_BLOCKS = Rate(20, 256)
_VOTE_ITEMS = Rate(400, 4_096)
_ID_ITEMS = Rate(2_000, 20_000)
_REQUESTS = Rate(50, 200)
HAVE_REQUESTS = Rate(50, 200)
CONTENT_REQUESTS = Rate(400, 800)  # most are for one block of 256 KiB
_PROVIDERS = Rate(8, 64)
_MAIL = Rate(20, 256)
_MAIL_REQUESTS = Rate(40, 200)
_WINDOWS = Rate(16, 64)  # each costs as much as reading MAX_HEADERS blocks

_CONSENSUS, _CONTROL = Priority.CONSENSUS, Priority.CONTROL
_TRANSACTIONS, _BULK = Priority.TRANSACTIONS, Priority.BULK

MESSAGES: tuple[MessageKind, ...] = (
    MessageKind(1, Hello, Role.HANDSHAKE, 256, _ONCE, _CONTROL),
    MessageKind(2, Proof, Role.HANDSHAKE, 256, _ONCE, _CONTROL),
    MessageKind(3, Goodbye, Role.NOTICE, 320, _NOTICES, _CONTROL),
    MessageKind(4, Refusal, Role.RESPONSE, 320, _FREE, _CONTROL),
    MessageKind(5, Status, Role.NOTICE, 256, _NOTICES, _CONTROL),
    MessageKind(6, GetStatus, Role.REQUEST, 64, _NOTICES, _CONTROL, Status),
    MessageKind(7, GetPeers, Role.REQUEST, 64, _EXCHANGE, _CONTROL, Peers),
    MessageKind(8, Peers, Role.RESPONSE, MAX_PEERS * 320, _FREE, _CONTROL),
    MessageKind(
        16, CompactBlock, Role.GOSSIP, MAX_COMPACT_BYTES + _FRAMING_BYTES, _BLOCKS, _CONSENSUS
    ),
    MessageKind(
        17,
        Votes,
        Role.GOSSIP,
        _VOTES.max_bytes,
        _VOTE_ITEMS,
        _CONSENSUS,
        batch=_VOTES,
        linger_s=VOTES_LINGER_S,
    ),
    MessageKind(18, GetBlock, Role.REQUEST, 128, _REQUESTS, _CONTROL, Blocks),
    MessageKind(19, GetBlocks, Role.REQUEST, 128, _REQUESTS, _CONTROL, Blocks),
    MessageKind(20, Blocks, Role.RESPONSE, MAX_BLOCK_BYTES + _FRAMING_BYTES, _FREE, _BULK),
    MessageKind(21, Evidence, Role.GOSSIP, MAX_EVIDENCE_BYTES, _EVIDENCE, _CONSENSUS),
    MessageKind(22, GetFinality, Role.REQUEST, 64, _REQUESTS, _CONTROL, FinalityProof),
    MessageKind(
        23,
        FinalityProof,
        Role.RESPONSE,
        MAX_FINALITY_PROOF_BYTES + _FRAMING_BYTES,
        _FREE,
        _BULK,
    ),
    MessageKind(25, GetBlockTransactions, Role.REQUEST, 2048, _REQUESTS, _CONTROL, Transactions),
    MessageKind(27, GetHeaders, Role.REQUEST, 64, _WINDOWS, _CONTROL, FinalityProof),
    MessageKind(
        32,
        TransactionIds,
        Role.ANNOUNCEMENT,
        _IDS.max_bytes,
        _ID_ITEMS,
        _TRANSACTIONS,
        batch=_IDS,
        linger_s=TRANSACTION_IDS_LINGER_S,
    ),
    MessageKind(33, GetTransactions, Role.REQUEST, _IDS_BYTES, _REQUESTS, _CONTROL, Transactions),
    MessageKind(
        34,
        Transactions,
        Role.RESPONSE,
        MAX_TRANSACTIONS_BYTES + _FRAMING_BYTES,
        _FREE,
        _TRANSACTIONS,
    ),
    MessageKind(48, GetContent, Role.REQUEST, 1024, CONTENT_REQUESTS, _CONTROL, Content),
    MessageKind(49, Content, Role.RESPONSE, _CONTENT_BYTES, _FREE, _BULK),
    MessageKind(50, WantHave, Role.REQUEST, MAX_WANTED_CIDS * 42, HAVE_REQUESTS, _CONTROL, Have),
    MessageKind(51, Have, Role.RESPONSE, 64, _FREE, _CONTROL),
    MessageKind(
        52, GetProviders, Role.REQUEST, MAX_PROVIDERS * 48, _PROVIDERS, _CONTROL, Providers
    ),
    MessageKind(53, Providers, Role.RESPONSE, MAX_PROVIDERS_BYTES + 1024, _FREE, _BULK),
    MessageKind(64, GetSnapshots, Role.REQUEST, 64, _NOTICES, _CONTROL, Snapshots),
    MessageKind(65, Snapshots, Role.RESPONSE, MAX_SNAPSHOTS * 128 + 64, _FREE, _CONTROL),
    MessageKind(66, GetManifest, Role.REQUEST, 128, _NOTICES, _CONTROL, Manifest),
    MessageKind(67, Manifest, Role.RESPONSE, MAX_MANIFEST_BYTES + 64, _FREE, _BULK),
    MessageKind(68, GetChunk, Role.REQUEST, 128, _REQUESTS, _CONTROL, Chunk),
    MessageKind(69, Chunk, Role.RESPONSE, MAX_CHUNK_ENCODED_BYTES + 64, _FREE, _BULK),
    MessageKind(70, GetSteps, Role.REQUEST, 64, _NOTICES, _CONTROL, DynastySteps),
    MessageKind(71, DynastySteps, Role.RESPONSE, MAX_STEPS_BYTES, _FREE, _BULK),
    MessageKind(80, Envelope, Role.GOSSIP, MAX_ENVELOPE_BYTES, _MAIL, _BULK),
    MessageKind(81, Deletion, Role.GOSSIP, MAX_DELETION_BYTES, _MAIL, _BULK),
    MessageKind(82, GetMailIds, Role.REQUEST, 64, _MAIL_REQUESTS, _CONTROL, MailIds),
    MessageKind(83, MailIds, Role.RESPONSE, MAX_MAIL_IDS * 40 + 64, _FREE, _BULK),
    MessageKind(84, GetMail, Role.REQUEST, MAX_MAIL_ITEMS * 36, _MAIL_REQUESTS, _CONTROL, Mail),
    MessageKind(85, Mail, Role.RESPONSE, MAX_MAIL_BYTES + _FRAMING_BYTES, _FREE, _BULK),
)

BY_NUMBER: dict[int, MessageKind] = {kind.number: kind for kind in MESSAGES}
BY_TYPE: dict[type[Record], MessageKind] = {kind.record: kind for kind in MESSAGES}
ANSWERS = frozenset({Refusal} | {kind.answer for kind in MESSAGES if kind.answer is not None})

if len(BY_NUMBER) != len(MESSAGES) or not all(0 < number < 256 for number in BY_NUMBER):
    raise ValueError("kind numbers must be distinct and fit one byte")
if any(answer not in BY_TYPE for answer in ANSWERS):
    raise ValueError("an answer has no line of its own")
if MAX_HEADERS > MAX_PROOF_HEADERS:
    raise ValueError("a proof must have room for as many headers as may be asked for")
if MAX_RECORD_BYTES > MAX_PROVIDERS_BYTES:
    raise ValueError("an answer must have room for the largest provider record")
if MAX_ENVELOPE_BYTES > MAX_MAIL_BYTES:
    raise ValueError("an answer must have room for the largest envelope")
if MAX_CONTENT_BLOCK_BYTES > MAX_CONTENT_BYTES or MAX_TRANSACTION_BYTES > MAX_TRANSACTIONS_BYTES:
    raise ValueError("an answer must have room for one item of the largest size")


def reason_text(reason: str) -> str:
    """As much of a reason as a Goodbye or Refusal has room for, in printable characters."""
    printable = "".join(c if c.isprintable() else "?" for c in reason)
    return printable.encode(errors="replace")[:MAX_REASON_BYTES].decode(errors="ignore")


def fitting(items: Iterable[bytes], max_items: int, max_bytes: int) -> tuple[bytes, ...]:
    """The first items that one answer has room for."""
    taken: list[bytes] = []
    for item in items:
        max_bytes -= len(item)
        if len(taken) == max_items or max_bytes < 0:
            break
        taken.append(item)
    return tuple(taken)
