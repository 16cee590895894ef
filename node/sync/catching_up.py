"""Catching up: what others have made final, window by window, and what they have above it.

Nothing here is trusted. A window is a line of headers that a quorum's certificate proves final;
its blocks then may come from anybody. What is not final yet comes whole from one peer, and each
block is checked like any other. A peer's claims only decide whom to ask; that it is ahead it has
to prove.
"""

import logging
from collections.abc import Callable

from consensus.block import MAX_BLOCK_BYTES, Header
from consensus.cid import Cid
from consensus.errors import Invalid, InvalidBlock, InvalidProof
from consensus.finality_proof import FinalityProof
from node.candidate import Candidate, read_block
from node.chain import Screening
from node.engine import Engine
from node.peers import Peers
from node.query.answers import SyncProgress
from node.sync.download import Download
from node.sync.progress import Journey
from node.sync.source import Sources
from node.work import Work, ask, enter, pause
from p2p.identity import PeerId, short_id
from p2p.messages import (
    MAX_BLOCKS,
    MAX_HEADERS,
    Blocks,
    GetBlock,
    GetBlocks,
    GetFinality,
    GetHeaders,
    Status,
)
from p2p.questions import RemoteError, RequestFailed, RequestTimeout
from p2p.scoring import REJECTED_POINTS

WINDOW_MS = 6_000  # how long one peer may take to give a window of headers
MAX_ANCESTORS = 64
MAX_ANCESTOR_BYTES = 8 * MAX_BLOCK_BYTES  # held until the oldest can be checked

logger = logging.getLogger("reelect.sync")


class Sync:
    """One catch-up at a time, led by each peer that claims to be ahead in turn.

    `behind` says that the peer that leads has proved a final block beyond the own one: nothing
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
        self._sources = Sources()
        self._wanted: dict[PeerId, None] = {}  # in turn, so that none can crowd the others out
        self._journey: Journey | None = None  # while it runs
        self.behind = False

    @property
    def progress(self) -> SyncProgress | None:
        """How far it is, None if there is little or nothing to catch up with. What peers claim
        counts as far as there were slots for it."""
        if self._journey is None:
            return None
        final, now_ms = self._chain.durable_final, self._now_ms()
        most = final.height + max(self._chain.clock.slot_at(now_ms) - final.slot, 0)
        target = min(self._sources.highest_final(), most)
        return self._journey.progress(final.height, target, now_ms)

    def heard(self, peer: PeerId, status: Status) -> None:
        """Note how far a peer says that it is."""
        self._sources.of(peer).final_height = status.final_height

    def forget(self, peer: PeerId) -> None:
        """A peer is gone."""
        self._sources.forget(peer)

    def want(self, peer: PeerId) -> None:
        """Ask `peer` for what is missing, soon."""
        self._wanted[peer] = None
        if self._journey is None:
            self._journey = Journey(self._chain.durable_final.height, self._now_ms())
            self._spawn(self._run())

    def _run(self) -> Work[None]:
        try:
            while self._wanted:
                peer = self._sources.usable(self._wanted, self._now_ms())[0]
                del self._wanted[peer]
                yield from self._follow(peer)
        finally:
            self._journey = None

    def _follow(self, peer: PeerId) -> Work[None]:
        before = self._chain.durable_final.height
        try:
            yield from self._catch_up(peer)
        except RequestFailed as error:
            logger.info("catching up with %s: %s", short_id(peer), error)
            if isinstance(error, RequestTimeout):
                self._sources.of(peer).stalled(self._now_ms())
            if self._chain.durable_final.height > before:  # others may lead on at once
                ahead = self._sources.with_final(self._chain.durable_final.height + 2)
                self._wanted |= dict.fromkeys(ahead)
        except Invalid as error:
            logger.warning("catching up with %s: %s", short_id(peer), error)
            self._sources.of(peer).leave_out(self._now_ms())
            self._peers.misbehaved(peer, REJECTED_POINTS, str(error))
        finally:
            self.behind = False

    def _catch_up(self, peer: PeerId) -> Work[None]:
        while True:
            proof = yield from self._prove(peer)
            if proof is not None and (yield from self._reach(peer, proof)):
                continue
            if not (yield from self._take_newer(peer)):
                return

    # What is final

    def _prove(self, peer: PeerId) -> Work[FinalityProof | None]:
        """The next window, if the peer proves that a block beyond the own final one is final."""
        height = self._chain.durable_final.height
        try:
            answer = yield from ask(peer, GetHeaders(height, MAX_HEADERS), WINDOW_MS)
        except RemoteError:  # nothing more is final there, but there may be blocks
            self.behind = False
            return None
        if not isinstance(answer, FinalityProof):
            self.behind = False
            return None
        self.behind = yield from enter(self._engine.take_proof(answer))
        if not self.behind:
            return None
        if answer.lowest.height > height + 1:
            raise InvalidProof("does not reach down to what was asked for", field="headers")
        source = self._sources.of(peer)
        source.final_height = max(source.final_height, answer.final.height)
        return answer

    def _reach(self, peer: PeerId, proof: FinalityProof) -> Work[bool]:
        """Take in what the window lacks here, or, if it lacks nothing, have its certificate count;
        returns whether that was possible."""
        final = self._chain.durable_final.height
        ids = [*[_parent(header) for header in proof.headers[:-1]][::-1], proof.final.id()]
        lowest = proof.lowest.height
        while ids and (lowest <= final or self._chain.fork.get(ids[0]) is not None):
            lowest, ids = lowest + 1, ids[1:]
        if not ids:
            return (yield from self._seal(peer, proof))
        download = Download(
            lowest,
            ids,
            self._sources,
            self._peers,
            take=self._take_and_tell,
            now_ms=self._now_ms,
            spawn=self._spawn,
        )
        return (yield from download.run())

    def _take_and_tell(self, candidate: Candidate) -> Work[Screening]:
        screening = yield from self.take(candidate)
        self._tell()
        return screening

    def _tell(self) -> None:
        """Have the log hear of it, now and then."""
        progress = self.progress
        if progress is not None and self._journey and self._journey.is_time_to_say(self._now_ms()):
            logger.info("catching up: %s", progress.sentence)

    def _seal(self, peer: PeerId, proof: FinalityProof) -> Work[bool]:
        """Have the certificate count: its block, above the window, has to be known for that."""
        target = proof.target.id()
        if self._chain.fork.get(target) is None:
            newest = yield from self._block(peer, target)
            line = yield from self._line_to(peer, newest.header)
            for candidate in () if line is None else (*line, newest):
                yield from self.take(candidate)
        self.behind = yield from enter(self._engine.take_proof(proof))
        return not self.behind

    # What is not final yet

    def _take_newer(self, peer: PeerId) -> Work[bool]:
        """Take the peer's blocks above the last one that is known here too, as many as one answer
        has; returns whether any was new."""
        height, blocks = yield from self._meet(peer)
        new = 0
        while blocks and not new:
            for raw in blocks:
                candidate = read_block(raw)
                if candidate.header.height != height + 1:
                    raise InvalidBlock("does not follow", field="header.height")
                height = candidate.header.height
                screening = yield from self.take(candidate)
                new += screening is Screening.NEW
                if screening in (Screening.ORPHAN, Screening.STALE, Screening.EARLY):
                    return False
            if not new:
                blocks = yield from self._blocks_after(peer, height, MAX_BLOCKS)
        return bool(new)

    def _meet(self, peer: PeerId) -> Work[tuple[int, tuple[bytes, ...]]]:
        """A height and blocks of the peer above it, the first of which has its parent here; no
        blocks if there are none above the final block.

        It looks from the head down by growing steps: in a long stall most is known on both sides.
        """
        final, head = self._chain.durable_final.height, self._chain.fork.head.height
        height, step, limit = head, 1, MAX_BLOCKS
        while True:
            blocks = yield from self._blocks_after(peer, height, limit)
            parent = read_block(blocks[0]).header.parent if blocks else None
            if parent is not None and self._chain.fork.get(parent) is not None:
                return height, blocks
            if height <= final:
                return height, ()
            height, step, limit = max(height - step, final), 2 * step, 1

    def _blocks_after(self, peer: PeerId, height: int, limit: int) -> Work[tuple[bytes, ...]]:
        answer = yield from ask(peer, GetBlocks(height, limit))
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

    def fetch_ancestors(self, peer: PeerId, orphan: Header) -> Work[None]:
        """Bring the unknown ancestors of a block by id.

        A gap of more than MAX_ANCESTORS or MAX_ANCESTOR_BYTES is left to catching up, and so is a
        block that forks off below the final one: the peer may prove why. Raises RequestFailed,
        and Invalid… for bad blocks.
        """
        line = yield from self._line_to(peer, orphan)
        if line is None:
            self.want(peer)
            return
        for candidate in line:
            yield from self.take(candidate)

    def _line_to(self, peer: PeerId, orphan: Header) -> Work[list[Candidate] | None]:
        """The unknown ancestors of a block, the oldest first; None if these are too many or do
        not lead to a known block above the final one."""
        missing: list[Candidate] = []
        at = orphan
        while at.parent is not None and self._chain.fork.get(at.parent) is None:
            held = sum(len(candidate.raw) for candidate in missing)
            if len(missing) >= MAX_ANCESTORS or held > MAX_ANCESTOR_BYTES:
                return None
            if at.height <= self._chain.durable_final.height + 1:
                return None
            missing.append((yield from self._block(peer, at.parent)))
            at = missing[-1].header
        return missing[::-1]

    def _block(self, peer: PeerId, block_id: Cid) -> Work[Candidate]:
        answer = yield from ask(peer, GetBlock(block_id))
        blocks = answer.blocks if isinstance(answer, Blocks) else ()
        if len(blocks) != 1:
            raise RemoteError("has not the parent of a block that it sent")
        candidate = read_block(blocks[0])
        if candidate.id != block_id:
            raise InvalidBlock("answered with another block than was asked for", field="id")
        return candidate


def _parent(header: Header) -> Cid:
    if header.parent is None:
        raise InvalidProof("genesis needs no proof", field="headers")
    return header.parent
