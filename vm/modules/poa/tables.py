"""The module `poa`: its rows, and what must hold between them."""

from collections.abc import Iterator

from consensus.codec import UINT64_MAX
from consensus.kinds import Amount, Counter
from consensus.record import Record, record
from vm.declare import Module
from vm.modules.activity import ACCOUNTS, Done, root_of
from vm.modules.chain import chain_constants
from vm.modules.tokens import PositiveAmount, pot_of
from vm.table import Table
from vm.view import View

poa = Module(
    "poa", "Proof of activity: a day's reward is shared by all who were active, and claimed."
)

OWED_POT = "poa.owed"

IS_TEAM = poa.parameter(
    "is_team",
    default=1,
    minimum=0,
    maximum=1,
    unit="yes or no",
    sentence="1: a day's reward is shared equally if all together reach the target, and else rolls "
    "over; 0: it is shared in proportion to the roots of what each has done (T8).",
)
TARGET = poa.parameter(
    "target",
    default=0,
    minimum=0,
    maximum=UINT64_MAX,
    unit="millionths",
    sentence="The fixed part of the target V* that the sum of roots must reach (T8).",
)
TARGET_EACH = poa.parameter(
    "target_each",
    default=500_000,
    minimum=0,
    maximum=10**9,
    unit="millionths",
    sentence="What each active account adds to the target V*: by default the root of an e of 1/4 "
    "(T8).",
)


@record("poa.day")
class Day(Record):
    """What a day that is over has earned: the units that are shared, in so many shares (of one each
    for a team, else each account's root), how much of it nobody has claimed yet, and how many days
    there have been with blocks when that goes back to the pool."""

    units: PositiveAmount
    is_team: bool
    shares: PositiveAmount
    owed: Amount
    lapses_on: Counter


DAYS: Table[Day, int] = poa.table(Day, day=Counter)


def reward_of(day: Day, done: Done) -> int:
    """What an account gets that has done this on a day, rounded down (T8); a part of it is its
    creators'."""
    if not done.e_ppm:
        return 0
    return day.units * (1 if day.is_team else root_of(done.e_ppm)) // day.shares


@poa.invariant
def what_is_owed_is_kept(view: View) -> Iterator[str]:
    """The pot holds what the days owe, and each owes what its accounts can claim at least."""
    days = {number: row for (number,), row in DAYS.every(view)}
    held = pot_of(view, OWED_POT, chain_constants(view).native_asset)
    owed = sum(row.owed for row in days.values())
    if held != owed:
        yield f"the pot {OWED_POT} holds {held}, {owed} is owed"
    for number, row in days.items():
        claims = sum(reward_of(row, done) for _, done in ACCOUNTS.every(view, number))
        if claims > row.owed:
            yield f"{claims} can be claimed of the day {number}, which owes {row.owed}"
