"""What joining by a snapshot costs beside reading all blocks:
`python bench/join.py [--accounts 100000] [--blocks 5000] [--transfers 100] [--json]`.

It builds a chain without a network, then brings a new node to its end twice: by validating every
block from genesis on, and by the snapshot with the blocks above it, as a newcomer does
(node/snapshots/joining.py), every answer encoded and counted.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import trio

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # so that it runs in a source tree that is not installed

from consensus.beacon import RevealChain  # noqa: E402
from consensus.block import Vote, vote_message  # noqa: E402
from consensus.headers import scheduled  # noqa: E402
from consensus.keys import KeyPair  # noqa: E402
from consensus.light import DynastyStep  # noqa: E402
from consensus.light_answer import DynastySteps  # noqa: E402
from consensus.record import Record  # noqa: E402
from consensus.snapshot import SnapshotManifest, SnapshotOffer  # noqa: E402
from consensus.transaction import (  # noqa: E402
    EncodedTransaction,
    Transaction,
)
from genesis.build import build_genesis  # noqa: E402
from genesis.file import Genesis  # noqa: E402
from genesis.preset import load_preset  # noqa: E402
from genesis.producer_record import make_producer_record  # noqa: E402
from node.candidate import read_block  # noqa: E402
from node.chain import Chain  # noqa: E402
from node.proposing import propose  # noqa: E402
from node.snapshots.joining import Joining  # noqa: E402
from node.snapshots.proving import genesis_anchor, joined_writes  # noqa: E402
from node.snapshots.service import SnapshotService  # noqa: E402
from node.snapshots.taking import take_snapshot  # noqa: E402
from p2p.messages import (  # noqa: E402
    Chunk,
    GetChunk,
    GetManifest,
    GetSnapshots,
    GetSteps,
    Manifest,
    Snapshots,
)
from storage.database import STATE_ROW, Database  # noqa: E402
from storage.snapshots import SnapshotStore  # noqa: E402
from vm.modules.producer import Commitment, current_beacon  # noqa: E402
from vm.modules.tokens import Transfer  # noqa: E402

GENESIS_TIME_MS = 1_700_000_000_000
PRODUCERS, REVEALS = 4, 16_384
SALT = b"s" * 16
FUNDS = 10**12
SNAPSHOT_BLOCKS = 250
SCAN_ROWS = 10_000
PEER = b"p" * 32


@dataclass(frozen=True)
class Seat:
    """A producer with its secrets."""

    account: KeyPair
    consensus: KeyPair
    reveals: RevealChain


class Builder:
    """Makes blocks of transfers on a chain that it alone extends."""

    def __init__(self, folder: Path, accounts: int, genesis_time_ms: int = GENESIS_TIME_MS) -> None:
        self._accounts = [KeyPair.from_seed(b"%32d" % number) for number in range(accounts)]
        self._nonces = [0] * accounts
        self._seats = [_seat(number) for number in range(PRODUCERS)]
        self._chance = random.Random(1)  # noqa: S311
        self.genesis = self._genesis(genesis_time_ms)
        self.database = Database.open(folder)
        self.chain = Chain(self.genesis, self.database)
        self._seat_of = {seat.account.public: seat for seat in self._seats}

    def _genesis(self, genesis_time_ms: int) -> Genesis:
        records = [
            make_producer_record(
                seat.account,
                seat.consensus,
                f"p{number}",
                Commitment(SALT, seat.reveals.commitment, seat.reveals.length),
            )
            for number, seat in enumerate(self._seats)
        ]
        holders = [(account.public, FUNDS) for account in self._accounts]
        return build_genesis(load_preset("devnet"), records, holders, genesis_time_ms)

    def build(self, blocks: int, transfers: int, store: SnapshotStore | None = None) -> None:
        """Extend the chain; a snapshot is taken where a node takes one, if there is a store."""
        for slot in range(1, blocks + 1):
            self._add(slot, [self._transfer() for _ in range(transfers)])
            height = self.chain.durable_final.height
            if store is not None and height and height % SNAPSHOT_BLOCKS == 0:
                take_snapshot(store, self.database.snapshot())
            if slot % 100 == 0:
                _say(f"{slot} of {blocks} blocks are built")
        if store is not None and store.newest() is None:
            take_snapshot(store, self.database.snapshot())

    def _transfer(self) -> EncodedTransaction:
        chance = self._chance
        place = chance.randrange(len(self._accounts))
        to = self._accounts[chance.randrange(len(self._accounts))].public
        sender = self._accounts[place]
        made = Transaction(
            chain=self.chain.id,
            sender=sender.public,
            payer=None,
            nonce=self._nonces[place],
            valid_until_height=10**9,
            fee_asset="REEL",
            max_fee=10**7,
            actions=(Transfer(to, "REEL", 1 + chance.randrange(1000), "").pack(),),
            signatures=(),
        ).signed(sender)
        self._nonces[place] += 1
        return EncodedTransaction.of(made)

    def _add(self, slot: int, ready: Sequence[EncodedTransaction]) -> None:
        chain, head = self.chain, self.chain.fork.head
        producer = scheduled(chain.rules, head, slot).producer
        seat = self._seat_of[producer]
        used = current_beacon(chain.state_of(head), producer).used
        proposal = propose(chain, slot, producer, seat.reveals.reveal(used), ready)
        if len(proposal.body.transactions) != len(ready):
            raise RuntimeError(f"slot {slot}: not all transfers fit")
        block = proposal.sealed(seat.consensus.sign(proposal.placed.id.binary))
        finalized = chain.insert(block)
        if finalized is not None:
            chain.persist(finalized)
        message = vote_message(chain.id, block.placed.id)
        for voter in self._seats:
            key = voter.consensus
            counted = chain.vote(Vote(block.placed.id, key.public, key.sign(message)))
            if counted is not None and counted.finalized is not None:
                chain.persist(counted.finalized)


def _seat(number: int) -> Seat:
    seed = b"%30d" % number
    reveals = RevealChain(b"b%31d" % number, SALT, REVEALS)
    return Seat(KeyPair.from_seed(b"a," + seed), KeyPair.from_seed(b"c," + seed), reveals)


class Counted:
    """One peer whose answers are encoded, counted and decoded as over a connection."""

    def __init__(self, service: SnapshotService) -> None:
        self._service = service
        self.moved_bytes = 0

    def peers(self) -> Sequence[bytes]:
        return [PEER]

    async def arrival(self) -> None:
        return

    def _ask(self, request: Record) -> Record:
        asked = type(request).decode(request.encode())
        answer = self._service.serve(asked)
        if answer is None:
            raise RuntimeError(f"{request.tag} is not served")
        data = answer.encode()
        self.moved_bytes += len(data)
        return type(answer).decode(data)

    async def offers(self, peer: bytes) -> Sequence[SnapshotOffer]:
        answer = self._ask(GetSnapshots())
        return answer.offers if isinstance(answer, Snapshots) else ()

    async def steps(self, peer: bytes, dynasty: int) -> Sequence[DynastyStep]:
        answer = self._ask(GetSteps(dynasty))
        return answer.steps if isinstance(answer, DynastySteps) else ()

    async def manifest(self, peer: bytes, offer: SnapshotOffer) -> SnapshotManifest:
        answer = self._ask(GetManifest(offer.block_id))
        return SnapshotManifest.decode(answer.manifest if isinstance(answer, Manifest) else b"")

    async def chunk(self, peer: bytes, offer: SnapshotOffer, index: int) -> bytes:
        answer = self._ask(GetChunk(offer.block_id, index))
        return answer.chunk if isinstance(answer, Chunk) else b""

    def blame(self, peer: bytes, why: str) -> None:
        raise RuntimeError(why)


def feed(chain: Chain, source: Chain) -> int:
    """Validate and take what of the other chain's blocks is missing; how many bytes they have."""
    first, moved = chain.durable_final.height + 1, 0
    blocks = [source.blocks.at(height) for height in range(first, source.durable_final.height + 1)]
    for raw in [*blocks, *(block.raw for block in source.head_chain())]:
        if raw is None:
            raise RuntimeError("the old node lacks a block")
        moved += len(raw)
        finalized = chain.insert(chain.validate(read_block(raw)))
        if finalized is not None:
            chain.persist(finalized)
        if chain.fork.head.height % 500 == 0:
            _say(f"height {chain.fork.head.height} is reached")
    return moved


def replay(builder: Builder, folder: Path) -> float:
    """Seconds to read all blocks from genesis on."""
    began = time.perf_counter()
    with Database.open(folder) as database:
        chain = Chain(builder.genesis, database)
        feed(chain, builder.chain)
        took = time.perf_counter() - began
        _check(chain, builder.chain)
    return took


def join(builder: Builder, store: SnapshotStore, folder: Path) -> tuple[float, int]:
    """Seconds and bytes to the end of the chain by way of its newest snapshot."""
    counted = Counted(SnapshotService(builder.chain, store, SNAPSHOT_BLOCKS))
    began = time.perf_counter()
    with Database.open(folder) as database:
        complete = partial(joined_writes, builder.genesis, database)
        joining = Joining(counted, database, genesis_anchor(builder.genesis), complete)
        if not trio.run(joining.run):
            raise RuntimeError("no snapshot was offered")
        chain = Chain(builder.genesis, database)
        blocks_bytes = feed(chain, builder.chain)
        took = time.perf_counter() - began
        _check(chain, builder.chain)
    return took, counted.moved_bytes + blocks_bytes


def _check(chain: Chain, source: Chain) -> None:
    if chain.fork.head.id != source.fork.head.id:
        raise RuntimeError("the new node did not get to the old one's head")


def state_bytes(database: Database) -> int:
    """Keys and values of all rows of the final state."""
    start, total = STATE_ROW, 0
    while rows := database.scan(STATE_ROW, start=start, limit=SCAN_ROWS):
        total += sum(len(key) - 1 + len(value) for key, value in rows)
        start = rows[-1][0] + b"\x00"
    return total


def measure(accounts: int, blocks: int, transfers: int) -> dict[str, float]:
    """All figures of one run."""
    with tempfile.TemporaryDirectory(prefix="reelect-join-") as name:
        folder = Path(name)
        began = time.perf_counter()
        builder = Builder(folder / "old", accounts)
        store = SnapshotStore(folder / "snapshots")
        builder.build(blocks, transfers, store)
        built_s = time.perf_counter() - began
        offer = store.offers()[0]
        join_s, moved = join(builder, store, folder / "joined")
        replay_s = replay(builder, folder / "replayed")
        size = state_bytes(builder.database)
        builder.database.close()
    return {
        "accounts": accounts,
        "blocks": blocks,
        "transfers_a_block": transfers,
        "snapshot_height": offer.height,
        "build_s": round(built_s, 1),
        "replay_s": round(replay_s, 1),
        "join_s": round(join_s, 1),
        "join_share_of_replay": round(join_s / replay_s, 4),
        "state_bytes": size,
        "snapshot_bytes": offer.size_bytes,
        "moved_bytes": moved,
        "moved_per_state_byte": round(moved / size, 3),
    }


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--blocks", type=int, default=5_000)
    parser.add_argument("--transfers", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measure(options.accounts, options.blocks, options.transfers)
    if options.json:
        print(json.dumps(figures))
        return
    width = max(map(len, figures))
    for name, value in figures.items():
        print(f"{name:<{width}}  {value:,}")


if __name__ == "__main__":
    main()
