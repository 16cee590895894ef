"""The module `checkin`: its rows, and what must hold between them."""

from collections import Counter as Tally
from collections.abc import Iterator
from typing import Annotated

from consensus.kinds import AccountId, Amount, Counter, Uint
from consensus.record import AtMost, Record, part, record
from vm.declare import Module
from vm.modules.chain import chain_constants
from vm.modules.pots import Ppm
from vm.modules.tokens import CommunityPot, PositiveAmount, pot_of
from vm.table import Table
from vm.view import View

checkin = Module("checkin", "Active participation: who checks in shares the period's airdrop.")

LOCKED_POT = "checkin.locked"
AIRDROP_POT = "checkin.airdrop"

PAST_KEPT = 12

PeriodDays = Annotated[int, Uint(366, 1)]


@record("checkin.rules")
class Rules(Record):
    """From which height on accounts can check in, for periods of so many days with blocks, each of
    whose airdrop is `ppm` of what the pot holds at its end."""

    from_height: Counter
    period_days: PeriodDays
    ppm: Ppm
    pot: CommunityPot


@record("checkin.current")
class Current(Record):
    """The period that is open: its number, how many days with blocks there are when it is over,
    and what is locked for it."""

    number: Counter
    over_on: Counter
    locked: Amount


@record("checkin.period")
class Period(Record):
    """A period that is over: what was locked for it and its airdrop, and how much of both is still
    to be claimed; no row once all is."""

    locked: PositiveAmount
    airdrop: Amount
    locked_left: Amount
    airdrop_left: Amount


@record("checkin.entry")
class Entry(Record):
    """What an account has locked, and for which period."""

    period: Counter
    units: PositiveAmount


@part
class Settled(Record):
    """A period that an account has settled: what it had locked, and its share of the airdrop."""

    period: Counter
    units: PositiveAmount
    share: Amount


@record("checkin.past")
class Past(Record):
    """The newest periods that an account has settled, the newest last."""

    periods: Annotated[tuple[Settled, ...], AtMost(PAST_KEPT, 1)]


RULES: Table[Rules] = checkin.table(Rules)
CURRENT: Table[Current] = checkin.table(Current)
PERIODS: Table[Period, int] = checkin.table(Period, period=Counter)
ENTRIES: Table[Entry, bytes] = checkin.table(Entry, account=AccountId)
PAST: Table[Past, bytes] = checkin.table(Past, account=AccountId)


@checkin.invariant
def pots_hold_what_is_locked_and_dropped(view: View) -> Iterator[str]:
    """The pots hold what the rows say, and the rows agree with each other."""
    locked: Tally[int] = Tally()
    for _, entry in ENTRIES.every(view):
        locked[entry.period] += entry.units
    current = CURRENT.get(view)
    told = {number: row.locked_left for (number,), row in PERIODS.every(view)}
    if current is not None and current.locked:
        told[current.number] = current.locked
    if +locked != Tally(told):
        yield f"{dict(locked)} is locked by accounts, the periods say {told}"
    native = chain_constants(view).native_asset
    held = (pot_of(view, LOCKED_POT, native), pot_of(view, AIRDROP_POT, native))
    dropped = sum(row.airdrop_left for _, row in PERIODS.every(view))
    if held != (locked.total(), dropped):
        yield f"the pots hold {held}, not {(locked.total(), dropped)}"
