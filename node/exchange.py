"""What a node does with the blocks, votes, evidence and proofs of its peers (sans-I/O).

It judges gossip, answers requests, and tells a new peer what it may have missed.
"""

from collections.abc import Callable, Iterator
from itertools import islice

from consensus.block import MAX_BLOCK_BYTES
from consensus.compact import CompactBlock, compact_block
from consensus.evidence import Evidence
from consensus.record import Record
from node.block_relay import BlockRelay
from node.engine import Engine
from node.finality_proofs import proof_above, window_above
from node.peers import Peers
from node.sync.catching_up import Sync
from node.work import Work, enter
from p2p.handler import Verdict
from p2p.identity import PeerId
from p2p.messages import (
    MAX_BLOCKS,
    MAX_VOTES,
    Blocks,
    GetBlock,
    GetBlocks,
    GetBlockTransactions,
    GetFinality,
    GetHeaders,
    Refusal,
    Status,
    Votes,
    fitting,
)

# A head of a slot that began longer ago is old, if others have another.
FRESH_SLOTS = 2


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
        self.relay = BlockRelay(engine, sync, peers, now_ms=now_ms, spawn=spawn)
        self._engine = engine
        self._chain = engine.chain
        self._sync = sync
        self._peers = peers
        self._now_ms = now_ms
        self._spawn = spawn
        self._comparing: set[PeerId] = set()

    # Gossip

    def judge_block(self, peer: PeerId, compact: CompactBlock) -> Work[Verdict]:
        """Relay a block that is whole here and its producer's (node/block_relay.py)."""
        return (yield from self.relay.judge(peer, compact))

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
        if is_ahead or self._lacks_head(status) or height > chain.durable_final.height + 1:
            self._sync.want(peer)
        elif height <= chain.durable_final.height and self._differs(status):
            self._consider_claim(peer, height)

    def _lacks_head(self, status: Status) -> bool:
        """Whether the peer has a head that should have come here long ago: what was lost of gossip
        does not come again, and those who could go on may be those who lack it."""
        chain, now_slot = self._chain, self._chain.clock.slot_at(self._now_ms())
        is_old = now_slot > chain.fork.head.slot + FRESH_SLOTS
        is_above = status.head_height > chain.durable_final.height
        return is_old and is_above and chain.fork.get(status.head_id) is None

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
        if isinstance(request, GetBlock | GetBlockTransactions):
            return self.relay.serve(request)
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
        messages: list[Record] = []
        for block in best:
            recorded, raw = chain.recorded(block.id), chain.block_bytes(block.id)
            if recorded is not None and raw is not None:
                messages.append(compact_block(raw, recorded.transaction_ids))
        counted = {block.id: chain.votes_of(block) for block in best}
        own = self._engine.validator.last_votes
        votes = [vote for vote in own if vote.block_id not in counted]
        votes += [vote for of_block in counted.values() for vote in of_block]
        if votes:
            messages.append(Votes(tuple(votes[:MAX_VOTES])))
        return [*messages, *self._engine.evidence.items()]
