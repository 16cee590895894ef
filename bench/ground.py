"""What the rows of the table stand on: a large chain and a compiled build, each made when first
asked for, in a temporary folder."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench.compiled_build import build_compiled
from bench.large_chain import Population, write_chain
from consensus.transaction import EncodedTransaction
from node.chain import Chain
from storage.database import Database

# Each repeat of each row has senders of its own: none of their rows was read before.
GROUPS_OF_ROWS = 3  # unseen, verified, finalizing
BLOCKS = 50  # nobody reads what lies below the newest


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured."""

    accounts: int
    transfers: int  # a block
    repeats: int
    load_s: int
    trial_s: int  # of each load in the search for what a network sustains
    load_shares: Sequence[float]  # of the limit: the loads of that search
    verifications: int  # of the raw loop, a repeat
    scale_accounts: Sequence[int]
    scale_transfers: Sequence[int]
    scale_block: int  # transfers of a block where accounts vary
    scale_base: int  # accounts where transfers vary
    producers: Sequence[int]


FULL = Sizes(
    accounts=1_000_000,
    transfers=5_000,
    repeats=5,
    load_s=60,
    trial_s=20,
    load_shares=(0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4),
    verifications=20_000,
    scale_accounts=(1_000, 10_000, 100_000, 1_000_000),
    scale_transfers=(10, 100, 1_000, 5_000),
    scale_block=1_000,
    scale_base=100_000,
    producers=(4, 7, 14, 21),
)
QUICK = Sizes(
    accounts=50_000,
    transfers=250,
    repeats=2,
    load_s=6,
    trial_s=6,
    load_shares=(0.01, 0.02),
    verifications=1_000,
    scale_accounts=(1_000, 5_000),
    scale_transfers=(10, 50),
    scale_block=50,
    scale_base=5_000,
    producers=(4, 7),
)


class Ground:
    """A folder for whatever the rows need, and how much of it."""

    def __init__(self, folder: Path, sizes: Sizes) -> None:
        self.folder = folder
        self.sizes = sizes

    @cached_property
    def population(self) -> Population:
        """The senders of all rows."""
        return Population((1 + GROUPS_OF_ROWS * self.sizes.repeats) * self.sizes.transfers)

    @cached_property
    def compiled(self) -> Path:
        """The folder of a compiled build."""
        return build_compiled(self.folder / "build")

    @cached_property
    def _chain_folder(self) -> Path:
        folder = self.folder / "chain"
        write_chain(folder, self.population, self.sizes.accounts, BLOCKS)
        return folder

    @contextmanager
    def database(self) -> Iterator[Database]:
        """The database of the large chain."""
        with Database.open(self._chain_folder) as database:
            yield database

    def chain(self, database: Database) -> Chain:
        """A node's chain on it, with nothing in its caches."""
        return open_chain(self.population, database)

    def transfers(self, chain: Chain, group: int) -> list[EncodedTransaction]:
        """The transfers of a block, each from another account to yet another."""
        return distinct_transfers(
            self.population, chain, self.sizes.accounts, self.sizes.transfers, group
        )


def open_chain(population: Population, database: Database) -> Chain:
    """The chain in a database, taken up as a node does."""
    chain = Chain(population.genesis, database)
    chain.replay()
    return chain


def distinct_transfers(
    population: Population, chain: Chain, accounts: int, count: int, group: int
) -> list[EncodedTransaction]:
    """So many transfers from the senders of a group, one each, to as many accounts that send
    nothing, drawn by chance."""
    chance = random.Random(group)  # noqa: S311
    senders = range(group * count, (group + 1) * count)
    silent = range(len(population.senders), accounts)
    to = chance.sample(silent, count)
    return [
        population.transfer(chain, sender, other) for sender, other in zip(senders, to, strict=True)
    ]
