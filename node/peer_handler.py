"""What the node does with what its peers send: the consensus part is Exchange's, that of
snapshots SnapshotService's, that of content ContentExchange's; here are transactions."""

import logging
from collections.abc import Callable

import trio

from consensus.compact import CompactBlock
from consensus.errors import Invalid, InvalidSignature, InvalidTransaction
from consensus.evidence import Evidence
from consensus.mail import Deletion, Envelope
from consensus.record import Record
from consensus.transaction import EncodedTransaction, transaction_id
from node.chain import Chain
from node.content.exchange import ContentExchange
from node.driver import Driver
from node.exchange import Exchange
from node.mail.exchange import MailExchange
from node.mempool import Mempool
from node.snapshots.service import SnapshotService
from node.trial import check_transaction, nonce_at_head
from node.wanted import WantedTransactions
from node.work import Work
from p2p.handler import Verdict
from p2p.identity import PeerId, short_id
from p2p.mail import GetMail, GetMailIds
from p2p.messages import (
    MAX_TRANSACTION_IDS,
    MAX_TRANSACTIONS_BYTES,
    GetTransactions,
    Status,
    TransactionIds,
    Transactions,
    Votes,
    fitting,
)
from p2p.questions import RequestFailed
from p2p.scoring import REJECTED_POINTS
from storage.errors import StorageError

FETCH_TIMEOUT_S = 2.0

logger = logging.getLogger("reelect.node")


class PeerHandler:
    """The network's Handler.

    `accepted` is told of transactions that now wait; without `snapshots` none are served, and
    without `mail` none is taken.
    """

    def __init__(
        self,
        chain: Chain,
        mempool: Mempool,
        exchange: Exchange,
        driver: Driver,
        content: ContentExchange,
        *,
        now_ms: Callable[[], int],
        accepted: Callable[[EncodedTransaction], None],
        snapshots: SnapshotService | None = None,
        mail: MailExchange | None = None,
    ) -> None:
        self._chain = chain
        self._mempool = mempool
        self._exchange = exchange
        self._driver = driver
        self._content = content
        self._now_ms = now_ms
        self._accepted = accepted
        self._snapshots = snapshots
        self._mail = mail
        self._wanted = WantedTransactions()

    # Gossip

    def status(self) -> Status:
        """The chain as this node has it."""
        head, final = self._chain.fork.head, self._chain.durable_final
        now_ms = self._now_ms()
        slot = max(self._chain.clock.slot_at(now_ms), 0)
        return Status(head.id, head.height, final.id, final.height, slot, now_ms)

    async def gossip(self, peer: PeerId, message: Record, raw: bytes) -> Verdict:
        """Judge a message that is new to this node."""
        if isinstance(message, CompactBlock):
            return await self._judge(self._exchange.judge_block(peer, message))
        if isinstance(message, Votes):
            return await self._judge(self._exchange.judge_votes(peer, message))
        if isinstance(message, Evidence):
            return await self._judge(self._exchange.judge_evidence(message))
        if isinstance(message, TransactionIds):
            self._wanted.add(peer, (i for i in message.ids if i not in self._mempool))
            self._ask_for_transactions()
            return Verdict.IGNORE
        if isinstance(message, Status):
            self._exchange.follow(peer, message)
        if self._mail is not None and isinstance(message, Envelope | Deletion):
            return self._judge_mail(self._mail, message)
        return Verdict.IGNORE

    async def _judge(self, work: Work[Verdict]) -> Verdict:
        try:
            return await self._driver.run(work)
        except Invalid:
            raise
        except Exception as error:  # a conflict or the own disk: it stops the node, not the peer
            self._driver.nursery.start_soon(_stop, error)
            return Verdict.IGNORE

    def _judge_mail(self, mail: MailExchange, message: Envelope | Deletion) -> Verdict:
        try:
            return mail.gossip(message)
        except StorageError as error:
            self._driver.nursery.start_soon(_stop, error)
            return Verdict.IGNORE

    # Transactions

    async def submit(self, data: bytes, exclude: PeerId | None = None) -> bytes:
        """Check a transaction, let it wait and announce it; its id. Raises Invalid…."""
        pending = EncodedTransaction.read(data)
        if pending.id in self._mempool:
            return pending.id
        check_transaction(self._chain, pending)
        next_nonce = nonce_at_head(self._chain, pending.transaction.sender)
        next_height = self._chain.fork.head.height + 1
        self._mempool.add(pending, next_nonce=next_nonce, next_height=next_height)
        self._accepted(pending)
        self._driver.network.broadcast(TransactionIds((pending.id,)), exclude)
        return pending.id

    def _ask_for_transactions(self) -> None:
        for peer, ids in self._wanted.questions():
            self._driver.nursery.start_soon(self._fetch_transactions, peer, ids)

    async def _fetch_transactions(self, peer: PeerId, ids: tuple[bytes, ...]) -> None:
        given: set[bytes] = set()
        try:
            given |= await self._transactions_of(peer, ids)
        except RequestFailed as error:
            logger.info("transactions from %s: %s", short_id(peer), error)
        finally:
            self._wanted.answered(peer, given)
        self._ask_for_transactions()

    async def _transactions_of(self, peer: PeerId, ids: tuple[bytes, ...]) -> set[bytes]:
        """Take what a peer gives of these; returns the ids of that, whether it may wait or not."""
        given = {identity for identity in ids if identity in self._mempool}
        wanted = dict.fromkeys(identity for identity in ids if identity not in given)
        if not wanted:
            return given
        network = self._driver.network
        answer = await network.request(peer, GetTransactions(tuple(wanted)), FETCH_TIMEOUT_S)
        for data in answer.transactions if isinstance(answer, Transactions) else ():
            identity = transaction_id(data)
            if identity not in wanted:
                network.misbehaved(peer, REJECTED_POINTS, "a transaction that was not asked for")
                break
            given.add(identity)
            await self._take_transaction(peer, data)
            await trio.lowlevel.checkpoint()
        return given

    async def _take_transaction(self, peer: PeerId, data: bytes) -> None:
        try:
            await self.submit(data, exclude=peer)
        except Invalid as error:
            honest = isinstance(error, InvalidTransaction) and error.code != InvalidSignature.code
            if honest:  # what does not fit here may well fit the peer's head
                logger.debug("transaction from %s: %s", short_id(peer), error)
                return
            logger.warning("transaction from %s: %s", short_id(peer), error)
            self._driver.network.misbehaved(peer, REJECTED_POINTS, str(error))

    # Requests

    async def serve(self, peer: PeerId, request: Record) -> Record | None:
        """Answer a request with what this node has."""
        if isinstance(request, GetTransactions):
            known = (self._mempool.get(i) for i in request.ids)
            found = (item.data for item in known if item is not None)
            return Transactions(fitting(found, MAX_TRANSACTION_IDS, MAX_TRANSACTIONS_BYTES))
        if self._mail is not None and isinstance(request, GetMailIds | GetMail):
            return self._mail.serve(request)
        answer = await self._content.serve(peer, request)
        return await trio.to_thread.run_sync(self._read, request) if answer is None else answer

    def _read(self, request: Record) -> Record | None:
        found = None if self._snapshots is None else self._snapshots.serve(request)
        return self._exchange.serve(request) if found is None else found

    # Connections

    def connected(self, peer: PeerId) -> None:
        """Tell a new peer what it may have missed."""
        self._content.connected(peer)
        if self._mail is not None:
            self._mail.connected(peer)
        for message in self._exchange.greeting():
            self._driver.network.send(peer, message)
        waiting = [
            item.id for item in self._mempool.ready(lambda key: nonce_at_head(self._chain, key))
        ]
        if waiting:
            self._driver.network.send(peer, TransactionIds(tuple(waiting[:MAX_TRANSACTION_IDS])))

    def disconnected(self, peer: PeerId) -> None:
        """Nothing more is expected of it; others are asked for what it announced."""
        self._exchange.forget(peer)
        self._content.disconnected(peer)
        self._wanted.gone(peer)
        self._ask_for_transactions()


async def _stop(error: Exception) -> None:
    raise error
