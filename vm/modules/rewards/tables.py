"""The module `rewards`: its parameters and rows.

What a producer earns waits in one row until the epoch ends or the votes for the producer change:
a block that changes no votes so writes that row alone, however many voted. Then it is shared: the
producer's commission is paid to its account, and each unit of stake that was bonded for it
is given the same part of the rest. Parts are counted in steps of 2^-64 units, so that an account's
share, units times part, is exact, and all that is rounded is the division by the votes: its
remainder, less than one step for each unit of votes and so less than one unit, is carried to the
producer's next sharing.
"""

from typing import Annotated

from consensus.codec import UINT64_MAX
from consensus.kinds import AccountId, Amount, Counter
from consensus.producers import MAX_PRODUCERS
from consensus.record import AtMost, Record, part, record
from vm.declare import Module
from vm.modules.stake import MOST_CHOICES
from vm.modules.tokens import PositiveAmount
from vm.table import Table

rewards = Module(
    "rewards", "What producers earn by blocks and votes, and share with those who approve them."
)

POOL_POT = "rewards.pool"
OWED_POT = "rewards.owed"
FRACTION_BITS = 64
_FINE_MODULUS = 1 << (64 + FRACTION_BITS)
# In one epoch at most three sets make blocks and have votes certified: its first block can be of
# a new set with a certificate of the old one, and itself hand over to a third.
MOST_EARNERS = 3 * MAX_PRODUCERS

BLOCK_UNITS = rewards.parameter(
    "block_units",
    default=0,
    minimum=0,
    maximum=UINT64_MAX,
    unit="native units",
    sentence="What a producer earns by a block, as long as the pot rewards.pool holds it.",
)
VOTE_UNITS = rewards.parameter(
    "vote_units",
    default=0,
    minimum=0,
    maximum=UINT64_MAX,
    unit="native units",
    sentence="What a producer earns by a vote that a block's certificate holds, as long as the pot "
    "rewards.pool holds it.",
)


@part
class FineAmount(Record):
    """An amount in steps of 2^-64 units: whole units, and a fraction in steps."""

    units: Amount
    fraction: Amount

    @property
    def steps(self) -> int:
        """The amount as a number of steps."""
        return self.units << FRACTION_BITS | self.fraction

    def since(self, earlier: "FineAmount") -> int:
        """The steps from an earlier count to this one. Counts begin again at 2^64 units: no two
        that are compared lie so far apart, as what lies between them is owed to somebody."""
        return (self.steps - earlier.steps) % _FINE_MODULUS


def fine_amount(steps: int) -> FineAmount:
    """The amount of so many steps; counts begin again at 2^64 units."""
    steps %= _FINE_MODULUS
    return FineAmount(steps >> FRACTION_BITS, steps & UINT64_MAX)


NOTHING = FineAmount(0, 0)


@part
class Earned(Record):
    """What a producer has earned."""

    producer: AccountId
    units: PositiveAmount


@record("rewards.unshared")
class Unshared(Record):
    """What producers have earned in an epoch and not shared yet, in the order of their ids; the
    first block of another epoch shares it."""

    epoch: Counter
    earned: Annotated[tuple[Earned, ...], AtMost(MOST_EARNERS, 1)]


@record("rewards.producer")
class Sharing(Record):
    """How a producer shares: the units of stake that share, which are the votes for it; what each
    of them was given till now, counted up to 2^64 units and again from 0; the steps of 2^-64 units
    that were left when this was last divided; and what the producer has shared in all, its
    commission included, at most 2^64 - 1."""

    votes: Amount
    per_vote: FineAmount
    carried: Amount
    earned: Amount


@part
class Mark(Record):
    """A producer that an account approves, and how far its `per_vote` is counted for it."""

    producer: AccountId
    per_vote: FineAmount


@record("rewards.account")
class Share(Record):
    """What an account has earned by approving producers and not claimed, counted as far as the
    marks; the units of its stake that share; and a mark for each producer that it approves, in
    the order of their ids. What it has earned till now is that and units times what each producer
    gave since: see docs/protocol.md section 15."""

    earned: FineAmount
    units: Amount
    marks: Annotated[tuple[Mark, ...], AtMost(MOST_CHOICES)]


NOTHING_SHARED = Sharing(0, NOTHING, 0, 0)

UNSHARED: Table[Unshared] = rewards.table(Unshared)
SHARINGS: Table[Sharing, bytes] = rewards.table(Sharing, producer=AccountId)
SHARES: Table[Share, bytes] = rewards.table(Share, account=AccountId)
