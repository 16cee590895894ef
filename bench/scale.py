"""What a block costs by the size of the state and of the block, and a slot by the producers."""

import random
import statistics
from collections.abc import Sequence
from pathlib import Path

from bench.ground import BLOCKS, Ground, open_chain
from bench.large_chain import Population, write_chain
from bench.report import Report, tell
from bench.validation import check, encoded_block, know_signatures
from bench.votes import votes_of_a_slot
from consensus.transaction import EncodedTransaction
from storage.database import Database

ROUNDS = 5
MICROSECONDS = 1e6


def measure_scale(ground: Ground) -> Report:
    """Microseconds of the checking thread a transfer, signatures known and state unread, by
    accounts and by transfers a block; and what votes cost by producers."""
    sizes = ground.sizes
    by_accounts: Report = {}
    for accounts in sizes.scale_accounts:
        folder = ground.folder / f"scale-{accounts}"
        costs = _costs(folder, accounts, [sizes.scale_block])
        by_accounts[str(accounts)] = costs[str(sizes.scale_block)]
    folder = ground.folder / "scale-transfers"
    return {
        "transfers_a_block": sizes.scale_block,
        "by_accounts": by_accounts,
        "accounts": sizes.scale_base,
        "by_transfers": _costs(folder, sizes.scale_base, sizes.scale_transfers),
        "by_producers": {str(count): votes_of_a_slot(count) for count in sizes.producers},
    }


def _costs(folder: Path, accounts: int, blocks: Sequence[int]) -> Report:
    """Of blocks of so many transfers, each on a chain that has nothing in its caches."""
    population = Population(max(blocks))
    write_chain(folder, population, accounts, BLOCKS)
    costs: Report = {}
    with Database.open(folder) as database:
        for transfers in blocks:
            took = [
                _cost(population, database, accounts, transfers, turn) for turn in range(ROUNDS)
            ]
            costs[str(transfers)] = {
                "microseconds_a_transfer": round(statistics.median(took), 1),
                "min": round(min(took), 1),
                "max": round(max(took), 1),
            }
            tell(f"{accounts} accounts, {transfers} transfers a block are measured")
    return costs


def _cost(
    population: Population, database: Database, accounts: int, transfers: int, turn: int
) -> float:
    maker, validator = (open_chain(population, database) for _ in range(2))
    chance = random.Random(turn)  # noqa: S311
    pending: list[EncodedTransaction] = [
        population.transfer(maker, sender, chance.randrange(accounts))
        for sender in range(transfers)
    ]
    raw = encoded_block(population, maker, pending)
    know_signatures(validator, pending)
    return MICROSECONDS * check(validator, raw).cpu_s / transfers
