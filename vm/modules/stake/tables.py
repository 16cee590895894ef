"""The module `stake`: its rows, and what must hold between them."""

from collections import Counter as Tally
from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated

from consensus.kinds import AccountId, Counter
from consensus.record import AtMost, Record, part, record
from vm.declare import Module
from vm.modules.agenda import Agenda
from vm.modules.chain import chain_constants
from vm.modules.mana import MANA
from vm.modules.producer import BONDED_POT, VOTES
from vm.modules.tokens import PositiveAmount, pot_of
from vm.table import KeyPart, Table
from vm.view import View

stake = Module("stake", "Tokens are bonded, and their holders approve producers by them.")

MOST_CHOICES = 30
# Of an account at one time: so that a share of all of it can be taken at once.
MOST_RELEASES = 16
MOST_LOCKS = 32
UNBONDING_POT = "stake.unbonding"

MAX_CHOICES = stake.parameter(
    "max_choices",
    default=21,
    minimum=1,
    maximum=MOST_CHOICES,
    unit="producers",
    sentence="How many producers an account may approve, each with all that it has bonded.",
)


@record("stake.account")
class Bonded(Record):
    """What an account has bonded of the native asset, and the producers that it approves, in the
    order of their ids."""

    units: PositiveAmount
    approved: Annotated[tuple[AccountId, ...], AtMost(MOST_CHOICES)]


@part
class Release(Record):
    """An amount that comes back at a time (ms from the Unix epoch)."""

    time_ms: Counter
    units: PositiveAmount


@record("stake.unbonding")
class Unbonding(Record):
    """What an account has unbonded and not got back yet, the earliest first."""

    releases: Annotated[tuple[Release, ...], AtMost(MOST_RELEASES, 1)]


@record("stake.due")
class Due(Record):
    """Lists the releases of all accounts in the order of time."""


@part
class Lock(Record):
    """Units that cannot be unbonded before a time (ms from the Unix epoch)."""

    until_ms: Counter
    units: PositiveAmount


@record("stake.locks")
class Locks(Record):
    """What of an account's bond has voted on proposals, in the order of the times: the most that
    any lock holds whose time is not over cannot be unbonded."""

    locks: Annotated[tuple[Lock, ...], AtMost(MOST_LOCKS, 1)]


BONDS: Table[Bonded, bytes] = stake.table(Bonded, account=AccountId)
UNBONDING: Table[Unbonding, bytes] = stake.table(Unbonding, account=AccountId)
DUE: Table[Due, int, bytes] = stake.table(Due, time_ms=Counter, account=AccountId)
AGENDA: Agenda[bytes] = Agenda(DUE, Due())
LOCKS: Table[Locks, bytes] = stake.table(Locks, account=AccountId)


@stake.invariant
def pots_agree(view: View) -> Iterator[str]:
    """The pots hold what the rows say."""
    asset = chain_constants(view).native_asset
    bonded = sum(row.units for _, row in BONDS.every(view))
    unbonding = sum(each.units for _, row in UNBONDING.every(view) for each in row.releases)
    for name, units in ((BONDED_POT, bonded), (UNBONDING_POT, unbonding)):
        held = pot_of(view, name, asset)
        if held != units:
            yield f"the pot {name} holds {held}, the rows say {units}"


@stake.invariant
def votes_agree(view: View) -> Iterator[str]:
    """The votes for an account are what those have bonded who approve it, each once."""
    votes: Tally[bytes] = Tally()
    for (account,), row in BONDS.every(view):
        if any(low >= high for low, high in pairwise(row.approved)):
            yield f"what {account.hex()} approves is not in order, each once"
        for approved in row.approved:
            votes[approved] += row.units
    for (account,), counted in VOTES.every(view):
        if votes.pop(account, 0) != counted.units:
            yield f"votes for {account.hex()}: {counted.units} are not those of who approve it"
    for account in votes:
        yield f"votes for {account.hex()}: not counted"


@stake.invariant
def releases_agree(view: View) -> Iterator[str]:
    """Each account's releases are in order, listed under their times, and the earliest is known."""
    held: set[tuple[KeyPart, ...]] = set()
    for (account,), row in UNBONDING.every(view):
        if any(low.time_ms >= high.time_ms for low, high in pairwise(row.releases)):
            yield f"the releases of {account.hex()} are not in order, one a time"
        held |= {(each.time_ms, account) for each in row.releases}
    yield from AGENDA.disagreements(view, held)


@stake.invariant
def mana_agrees(view: View) -> Iterator[str]:
    """Each account's mana grows with what it has bonded."""
    bonded = {account: row.units for (account,), row in BONDS.every(view)}
    for (account,), row in MANA.every(view):
        if bonded.pop(account, 0) != row.units:
            yield f"the mana of {account.hex()} grows with {row.units} units, not all it has bonded"
    for account in bonded:
        yield f"{account.hex()} has something bonded, and no mana"
