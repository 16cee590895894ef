"""What the node does with what its peers send: judge gossip, answer requests."""

import logging
from collections.abc import Callable

import trio

from consensus.block import MAX_BLOCK_BYTES, Vote
from consensus.errors import Invalid, InvalidSignature, InvalidTransaction
from consensus.headers import check_body_bound
from consensus.record import Record
from consensus.transaction import decode_transaction, transaction_id
from node.candidate import Candidate, read_block
from node.chain import Chain, Screening
from node.importer import Importer
from node.mempool import Mempool, Pending
from node.sync import Sync
from p2p.handler import Verdict
from p2p.identity import PeerId, short_id
from p2p.messages import (
    MAX_BLOCKS,
    MAX_CONTENT_BYTES,
    MAX_TRANSACTION_IDS,
    MAX_TRANSACTIONS_BYTES,
    MAX_VOTES,
    BlockMessage,
    Blocks,
    Content,
    ContentBlock,
    GetBlock,
    GetBlocks,
    GetContent,
    GetTransactions,
    Status,
    TransactionIds,
    Transactions,
    Votes,
    fitting,
)
from p2p.network import Network
from p2p.peer import RequestFailed
from p2p.scoring import REJECTED_POINTS
from storage.content import ContentStore

MAX_IMPORTS = 64
MAX_ADOPTIONS = 8
MAX_FETCHES = 16
MAX_RELAYED_PER_SLOT = 2
RELAYED_SLOTS = 256

logger = logging.getLogger("reelect.node")


def read_pending(data: bytes) -> Pending:
    """Decode a transaction's bytes; raises InvalidEncoding."""
    return Pending(transaction_id(data), decode_transaction(data), len(data))


class PeerHandler:
    """The network's Handler.

    `accepted` is told of transactions that now wait. `network`, `sync` and `nursery`, which
    holds the work that outlives a message, are set before the network runs.
    """

    def __init__(
        self,
        chain: Chain,
        mempool: Mempool,
        importer: Importer,
        content: ContentStore,
        *,
        now_ms: Callable[[], int],
        accepted: Callable[[Pending], None],
    ) -> None:
        self._chain = chain
        self._mempool = mempool
        self._importer = importer
        self._content = content
        self._now_ms = now_ms
        self._accepted = accepted
        self._imports = 0
        self._adopting: set[PeerId] = set()
        self._fetches = trio.CapacityLimiter(MAX_FETCHES)
        self._relayed: dict[tuple[int, bytes], int] = {}
        self.nursery: trio.Nursery
        self.network: Network
        self.sync: Sync

    # Gossip

    def status(self) -> Status:
        """The chain as this node has it."""
        head, final = self._chain.fork.head, self._chain.durable_final
        now_ms = self._now_ms()
        slot = max(self._chain.clock.slot_at(now_ms), 0)
        return Status(head.id, head.height, final.id, final.height, slot, now_ms)

    async def gossip(self, peer: PeerId, message: Record, raw: bytes) -> Verdict:
        """Judge a message that is new to this node."""
        if isinstance(message, BlockMessage):
            return self._judge_block(peer, message.block)
        if isinstance(message, Votes):
            return await self._judge_votes(peer, message)
        if isinstance(message, TransactionIds):
            unknown = tuple(i for i in message.ids if i not in self._mempool)
            if unknown and self._fetches.available_tokens:
                self.nursery.start_soon(self._fetch_transactions, peer, unknown)
            return Verdict.IGNORE
        if isinstance(message, Status):
            self._follow(peer, message)
        return Verdict.IGNORE

    async def _judge_votes(self, peer: PeerId, message: Votes) -> Verdict:
        """Relay the votes that are valid and new: a member's second signature of the same vote,
        or a vote by a producer that is not known here, is no fault, but goes no further."""
        try:
            fresh, bad = await self._importer.add_votes(message.votes)
        except Exception as error:  # a conflict or the own disk: it stops the node, not the peer
            self.nursery.start_soon(_stop, error)
            return Verdict.IGNORE
        if len(fresh) == len(message.votes):
            return Verdict.ACCEPT
        if fresh:
            self.network.broadcast(Votes(tuple(fresh)), peer)
        if bad is not None:
            raise bad
        return Verdict.IGNORE

    def _judge_block(self, peer: PeerId, raw: bytes) -> Verdict:
        """Relay what its producer signed with the body that belongs to it; the rest of the
        checks follow, and a block that fails them is no fault of the peer that relayed it."""
        candidate = read_block(raw)
        clock = self._chain.clock
        if clock.start_ms(candidate.header.slot) - self._now_ms() > clock.slot_ms:
            return Verdict.IGNORE
        screening = self._chain.screen(candidate)
        if screening is Screening.ORPHAN:
            self._consider_orphan(peer, candidate)
        if screening is not Screening.NEW or self._imports >= MAX_IMPORTS:
            return Verdict.IGNORE
        check_body_bound(candidate.header, candidate.block.body, candidate.transactions)
        if not self._may_come_unasked(candidate):
            return Verdict.IGNORE
        self._imports += 1
        self.nursery.start_soon(self._import, peer, candidate)
        return Verdict.ACCEPT

    def _consider_orphan(self, peer: PeerId, orphan: Candidate) -> None:
        """Nothing of an orphan is checked yet: one at a time of each peer, few in all."""
        if peer not in self._adopting and len(self._adopting) < MAX_ADOPTIONS:
            self._adopting.add(peer)
            self.nursery.start_soon(self._adopt, peer, orphan)

    def _may_come_unasked(self, candidate: Candidate) -> bool:
        """Two blocks a producer and slot at most are taken and go round unasked; a further one
        that counts is asked for when a child names it."""
        place = (candidate.header.slot, candidate.header.producer or b"")
        self._relayed[place] = self._relayed.get(place, 0) + 1
        while len(self._relayed) > RELAYED_SLOTS:
            del self._relayed[next(iter(self._relayed))]
        return self._relayed[place] <= MAX_RELAYED_PER_SLOT

    async def _import(self, peer: PeerId, candidate: Candidate) -> None:
        try:
            await self._importer.add_block(candidate)
        except Invalid as error:
            logger.warning("block %s by way of %s: %s", candidate.id, short_id(peer), error)
        finally:
            self._imports -= 1

    async def _adopt(self, peer: PeerId, orphan: Candidate) -> None:
        try:
            await self.sync.fetch_ancestors(peer, orphan)
        except RequestFailed as error:
            logger.info("parent of %s from %s: %s", orphan.id, short_id(peer), error)
        except Invalid as error:
            logger.warning("ancestors of %s from %s: %s", orphan.id, short_id(peer), error)
            self.network.misbehaved(peer, REJECTED_POINTS, str(error))
        finally:
            self._adopting.discard(peer)

    def _follow(self, peer: PeerId, status: Status) -> None:
        ahead = status.head_height > self._chain.fork.head.height + 1
        if ahead or status.final_height > self._chain.durable_final.height + 1:
            self.sync.want(peer)

    # Transactions

    async def submit(self, data: bytes, exclude: PeerId | None = None) -> bytes:
        """Check a transaction, let it wait and announce it; its id. Raises Invalid…."""
        pending = read_pending(data)
        if pending.id in self._mempool:
            return pending.id
        self._chain.check_transaction(pending)
        next_nonce = self._chain.next_nonce(pending.transaction.sender)
        next_height = self._chain.fork.head.height + 1
        self._mempool.add(pending, next_nonce=next_nonce, next_height=next_height)
        self._accepted(pending)
        self.network.broadcast(TransactionIds((pending.id,)), exclude)
        return pending.id

    async def _fetch_transactions(self, peer: PeerId, ids: tuple[bytes, ...]) -> None:
        async with self._fetches:
            try:
                answer = await self.network.request(peer, GetTransactions(ids))
            except RequestFailed as error:
                logger.info("transactions from %s: %s", short_id(peer), error)
                return
            if not isinstance(answer, Transactions):
                return
            for data in answer.transactions:
                await self._take_transaction(peer, data)
                await trio.lowlevel.checkpoint()

    async def _take_transaction(self, peer: PeerId, data: bytes) -> None:
        try:
            await self.submit(data, exclude=peer)
        except Invalid as error:
            honest = isinstance(error, InvalidTransaction) and error.code != InvalidSignature.code
            if honest:  # what does not fit here may well fit the peer's head
                logger.debug("transaction from %s: %s", short_id(peer), error)
                return
            logger.warning("transaction from %s: %s", short_id(peer), error)
            self.network.misbehaved(peer, REJECTED_POINTS, str(error))

    # Requests

    async def serve(self, peer: PeerId, request: Record) -> Record | None:
        """Answer a request with what this node has."""
        if isinstance(request, GetBlocks):
            blocks = await trio.to_thread.run_sync(self._blocks_after, request.after_height)
            return Blocks(fitting(blocks, request.limit, MAX_BLOCK_BYTES))
        if isinstance(request, GetBlock):
            raw = self._chain.block_bytes(request.id)
            return Blocks(() if raw is None else (raw,))
        if isinstance(request, GetTransactions):
            known = (self._mempool.get(i) for i in request.ids)
            found = (item.transaction.encode() for item in known if item is not None)
            return Transactions(fitting(found, MAX_TRANSACTION_IDS, MAX_TRANSACTIONS_BYTES))
        if isinstance(request, GetContent):
            return await trio.to_thread.run_sync(self._content_blocks, request)
        return None

    def _blocks_after(self, height: int) -> list[bytes]:
        chain = self._chain.head_chain()  # first: a block that becomes final meanwhile is in both
        blocks = self._chain.blocks.final_blocks(height + 1, MAX_BLOCKS)
        for item in chain:
            if item.placed.height == height + len(blocks) + 1:
                blocks.append(item.raw)
        return blocks

    def _content_blocks(self, request: GetContent) -> Content:
        found: list[ContentBlock] = []
        room = MAX_CONTENT_BYTES
        for cid in request.cids:
            data = self._content.get(cid)
            if data is None or len(data) > room:
                continue
            room -= len(data)
            found.append(ContentBlock(cid, data))
        return Content(tuple(found))

    # Connections

    def connected(self, peer: PeerId) -> None:
        """Tell a new peer what it may have missed: votes for the best blocks, transactions."""
        fork = self._chain.fork
        votes: dict[Vote, None] = {}
        for block in (fork.justified, fork.head):
            votes |= dict.fromkeys(self._chain.votes_of(block))
        if votes:
            self.network.send(peer, Votes(tuple(votes)[:MAX_VOTES]))
        waiting = [item.id for item in self._mempool.ready(self._chain.next_nonce)]
        if waiting:
            self.network.send(peer, TransactionIds(tuple(waiting[:MAX_TRANSACTION_IDS])))

    def disconnected(self, peer: PeerId) -> None:
        """Nothing is kept for a peer here."""


async def _stop(error: Exception) -> None:
    raise error
