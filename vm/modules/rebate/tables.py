"""The module `rebate`: its rows, and what must hold between them.

A day's release is worked out once, at its end, from the sums of the day; each account is given its
part when it is next touched. So the end of a day costs the same however many paid.
"""

from collections import Counter as Tally
from collections.abc import Iterator
from typing import Annotated

from consensus.kinds import AccountId, Amount, Asset, Counter, Uint
from consensus.record import Record, part, record
from vm.declare import Module
from vm.modules.chain import chain_constants
from vm.modules.tokens import PositiveAmount, pot_of
from vm.modules.vesting import ReserveName
from vm.parameter import PARTS_PER_MILLION
from vm.table import Table
from vm.view import View

rebate = Module(
    "rebate",
    "Consumption is reward: what a reserve releases each day to those who paid and who earned.",
)

OWED_POT = "rebate.owed"
WHOLE = PARTS_PER_MILLION

FactorPpm = Annotated[int, Uint(WHOLE - 1, 1)]
SharePpm = Annotated[int, Uint(WHOLE)]


@part
class Weights(Record):
    """What is released for each call taken part in, comment and rating, in units, and for how many
    of these an account gets it in a day."""

    call: Amount
    comment: Amount
    rating: Amount
    most_a_day: Annotated[int, Uint(10_000)]


@record("rebate.rules")
class Rules(Record):
    """From which reserve is released, for fees in which asset, what part of their worth, of which
    `consumer_ppm` is the payer's and the rest the provider's; and at most how much a day."""

    reserve: ReserveName
    quote: Asset
    factor_ppm: FactorPpm
    consumer_ppm: SharePpm
    weights: Weights
    cap: PositiveAmount


MOST_SUM = 2**63 - 1  # so that with what fees are worth it stays a number of units


@part
class Sums(Record):
    """Fees that were paid (by payers), the same fees as they were earned (by providers), and units
    for what was taken part in."""

    paid: Amount
    earned: Amount
    activity: Amount

    def plus(self, other: "Sums") -> "Sums":
        """Both together."""
        return Sums(
            self.paid + other.paid, self.earned + other.earned, self.activity + other.activity
        )

    def minus(self, other: "Sums") -> "Sums":
        """What is left without the other."""
        return Sums(
            self.paid - other.paid, self.earned - other.earned, self.activity - other.activity
        )


NOTHING = Sums(0, 0, 0)


@part
class Candy(Record):
    """Units of a release: those of the consumer for fees paid (UC candy), those of the provider for
    fees earned (US candy), and those for what was taken part in (P2)."""

    consumer: Amount
    provider: Amount
    activity: Amount

    @property
    def units(self) -> int:
        """All together."""
        return self.consumer + self.provider + self.activity

    def plus(self, other: "Candy") -> "Candy":
        """Both together."""
        return Candy(
            self.consumer + other.consumer,
            self.provider + other.provider,
            self.activity + other.activity,
        )


NO_CANDY = Candy(0, 0, 0)


@record("rebate.today")
class Today(Record):
    """The day that is not over, its sums, and what earlier days' rounding has left to be released
    with it."""

    day: Counter
    sums: Sums
    carried: Amount


@record("rebate.day")
class Day(Record):
    """A day that is over: the rules and price by which it is released, what was released for it of
    what was wanted (less if that was above the cap or the reserve), and the sums and units of those
    who have not got theirs; no row once all have."""

    factor_ppm: FactorPpm
    consumer_ppm: SharePpm
    price: PositiveAmount
    wanted: Amount
    released: Amount
    left: Sums
    owed: Amount


@record("rebate.accrual")
class Accrual(Record):
    """What an account has paid, earned and taken part in on a day, and how often it took part."""

    day: Counter
    sums: Sums
    activities: Counter


@record("rebate.received")
class Received(Record):
    """All that an account has ever got."""

    candy: Candy


RULES: Table[Rules] = rebate.table(Rules)
TODAY: Table[Today] = rebate.table(Today)
DAYS: Table[Day, int] = rebate.table(Day, day=Counter)
ACCRUALS: Table[Accrual, bytes] = rebate.table(Accrual, account=AccountId)

RECEIVED: Table[Received, bytes] = rebate.table(Received, account=AccountId)


@rebate.invariant
def what_is_owed_is_kept(view: View) -> Iterator[str]:
    """The pot holds what is owed for all days and what is carried; sums agree with accounts'."""
    today = TODAY.get(view)
    days = {number: row for (number,), row in DAYS.every(view)}
    owed = sum(row.owed for row in days.values()) + (0 if today is None else today.carried)
    held = pot_of(view, OWED_POT, chain_constants(view).native_asset)
    if held != owed:
        yield f"the pot {OWED_POT} holds {held}, {owed} is owed or carried"
    told = {number: row.left for number, row in days.items()}
    if today is not None:
        told[today.day] = today.sums
    found: dict[int, Sums] = dict.fromkeys(told, NOTHING)
    unknown: Tally[int] = Tally()
    for _, row in ACCRUALS.every(view):
        if row.day in found:
            found[row.day] = found[row.day].plus(row.sums)
        elif row.sums != NOTHING:
            unknown[row.day] += 1
    if found != told:
        yield f"accounts have {found}, the days {told}"
    if unknown:
        yield f"accounts have something of days that are settled: {dict(unknown)}"
