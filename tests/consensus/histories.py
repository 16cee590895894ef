"""Random histories of members that follow the rules, on whatever tree of blocks there is."""

from dataclasses import dataclass, field
from random import Random

from consensus.block import vote_message
from consensus.evidence import (
    Evidence,
    Statement,
    check_evidence,
    evidence_of_blocks,
    evidence_of_votes,
)
from consensus.finality import ChainBlock
from consensus.headers import Rules, scheduled
from consensus.producers import ProducerSet
from consensus.voting import (
    FRESH_STATE,
    Ballot,
    SafetyState,
    after_amnesia,
    after_production,
    after_vote,
    may_produce,
    vote_refusal,
)
from consensus.watch import Watch
from tests.consensus.chains import CHAIN, child, genesis, members, sign, verify

SETS = (members(1, 2, 3, 4), members(2, 3, 4, 5), members(1, 3, 5, 6, 7))
RULES = Rules(CHAIN, epoch_slots=12)
FAULTY = SETS[0].members[1].key  # makes as many blocks a slot as it likes; never asked to vote


def ancestors(block: ChainBlock) -> list[ChainBlock]:
    """The block and its ancestors."""
    found = [block]
    while found[-1].parent is not None:
        found.append(found[-1].parent)
    return found


def vote_statement(block: ChainBlock, key: bytes) -> Statement:
    """A key's vote."""
    return Statement(block.header, sign(key, vote_message(CHAIN, block.id)))


def block_statement(block: ChainBlock, key: bytes) -> Statement:
    """A block signed by a key."""
    return Statement(block.header, sign(key, block.id.binary))


@dataclass
class History:
    """A growing tree of blocks, the members' durable states, and all that they signed.

    Certificates need no quorum here and finality is no one's concern: what keeps a member from
    evidence is its own state alone, on any tree.
    """

    random: Random
    slot: int = 0
    tree: list[ChainBlock] = field(default_factory=lambda: [genesis(SETS[0])])
    states: dict[bytes, SafetyState] = field(default_factory=dict)
    votes: dict[bytes, list[Statement]] = field(default_factory=dict)
    blocks: dict[bytes, list[Statement]] = field(default_factory=dict)
    lost: int = 0

    def step(self) -> None:
        """A slot passes: a few blocks, the votes that the rules allow, at times a lost journal."""
        self.slot += self.random.choice((1, 1, 1, 2, 4))
        for _ in range(self.random.choice((1, 1, 2))):
            self._produce()
        for block in self.random.sample(self.tree[-6:], min(4, len(self.tree))):
            for member in block.members.members:
                if self.random.random() < 0.7:
                    self._vote(block, member.key)
        if self.states and self.random.random() < 0.08:
            self._lose(self.random.choice(sorted(self.states)))

    def _state(self, key: bytes) -> SafetyState:
        return self.states.get(key, FRESH_STATE)

    def _keep(self, key: bytes, state: SafetyState) -> None:
        self.states[key] = SafetyState.decode(state.encode())

    def _produce(self) -> None:
        parent = self.random.choice([*self.tree[-6:], *self.tree[-1:] * 4])
        if parent.slot >= self.slot:
            return
        key = scheduled(RULES, parent, self.slot).key
        if key != FAULTY:
            if not may_produce(self._state(key), self.slot):
                return
            self._keep(key, after_production(self._state(key), self.slot))
        named = [b for b in ancestors(parent) if b.key >= parent.qc_target.key]
        block = child(
            parent,
            self.slot,
            self.random.choice([*named[:3], *named[:1] * 3]),
            elected=self._elected(parent),
            rules=RULES,
            salt=len(self.tree) % 256,
        )
        self.tree.append(block)
        if key != FAULTY:
            self.blocks.setdefault(key, []).append(block_statement(block, key))

    def _elected(self, parent: ChainBlock) -> ProducerSet | None:
        pending = parent.handover is not None
        return None if pending or self.random.random() < 0.7 else self.random.choice(SETS)

    def _vote(self, block: ChainBlock, key: bytes) -> None:
        ballot = Ballot(block.slot, block.dynasty, block.source.slot)
        refusal = vote_refusal(
            self._state(key),
            ballot,
            is_member=key != FAULTY,
            descends_from_final=True,
            arrived_ms=0,
            slot_end_ms=1,
        )
        if refusal is None:
            self._keep(key, after_vote(self._state(key), ballot))
            self.votes.setdefault(key, []).append(vote_statement(block, key))

    def _lose(self, key: bytes) -> None:
        left = self.random.choice((None, FRESH_STATE, self._state(key)))
        self._keep(key, after_amnesia(left, self.slot, 1))
        self.lost += 1


def seen_by_watch(
    votes: dict[bytes, list[Statement]], blocks: dict[bytes, list[Statement]], random: Random
) -> dict[bytes, Evidence]:
    """What a watch finds in these statements, in any order."""
    watch = Watch()
    found: dict[bytes, Evidence] = {}
    calls = [(watch.on_vote, key, made) for key in votes for made in votes[key]]
    calls += [(watch.on_block, key, made) for key in blocks for made in blocks[key]]
    random.shuffle(calls)
    for call, key, made in calls:
        evidence = call(made.header, made.header.id(), key, made.signature)
        if evidence is not None:
            if key in found:
                raise AssertionError("a key was caught twice")
            check_evidence(evidence, CHAIN, verify)
            found[key] = evidence
    return found


def guilty_by_pairs(
    votes: dict[bytes, list[Statement]], blocks: dict[bytes, list[Statement]]
) -> set[bytes]:
    """The keys of which any two statements are evidence."""
    guilty = set()
    for made, judge in ((votes, evidence_of_votes), (blocks, evidence_of_blocks)):
        for key, statements in made.items():
            for i, one in enumerate(statements):
                if any(judge(key, one, other) for other in statements[:i]):
                    guilty.add(key)
    return guilty
