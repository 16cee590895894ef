"""Asking neighbours about content: who has it, and for single blocks, each checked as it comes."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import trio

from consensus.cid import Cid
from consensus.errors import Invalid, InvalidProof
from consensus.record import Record
from node.content.providers import Route
from node.content.sources import Sources
from p2p.identity import PeerId, short_id
from p2p.messages import Content, GetContent, Have, WantHave
from p2p.network import PeerInfo
from p2p.questions import RequestFailed, RequestTimeout
from p2p.scoring import REJECTED_POINTS

HAVE_S = 2.0
OTHERS_S = 0.2
MAX_ASKED = 16  # neighbours about one list

logger = logging.getLogger("reelect.content")


class ContentPeers(Protocol):
    """What is needed of the network (p2p.network.Network)."""

    def peers(self) -> Sequence[PeerInfo]:
        """The connected peers."""

    async def request(self, peer: PeerId, message: Record, timeout_s: float) -> Record:
        """A peer's answer; raises RequestFailed."""

    def misbehaved(self, peer: PeerId, points: float, why: str) -> None:
        """Count points against a peer."""


@dataclass(slots=True)
class AskingCounts:
    """Running totals: blocks that came and their bytes, answers without the block, late ones, and
    wrong ones."""

    blocks: int = 0
    bytes: int = 0
    lacking: int = 0
    stalls: int = 0
    wrong: int = 0


class Asking:
    """Questions about content to the neighbours, and what comes of them."""

    def __init__(self, network: ContentPeers) -> None:
        self.network = network
        self.sources = Sources()
        self.counts = AskingCounts()

    async def who_has(self, cid: Cid) -> list[Route]:
        """The neighbours that say they have this block, the best first, and those that cannot be
        asked now. Once there is one, others are waited for a moment only."""
        having: set[PeerId] = set()
        asked = self._best([peer.id for peer in self.network.peers()])[:MAX_ASKED]

        async def ask(peer: PeerId) -> None:
            if (await self.have(peer, (cid,)))[0]:
                having.add(peer)
                soon = trio.current_time() + OTHERS_S
                nursery.cancel_scope.deadline = min(nursery.cancel_scope.deadline, soon)

        async with trio.open_nursery() as nursery:
            for peer in asked:
                now = trio.current_time()
                if self.sources.of(peer, now).have_bucket.take(1, now):
                    nursery.start_soon(ask, peer)
                else:
                    having.add(peer)
        return [Route(peer, 0) for peer in asked if peer in having]

    async def have(self, peer: PeerId, cids: tuple[Cid, ...]) -> list[bool]:
        """Which of these blocks a neighbour says it has; none if it does not answer."""
        size = -(-len(cids) // 8)
        try:
            answer = await self.network.request(peer, WantHave(cids), HAVE_S)
        except RequestFailed as error:
            logger.debug("%s does not say what it has: %s", short_id(peer), error)
            return [False] * len(cids)
        bits = answer.bits if isinstance(answer, Have) else b""
        if len(bits) != size or int.from_bytes(bits, "little") >> len(cids):
            self.blame(peer, InvalidProof("not a bit for each block", field="bits"))
            return [False] * len(cids)
        return [bool(bits[i // 8] >> i % 8 & 1) for i in range(len(cids))]

    async def block(self, route: Route, cid: Cid, root: Cid | None) -> bytes | None:
        """What a neighbour gives for a block, not yet checked; None if it gives nothing.

        Whoever asks has begun with the source, which is ended here.
        """
        now = trio.current_time()
        source = self.sources.of(route.peer, now)
        try:
            question = GetContent((cid,), root, route.hops)
            answer = await self.network.request(route.peer, question, source.timeout_s)
            data = _data_of(answer, cid)
        except RequestTimeout as error:
            self.counts.stalls += 1
            source.stalled(trio.current_time())
            logger.info("content %s: %s", cid, error)
        except RequestFailed as error:
            source.lacked()
            logger.info("content %s of %s: %s", cid, short_id(route.peer), error)
        except Invalid as error:
            self.blame(route.peer, error)
        else:
            if data is not None:
                source.gave(trio.current_time() - now)
                return data
            self.counts.lacking += 1
            source.lacked()
        finally:
            source.end()
        return None

    def took(self, data: bytes) -> None:
        """A block was right, and is kept or handed on."""
        self.counts.blocks += 1
        self.counts.bytes += len(data)

    def blame(self, peer: PeerId, error: Invalid) -> None:
        """A neighbour gave what it cannot take for right."""
        logger.warning("content of %s: %s", short_id(peer), error)
        self.counts.wrong += 1
        self.sources.of(peer, trio.current_time()).leave_out(trio.current_time())
        self.network.misbehaved(peer, REJECTED_POINTS, str(error))

    def _best(self, peers: Sequence[PeerId]) -> list[PeerId]:
        return self.sources.best_first(peers, trio.current_time())


def _data_of(answer: Record, cid: Cid) -> bytes | None:
    """The block in an answer; raises InvalidProof if it is meant for another question."""
    blocks = answer.blocks if isinstance(answer, Content) else ()
    if not blocks:
        return None
    if len(blocks) > 1 or blocks[0].cid != cid:
        raise InvalidProof("other blocks than were asked for", field="blocks")
    return blocks[0].data
