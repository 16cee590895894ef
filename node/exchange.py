"""What a node does with the blocks, votes, evidence and proofs of its peers (sans-I/O).

It judges gossip, answers requests, and tells a new peer what it may have missed.
"""

import logging
from collections.abc import Callable, Iterator
from itertools import islice

from consensus.block import MAX_BLOCK_BYTES
from consensus.errors import Invalid
from consensus.evidence import Evidence
from consensus.headers import check_body_bound
from consensus.record import Record
from node.candidate import Candidate, read_block
from node.chain import Screening
from node.engine import Engine
from node.finality_proofs import proof_above, window_above
from node.peers import Peers
from node.sync.catching_up import Sync
from node.work import Work, enter
from p2p.handler import Verdict
from p2p.identity import PeerId, short_id
from p2p.messages import (
    MAX_BLOCKS,
    MAX_VOTES,
    BlockMessage,
    Blocks,
    GetBlock,
    GetBlocks,
    GetFinality,
    GetHeaders,
    Refusal,
    Status,
    Votes,
    fitting,
)
from p2p.questions import RequestFailed
from p2p.scoring import REJECTED_POINTS

MAX_IMPORTS = 64
MAX_ADOPTIONS = 8
MAX_RELAYED_PER_SLOT = 2
RELAYED_SLOTS = 256

logger = logging.getLogger("reelect.node")


class Exchange:
    """The consensus side of a node's gossip; `spawn` runs a Work beside the others."""

    def __init__(
        self,
        engine: Engine,
        sync: Sync,
        peers: Peers,
        *,
        now_ms: Callable[[], int],
        spawn: Callable[[Work[None]], None],
    ) -> None:
        self._engine = engine
        self._chain = engine.chain
        self._sync = sync
        self._peers = peers
        self._now_ms = now_ms
        self._spawn = spawn
        self._imports = 0
        self._adopting: set[PeerId] = set()
        self._comparing: set[PeerId] = set()
        self._relayed: dict[tuple[int, bytes], int] = {}

    # Gossip

    def judge_block(self, peer: PeerId, raw: bytes) -> Verdict:
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
        self._spawn(self._import(peer, candidate))
        return Verdict.ACCEPT

    def _consider_orphan(self, peer: PeerId, orphan: Candidate) -> None:
        """Nothing of an orphan is checked yet: one at a time of each peer, few in all."""
        if peer not in self._adopting and len(self._adopting) < MAX_ADOPTIONS:
            self._adopting.add(peer)
            self._spawn(self._adopt(peer, orphan))

    def _may_come_unasked(self, candidate: Candidate) -> bool:
        """Two blocks a producer and slot at most are taken and go round unasked; a further one
        that counts is asked for when a child names it."""
        place = (candidate.header.slot, candidate.header.producer or b"")
        self._relayed[place] = self._relayed.get(place, 0) + 1
        while len(self._relayed) > RELAYED_SLOTS:
            del self._relayed[next(iter(self._relayed))]
        return self._relayed[place] <= MAX_RELAYED_PER_SLOT

    def _import(self, peer: PeerId, candidate: Candidate) -> Work[None]:
        try:
            yield from self._sync.take(candidate)
        except Invalid as error:
            logger.warning("block %s by way of %s: %s", candidate.id, short_id(peer), error)
        finally:
            self._imports -= 1

    def _adopt(self, peer: PeerId, orphan: Candidate) -> Work[None]:
        try:
            yield from self._sync.fetch_ancestors(peer, orphan)
        except RequestFailed as error:
            logger.info("parent of %s from %s: %s", orphan.id, short_id(peer), error)
        except Invalid as error:
            logger.warning("ancestors of %s from %s: %s", orphan.id, short_id(peer), error)
            self._peers.misbehaved(peer, REJECTED_POINTS, str(error))
        finally:
            self._adopting.discard(peer)

    def judge_votes(self, peer: PeerId, message: Votes) -> Work[Verdict]:
        """Relay the votes that are valid and new: a member's second signature of the same vote,
        or a vote by a producer that is not known here, is no fault, but goes no further."""
        fresh, bad = yield from enter(self._engine.add_votes(message.votes))
        if len(fresh) == len(message.votes):
            return Verdict.ACCEPT
        if fresh:
            self._peers.broadcast(Votes(tuple(fresh)), peer)
        if bad is not None:
            raise bad
        return Verdict.IGNORE

    def judge_evidence(self, evidence: Evidence) -> Work[Verdict]:
        """Relay evidence that is right and new here; raises InvalidEvidence."""
        is_new = yield from enter(self._engine.add_evidence(evidence))
        return Verdict.ACCEPT if is_new else Verdict.IGNORE

    def follow(self, peer: PeerId, status: Status) -> None:
        """Catch up with a peer that claims to be ahead, or to have another final history."""
        self._sync.heard(peer, status)
        chain, height = self._chain, status.final_height
        is_ahead = status.head_height > chain.fork.head.height + 1
        if is_ahead or height > chain.durable_final.height + 1:
            self._sync.want(peer)
        elif height <= chain.durable_final.height and self._differs(status):
            self._consider_claim(peer, height)

    def _differs(self, status: Status) -> bool:
        return self._chain.history.holds(status.final_height, status.final_id) is False

    def _consider_claim(self, peer: PeerId, height: int) -> None:
        """Claims cost nothing: one at a time of each peer is followed up."""
        if peer not in self._comparing:
            self._comparing.add(peer)
            self._spawn(self._compare(peer, height))

    def _compare(self, peer: PeerId, height: int) -> Work[None]:
        try:
            yield from self._sync.compare(peer, height)
        finally:
            self._comparing.discard(peer)

    def forget(self, peer: PeerId) -> None:
        """A peer is gone."""
        self._sync.forget(peer)

    # Requests

    def serve(self, request: Record) -> Record | None:
        """Answer a request for blocks or for a proof with what this node has, or refuse.

        It only reads, and may run in a thread.
        """
        if isinstance(request, GetBlock):
            raw = self._chain.block_bytes(request.id)
            return Blocks(() if raw is None else (raw,))
        if isinstance(request, GetBlocks):
            found = fitting(
                self._blocks_after(request.after_height), request.limit, MAX_BLOCK_BYTES
            )
            first = self._chain.blocks.first_height()  # last: blocks are dropped meanwhile
            if request.after_height + 1 < first:
                return Refusal(f"blocks below height {first} are not kept here")
            return Blocks(found)
        if isinstance(request, GetFinality):
            return proof_above(self._chain, request.height)
        if isinstance(request, GetHeaders):
            return window_above(self._chain, request.after_height, request.limit)
        return None

    def _blocks_after(self, height: int) -> Iterator[bytes]:
        chain = self._chain.head_chain()  # first: a block that becomes final meanwhile is in both
        final = self._chain.blocks.final_blocks(height + 1, MAX_BLOCKS)
        yield from final
        first = height + len(final) + 1
        if not chain or first < chain[0].placed.height:
            return
        for item in islice(chain, first - chain[0].placed.height, None):
            raw = self._chain.block_bytes(item.placed.id)
            if raw is None:  # it fell away meanwhile
                return
            yield raw

    # Connections

    def greeting(self) -> list[Record]:
        """What a new peer may have missed: the best blocks with the votes for them, the own last
        votes, and evidence (FINALITY: Head). It asks for ancestors by itself."""
        chain, fork = self._chain, self._chain.fork
        best = dict.fromkeys((fork.justified, fork.head))
        found = [chain.block_bytes(block.id) for block in best if chain.recorded(block.id)]
        messages: list[Record] = [BlockMessage(raw) for raw in found if raw is not None]
        counted = {block.id: chain.votes_of(block) for block in best}
        own = self._engine.validator.last_votes
        votes = [vote for vote in own if vote.block_id not in counted]
        votes += [vote for of_block in counted.values() for vote in of_block]
        if votes:
            messages.append(Votes(tuple(votes[:MAX_VOTES])))
        return [*messages, *self._engine.evidence.items()]
