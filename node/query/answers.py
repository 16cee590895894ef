"""What a node answers over HTTP: each answer's fields once, for the API, its schema and clients.

The records are JSON objects of their fields (`to_json`, `from_json`, `schema`); integers that
can pass 2^53 are decimal strings, bytes are lower-case hex, accounts `reel1…`.
"""

from typing import Annotated

from consensus.block import MAX_BLOCK_TRANSACTIONS, MAX_CERTIFICATE_BYTES, Header
from consensus.cid import Cid
from consensus.kinds import (
    AccountId,
    Amount,
    Asset,
    Bytes,
    Counter,
    Digest,
    JsonObject,
    PublicKey,
    Signature,
    Text,
)
from consensus.light_answer import MAX_KEY_BYTES
from consensus.producers import MAX_PRODUCERS
from consensus.record import AtMost, Record, part
from node.query.free_form import AnyObject, FreeForm, Integer
from p2p.scoring import MAX_RECORDS
from vm.forms import event_schema, transaction_schema
from vm.modules.account import Authority, HandleName
from vm.modules.content import Space, SpaceName, TakenDown, Video, VideoName
from vm.receipt import Receipt

MAX_PAGE = 500
MAX_BATCH = 1000
MAX_FETCH_SOURCES = 256
MAX_SCHEDULE = 2 * MAX_PRODUCERS

PROBLEM_PREFIX = "urn:reelect:problem:"  # of a problem's type; its code follows
PENDING, INCLUDED, FINAL = "pending", "included", "final"

Cursor = Annotated[str, Text(2048, 1)]
MAX_FAILURE_LETTERS = 1024
Sentence = Annotated[str, Text(4 * MAX_FAILURE_LETTERS)]
Name = Annotated[str, Text(128)]
StateKey = Annotated[bytes, Bytes(MAX_KEY_BYTES, 1)]
BlockState = Annotated[str, Text(16, 1, f"{INCLUDED}|{FINAL}")]
TransactionState = Annotated[str, Text(16, 1, f"{PENDING}|{INCLUDED}|{FINAL}")]
TransactionForm = Annotated[JsonObject, FreeForm(transaction_schema())]
EventForm = Annotated[JsonObject, FreeForm(event_schema())]


@part
class Place(Record):
    """A block of the chain; in answers `at` is the one whose state was read."""

    id: Cid
    height: Counter
    slot: Counter


@part
class SilentProducer(Record):
    """A producer that was not heard of for a round of its set."""

    producer: AccountId
    name: Name


@part
class StallAnswer(Record):
    """Why nothing becomes final: `slots` since the final block's slot, the votes that are needed
    of so many members, and the members that are silent."""

    slots: Counter
    quorum: Counter
    members: Counter
    silent: Annotated[tuple[SilentProducer, ...], AtMost(MAX_PRODUCERS)]

    @property
    def sentence(self) -> str:
        """For people."""
        count, split = len(self.silent), "vote, but for different blocks or too late"
        if count == 0:
            why = f"all {split}"
        else:
            who = "this producer is" if count == 1 else f"these {count} producers are"
            why = f"{who} silent: {', '.join(item.name for item in self.silent)}"
            if self.members - count >= self.quorum:
                why += f"; the others {split}"
        return (
            f"nothing has become final for {self.slots} slots: {self.quorum} of {self.members} "
            f"votes are needed, and {why}"
        )


@part
class SyncProgress(Record):
    """How far a catch-up is: heights where it began, is, and is to end as far as peers say;
    `seconds_left` at the average pace so far, null while there is none."""

    from_height: Counter
    height: Counter
    target_height: Counter
    blocks_per_s: Counter
    seconds_left: Counter | None

    @property
    def share(self) -> float:
        """How much of the way is done, 0 to 1."""
        return (self.height - self.from_height) / (self.target_height - self.from_height)

    @property
    def sentence(self) -> str:
        """The progress in words."""
        left = "" if self.seconds_left is None else f", {self.seconds_left} s left"
        return (
            f"height {self.height:,} of {self.target_height:,}, "
            f"{self.blocks_per_s} blocks a second{left}"
        )


@part
class StatusAnswer(Record):
    """A node and its chain. `slot` is the clock's (negative before genesis); `missed_slots`
    counts the slots up to the head that have no block; `finality_lag_slots` is the head's slot
    minus the final block's; `seats` are the producers that this node runs. `stall` says why
    nothing becomes final, null if finality is not late or this node cannot tell; `signing` why
    the seats here sign nothing now, empty if they do. `first_block` is the height from which on
    the node has every final block, 0 if it has all; beside them it has genesis. `sync` says how
    far it is with catching up, null if there is little or nothing to catch up with."""

    chain: Digest
    network: Name
    release: Name
    node_id: PublicKey
    p2p_port: Counter
    genesis_time_ms: Counter
    slot_ms: Counter
    epoch_slots: Counter
    time_ms: Counter
    slot: Integer
    head: Place
    justified: Place
    final: Place
    finality_lag_slots: Counter
    missed_slots: Counter
    mempool_transactions: Counter
    mempool_bytes: Counter
    peers: Counter
    seats: Annotated[tuple[AccountId, ...], AtMost(MAX_PRODUCERS)]
    ready: bool
    reasons: Annotated[tuple[Sentence, ...], AtMost(64)]
    syncing: bool
    clock_offset_ms: Integer
    stall: StallAnswer | None = None
    signing: Annotated[tuple[Sentence, ...], AtMost(64)] = ()
    first_block: Counter = 0
    sync: SyncProgress | None = None


@part
class BlockSummary(Record):
    """A block in a list; `state` is included (on the head's chain) or final."""

    id: Cid
    parent: Cid | None
    height: Counter
    slot: Counter
    time_ms: Counter
    producer: AccountId | None
    transactions: Counter
    size_bytes: Counter
    state: BlockState


@part
class BlocksAnswer(Record):
    """Blocks from the newest down; `next` is the cursor of the next page, null on the last."""

    items: Annotated[tuple[BlockSummary, ...], AtMost(MAX_PAGE)]
    next: Cursor | None
    at: Place


@part
class BlockAnswer(Record):
    """A block with its header; genesis has no signature."""

    summary: BlockSummary
    header: Header
    signature: Signature | None
    certificate: Annotated[bytes, Bytes(MAX_CERTIFICATE_BYTES)]
    transaction_ids: Annotated[tuple[Digest, ...], AtMost(MAX_BLOCK_TRANSACTIONS)]


@part
class TransactionAnswer(Record):
    """A transaction: `pending` in this node's mempool, `included` in a block of the head's
    chain, or `final`. `receipt` and `events` say what it did once it is in a block."""

    id: Digest
    state: TransactionState
    block: Cid | None
    height: Counter | None
    index: Counter | None
    transaction: TransactionForm
    receipt: Receipt | None
    events: Annotated[tuple[EventForm, ...], AtMost(65_536)]


@part
class TransactionsAnswer(Record):
    """A block's transactions in order."""

    items: Annotated[tuple[TransactionAnswer, ...], AtMost(MAX_PAGE)]
    next: Cursor | None
    at: Place


@part
class SubmittedAnswer(Record):
    """A transaction that now waits for a block."""

    id: Digest


@part
class BatchResult(Record):
    """What became of one transaction of a batch: its id, or the problem."""

    id: Digest | None
    problem: AnyObject | None


@part
class BatchAnswer(Record):
    """The results in the order of the batch."""

    results: Annotated[tuple[BatchResult, ...], AtMost(MAX_BATCH)]


@part
class FailureAnswer(Record):
    """Why an action fails: the field at fault, and what is wrong in the case at hand."""

    field: Name
    message: Sentence


@part
class SimulationAnswer(Record):
    """What a transaction would do in the next block on `at`, and what it costs: `gas` and `fee`
    hold for the signed transaction whatever its max_fee, unless that is 0: mana pays then."""

    gas: Counter
    fee: Amount
    fee_asset: Asset
    receipt: Receipt
    events: Annotated[tuple[EventForm, ...], AtMost(65_536)]
    at: Place
    failure: FailureAnswer | None


@part
class Holding(Record):
    """What an account holds of an asset, in the asset's smallest unit."""

    asset: Asset
    amount: Amount


@part
class ManaInfo(Record):
    """The mana that an account has in the block read, the most that it can have, both in gas, and
    when it has that if it uses none (ms from the Unix epoch)."""

    gas: Amount
    max_gas: Amount
    full_time_ms: Counter


@part
class AccountAnswer(Record):
    """An account; every address has one. `nonce` counts its transactions in the state read,
    `next_nonce` is for its next one, after those that wait in this node's mempool. `claimable` is
    what it has earned by approving producers and not claimed, in units of the native asset;
    `authority` says whose signatures act for it, `attester` who attests it."""

    account: AccountId
    balances: Annotated[tuple[Holding, ...], AtMost(MAX_PAGE)]
    claimable: Amount
    mana: ManaInfo
    nonce: Counter
    next_nonce: Counter
    authority: Authority
    handle: HandleName | None
    attester: AccountId | None
    at: Place


@part
class TableInfo(Record):
    """A declared table: the names of its key parts in order, and the schema of its rows."""

    table: Name
    sentence: Sentence
    key: Annotated[tuple[Name, ...], AtMost(8)]
    row_schema: AnyObject


@part
class TablesAnswer(Record):
    """All tables of the state."""

    items: Annotated[tuple[TableInfo, ...], AtMost(1024)]


@part
class RowItem(Record):
    """A row of a table; key and row have the form that `/v1/tables` gives."""

    table: Name
    key: AnyObject
    row: AnyObject


@part
class RowsAnswer(Record):
    """Rows in the order of their keys."""

    items: Annotated[tuple[RowItem, ...], AtMost(MAX_PAGE)]
    next: Cursor | None
    at: Place


@part
class RowAnswer(Record):
    """One row, and the block whose state it was read from."""

    item: RowItem
    at: Place


@part
class ProducerInfo(Record):
    """A member of the set. `produced` and `missed` count its slots within the window; `here`:
    this node runs it."""

    producer: AccountId
    key: PublicKey
    name: Name
    here: bool
    produced: Counter
    missed: Counter


@part
class ScheduledSlot(Record):
    """Whose turn a coming slot is, if the set does not change before it."""

    slot: Counter
    time_ms: Counter
    producer: AccountId


@part
class ProducersAnswer(Record):
    """The producer set of the newest block, the rest of the epoch's schedule (at most
    MAX_SCHEDULE slots), and who made the blocks from `first_slot` to `last_slot` (none, if that
    is lower)."""

    dynasty: Counter
    epoch: Counter
    quorum: Counter
    items: Annotated[tuple[ProducerInfo, ...], AtMost(MAX_PRODUCERS)]
    schedule: Annotated[tuple[ScheduledSlot, ...], AtMost(MAX_SCHEDULE)]
    first_slot: Counter
    last_slot: Counter
    at: Place


@part
class ParameterInfo(Record):
    """A parameter's value now and what it may be."""

    name: Name
    value: Amount
    default: Amount
    minimum: Amount
    maximum: Amount
    unit: Name
    sentence: Sentence


@part
class ParametersAnswer(Record):
    """All parameters by name."""

    items: Annotated[tuple[ParameterInfo, ...], AtMost(1024)]
    at: Place


@part
class VideoItem(Record):
    """A version of a published video: its owner, whom it is offered to, the newest version, what
    the chain says of this one, and why nodes do not serve it (null: they do); `here`: its first
    block is in this node's store."""

    cid: Cid
    owner: AccountId
    offered_to: AccountId | None
    newest: Cid
    video: Video
    taken_down: TakenDown | None
    here: bool


@part
class VideosAnswer(Record):
    """A page of published videos."""

    items: Annotated[tuple[VideoItem, ...], AtMost(MAX_PAGE)]
    next: Cursor | None
    at: Place


@part
class VideoAnswer(Record):
    """A version of a published video, and the block whose state it was read from."""

    item: VideoItem
    at: Place


@part
class SpaceItem(Record):
    """A space."""

    name: SpaceName
    space: Space


@part
class SpacesAnswer(Record):
    """A page of spaces, in the order of their names."""

    items: Annotated[tuple[SpaceItem, ...], AtMost(MAX_PAGE)]
    next: Cursor | None
    at: Place


@part
class SpaceAnswer(Record):
    """A space, and the block whose state it was read from."""

    item: SpaceItem
    at: Place


@part
class NameItem(Record):
    """A name in a space: the video that it stands for, by its first version, and the version that
    it resolves to: the newest one; null while the video is another account's than the space."""

    space: SpaceName
    name: VideoName
    video: Cid
    cid: Cid | None


@part
class NamesAnswer(Record):
    """A page of the names in a space, in their order."""

    items: Annotated[tuple[NameItem, ...], AtMost(MAX_PAGE)]
    next: Cursor | None
    at: Place


@part
class NameAnswer(Record):
    """What a name resolves to. `keys` are the state keys of the rows that say so, in hex: those of
    the space, of the name and of the video's first version, as /v1/light/rows proves them."""

    item: VideoItem
    keys: Annotated[tuple[StateKey, ...], AtMost(3, 3)]
    at: Place


@part
class StoredBlockAnswer(Record):
    """A content block that is now in this node's store."""

    cid: Cid
    size_bytes: Counter


@part
class ContentFetchAnswer(Record):
    """How far this node's fetch of a file is: `size_bytes` are null until they are known, and
    `sources` the peers that gave something. `state` is `running`, `whole`, or `failed` for the
    reason given."""

    cid: Cid
    state: Annotated[str, Text(16, 1, "running|whole|failed")]
    reason: Sentence
    done_bytes: Counter
    size_bytes: Counter | None
    sources: Annotated[tuple[PublicKey, ...], AtMost(MAX_FETCH_SOURCES)]


@part
class FinalityItem(Record):
    """A final block; `finality_ms` from the start of its slot until this node held it final."""

    height: Counter
    slot: Counter
    transactions: Counter
    finality_ms: Integer


@part
class FinalityAnswer(Record):
    """The latest blocks that became final on this node since it started, by height."""

    items: Annotated[tuple[FinalityItem, ...], AtMost(MAX_PAGE)]


@part
class PeerItem(Record):
    """A connected node."""

    id: PublicKey
    address: Name
    direction: Name
    connected_ms: Counter
    head_height: Counter | None
    final_height: Counter | None
    round_trip_ms: Counter | None
    clock_offset_ms: Integer | None
    points: Counter
    queued_bytes: Counter


@part
class BannedItem(Record):
    """A node that is kept out."""

    id: PublicKey
    seconds_left: Counter


@part
class PeersAnswer(Record):
    """The nodes that this one is connected to, and those it keeps out. Beyond `max_queued_bytes` in
    all the peer with most is let go; no peer can cost more memory than `max_peer_bytes`."""

    items: Annotated[tuple[PeerItem, ...], AtMost(4096)]
    banned: Annotated[tuple[BannedItem, ...], AtMost(MAX_RECORDS)]
    queued_bytes: Counter
    max_queued_bytes: Counter
    max_peer_bytes: Counter


@part
class ModulesAnswer(Record):
    """The declarations of all modules; see docs/modules.md."""

    items: Annotated[tuple[AnyObject, ...], AtMost(256)]


@part
class ReadyAnswer(Record):
    """Whether the node can serve and, if not, why."""

    ready: bool
    reasons: Annotated[tuple[Sentence, ...], AtMost(64)]
