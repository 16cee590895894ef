"""A small chain's first state, its people, and blocks on it, for tests of the transition."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from consensus.beacon import RevealChain, next_beacon
from consensus.cid import RAW, cid_of
from consensus.codec import Wire
from consensus.keys import KeyPair
from consensus.producers import ProducerSet
from consensus.record import replace
from consensus.transaction import EncodedTransaction, Transaction
from genesis.build import build_genesis
from genesis.file import Genesis
from genesis.government import Government
from genesis.preset import Preset, load_preset
from genesis.producer_record import ProducerRecord, make_producer_record
from vm.context import BlockContext
from vm.declare import Action
from vm.modules.content import Claim, CommitmentRow, Publish, keep_commitment
from vm.modules.producer import Commitment
from vm.modules.tokens import Transfer
from vm.overlay import Overlay
from vm.receipt import Receipt
from vm.transition import BlockExecution, Outcome, execute_block

GENESIS_TIME_MS = 1_700_000_000_000
FUNDS = 1_000_000_000
REVEALS = 8
LAPSES_MS = GENESIS_TIME_MS + 10**9
# Nobody governs, and no pot holds anything from the start.
BARE = dataclasses.replace(load_preset("devnet"), pots={}, government=Government({}, {}, {}))


def key(name: str) -> KeyPair:
    """A key named by a short text."""
    return KeyPair.from_seed(name.encode().ljust(32, b"."))


ANNA, BEN, CLEO = key("anna"), key("ben"), key("cleo")
PRODUCERS = [key(f"producer {i}") for i in range(4)]
CONSENSUS = [key(f"consensus {i}") for i in range(4)]


def reveals_of(place: int, salt: bytes = b"first salt") -> RevealChain:
    """A producer's chain of reveals."""
    return RevealChain(bytes([place]) * 32, salt, REVEALS)


def commitment_of(place: int, salt: bytes = b"first salt") -> Commitment:
    """What a producer registers of it."""
    return Commitment(salt, reveals_of(place, salt).commitment, REVEALS)


def producer_records(count: int = 4) -> list[ProducerRecord]:
    """Records of the first `count` producers."""
    return [
        make_producer_record(key(f"producer {i}"), key(f"consensus {i}"), f"p{i}", commitment_of(i))
        for i in range(count)
    ]


def small_genesis(preset: Preset | None = None) -> Genesis:
    """Four producers; Anna and Ben have FUNDS each, Cleo nothing."""
    return build_genesis(
        preset or load_preset("devnet"),
        producer_records(),
        [(ANNA.public, FUNDS), (BEN.public, FUNDS)],
        GENESIS_TIME_MS,
    )


@dataclass
class World:
    """A chain without consensus: its state after the last block, and the next block's place."""

    genesis: Genesis
    state: Overlay
    height: int = 1

    @classmethod
    def begin(cls, preset: Preset | None = None) -> "World":
        """At genesis."""
        genesis = small_genesis(preset)
        return cls(genesis, genesis.state())

    def block(self, place: int = 0, used: int = 0) -> BlockContext:
        """The next block, by this producer, who has used so many reveals."""
        reveal = reveals_of(place).reveal(used)
        return BlockContext(
            chain=self.genesis.chain,
            parent=self.genesis.header.id(),
            height=self.height,
            slot=self.height,
            time_ms=GENESIS_TIME_MS + 1000 * self.height,
            producer=PRODUCERS[place].public,
            reveal=reveal,
            beacon=next_beacon(bytes(32), reveal),
            epoch=0,
            epoch_beacon=bytes(32),
            dynasty=0,
            members=ProducerSet(self.genesis.members),
            final_height=0,
            handover_slot=0,
            handover_height=0,
            voters=(),
        )

    def order(
        self,
        *actions: Action | list[Wire],
        by: KeyPair = ANNA,
        nonce: int = 0,
        payer: KeyPair | None = None,
        **changed: Any,
    ) -> Transaction:
        """A signed transaction of these actions; `changed` fields are set before signing."""
        wires = tuple(a.pack() if isinstance(a, Action) else a for a in actions)
        draft = Transaction(
            chain=self.genesis.chain,
            sender=by.public,
            payer=payer.public if payer else None,
            nonce=nonce,
            valid_until_height=100,
            fee_asset="REEL",
            max_fee=1_000_000,
            actions=wires,
            signatures=(),
        )
        return replace(draft, **changed).signed(by, *([payer] if payer else []))

    def duty(self, *actions: Action, place: int = 0, nonce: int = 0, **changed: Any) -> Transaction:
        """A transaction that a producer's consensus key sends, free of a fee."""
        draft = self.order(*actions, by=PRODUCERS[place], nonce=nonce, max_fee=0, **changed)
        return replace(draft, signatures=()).signed(CONSENSUS[place])

    def start(self) -> BlockExecution:
        """An execution of the next block, begun."""
        execution = BlockExecution(self.state, self.block())
        execution.begin()
        return execution

    def run(self, *transactions: Transaction, **changed: Any) -> Outcome:
        """The outcome of the next block, with these facts changed, whose writes are kept."""
        block = dataclasses.replace(self.block(used=self.height - 1), **changed)
        outcome = execute_block(self.state, block, encoded(*transactions))
        self.keep(outcome.writes)
        self.height += 1
        return outcome

    def keep(self, writes: Mapping[bytes, bytes | None]) -> None:
        """Make what a block has written part of the state."""
        for row_key, value in writes.items():
            if value is None:
                self.state.delete(row_key)
            else:
                self.state.put(row_key, value)


def apply_to(execution: BlockExecution, transaction: Transaction) -> Receipt:
    """Apply a transaction with its id and size."""
    return execution.apply(EncodedTransaction.of(transaction))


def encoded(*transactions: Transaction) -> list[EncodedTransaction]:
    """The transactions as a block has them."""
    return list(map(EncodedTransaction.of, transactions))


def sized(transaction: Transaction, size_bytes: int) -> EncodedTransaction:
    """The transaction as if it were so long."""
    return EncodedTransaction(bytes(32), transaction, bytes(size_bytes))


def pay(to: KeyPair = BEN, amount: int = 5, asset: str = "REEL", memo: str = "") -> Transfer:
    """A transfer."""
    return Transfer(to.public, asset, amount, memo)


SALT = bytes(32)


def publish(
    name: bytes = b"video", size_bytes: int = 5, title: str = "A day out", **changed: Any
) -> Publish:
    """The publication of small content; `changed` fields are others."""
    action = Publish(
        cid=cid_of(RAW, name),
        profile="kubo-cidv1-256k-174",
        size_bytes=size_bytes,
        media_type="video/mp4",
        title=title,
        licence=None,
        replaces=None,
        parent=None,
        place=None,
        salt=SALT,
    )
    return replace(action, **changed)


def commit_to(state: Overlay, *actions: Publish, by: KeyPair = ANNA) -> None:
    """Let an account have committed to these publications, long enough ago."""
    for action in actions:
        commitment = Claim(by.public, action.cid, action.salt).commitment
        keep_commitment(state, CommitmentRow(0, LAPSES_MS), by.public, commitment)
