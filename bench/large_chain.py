"""A large chain, made in a minute or two without being run.

State, newest blocks, indexes, history and meta are what a chain of this size has, so that a node
takes it up and goes on. Of the blocks below only the sizes are right: nobody reads them.
"""

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.report import tell
from consensus.beacon import RevealChain
from consensus.block import Block, BlockRef, Body, Header, Target, Vote, vote_message
from consensus.cid import DAG_CBOR, Cid, cid_of
from consensus.hashing import sha256
from consensus.headers import (
    Duty,
    Roots,
    Rules,
    child_block,
    child_header,
    genesis_block,
    scheduled,
)
from consensus.history import NO_HISTORY, History
from consensus.keys import KeyPair
from consensus.merkle import merkle_root
from consensus.record import replace
from consensus.transaction import EncodedTransaction, Transaction
from consensus.tree import key_path
from genesis.build import build_genesis
from genesis.file import Genesis
from genesis.preset import load_preset
from genesis.producer_record import make_producer_record
from node.block_results import NO_RESULTS
from node.candidate import Recorded
from node.chain import Chain
from node.chain_point import point_of
from node.proposing import propose
from storage.blocks import BlockStore, ChainMeta
from storage.database import UNFINAL_ROW, Database, Write
from storage.history_store import HistoryStore
from storage.state import write_first_state
from vm.modules.chain import PROGRESS, Progress, chain_constants
from vm.modules.producer import Commitment, current_beacon
from vm.modules.tokens import ASSETS, BALANCES, Balance, Transfer

GENESIS_TIME_MS = 1_700_000_000_000
PRODUCERS = 21
REVEALS = 512
SALT = b"s" * 16
BALANCE = 10**12
BATCH_BLOCKS = 512
# So that 5,000 transfers fit into a block.
ROOM = {"fee.max_block_gas": 100_000_000, "fee.max_body_bytes": 2 * 1024 * 1024}
_CERTIFICATE = bytes(3 + 64 * 15)  # as large as a quorum's
_MARK = b"\xa5" * 64  # where an old block has its height in place of a signature


@dataclass(frozen=True)
class Seat:
    """A producer with its secrets."""

    account: KeyPair
    key: KeyPair
    reveals: RevealChain


class Population:
    """The genesis of the chain and everybody's keys; all follow from the numbers.

    The first `senders` accounts have known keys; nobody can sign for the others.
    """

    def __init__(self, senders: int) -> None:
        self.seats: dict[bytes, Seat] = {}
        records = []
        for i in range(PRODUCERS):
            account, key = (KeyPair.from_seed(b"%s%31d" % (kind, i)) for kind in (b"a", b"c"))
            reveals = RevealChain(b"%32d" % i, SALT, REVEALS)
            commitment = Commitment(SALT, reveals.commitment, REVEALS)
            records.append(make_producer_record(account, key, f"producer-{i}", commitment))
            self.seats[account.public] = Seat(account, key, reveals)
        preset = load_preset("devnet")
        preset = dataclasses.replace(preset, parameters={**preset.parameters, **ROOM})
        self.genesis: Genesis = build_genesis(preset, records, [], GENESIS_TIME_MS)
        self.senders = [KeyPair.from_seed(b"s%31d" % i) for i in range(senders)]

    def account(self, number: int) -> bytes:
        """The id of an account."""
        if number < len(self.senders):
            return self.senders[number].public
        return sha256(b"account %d" % number)

    def accounts(self, count: int) -> Iterator[tuple[bytes, bytes]]:
        """The rows of the accounts' balances."""
        value = Balance(BALANCE).encode()
        for number in range(count):
            yield BALANCES.state_key(self.account(number), "REEL"), value

    def transfer(self, chain: Chain, sender: int, to: int, nonce: int = 0) -> EncodedTransaction:
        """A signed transfer between two accounts by their numbers."""
        key = self.senders[sender]
        made = Transaction(
            chain=chain.id,
            sender=key.public,
            payer=None,
            nonce=nonce,
            valid_until_height=chain.fork.head.height + 1_000,
            fee_asset="REEL",
            max_fee=10_000_000,
            actions=(Transfer(self.account(to), "REEL", 1_000, "").pack(),),
            signatures=(),
        ).signed(key)
        return EncodedTransaction.of(made)

    def block(self, chain: Chain, slot: int, ready: Iterable[EncodedTransaction] = ()) -> Recorded:
        """The slot's block on the head, by its scheduled producer; not inserted."""
        head = chain.fork.head
        producer = scheduled(chain.rules, head, slot).producer
        seat = self.seats[producer]
        used = current_beacon(chain.state_of(head), producer).used
        proposal = propose(chain, slot, producer, seat.reveals.reveal(used), ready)
        return proposal.sealed(seat.key.sign(proposal.placed.id.binary))

    def go_on(self, chain: Chain, slots: int, ready: Iterable[EncodedTransaction] = ()) -> None:
        """So many slots more, each with a block that all vote for; the first has what of `ready`
        fits, the others are empty."""
        for turn in range(slots):
            slot = chain.fork.head.slot + 1
            made = self.block(chain, slot, () if turn else ready)
            found = [chain.insert(made)]
            message = vote_message(chain.id, made.placed.id)
            for seat in self.seats.values():
                vote = Vote(made.placed.id, seat.key.public, seat.key.sign(message))
                counted = chain.vote(vote)
                found.append(None if counted is None else counted.finalized)
            for finalized in found:
                if finalized is not None:
                    chain.persist(finalized)


@dataclass(frozen=True)
class _Stretch:
    """All blocks but the newest final one: the last of them, and the history with it."""

    header: Header
    id: Cid
    history: History

    @property
    def progress(self) -> Progress:
        """What the state after the next block says."""
        beacon, height = sha256(b"beacon"), self.header.height
        return Progress(beacon, beacon, height, 0, 0, self.history)


def write_chain(folder: Path, population: Population, accounts: int, blocks: int) -> None:
    """Write a chain with so many accounts, the last of so many blocks final, into a new folder."""
    with Database.open(folder) as database:
        genesis = population.genesis
        stretch = _write_blocks(database, genesis, blocks)
        tell(f"{blocks} blocks are there")
        write_first_state(
            database,
            _state_rows(population, accounts, stretch),
            lambda root: _newest_writes(database, genesis, stretch, root),
        )
        tell(f"{accounts} accounts are there")
        chain = Chain(population.genesis, database)
        chain.replay()
        population.go_on(chain, 4)


def _write_blocks(database: Database, genesis: Genesis, count: int) -> _Stretch:
    """The rows of the blocks of heights 0 to `count` - 1, as finality leaves them."""
    store, history = BlockStore(database), HistoryStore(database)
    last = _old_header(genesis, count - 1)
    before, after = Block(last, _MARK, Body(_CERTIFICATE, ())).encode().split(_MARK)
    results = NO_RESULTS
    ids = [genesis.header.id()]
    first = store.passed_writes(ids[0], 0, genesis.header.encode(), (), results)
    database.write(first + history.writes(0, ids), sync=False)
    for low in range(1, count, BATCH_BLOCKS):
        heights = range(low, min(low + BATCH_BLOCKS, count))
        made = [cid_of(DAG_CBOR, b"block %d" % height) for height in heights]
        if heights[-1] == count - 1:
            made[-1] = last.id()
        numbers = (height.to_bytes(8, "big") for height in heights)
        pending = [
            UNFINAL_ROW + number + block_id.binary
            for number, block_id in zip(numbers, made, strict=True)
        ]
        database.write([(key, b"") for key in pending], sync=False)
        writes: list[Write] = [(key, None) for key in pending]
        for height, block_id in zip(heights, made, strict=True):
            raw = before + b"%064d" % height + after
            writes += store.passed_writes(block_id, height, raw, (), results)
        database.write(writes + history.writes(low, made), sync=False)
        ids += made
    accumulated = NO_HISTORY
    for block_id in ids:
        accumulated = accumulated.append(block_id)
    return _Stretch(last, ids[-1], accumulated)


def _old_header(genesis: Genesis, height: int) -> Header:
    """The header of a block of this height, with no reason in its links."""
    some = cid_of(DAG_CBOR, b"")
    return replace(
        genesis.header,
        chain=genesis.chain,
        parent=some,
        height=height,
        slot=height,
        producer=bytes(32),
        reveal=bytes(32),
        base=BlockRef(genesis.header.id(), 0),
        qc_target=Target(some, height - 2, 0),
        final_if_qc=some,
    )


def _state_rows(
    population: Population, accounts: int, stretch: _Stretch
) -> Iterator[tuple[bytes, bytes]]:
    """The rows of the state in the order of their paths, so that each chunk of them touches its
    own part of the tree."""
    rows = dict(population.accounts(accounts))
    state = population.genesis.state()
    asset = ASSETS.get(state, "REEL")
    if asset is None:
        raise RuntimeError("genesis has no asset")
    minted = asset.minted + BALANCE * accounts
    ASSETS.put(state, replace(asset, minted=minted, cap=max(asset.cap, minted)), "REEL")
    PROGRESS.put(state, stretch.progress)
    rows |= {key: value for key, value in state.writes().items() if value is not None}
    return ((key, rows[key]) for key in sorted(rows, key=key_path))


def _newest_writes(
    database: Database, genesis: Genesis, stretch: _Stretch, root: bytes
) -> list[Write]:
    """The writes that make a block on the stretch the newest final one; its parent is its
    qc_target."""
    rules = Rules(genesis.chain, chain_constants(genesis.state()).epoch_slots)
    slot = stretch.header.slot + 1
    parent = dataclasses.replace(
        genesis_block(genesis.header, genesis.producer_set),
        id=stretch.id,
        header=stretch.header,
        epoch=rules.epoch(slot),
        final_height=stretch.header.height - 1,
    )
    producer = parent.members.members[0].producer
    duty = Duty(slot, producer, bytes(32), parent, _CERTIFICATE, None)
    nothing = merkle_root([])
    header = child_header(rules, parent, duty, Roots(root, nothing, nothing, nothing))
    newest = child_block(rules, parent, duty, header, header.id())
    point = point_of(newest, parent.members).encode()
    meta = ChainMeta(newest.id, newest.height, root, point)
    raw = Block(header, _MARK, Body(_CERTIFICATE, ())).encode()
    writes = BlockStore(database).final_writes(meta, raw, (), NO_RESULTS)
    return writes + HistoryStore(database).writes(newest.height, [newest.id])
