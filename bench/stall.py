"""What a long stall costs: `python bench/stall.py [--blocks 3000] [--json]`.

A node holds 14 of 21 seats, one less than a quorum, and makes the blocks of its slots; then the
others vote again. It measures the bytes that a block takes while nothing becomes final (by
tracemalloc, in a run of its own), the time to take up such a chain after a crash, and the time
to make it final: in threads, and the longest single step on the event loop.
"""

import argparse
import gc
import json
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # so that it runs in a source tree that is not installed

from consensus.beacon import RevealChain  # noqa: E402
from consensus.block import Vote, vote_message  # noqa: E402
from consensus.keys import KeyPair  # noqa: E402
from consensus.record import Record  # noqa: E402
from genesis.build import build_genesis  # noqa: E402
from genesis.file import Genesis  # noqa: E402
from genesis.preset import load_preset  # noqa: E402
from genesis.producer_record import make_producer_record  # noqa: E402
from node.chain import Chain  # noqa: E402
from node.engine import Engine  # noqa: E402
from node.mempool import Mempool  # noqa: E402
from node.validator import JOURNAL_FILE, Seat, Validator, create_journal  # noqa: E402
from node.work import Call, Work  # noqa: E402
from storage.database import Database  # noqa: E402
from storage.journal import Journal  # noqa: E402
from vm import table  # noqa: E402
from vm.modules.producer import Commitment  # noqa: E402

GENESIS_TIME_MS = 1_700_000_000_000
PRODUCERS, PRESENT = 21, 14
REVEALS = 16_384
SALT = b"s" * 16
# By then what is bounded (whole blocks, votes, the watch) has its size.
WARM_UP_BLOCKS = 400
# What each source file holds of a block.
KINDS = {
    "consensus/codec.py": "header",
    "consensus/record.py": "header",
    "consensus/cid.py": "header",
    "dataclasses.py": "header",
    "consensus/headers.py": "place on the chain",
    "consensus/hashing.py": "place on the chain",
    "consensus/fork_choice.py": "fork choice",
    "consensus/keys.py": "votes",
    "node/unfinal.py": "record",
    "node/candidate.py": "record",
    "storage/state.py": "writes",
    "consensus/tree.py": "writes",
    "storage/blocks.py": "index of the block store",
    "node/verified.py": "verified signatures (bounded)",
}
BOUNDED = "verified signatures (bounded)"

T = TypeVar("T")


@dataclass
class Timing:
    """Where a Work's time went, in seconds."""

    threads: float = 0.0
    longest_step: float = 0.0


class Node:
    """An engine on a real disk whose clock the bench sets; its peers hear nothing."""

    def __init__(self, genesis: Genesis, seats: list[Seat], folder: Path) -> None:
        self.now_ms = GENESIS_TIME_MS
        self.database = Database.open(folder / "chain")
        self.chain = Chain(genesis, self.database)
        self.replayed = self.chain.replay()
        journal = folder / JOURNAL_FILE
        if not journal.exists():
            create_journal(journal, [seat.key.public for seat in seats])
        self.journal = Journal.open(journal)
        self.engine = Engine(
            self.chain,
            Validator(self.chain.id, seats, self.journal, reveals=REVEALS),
            Mempool(),
            self,
            now_ms=lambda: self.now_ms,
            may_sign=lambda: True,
            changed=lambda _new, _final: None,
        )

    def broadcast(self, message: Record, exclude: bytes | None = None) -> None:
        """Gossip leaves."""

    def send(self, peer: bytes, message: Record) -> bool:
        """Gossip leaves for a peer."""
        return True

    def holders(self, message: Record) -> list[bytes]:
        """There is no peer."""
        return []

    def misbehaved(self, peer: bytes, points: float, why: str) -> None:
        """There is no peer."""

    def run(self, work: Work[T], timing: Timing | None = None) -> T:
        """Carry out a Work."""
        timing = Timing() if timing is None else timing
        while True:
            begun = time.perf_counter()
            try:
                step = work.send(None)
            except StopIteration as end:
                result: T = end.value
                return result
            finally:
                timing.longest_step = max(timing.longest_step, time.perf_counter() - begun)
            begun = time.perf_counter()
            if isinstance(step, Call):
                step.call()
            timing.threads += time.perf_counter() - begun

    def blocks(self, slot: int, count: int) -> int:
        """Go on from this slot until there are so many blocks more; returns the next slot."""
        height = self.chain.fork.head.height + count
        while self.chain.fork.head.height < height:
            self.now_ms = self.chain.clock.start_ms(slot)
            self.run(self.engine.produce(slot))
            slot += 1
        return slot

    def close(self) -> None:
        """Stop."""
        self.journal.close()
        self.database.close()


def make_network() -> tuple[Genesis, list[Seat]]:
    """21 producers whose reveals last."""
    seats, records = [], []
    for i in range(PRODUCERS):
        account, key = (KeyPair.from_seed(b"%s%31d" % (kind, i)) for kind in (b"a", b"c"))
        reveals = RevealChain(b"%32d" % i, SALT, REVEALS)
        commitment = Commitment(SALT, reveals.commitment, REVEALS)
        records.append(make_producer_record(account, key, f"producer-{i}", commitment))
        seats.append(Seat(account.public, key, b"%32d" % i))
    return build_genesis(load_preset("devnet"), records, [], GENESIS_TIME_MS), seats


@contextmanager
def stalled(blocks: int) -> Iterator[tuple[Genesis, list[Seat], Path, Node, int]]:
    """A node after so many blocks of which none is final, and the next slot."""
    genesis, seats = make_network()
    with tempfile.TemporaryDirectory() as name:
        node = Node(genesis, seats[:PRESENT], Path(name))
        slot = node.blocks(1, blocks)
        yield genesis, seats, Path(name), node, slot


def measure_memory(blocks: int) -> dict[str, float]:
    """Bytes a block by kind."""
    tracemalloc.start()
    with stalled(WARM_UP_BLOCKS) as (_, _, _, node, slot):
        before = _by_kind()
        node.blocks(slot, blocks)
        after = _by_kind()
        node.close()
    tracemalloc.stop()
    return {kind: round((after[kind] - before[kind]) / blocks, 1) for kind in sorted(after)}


def _by_kind() -> Counter[str]:
    table._kept.cache_clear()  # decoded rows, bounded
    gc.collect()
    found: Counter[str] = Counter()
    for statistic in tracemalloc.take_snapshot().statistics("filename"):
        file = Path(statistic.traceback[0].filename)
        name = str(file.relative_to(ROOT)) if file.is_relative_to(ROOT) else file.name
        found[KINDS.get(name, "other")] += statistic.size
    return found


def measure_times(blocks: int) -> dict[str, float]:
    """Seconds, slots until finality is back, and the size of an empty block."""
    with stalled(blocks) as (genesis, seats, folder, node, slot):
        block = node.chain.fork.head
        block_bytes = len(node.chain.block_bytes(block.id) or b"")
        node.close()
        begun = time.perf_counter()
        again = Node(genesis, seats[:PRESENT], folder)
        replay_s = time.perf_counter() - begun
        timing, slots = Timing(), 0
        while again.chain.durable_final.height < blocks:
            _slot_with_all(again, seats[PRESENT:], slot + slots, timing)
            slots += 1
        final = again.chain.durable_final.height
        again.close()
    return {
        "replay_s": round(replay_s, 3),
        "finalize_threads_s": round(timing.threads, 3),
        "finalize_longest_loop_step_s": round(timing.longest_step, 4),
        "slots_to_finality": slots,
        "final_height": final,
        "block_bytes": block_bytes,
    }


def _slot_with_all(node: Node, absent: list[Seat], slot: int, timing: Timing) -> None:
    """One slot in which those who were absent vote too."""
    node.now_ms = node.chain.clock.start_ms(slot)
    made = node.run(node.engine.produce(slot))
    if made is not None:
        message = vote_message(node.chain.id, made.placed.id)
        votes = [Vote(made.placed.id, s.key.public, s.key.sign(message)) for s in absent]
        node.run(node.engine.add_votes(votes), timing)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--blocks", type=int, default=3000, help="unfinal blocks")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args()
    kinds = measure_memory(options.blocks)
    growth = round(sum(size for kind, size in kinds.items() if kind != BOUNDED), 1)
    report = {
        "blocks": options.blocks,
        "bytes_a_block": growth,
        "bytes_a_block_by_kind": kinds,
        "mebibytes_a_day_at_1_s": round(growth * 86_400 / 2**20, 1),
        **measure_times(options.blocks),
    }
    if options.json:
        print(json.dumps(report))
        return
    for name, value in report.items():
        if isinstance(value, dict):
            for kind, size in sorted(value.items(), key=lambda item: -item[1]):
                print(f"  {kind:32} {size:10}")
        else:
            print(f"{name:34} {value:10}")


if __name__ == "__main__":
    main()
