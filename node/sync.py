"""Catching up: blocks of a peer that is ahead, in order, until there is nothing new.

Nothing here is trusted: each block is checked like any other. A peer's claims only decide whom
to ask; that it is ahead it has to prove.
"""

import logging
from collections.abc import Callable

from consensus.block import MAX_BLOCK_BYTES
from consensus.cid import Cid
from consensus.errors import Invalid, InvalidBlock
from consensus.finality_proof import FinalityProof
from node.candidate import Candidate, read_block
from node.chain import Screening
from node.engine import Engine
from node.peers import Peers
from node.work import Work, ask, enter, pause
from p2p.identity import PeerId, short_id
from p2p.messages import MAX_BLOCKS, Blocks, GetBlock, GetBlocks, GetFinality
from p2p.questions import RemoteError, RequestFailed
from p2p.scoring import REJECTED_POINTS

MAX_ANCESTORS = 64
MAX_ANCESTOR_BYTES = 8 * MAX_BLOCK_BYTES  # held until the oldest can be checked

logger = logging.getLogger("reelect.sync")


class Sync:
    """One catch-up at a time, from each peer that claims to be ahead in turn.

    `behind` says that the peer being asked has proved a final block beyond the own one: nothing
    may be signed then (FINALITY: Journal and restart). `spawn` runs a Work beside the others.
    """

    def __init__(
        self,
        engine: Engine,
        peers: Peers,
        *,
        now_ms: Callable[[], int],
        spawn: Callable[[Work[None]], None],
    ) -> None:
        self._engine = engine
        self._chain = engine.chain
        self._peers = peers
        self._now_ms = now_ms
        self._spawn = spawn
        self._wanted: dict[PeerId, None] = {}  # in turn, so that none can crowd the others out
        self._is_running = False
        self.behind = False

    def want(self, peer: PeerId) -> None:
        """Ask `peer` for what is missing, soon."""
        self._wanted[peer] = None
        if not self._is_running:
            self._is_running = True
            self._spawn(self._run())

    def _run(self) -> Work[None]:
        try:
            while self._wanted:
                peer = next(iter(self._wanted))
                del self._wanted[peer]
                yield from self._ask_one(peer)
        finally:
            self._is_running = False

    def _ask_one(self, peer: PeerId) -> Work[None]:
        try:
            yield from self._catch_up(peer)
        except RequestFailed as error:
            logger.info("catching up from %s: %s", short_id(peer), error)
        except Invalid as error:
            logger.warning("catching up from %s: %s", short_id(peer), error)
            self._peers.misbehaved(peer, REJECTED_POINTS, str(error))
        finally:
            self.behind = False

    def _catch_up(self, peer: PeerId) -> Work[None]:
        height = self._chain.durable_final.height
        while True:
            yield from self._see_whether_behind(peer)
            blocks = yield from self._blocks_after(peer, height)
            if not blocks:
                return
            new = 0
            for raw in blocks:
                candidate = read_block(raw)
                if candidate.header.height != height + 1:
                    raise InvalidBlock("does not follow", field="header.height")
                height = candidate.header.height
                screening = yield from self.take(candidate)
                new += screening is Screening.NEW
                if screening in (Screening.ORPHAN, Screening.STALE, Screening.EARLY):
                    return
            if new:
                logger.info("took %d blocks from %s, up to height %d", new, short_id(peer), height)

    def _see_whether_behind(self, peer: PeerId) -> Work[None]:
        try:
            answer = yield from ask(peer, GetFinality(self._chain.durable_final.height + 1))
        except RemoteError:  # nothing more is final there, but there may be blocks
            self.behind = False
            return
        self.behind = isinstance(answer, FinalityProof) and (
            yield from enter(self._engine.take_proof(answer))
        )

    def _blocks_after(self, peer: PeerId, height: int) -> Work[tuple[bytes, ...]]:
        answer = yield from ask(peer, GetBlocks(height, MAX_BLOCKS))
        return answer.blocks if isinstance(answer, Blocks) else ()

    def compare(self, peer: PeerId, height: int) -> Work[None]:
        """Have a peer prove that another block than here is final at a height; its word alone
        means nothing. Raises ConflictingFinality if it can."""
        try:
            answer = yield from ask(peer, GetFinality(height))
            if isinstance(answer, FinalityProof):
                yield from enter(self._engine.take_proof(answer))
        except RequestFailed as error:
            logger.info("a proof from %s: %s", short_id(peer), error)
        except Invalid as error:
            logger.warning("a proof from %s: %s", short_id(peer), error)
            self._peers.misbehaved(peer, REJECTED_POINTS, str(error))

    def take(self, candidate: Candidate) -> Work[Screening]:
        """Take a block in; raises Invalid… for a bad one.

        One that is early by up to a slot is held until its slot begins, less the allowed skew;
        a still earlier one is ignored (FINALITY: valid block), wherever it came from.
        """
        clock = self._chain.clock
        early_ms = clock.start_ms(candidate.header.slot) - self._now_ms()
        if early_ms > clock.slot_ms:
            return Screening.EARLY
        yield from pause(early_ms - clock.skew_ms)
        return (yield from enter(self._engine.add_block(candidate, self._now_ms())))

    def fetch_ancestors(self, peer: PeerId, orphan: Candidate) -> Work[None]:
        """Bring the unknown ancestors of a block by id, then the block itself.

        A gap of more than MAX_ANCESTORS or MAX_ANCESTOR_BYTES is left to catching up. Raises
        RequestFailed, and Invalid… for bad blocks.
        """
        missing = [orphan]
        while (parent := missing[-1].header.parent) is not None:
            if self._chain.fork.get(parent) is not None:
                break
            if missing[-1].header.height <= self._chain.durable_final.height + 1:
                self.want(peer)  # it forks off below the final block: the peer may prove why
                return
            held = sum(len(candidate.raw) for candidate in missing)
            if len(missing) > MAX_ANCESTORS or held > MAX_ANCESTOR_BYTES:
                self.want(peer)
                return
            missing.append((yield from self._block(peer, parent)))
        for candidate in reversed(missing):
            yield from self.take(candidate)

    def _block(self, peer: PeerId, block_id: Cid) -> Work[Candidate]:
        answer = yield from ask(peer, GetBlock(block_id))
        blocks = answer.blocks if isinstance(answer, Blocks) else ()
        if len(blocks) != 1:
            raise RemoteError("has not the parent of a block that it sent")
        candidate = read_block(blocks[0])
        if candidate.id != block_id:
            raise InvalidBlock("answered with another block than was asked for", field="id")
        return candidate
