"""The accounts of a local network: a mnemonic in a plain file, so that no password is asked for.

Whoever reads the file has the accounts; it is for trying things on one machine only.
"""

import json
from pathlib import Path
from typing import Annotated

from consensus.errors import Invalid
from consensus.keys import KeyPair
from consensus.kinds import AccountId, Text
from consensus.record import AtMost, Record, part
from node.failure import Refused
from node.files import PRIVATE, check_private, read_bounded, write_new
from node.wallet.derivation import KeyKind, account_key, derive_seed, master_seed

FORMAT = "reelect-local-accounts/1"
NAME_PREFIX = "dev"
MAX_ACCOUNTS = 100
_MAX_FILE_BYTES = 65_536


@part
class LocalAccounts(Record):
    """A mnemonic and its first accounts, which are named dev0, dev1, …"""

    format: Annotated[str, Text(64, 1, FORMAT)]
    mnemonic: Annotated[str, Text(400, 1)]
    accounts: Annotated[tuple[AccountId, ...], AtMost(MAX_ACCOUNTS)]

    def by_name(self) -> dict[str, bytes]:
        """Account ids by name."""
        return {f"{NAME_PREFIX}{i}": account for i, account in enumerate(self.accounts)}

    def key(self, account: bytes) -> KeyPair:
        """The key of one of these accounts."""
        return account_key(self.mnemonic, self.accounts.index(account))


def make_local_accounts(mnemonic: str, count: int) -> LocalAccounts:
    """The first `count` accounts of a mnemonic."""
    master = master_seed(mnemonic)
    seeds = [derive_seed(master, KeyKind.ACCOUNT, index) for index in range(count)]
    accounts = tuple(KeyPair.from_seed(seed).public for seed in seeds)
    return LocalAccounts(FORMAT, mnemonic, accounts)


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
