"""A content block from this node or from its peers, whoever gives it first.

The peers are asked one after the other, each a moment after the one before: who is silent holds a
block up for that moment only. Who has failed to give a block is asked after those who have not.
"""

import logging
from collections.abc import Sequence
from typing import Protocol

import trio

from consensus.cid import Cid
from consensus.errors import Invalid, InvalidProof
from consensus.record import Record
from consensus.unixfs import check_content_block
from p2p.identity import PeerId, short_id
from p2p.messages import Content, GetContent
from p2p.network import PeerInfo
from p2p.questions import RequestFailed
from p2p.scoring import REJECTED_POINTS
from storage.content import ContentStore, ContentStoreFull

ANSWER_S = 10.0
HEDGE_S = 0.5  # then the next peer is asked too
MAX_ASKED = 8  # peers for one block

logger = logging.getLogger("reelect.node")


class ContentPeers(Protocol):
    """What is needed of the network (p2p.network.Network)."""

    def peers(self) -> Sequence[PeerInfo]:
        """The connected peers."""

    async def request(self, peer: PeerId, message: Record, timeout_s: float) -> Record:
        """A peer's answer; raises RequestFailed."""

    def misbehaved(self, peer: PeerId, points: float, why: str) -> None:
        """Count points against a peer."""


class ContentFetch:
    """Brings content blocks into the store, one for each call; calls may run side by side."""

    def __init__(self, store: ContentStore, network: ContentPeers) -> None:
        self._store = store
        self._network = network
        self._failures: dict[PeerId, int] = {}  # of each peer since it last gave a block

    async def fetch(self, cid: Cid) -> bytes | None:
        """The block, kept here from now on if there is room; None if nobody has it."""
        data = await trio.to_thread.run_sync(self._store.get, cid)
        if data is not None:
            return data
        data = await self._from_peers(cid)
        if data is not None:
            try:
                await trio.to_thread.run_sync(self._store.put, cid, data)
            except ContentStoreFull as error:
                logger.warning("block %s is handed on and not kept: %s", cid, error)
        return data

    async def _from_peers(self, cid: Cid) -> bytes | None:
        found: list[bytes] = []
        async with trio.open_nursery() as nursery:

            async def ask(peer: PeerId, settled: trio.Event) -> None:
                data = await self._ask(peer, cid)
                if data is not None:
                    found.append(data)
                    nursery.cancel_scope.cancel()
                settled.set()

            for peer in self._in_turn():
                settled = trio.Event()
                nursery.start_soon(ask, peer, settled)
                with trio.move_on_after(HEDGE_S):
                    await settled.wait()
        return found[0] if found else None

    def _in_turn(self) -> list[PeerId]:
        """The peers to ask, in this order."""
        known = self._failures
        self._failures = {peer.id: known.get(peer.id, 0) for peer in self._network.peers()}
        return sorted(self._failures, key=self._failures.__getitem__)[:MAX_ASKED]

    async def _ask(self, peer: PeerId, cid: Cid) -> bytes | None:
        """The block from this peer. Who is not done when another has given it has failed, too."""
        data: bytes | None = None
        try:
            answer = await self._network.request(peer, GetContent((cid,)), ANSWER_S)
            data = _block_of(answer, cid)
        except RequestFailed as error:
            logger.info("content %s of %s: %s", cid, short_id(peer), error)
        except Invalid as error:
            logger.warning("content %s of %s: %s", cid, short_id(peer), error)
            self._network.misbehaved(peer, REJECTED_POINTS, str(error))
        finally:
            self._failures[peer] = 0 if data is not None else self._failures.get(peer, 0) + 1
        return data


def _block_of(answer: Record, cid: Cid) -> bytes | None:
    """The block in an answer; raises Invalid if it is another one's."""
    blocks = answer.blocks if isinstance(answer, Content) else ()
    if not blocks:
        return None
    if len(blocks) > 1:
        raise InvalidProof("more blocks than were asked for", field="blocks")
    check_content_block(cid, blocks[0].data)
    return blocks[0].data
