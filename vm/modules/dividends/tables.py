"""The module `dividends`: its rows, and what must hold between them.

What is earned is counted in parts of a unit, of which a unit has 2^128, so that nothing is lost by
rounding: the index of a pair is what each unit held has earned since the pair exists. In a block
it grows by less than 2^192 parts, and there are fewer than 2^53 blocks: it fits 256 bits. What is
earned and not claimed lies in a pot of less than 2^64 units: it fits 192 bits.

A holder begins with a head start of 2^64 parts. The index is rounded down, by less than a part
for each of at most 2^64 - 1 units held; so an exact share that is a whole number of units would
come out a unit short without it. All head starts together are less than a unit, and what is paid
are whole units: they can never be paid out of what is others'.
"""

from collections.abc import Iterator
from typing import Annotated

from consensus.kinds import AccountId, Amount, Asset, Bytes
from consensus.record import AtMost, Record, part, record
from vm.declare import Module
from vm.modules.dividends.holdings import circulating, holders, holding
from vm.modules.tokens import pot_of
from vm.table import Table
from vm.view import View

dividends = Module(
    "dividends", "What comes in is shared by those who hold an asset, by how much they hold."
)

UNCLAIMED_POT = "dividends.unclaimed"
UNIT_PARTS = 2**128
HEAD_START_PARTS = 2**64
MOST_PAIRS = 16
INDEX_BYTES = 32
EARNED_BYTES = 24

Index = Annotated[bytes, Bytes(INDEX_BYTES, INDEX_BYTES)]


@record("dividends.pair")
class Pair(Record):
    """What the holders of an asset are paid in another, or in the same: how many units all held
    when the last block was over; the index, which is what each of these has earned so far
    (big-endian, in 2^-128 units); what was left when that was rounded down (2^-128 units); and
    what came since and is not shared out yet."""

    units: Amount
    index: Index
    remainder: Amount
    arrived: Amount


@record("dividends.account")
class Earned(Record):
    """What an account has earned and not claimed when it held another amount than now, and a head
    start of 2^64 parts (big-endian, in 2^-128 units), and the pair's index then. An account
    without a row has held the same since the pair exists."""

    index: Index
    earned: Annotated[bytes, Bytes(EARNED_BYTES, EARNED_BYTES)]


@part
class PairName(Record):
    """The asset that is held, and the one that its holders are paid in."""

    held: Asset
    paid: Asset


@record("dividends.pairs")
class Pairs(Record):
    """All pairs, in order; no row if there is none."""

    pairs: Annotated[tuple[PairName, ...], AtMost(MOST_PAIRS, 1)]


PAIR: Table[Pair, str, str] = dividends.table(Pair, held=Asset, paid=Asset)
EARNED: Table[Earned, bytes, str, str] = dividends.table(
    Earned, account=AccountId, held=Asset, paid=Asset
)
PAIRS: Table[Pairs] = dividends.table(Pairs)


def index_of(row: Pair | Earned) -> int:
    """A row's index, in parts of a unit."""
    return int.from_bytes(row.index, "big")


def earned_parts(pair: Pair, row: Earned | None, units: int) -> int:
    """What an account has earned up to a pair's index and not claimed, with its head start: `row`
    is the account's, and `units` what it has held since."""
    if row is None:
        return HEAD_START_PARTS + units * index_of(pair)
    return int.from_bytes(row.earned, "big") + units * (index_of(pair) - index_of(row))


@dividends.invariant
def all_is_somebodys(view: View) -> Iterator[str]:
    """The pot holds, to the part of a unit, what is earned and not claimed and what is left."""
    parts: dict[str, int] = {}
    for (held, paid), pair in PAIR.every(view):
        known = {
            account
            for (account, asset, other), _ in EARNED.every(view)
            if (asset, other) == (held, paid)
        }
        total = pair.arrived * UNIT_PARTS + pair.remainder
        for account in sorted(known | holders(view, held)):
            row = EARNED.get(view, account, held, paid)
            units = holding(view, account, held)
            total += earned_parts(pair, row, units) - HEAD_START_PARTS
        parts[paid] = parts.get(paid, 0) + total
        if pair.units != circulating(view, held):
            yield f"{held}: {pair.units} earn {paid}, {circulating(view, held)} circulate"
    for paid, total in parts.items():
        pot = pot_of(view, UNCLAIMED_POT, paid)
        if pot * UNIT_PARTS != total:
            yield f"{total} parts of {paid} are earned or left, the pot holds {pot} units"


@dividends.invariant
def pairs_are_listed(view: View) -> Iterator[str]:
    """The list names each pair, in order."""
    row = PAIRS.get(view)
    listed = [] if row is None else [(item.held, item.paid) for item in row.pairs]
    if listed != sorted(key for key, _ in PAIR.every(view)):
        yield "the list of pairs is not that of their rows, in order"
