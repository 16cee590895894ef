"""The blocks of one window of proved headers, from all peers that have them (sans-I/O).

The ids are known beforehand, so that whoever sends another block is found out at once, and whoever
sends a body that is not its header's when it is taken in.
"""

import logging
from collections.abc import Callable, Sequence
from typing import TypeAlias

from consensus.cid import Cid
from consensus.errors import Invalid, InvalidBlock
from node.candidate import Candidate, read_block, read_head
from node.chain import Screening
from node.peers import Peers
from node.sync.plan import Arrived, Plan, Span
from node.sync.source import Sources
from node.work import Signal, Work, ask, wait
from p2p.identity import PeerId, short_id
from p2p.messages import Blocks, GetBlocks
from p2p.questions import PeerGone, RequestFailed, RequestTimeout
from p2p.scoring import REJECTED_POINTS

Take: TypeAlias = Callable[[Candidate], Work[Screening]]

logger = logging.getLogger("reelect.sync")


class NoSource(RequestFailed):
    """No peer is left that gives the blocks that are missing."""


class Download:
    """Brings the blocks with these ids, the lowest of which has the height `first`."""

    def __init__(
        self,
        first: int,
        ids: Sequence[Cid],
        sources: Sources,
        peers: Peers,
        *,
        take: Take,
        now_ms: Callable[[], int],
        spawn: Callable[[Work[None]], None],
    ) -> None:
        self._first = first
        self._ids = ids
        self._last = first + len(ids) - 1
        self._sources = sources
        self._peers = peers
        self._take = take
        self._now_ms = now_ms
        self._spawn = spawn
        self._plan = Plan(first, self._last)
        self._useless: set[PeerId] = set()  # they have failed to give what they say they have
        self._answered = Signal()

    def run(self) -> Work[bool]:
        """Take all blocks in, in order; returns whether that was possible now: a block may belong
        to a slot that has yet to come. Raises NoSource."""
        plan = self._plan
        while not plan.is_done:
            self._ask()
            block = plan.take()
            if block is not None:
                if not (yield from self._take_in(block)):
                    return False
            elif plan.is_asking:
                yield from wait(self._answered)
            else:
                raise NoSource(f"no peer gives the block of height {plan.next}")
        return True

    def _ask(self) -> None:
        """Ask everybody for something who can give something and is not asked yet."""
        sources = {peer: self._sources.of(peer) for peer in self._able()}
        quickest_first = sorted(sources.items(), key=lambda item: item[1].usual_ms or 0.0)
        for peer, source in quickest_first:
            span = self._plan.ask(peer, source.final_height, source.window)
            if span is not None:
                self._spawn(self._fetch(peer, span))

    def _able(self) -> list[PeerId]:
        having = self._sources.with_final(self._plan.next)
        able = [peer for peer in having if peer not in self._useless]
        return self._sources.usable(able, self._now_ms())

    def _fetch(self, peer: PeerId, span: Span) -> Work[None]:
        source, asked_ms = self._sources.of(peer), self._now_ms()
        blocks: tuple[bytes, ...] = ()
        try:
            request = GetBlocks(span.first - 1, span.count)
            answer = yield from ask(peer, request, source.timeout_ms)
            blocks = answer.blocks if isinstance(answer, Blocks) else ()
            self._check(span, blocks)
        except RequestTimeout:
            logger.info("%s stalls at height %d", short_id(peer), span.first)
            if source.stalled(self._now_ms()):
                self._useless.add(peer)
        except PeerGone:
            self._useless.add(peer)
            self._sources.forget(peer)
        except RequestFailed as error:
            self._useless.add(peer)
            logger.info("blocks from %s: %s", short_id(peer), error)
        except Invalid as error:
            self._blame(peer, error)
        else:
            self._note(peer, max(0, self._now_ms() - asked_ms), blocks)
            self._plan.came(peer, blocks)
        finally:
            self._plan.failed(peer)
            self._answered.set()

    def _check(self, span: Span, blocks: Sequence[bytes]) -> None:
        if len(blocks) > span.count:
            raise InvalidBlock("more blocks than were asked for")
        for height, raw in zip(range(span.first, span.end), blocks, strict=False):
            if read_head(raw).id != self._ids[height - self._first]:
                raise InvalidBlock(f"is not the final one of height {height}", field="id")

    def _note(self, peer: PeerId, took_ms: int, blocks: Sequence[bytes]) -> None:
        if blocks:
            self._sources.of(peer).answered(took_ms, sum(map(len, blocks)))
        else:
            self._useless.add(peer)

    def _take_in(self, block: Arrived) -> Work[bool]:
        try:
            screening = yield from self._take(read_block(block.raw))
        except Invalid as error:
            self._plan.refuse(block)
            self._blame(block.peer, error)
            return True
        return screening not in (Screening.EARLY, Screening.ORPHAN)

    def _blame(self, peer: PeerId, error: Invalid) -> None:
        """Ask it for nothing more: its blocks are not those that were proved."""
        logger.warning("blocks from %s: %s", short_id(peer), error)
        self._useless.add(peer)
        self._sources.of(peer).leave_out(self._now_ms())
        self._peers.misbehaved(peer, REJECTED_POINTS, str(error))
