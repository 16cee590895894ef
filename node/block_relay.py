"""How blocks go round: each as a compact block, put together here, checked, and handed on.

What the header alone decides is judged first: nothing is asked, or held, for a block that its
slot's producer did not sign. A block goes on to other peers only once it is here as a whole, with
the body that its header names, so that whoever relays a block can also give what it is made of.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from consensus.block import Header
from consensus.cid import Cid
from consensus.compact import CompactBlock, compact_block, short_transaction_id
from consensus.errors import Invalid, InvalidBlock
from consensus.record import Record
from consensus.transaction import EncodedTransaction, Transaction
from node.candidate import Candidate, read_block
from node.chain import Screening
from node.compact_block import Find, Puzzle
from node.engine import Engine
from node.peers import Peers
from node.sync.catching_up import Sync
from node.work import Work, ask, blocking, enter
from p2p.handler import Verdict
from p2p.identity import PeerId, short_id
from p2p.messages import (
    MAX_TRANSACTION_IDS,
    MAX_TRANSACTIONS_BYTES,
    Blocks,
    GetBlock,
    GetBlockTransactions,
    Transactions,
    fitting,
)
from p2p.questions import RemoteError, RequestFailed, RequestTimeout
from p2p.scoring import REJECTED_POINTS

MAX_IMPORTS = 64
MAX_WANTED = 16  # blocks of which something is missing
MAX_OFFERS = 4  # different compact forms of one of these; all but one are lies
MAX_QUESTIONS = 8  # that are asked for one of these
MAX_ADOPTIONS = 8
MAX_ORPHANS = 32  # that wait for their parents, the newest of each peer
MAX_RELAYED_PER_SLOT = 2
RELAYED_SLOTS = 256
MAX_BESIDE = 4  # blocks of the head's chain whose transactions one beside them may hold too
LAST_TIMEOUT_MS = 5_000

logger = logging.getLogger("reelect.node")


@dataclass(slots=True)
class CompactCounts:
    """What became of compact blocks: put together `at_once`, after transactions were `asked` for,
    or fetched `whole`; nobody gave what was missing of the `lost`, which catching up brings."""

    at_once: int = 0
    asked: int = 0
    whole: int = 0
    lost: int = 0


@dataclass(frozen=True, slots=True)
class _Offer:
    """A compact block whose transactions are not all known, and the peer that sent it first."""

    peer: PeerId
    compact: CompactBlock


class BlockRelay:
    """Judges compact blocks, brings what is missing, and has what is whole taken in; `spawn` runs
    a Work beside the others."""

    def __init__(
        self,
        engine: Engine,
        sync: Sync,
        peers: Peers,
        *,
        now_ms: Callable[[], int],
        spawn: Callable[[Work[None]], None],
    ) -> None:
        self.counts = CompactCounts()
        self._engine = engine
        self._chain = engine.chain
        self._mempool = engine.mempool
        self._sync = sync
        self._peers = peers
        self._now_ms = now_ms
        self._spawn = spawn
        self._taking: dict[Cid, Candidate] = {}
        self._wanted: dict[Cid, list[_Offer]] = {}
        self._adopting: set[PeerId] = set()
        self._orphans: dict[PeerId, CompactBlock] = {}
        self._relayed: dict[tuple[int, bytes], set[Cid]] = {}

    # Judging

    def judge(self, peer: PeerId, compact: CompactBlock) -> Work[Verdict]:
        """Relay what its producer signed, once it is here with the body that belongs to it.

        The rest of the checks follow, and a block that fails them is no fault of the peer that
        relayed it. Raises Invalid… for what no honest peer relays.
        """
        header, block_id = compact.header, compact.header.id()
        clock = self._chain.clock
        if clock.start_ms(header.slot) - self._now_ms() > clock.slot_ms:
            return Verdict.IGNORE
        screening = self._chain.screen_header(header, compact.signature, block_id)
        if screening is Screening.ORPHAN:
            self._consider_orphan(peer, compact)
        if screening is not Screening.NEW or not self._may_begin(block_id):
            return Verdict.IGNORE
        puzzle = Puzzle(compact, self._finder(header))
        if not self._may_come_unasked(header, block_id):
            return Verdict.IGNORE
        yield from enter(self._engine.see_header(header, block_id, compact.signature))
        candidate = None if puzzle.missing else (yield from blocking(puzzle.solve))
        if candidate is None:
            self._want(peer, compact, block_id)
            return Verdict.IGNORE
        if not self._begin(peer, candidate):
            return Verdict.IGNORE
        self.counts.at_once += 1
        return Verdict.ACCEPT

    def _may_begin(self, block_id: Cid) -> bool:
        return block_id not in self._taking and len(self._taking) < MAX_IMPORTS

    def _may_come_unasked(self, header: Header, block_id: Cid) -> bool:
        """Two blocks a producer and slot at most are taken and go round unasked; a further one
        that counts is asked for when a child names it."""
        blocks = self._relayed.setdefault((header.slot, header.producer or b""), set())
        while len(self._relayed) > RELAYED_SLOTS:
            del self._relayed[next(iter(self._relayed))]
        if len(blocks) < MAX_RELAYED_PER_SLOT:
            blocks.add(block_id)
        return block_id in blocks

    def _finder(self, header: Header) -> Find:
        """Looks for transactions in the mempool; then in the newest blocks of the head's chain
        beside this one, which took theirs out of it."""
        beside: dict[bytes, Transaction] | None = None

        def find(short: bytes) -> EncodedTransaction | None:
            nonlocal beside
            waiting = self._mempool.by_short_id(short)
            if waiting is not None:
                return waiting
            if beside is None:
                beside = {short_transaction_id(i): each for i, each in self._beside(header)}
            found = beside.get(short)
            return None if found is None else EncodedTransaction.of(found)

        return find

    def _beside(self, header: Header) -> Iterator[tuple[bytes, Transaction]]:
        for block in self._chain.head_chain()[-MAX_BESIDE:]:
            if block.placed.height >= header.height and block.whole is not None:
                yield from zip(block.transaction_ids, block.body.transactions, strict=True)

    # Taking in

    def _begin(self, peer: PeerId, candidate: Candidate) -> bool:
        """Take a block in, beside the others; False if it is not the time."""
        if not self._may_begin(candidate.id):
            return False
        self._taking[candidate.id] = candidate
        self._spawn(self._import(peer, candidate))
        return True

    def _import(self, peer: PeerId, candidate: Candidate) -> Work[None]:
        try:
            yield from self._sync.take(candidate)
        except Invalid as error:
            logger.warning("block %s by way of %s: %s", candidate.id, short_id(peer), error)
        else:
            self._take_up(candidate.id)
        finally:
            del self._taking[candidate.id]

    def _consider_orphan(self, peer: PeerId, compact: CompactBlock) -> None:
        """Nothing of an orphan is checked yet: one at a time of each peer, few in all."""
        if peer not in self._adopting and len(self._adopting) < MAX_ADOPTIONS:
            self._adopting.add(peer)
            self._spawn(self._adopt(peer, compact))
        else:
            self._put_off(peer, compact)

    def _put_off(self, peer: PeerId, orphan: CompactBlock) -> None:
        """Gossip comes once: keep an orphan until its parent is here."""
        self._orphans.pop(peer, None)
        self._orphans[peer] = orphan
        if len(self._orphans) > MAX_ORPHANS:
            del self._orphans[next(iter(self._orphans))]

    def _take_up(self, parent: Cid) -> None:
        waiting = [item for item in self._orphans.items() if item[1].header.parent == parent]
        for peer, orphan in waiting:
            del self._orphans[peer]
            self._consider_orphan(peer, orphan)

    def _adopt(self, peer: PeerId, orphan: CompactBlock) -> Work[None]:
        try:
            yield from self._sync.fetch_ancestors(peer, orphan.header)
            if (yield from self.judge(peer, orphan)) is Verdict.ACCEPT:
                self._peers.broadcast(orphan, peer)
        except RequestFailed as error:
            logger.info("parent of %s from %s: %s", orphan.header.id(), short_id(peer), error)
            self._put_off(peer, orphan)
        except Invalid as error:
            self._blame(peer, orphan.header.id(), error)
        finally:
            self._adopting.discard(peer)

    def _blame(self, peer: PeerId, block_id: Cid, error: Invalid) -> None:
        logger.warning("block %s of %s: %s", block_id, short_id(peer), error)
        self._peers.misbehaved(peer, REJECTED_POINTS, str(error))

    # Asking for what is missing

    def _want(self, peer: PeerId, compact: CompactBlock, block_id: Cid) -> None:
        """Ask for a block, soon. Of its forms that differ each is heard, one of each peer."""
        offers = self._wanted.get(block_id)
        if offers is None:
            if len(self._wanted) < MAX_WANTED:
                self._wanted[block_id] = [_Offer(peer, compact)]
                self._spawn(self._obtain(block_id))
        elif len(offers) < MAX_OFFERS and all(offer.peer != peer for offer in offers):
            offers.append(_Offer(peer, compact))

    def _obtain(self, block_id: Cid) -> Work[None]:
        """Bring a block and hand it on, in the form that is its own."""
        try:
            found = yield from self._ask_around(block_id, self._wanted[block_id])
        finally:
            del self._wanted[block_id]
        if found is None:
            self.counts.lost += not self._is_here(block_id)
            return
        peer, candidate = found
        if self._begin(peer, candidate):
            self._peers.broadcast(_compact(candidate), peer)

    def _is_here(self, block_id: Cid) -> bool:
        return block_id in self._taking or self._chain.fork.get(block_id) is not None

    def _ask_around(
        self, block_id: Cid, offers: list[_Offer]
    ) -> Work[tuple[PeerId, Candidate] | None]:
        """Ask the peers that announced the block one after the other, each form in its turn; a
        peer that was slow a second time, when all others were asked, with more patience."""
        asked: Counter[PeerId] = Counter()
        tries: Counter[int] = Counter()
        for _ in range(MAX_QUESTIONS):
            if self._is_here(block_id):
                return None
            sources = [
                (asked[peer], tries[place], place, peer)
                for place, offer in enumerate(offers)
                for peer in dict.fromkeys((offer.peer, *self._peers.holders(offer.compact)))
                if asked[peer] < 2
            ]
            if not sources:
                return None
            before, _, place, peer = min(sources, key=lambda source: source[:3])
            asked[peer] += 1
            tries[place] += 1
            timeout_ms = LAST_TIMEOUT_MS if before else self._chain.clock.slot_ms // 2
            try:
                return peer, (yield from self._ask(peer, offers[place].compact, timeout_ms))
            except RequestTimeout as error:
                logger.info("block %s from %s: %s", block_id, short_id(peer), error)
            except RequestFailed as error:
                asked[peer] = 2
                logger.info("block %s from %s: %s", block_id, short_id(peer), error)
            except Invalid as error:
                asked[peer] = 2
                self._blame(peer, block_id, error)
        return None

    def _ask(self, peer: PeerId, compact: CompactBlock, timeout_ms: int) -> Work[Candidate]:
        """The block from one peer, by its missing transactions if these are few; raises
        RequestFailed, and Invalid… if the peer contradicts itself."""
        puzzle = Puzzle(compact, self._finder(compact.header))
        missing, block_id = puzzle.missing, compact.header.id()
        if 2 * len(missing) <= len(puzzle) and len(missing) <= MAX_TRANSACTION_IDS:
            if missing:
                question = GetBlockTransactions(block_id, missing)
                answer = yield from ask(peer, question, timeout_ms)
                given = answer.transactions if isinstance(answer, Transactions) else ()
                yield from blocking(lambda: puzzle.fill(missing, given))
            candidate = yield from blocking(puzzle.solve)
            if candidate is not None:
                self.counts.asked += 1
                return candidate
        candidate = yield from self._whole(peer, compact, timeout_ms)
        self.counts.whole += 1
        if _compact(candidate).short_ids != compact.short_ids:
            error = InvalidBlock("announced with other transactions", code="body-mismatch")
            self._blame(peer, block_id, error)
        return candidate

    def _whole(self, peer: PeerId, compact: CompactBlock, timeout_ms: int) -> Work[Candidate]:
        header = compact.header
        answer = yield from ask(peer, GetBlock(header.id()), timeout_ms)
        blocks = answer.blocks if isinstance(answer, Blocks) else ()
        if not blocks:
            raise RemoteError("has not the block that it announced")

        def read() -> Candidate:
            candidate = read_block(blocks[0])
            block = candidate.block
            if block.header != header or block.signature != compact.signature:
                raise InvalidBlock("answered with another block than was announced", field="id")
            candidate.check_body()
            return candidate

        return (yield from blocking(read))

    # Answering (in a thread)

    def serve(self, request: GetBlock | GetBlockTransactions) -> Record:
        """Answer for blocks that are here or being taken in; transactions alone are given of those
        that are not final and not buried."""
        if isinstance(request, GetBlockTransactions):
            return self._transactions(request)
        taking = self._taking.get(request.id)
        raw = self._chain.block_bytes(request.id) if taking is None else taking.raw
        return Blocks(() if raw is None else (raw,))

    def _transactions(self, request: GetBlockTransactions) -> Transactions:
        taking, recorded = self._taking.get(request.id), self._chain.recorded(request.id)
        whole = None if recorded is None else recorded.whole
        if taking is not None:
            found = taking.block.body.transactions
        else:
            found = () if whole is None else whole.body.transactions
        if any(place >= len(found) for place in request.places):
            return Transactions(())
        encoded = (found[place].encode() for place in request.places)
        return Transactions(fitting(encoded, MAX_TRANSACTION_IDS, MAX_TRANSACTIONS_BYTES))


def _compact(candidate: Candidate) -> CompactBlock:
    """The compact form of a block whose body is the header's."""
    return compact_block(candidate.raw, candidate.transaction_ids)
