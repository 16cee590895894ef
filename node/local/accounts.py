"""The accounts of a local network: a mnemonic in a plain file, so that no password is asked for.

Whoever reads the file has the accounts; it is for trying things on one machine only.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from consensus.errors import Invalid
from consensus.keys import KeyPair
from consensus.kinds import AccountId, Text
from consensus.producers import MAX_PRODUCERS
from consensus.record import AtMost, Record, part
from genesis.setup import RoleName
from node.failure import Refused
from node.files import PRIVATE, check_private, read_bounded, write_new
from node.wallet.derivation import KeyKind, account_key, derive_seed, master_seed

FORMAT = "reelect-local-accounts/2"
NAME_PREFIX = "dev"
MAX_ACCOUNTS = 100
MAX_SPARE_SEATS = MAX_PRODUCERS  # so that a whole set can change
# The accounts of the producers follow those that people use.
FIRST_SEAT_INDEX = MAX_ACCOUNTS
_MAX_FILE_BYTES = 65_536


@part
class LocalAccounts(Record):
    """A mnemonic, its first accounts, which are named dev0, dev1, …, and those of the producers:
    producer-0, producer-1, …; the first accounts are also named by the preset's roles, in order."""

    format: Annotated[str, Text(64, 1, FORMAT)]
    mnemonic: Annotated[str, Text(400, 1)]
    accounts: Annotated[tuple[AccountId, ...], AtMost(MAX_ACCOUNTS)]
    producers: Annotated[tuple[AccountId, ...], AtMost(MAX_PRODUCERS + MAX_SPARE_SEATS)]
    roles: Annotated[tuple[RoleName, ...], AtMost(MAX_ACCOUNTS)]

    def for_people(self) -> dict[str, bytes]:
        """The accounts that are no producer's, by name."""
        return {f"{NAME_PREFIX}{i}": account for i, account in enumerate(self.accounts)}

    def of_producers(self) -> dict[str, bytes]:
        """The producers' accounts by name."""
        return {producer_name(i): account for i, account in enumerate(self.producers)}

    def of_roles(self) -> dict[str, bytes]:
        """The accounts that have a role, by it."""
        return dict(zip(self.roles, self.accounts, strict=False))

    def by_name(self) -> dict[str, bytes]:
        """All account ids by name."""
        return self.for_people() | self.of_producers() | self.of_roles()

    def names(self) -> str:
        """The names in short, for a sentence."""
        groups = (list(self.for_people()), list(self.of_producers()))
        ranges = [f"{group[0]} to {group[-1]}" for group in groups if group]
        return ", ".join([*ranges, *self.roles])

    def holds(self, account: bytes) -> bool:
        """Whether it is one of these accounts."""
        return account in self.accounts or account in self.producers

    def key(self, account: bytes) -> KeyPair:
        """The key of one of these accounts."""
        if account in self.accounts:
            return account_key(self.mnemonic, self.accounts.index(account))
        return account_key(self.mnemonic, FIRST_SEAT_INDEX + self.producers.index(account))


def producer_name(place: int) -> str:
    """The name of a local network's producer number `place`, from 0."""
    return f"producer-{place}"


def make_local_accounts(
    mnemonic: str, count: int, producers: int, roles: Sequence[str] = ()
) -> LocalAccounts:
    """The first `count` accounts of a mnemonic, of which the first have these roles, and those of
    so many producers."""
    master = master_seed(mnemonic)

    def derived(indices: range) -> tuple[bytes, ...]:
        seeds = [derive_seed(master, KeyKind.ACCOUNT, index) for index in indices]
        return tuple(KeyPair.from_seed(seed).public for seed in seeds)

    seats = range(FIRST_SEAT_INDEX, FIRST_SEAT_INDEX + producers)
    return LocalAccounts(FORMAT, mnemonic, derived(range(count)), derived(seats), tuple(roles))


def write_local_accounts(file: Path, accounts: LocalAccounts) -> None:
    """Write a new file that only its owner can read; raises Refused if it exists."""
    write_new(file, json.dumps(accounts.to_json(), indent=2).encode() + b"\n", mode=PRIVATE)


def read_local_accounts(file: Path) -> LocalAccounts:
    """The accounts in a file; raises Refused, naming the file, for anything wrong with it."""
    check_private(file)
    try:
        return LocalAccounts.from_json(json.loads(read_bounded(file, _MAX_FILE_BYTES)))
    except (Invalid, ValueError, RecursionError) as error:
        raise Refused(f"not a file of local accounts: {error}", field=str(file)) from error
