"""The module `claims`: its rows, and what must hold between them (ECONOMIES section 0, Migration).

A migration is a snapshot of Ethereum holders, of which the chain has the Merkle root alone: one row
for each migration, and one for each holder that has claimed.
"""

from collections import Counter as Tally
from collections.abc import Iterator
from typing import Annotated

from consensus.ethereum import ADDRESS_BYTES
from consensus.kinds import AccountId, Amount, Asset, Bytes, Counter, Digest, Text, Uint
from consensus.record import Record, record
from vm.declare import Module
from vm.modules.agenda import Agenda
from vm.modules.pots import Destination
from vm.modules.tokens import POTS, PositiveAmount
from vm.table import Table
from vm.view import View

claims = Module("claims", "What holders of an earlier chain claim here by a message signed there.")

UNCLAIMED_POT = "claims.unclaimed"
DEEPEST = 24  # of a snapshot's Merkle tree: a proof has at most so many hashes
MOST_HOLDERS = 2**DEEPEST

MigrationName = Annotated[str, Text(32, 1, "[a-z][a-z0-9-]*")]
EthereumAddress = Annotated[bytes, Bytes(ADDRESS_BYTES, ADDRESS_BYTES)]
Holders = Annotated[int, Uint(MOST_HOLDERS, 1)]


@record("claims.migration")
class Migration(Record):
    """A snapshot whose holders claim an asset until a time (ms from the Unix epoch): the Merkle
    root and the size of the list of its holdings, what they are together, what nobody has claimed,
    how many have, and where the rest goes. Once it `is_over`, the rest has gone there."""

    asset: Asset
    root: Digest
    holders: Holders
    units: PositiveAmount
    left: Amount
    claimed: Counter
    until_ms: Counter
    leftover: Destination
    is_over: bool


@record("claims.holding")
class Holding(Record):
    """An item of a snapshot's list: what an address held. Its encoding is what the tree hashes."""

    holder: EthereumAddress
    units: PositiveAmount


@record("claims.claimed")
class Claimed(Record):
    """A holder has claimed, for this account."""

    account: AccountId


@record("claims.due")
class Due(Record):
    """Lists the migrations in the order of the times until which they last."""


MIGRATIONS: Table[Migration, str] = claims.table(Migration, migration=MigrationName)
CLAIMED: Table[Claimed, str, bytes] = claims.table(
    Claimed, migration=MigrationName, holder=EthereumAddress
)
DUE: Table[Due, int, str] = claims.table(Due, until_ms=Counter, migration=MigrationName)
AGENDA: Agenda[str] = Agenda(DUE, Due())


@claims.invariant
def unclaimed_is_kept(view: View) -> Iterator[str]:
    """The pot holds what is left of the migrations that last, which are listed by their ends."""
    left: Tally[str] = Tally()
    lasting = {name: row for (name,), row in MIGRATIONS.every(view) if not row.is_over}
    for row in lasting.values():
        left[row.asset] += row.left
    held = {asset: pot.amount for (name, asset), pot in POTS.every(view) if name == UNCLAIMED_POT}
    if held != +left:
        yield f"the pot {UNCLAIMED_POT} holds {held}, {dict(left)} is left of migrations"
    yield from AGENDA.disagreements(view, {(row.until_ms, name) for name, row in lasting.items()})


@claims.invariant
def claims_are_counted(view: View) -> Iterator[str]:
    """As many have claimed of a migration as it counts, and no more than it has holders."""
    claimed = Tally(name for (name, _), _ in CLAIMED.every(view))
    for (name,), row in MIGRATIONS.every(view):
        if row.claimed != claimed.pop(name, 0):
            yield f"{row.claimed} are not those who have claimed of {name}"
        if row.claimed > row.holders or row.left > row.units:
            yield f"more was claimed of {name} than there is"
    for name in claimed:
        yield f"somebody has claimed of {name}, which does not exist"
