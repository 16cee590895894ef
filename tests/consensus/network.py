"""A network of consensus cores on a virtual clock: a function of its seed.

Each node has the production fork choice and voting rules; blocks are checked headers without a
state, and sets come from a stub of the election. Times are in hundredths of a slot.
"""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from consensus.block import Header
from consensus.cid import Cid
from consensus.finality import ChainBlock
from consensus.fork_choice import Finalized, ForkChoice
from consensus.hashing import sha256
from consensus.headers import Rules, opens_epoch, scheduled
from consensus.producers import Member, ProducerSet
from consensus.voting import (
    FRESH_STATE,
    Ballot,
    SafetyState,
    after_production,
    after_vote,
    may_produce,
    vote_refusal,
)
from tests.consensus.chains import CHAIN, embedded, genesis, make_header, members, place, vote_of

SLOT = 100
SETTLED_DELAY = 30  # a block and then a vote fit in a slot
UNSETTLED_DELAYS = (5, 10, 15, 20, 25, 30, 40, 60, 130, 300)


@dataclass(frozen=True)
class Plan:
    """What a seed's network is put through until `healed_slot`; then all is well but for the
    faulty members. `spare` seats join the elections, if sets change at all."""

    seed: int
    producers: int
    spare: int
    healed_slot: int
    changes: bool

    @property
    def bound(self) -> int:
        """The slots within which finality resumes, and again for each handover."""
        return 2 * self.producers + 1


@dataclass(frozen=True)
class Sent:
    """A block as it travels."""

    id: Cid
    header: Header
    certificate: bytes


@dataclass
class Node:
    """One member: what it knows and what it is bound to."""

    seat: Member
    is_faulty: bool
    fork: ForkChoice
    safety: SafetyState = FRESH_STATE
    early: dict[Cid, list[bytes]] = field(default_factory=dict)
    final_height: int = 0


class Network:
    """All members of all sets; `run` raises AssertionError when a promise is broken."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.chance = random.Random(plan.seed)
        self.rules = Rules(CHAIN, epoch_slots=3 * plan.producers)
        pool = plan.producers + plan.spare
        first = members(*range(1, plan.producers + 1))
        faulty = set(self.chance.sample(range(1, pool + 1), first.max_faulty))
        self.nodes = [
            Node(
                members(*range(1, pool + 1)).members[i], i + 1 in faulty, ForkChoice(genesis(first))
            )
            for i in range(pool)
        ]
        self.final: dict[int, Cid] = {0: self.nodes[0].fork.final.id}
        self.archive: dict[Cid, Sent] = {}
        self.handovers = 0
        self.recovered_slot: int | None = None
        self.handovers_before_healing = 0
        self.final_before_healing = 0
        self.time = 0
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._sides: dict[bytes, int] = {}

    @property
    def honest(self) -> list[Node]:
        """The members that keep the rules."""
        return [node for node in self.nodes if not node.is_faulty]

    def run(self) -> None:
        """Until some slots after finality has resumed, or should have long ago."""
        for slot in range(1, self.plan.healed_slot + 4 * self.plan.bound):
            self._at(slot * SLOT, partial(self._begin, slot))
        while self._queue:
            self.time, _, act = heapq.heappop(self._queue)
            act()

    def _at(self, time: int, act: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (time, self.chance.getrandbits(60), act))

    # The network

    @property
    def _is_healed(self) -> bool:
        return self.time >= self.plan.healed_slot * SLOT

    def _send(self, sender: Node, act: Callable[[Node], None]) -> None:
        for node in self.nodes:
            if node is sender:
                continue
            if self._is_healed:
                delay = self.chance.randint(1, SETTLED_DELAY)
            elif self._side(node) != self._side(sender) or self.chance.random() < 0.04:
                continue
            else:
                delay = self.chance.choice(UNSETTLED_DELAYS)
            self._at(self.time + delay, partial(act, node))

    def _side(self, node: Node) -> int:
        return self._sides.get(node.seat.key, 0)

    def _begin(self, slot: int) -> None:
        if self.recovered_slot is not None and slot > self.recovered_slot + self.plan.producers:
            return
        if slot == self.plan.healed_slot:
            self.handovers_before_healing = self.handovers
            self.final_before_healing = max(self.final)
            for node in self.nodes:
                self._reconnect(node)
        elif slot % 7 == 0:
            parts = self.chance.choice((1, 1, 1, 2, 3))
            self._sides = {node.seat.key: self.chance.randrange(parts) for node in self.nodes}
        for node in self.nodes:
            if node.is_faulty:
                self._disturb(node, slot)
            else:
                self._produce(node, slot)

    def _reconnect(self, node: Node) -> None:
        for block in (node.fork.justified, node.fork.head):
            if block.header.parent is not None:
                sent = self.archive[block.id]
                self._send(node, partial(self._take, sent))
            for at in node.fork.votes(block):
                voter = block.members.members[at].key
                self._send_vote(node, block.id, voter)

    # Producing

    def elected(self, epoch: int) -> ProducerSet | None:
        """The stub of the election: a function of the epoch, as if of the parent's state."""
        if not self.plan.changes:
            return None
        draw = random.Random(f"{self.plan.seed}/{epoch}")
        pool = range(1, len(self.nodes) + 1)
        if draw.random() < 0.3:
            return members(*pool[: self.plan.producers])
        return members(*draw.sample(pool, self.plan.producers))

    def _elected(self, parent: ChainBlock, slot: int) -> ProducerSet | None:
        opens = opens_epoch(self.rules, parent, slot)
        return self.elected(self.rules.epoch(slot)) if opens else None

    def _make(self, parent: ChainBlock, qc: ChainBlock, slot: int, salt: int = 0) -> Sent:
        elected = self._elected(parent, slot)
        header = make_header(parent, slot, qc, elected=elected, rules=self.rules, salt=salt)
        sent = Sent(header.id(), header, embedded(parent, qc))
        self.archive[sent.id] = sent
        return sent

    def _produce(self, node: Node, slot: int) -> None:
        head = node.fork.head
        if head.slot >= slot or scheduled(self.rules, head, slot) != node.seat:
            return
        if not may_produce(node.safety, slot):
            return
        node.safety = after_production(node.safety, slot)
        sent = self._make(head, node.fork.best_certified(head), slot)
        self._send(node, partial(self._take, sent))
        self._take(sent, node)

    def _disturb(self, node: Node, slot: int) -> None:
        """Two blocks on any parents with any certificates, each shown to some."""
        live = [node.fork.final, *node.fork.descendants(node.fork.final)]
        mine = [
            block
            for block in live
            if block.slot < slot and scheduled(self.rules, block, slot) == node.seat
        ]
        for salt in range(2 if mine else 0):
            parent = self.chance.choice(mine)
            qc = self.chance.choice((node.fork.best_certified(parent), parent.qc))
            if qc is None:
                continue
            sent = self._make(parent, qc, slot, salt)
            self._take(sent, node)
            for other in self.honest:
                if self.chance.random() < 0.6:
                    delay = self.chance.randint(1, 250)
                    self._at(self.time + delay, partial(self._take, sent, other))

    # Blocks and votes

    def _take(self, sent: Sent, node: Node) -> None:
        """A block with the ancestors that the node has to ask for."""
        missing = [sent]
        while (parent_id := missing[-1].header.parent) is not None:
            if node.fork.get(parent_id) is not None:
                break
            if missing[-1].header.height <= node.fork.final.height + 1:
                return
            missing.append(self.archive[parent_id])
        for block in reversed(missing):
            self._insert(node, block)

    def _insert(self, node: Node, sent: Sent) -> None:
        parent = node.fork.get(sent.header.parent) if sent.header.parent else None
        if node.fork.get(sent.id) is not None or parent is None or not node.fork.is_live(parent):
            return
        elected = self._elected(parent, sent.header.slot)
        block = place(
            parent,
            sent.header,
            sent.certificate,
            elected=elected,
            rules=self.rules,
            block_id=sent.id,
        )
        self._note(node, node.fork.on_block(block, sent.certificate))
        self._vote(node, block)
        for key in node.early.pop(block.id, []):
            self._count(block.id, key, node)

    def _vote(self, node: Node, block: ChainBlock) -> None:
        ballot = Ballot(block.slot, block.dynasty, block.source.slot)
        refusal = vote_refusal(
            node.safety,
            ballot,
            is_member=block.members.key_of(node.seat.producer) == node.seat.key,
            descends_from_final=node.fork.is_live(block),
            arrived_ms=self.time,
            slot_end_ms=(block.slot + 1) * SLOT,
        )
        if node.is_faulty:
            if block.members.key_of(node.seat.producer) is None:
                return
        elif refusal is not None:
            return
        else:
            node.safety = after_vote(node.safety, ballot)
        self._send_vote(node, block.id, node.seat.key)
        self._count(block.id, node.seat.key, node)

    def _send_vote(self, sender: Node, block_id: Cid, key: bytes) -> None:
        self._send(sender, partial(self._count, block_id, key))

    def _count(self, block_id: Cid, key: bytes, node: Node) -> None:
        block = node.fork.get(block_id)
        if block is None:
            node.early.setdefault(block_id, []).append(key)
            return
        at = [member.key for member in block.members.members].index(key)
        self._note(node, node.fork.on_vote(block, at, vote_of(block, at)))

    # Promises

    def _note(self, node: Node, finalized: Finalized | None) -> None:
        if finalized is None or node.is_faulty:
            return
        for block in finalized.blocks:
            known = self.final.setdefault(block.height, block.id)
            assert known == block.id, f"two final blocks at height {block.height}"
        first = node.final_height + 1
        node.final_height = node.fork.final.height
        heights = [block.height for block in finalized.blocks]
        assert heights == list(range(first, node.final_height + 1)), "final went back or skipped"
        self.handovers = max(self.handovers, node.fork.final.dynasty)
        lowest = min(other.fork.final.slot for other in self.honest)
        if self.recovered_slot is None and lowest >= self.plan.healed_slot:
            self.recovered_slot = self.time // SLOT

    @property
    def allowed_slot(self) -> int:
        """The last slot in which finality may resume."""
        handovers = self.handovers - self.handovers_before_healing
        return self.plan.healed_slot + self.plan.bound * (1 + handovers)

    def trace(self) -> bytes:
        """A digest of what became final on each node: equal for equal seeds."""
        ends = b"".join(node.fork.final.id.binary + node.fork.head.id.binary for node in self.nodes)
        return sha256(ends)
