"""Byzantine producers: what a key can be made to sign, and what can be kept from whom.

An adversary follows the chain with the production code, which signs nothing for it, and signs by
hand. It acts when a slot begins and when a block comes in; all is by chance.
"""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from consensus.beacon import RevealChain
from consensus.block import Block, Vote, vote_message
from consensus.compact import SHORT_ID_BYTES, CompactBlock, compact_block
from consensus.errors import Invalid
from consensus.finality import ChainBlock, next_dynasty
from consensus.headers import scheduled
from consensus.keys import KeyPair
from consensus.record import Record, replace
from consensus.transaction import EncodedTransaction, Transaction
from node.candidate import Candidate, Recorded, read_block
from node.chain import Chain
from node.proposing import propose
from node.trial import nonce_at_head
from tests.simulation.clock import Timeline
from tests.simulation.genesis import BYZANTINE_REVEALS, FIRST_SALT
from tests.simulation.machine import Machine, Process
from tests.simulation.plan import SLOT_MS
from vm.modules.producer import current_beacon
from vm.modules.tokens import Transfer

MAX_WITHHELD = 40
MAX_MADE = 64
STRADDLED_PARENTS = 12
BAD_FIELDS = ("height", "dynasty", "final_if_qc", "state_root", "next_set_hash", "base")


@dataclass(frozen=True)
class Withheld:
    """Something signed that waits to be shown to somebody."""

    key: bytes
    message: Record


class Adversary:
    """One faulty member."""

    def __init__(
        self,
        machine: Machine,
        honest: list[int],
        wallet: KeyPair,
        timeline: Timeline,
        chance: random.Random,
        fired: Counter[str],
    ) -> None:
        self.machine = machine
        self.tricks: frozenset[str] = frozenset()
        self._honest = honest
        self._wallet = wallet
        self._timeline = timeline
        self._chance = chance
        self._fired = fired
        self._reveals = RevealChain(machine.seat.beacon_seed, FIRST_SALT, BYZANTINE_REVEALS)
        self._withheld: list[Withheld] = []

    def _dares(self, trick: str, share: float) -> bool:
        return trick in self.tricks and self._chance.random() < share

    # When a slot begins

    def on_slot(self, slot: int) -> None:
        """Make blocks if it is the member's turn on some branch; show what was withheld."""
        process = self.machine.process
        if process is None:
            return
        self._release()
        self.machine.is_mute = self._dares("no-answers", 0.5)
        self.machine.is_liar = self._dares("false-answers", 0.5)
        self._fired["false-answers"] += self.machine.is_liar
        if self._dares("silent", 0.3):
            self._fired["silent"] += 1
            return
        try:
            self._produce(process, slot)
        except Invalid:
            return  # what it wanted cannot even be made

    def _produce(self, process: Process, slot: int) -> None:
        chain = process.chain
        parents = self._parents(chain, slot)
        if not parents:
            return
        if "straddle" in self.tricks and self._straddle(chain, parents, slot):
            return
        best = chain.fork.head if chain.fork.head in parents else parents[-1]
        for variant in range(self._count()):
            parent = best
            if self._dares("stale-target", 0.5):
                parent = self._chance.choice(parents)
            qc = chain.fork.best_certified(parent)
            if self._dares("stale-target", 0.5):
                qc = self._chance.choice(list(_certified(chain, parent)))
                self._fired["stale-target"] += 1
            self._show_block(self._make(chain, parent, qc, slot, variant), slot)

    def _straddle(self, chain: Chain, parents: list[ChainBlock], slot: int) -> bool:
        """While a set hands over, make a block of each dynasty that the slot allows, if there
        are two, and show each to some."""
        choices: dict[int, list[tuple[ChainBlock, ChainBlock]]] = {}
        for parent in parents[-STRADDLED_PARENTS:]:
            for qc in _certified(chain, parent):
                dynasty, _ = next_dynasty(parent, qc)
                choices.setdefault(dynasty, []).append((parent, qc))
        if len(choices) < 2 or self._chance.random() < 0.2:
            return False
        self._fired["straddle"] += 1
        for dynasty in sorted(choices)[-2:]:
            parent, qc = self._chance.choice(choices[dynasty])
            self._show_block(self._make(chain, parent, qc, slot, 0), slot)
        return True

    def _count(self) -> int:
        if self._dares("twin-blocks", 0.6):
            self._fired["twin-blocks"] += 1
            return self._chance.choice((2, 2, 3))
        return 1

    def _parents(self, chain: Chain, slot: int) -> list[ChainBlock]:
        """The live blocks on which the slot is this member's, the lower first."""
        live = [chain.fork.final, *chain.fork.descendants(chain.fork.final)]
        mine = [
            block
            for block in live
            if block.slot < slot
            and scheduled(chain.rules, block, slot).key == self.machine.seat.key.public
        ]
        return sorted(mine, key=lambda block: (block.height, block.id))

    def _make(
        self, chain: Chain, parent: ChainBlock, qc: ChainBlock, slot: int, variant: int
    ) -> bytes:
        producer = self.machine.seat.producer
        reveal = self._reveals.reveal(current_beacon(chain.state_of(parent), producer).used)
        ready = [self._payment(chain, variant)] if variant else []
        proposal = propose(chain, slot, producer, reveal, ready, parent=parent, qc=qc)
        block = proposal.sealed(self.machine.seat.key.sign(proposal.placed.id.binary))
        if self._dares("bad-field", 0.15):
            self._fired["bad-field"] += 1
            return self._spoilt(block)
        return block.raw

    def _payment(self, chain: Chain, amount: int) -> EncodedTransaction:
        """What tells two blocks apart."""
        wallet = self._wallet
        made = Transaction(
            chain=chain.id,
            sender=wallet.public,
            payer=None,
            nonce=nonce_at_head(chain, wallet.public),
            valid_until_height=2**40,
            fee_asset="REEL",
            max_fee=10**7,
            actions=(Transfer(self.machine.seat.producer, "REEL", amount, "").pack(),),
            signatures=(),
        ).signed(wallet)
        return EncodedTransaction.of(made)

    def _spoilt(self, block: Recorded) -> bytes:
        decoded = read_block(block.raw).block
        name = self._chance.choice(BAD_FIELDS)
        wrong: dict[str, object] = {
            "height": decoded.header.height + 1,
            "dynasty": decoded.header.dynasty + 1,
            "final_if_qc": None if decoded.header.final_if_qc else decoded.header.parent,
            "state_root": bytes(32),
            "next_set_hash": decoded.header.set_hash,
            "base": None,
        }
        header = replace(decoded.header, **{name: wrong[name]})
        return Block(header, self.machine.seat.key.sign(header.id().binary), decoded.body).encode()

    def _show_block(self, raw: bytes, slot: int) -> None:
        candidate = read_block(raw)
        self._keep(candidate)
        message = compact_block(raw, candidate.transaction_ids)
        key = message.encode()
        self.machine.signed(self.machine, message)
        if self._dares("withheld-block", 0.25):
            self._fired["withheld-block"] += 1
            self._withhold(key, message)
            return
        if self._dares("false-compact", 0.5):
            self._show_falsely(message)
        late = self._dares("late-block", 0.4)
        self._fired["late-block"] += late
        share = self._chance.choice((0.34, 0.5, 0.67)) if self._dares("partial-block", 0.6) else 1.0
        self._fired["partial-block"] += share < 1
        for place in self._honest:
            if self._chance.random() < share:
                extra = self._chance.uniform(0.5, 1.3) * SLOT_MS if late else 0
                self._send(place, key, message, extra)
        self.machine.take_made(candidate)

    def _keep(self, candidate: Candidate) -> None:
        """It can give what its process may never take in."""
        made = self.machine.made
        made[candidate.id] = candidate
        while len(made) > MAX_MADE:
            del made[next(iter(made))]

    def _show_falsely(self, message: CompactBlock) -> None:
        """Some first hear of the block in a form that is not its own."""
        self._fired["false-compact"] += 1
        short_ids = message.short_ids
        false = self._chance.choice((short_ids[SHORT_ID_BYTES:], short_ids + b"nonsense"))
        made = replace(message, short_ids=false)
        for place in self._honest:
            if self._chance.random() < 0.5:
                self._send(place, made.encode(), made, 0)

    # When a block comes in

    def on_block(self, block: Recorded) -> None:
        """Vote for it, and maybe for others of its slot, to whoever may know."""
        process = self.machine.process
        place = block.placed.members.place_of_key.get(self.machine.seat.key.public)
        if process is None or place is None or self._dares("silent", 0.3):
            return
        again = not self._is_twin(process.chain, block)
        if again or self._dares("twin-votes", 0.8):
            self._fired["twin-votes"] += not again
            self._vote(process.chain, block.placed)

    def _is_twin(self, chain: Chain, block: Recorded) -> bool:
        """Whether an honest member might refuse it: it is not the head, or not alone."""
        return chain.fork.head is not block.placed

    def _vote(self, chain: Chain, block: ChainBlock) -> None:
        key = self.machine.seat.key
        vote = Vote(block.id, key.public, key.sign(vote_message(chain.id, block.id)))
        item = vote.key + vote.block_id.binary + vote.signature
        if self._dares("withheld-votes", 0.5):
            self._fired["withheld-votes"] += 1
            self._withhold(item, vote)
            return
        for place in self._honest:
            self._send(place, item, vote, 0)

    # Withholding

    def _withhold(self, key: bytes, message: Record) -> None:
        self._withheld.append(Withheld(key, message))
        del self._withheld[:-MAX_WITHHELD]

    def _release(self) -> None:
        """Show some of what was withheld to some."""
        kept: list[Withheld] = []
        for item in self._withheld:
            if self._chance.random() < 0.7:
                kept.append(item)
                continue
            share = self._chance.choice((0.3, 0.6, 1.0))
            for place in self._honest:
                if self._chance.random() < share:
                    self._send(place, item.key, item.message, self._chance.uniform(0, SLOT_MS))
        self._withheld = kept

    def _send(self, place: int, key: bytes, message: Record, extra_ms: float) -> None:
        wire = self.machine.wire
        wire.send(self.machine.place, place, wire.item(key, message), extra_ms)


def _certified(chain: Chain, parent: ChainBlock) -> Iterator[ChainBlock]:
    """The justified blocks that a child of `parent` may name, the best first."""
    least = parent.qc_target.key
    at: ChainBlock | None = parent
    while at is not None and at.key > least:
        if chain.fork.certificate(at) is not None:
            yield at
        at = at.parent
    if parent.qc is not None:
        yield parent.qc
    elif parent.header.parent is None:
        yield parent
