"""The module `stake`: its rows, and what must hold between them."""

from collections import Counter as Tally
from collections.abc import Iterator
from typing import Annotated

from consensus.kinds import AccountId, Amount, Counter
from consensus.record import AtMost, Record, record
from vm.declare import Module
from vm.modules.chain import chain_constants
from vm.modules.producer import VOTES
from vm.modules.tokens import POTS
from vm.table import Table
from vm.view import View

stake = Module("stake", "Tokens are bonded, and their holders approve producers by them.")

MOST_CHOICES = 30
BONDED = "stake.bonded"  # the pots of what is bonded, and of what is bonded no longer but held back
UNBONDING = "stake.unbonding"

# Of an account at one time: so that a share of all of it can be taken at once.
MAX_RELEASING = 16

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

    units: Amount
    approved: Annotated[tuple[AccountId, ...], AtMost(MOST_CHOICES)]


@record("stake.releasing")
class Releasing(Record):
    """What an account has unbonded and gets back at a time (ms from the Unix epoch)."""

    units: Amount


@record("stake.due")
class Due(Record):
    """Lists what is to be given back in the order of time."""


@record("stake.next")
class Next(Record):
    """When the earliest thing is given back (ms from the Unix epoch); no row if nothing is."""

    time_ms: Counter


BONDS: Table[Bonded, bytes] = stake.table(Bonded, account=AccountId)
RELEASING: Table[Releasing, bytes, int] = stake.table(Releasing, account=AccountId, time_ms=Counter)
DUE: Table[Due, int, bytes] = stake.table(Due, time_ms=Counter, account=AccountId)
NEXT: Table[Next] = stake.table(Next)


@stake.invariant
def pots_agree(view: View) -> Iterator[str]:
    """The pots hold what the rows say."""
    asset = chain_constants(view).native_asset
    bonded = sum(row.units for _, row in BONDS.every(view))
    releasing = sum(row.units for _, row in RELEASING.every(view))
    for name, units in ((BONDED, bonded), (UNBONDING, releasing)):
        pot = POTS.get(view, name, asset)
        held = 0 if pot is None else pot.amount
        if held != units:
            yield f"the pot {name} holds {held}, the rows say {units}"


@stake.invariant
def votes_agree(view: View) -> Iterator[str]:
    """The votes for an account are what those have bonded who approve it."""
    votes: Tally[bytes] = Tally()
    for _, row in BONDS.every(view):
        for approved in row.approved:
            votes[approved] += row.units
    for (account,), counted in VOTES.every(view):
        if votes.pop(account, 0) != counted.units:
            yield f"votes for {account.hex()}: {counted.units} are not those of who approve it"
    for account in votes:
        yield f"votes for {account.hex()}: not counted"


@stake.invariant
def queue_agrees(view: View) -> Iterator[str]:
    """What is given back at a time is listed under it, and the earliest time is known."""
    listed = {key for key, _ in DUE.every(view)}
    held = {(time_ms, account) for (account, time_ms), _ in RELEASING.every(view)}
    if listed != held:
        yield f"{len(listed ^ held)} rows of what is given back are not listed, or not there"
    row = NEXT.get(view)
    first = min((time_ms for time_ms, _ in listed), default=None)
    if (None if row is None else row.time_ms) != first:
        yield f"the next is given back at {first}, not {row}"
