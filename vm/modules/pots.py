"""Pots that pass on what they hold: to other pots, accounts and holders, or to be burned.

At the end of a block each pot with a split passes on all that it holds of the assets of which
something came to it, an upper pot before those below it. The shares are exact over time: of all
that ever passed, a share has got its ppm, rounded down, and what rounding leaves is carried.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

from consensus.kinds import AccountId, Amount, Asset, Uint
from consensus.record import AtMost, Record, part, record
from vm.context import Context
from vm.declare import Action, Module
from vm.modules.dividends import is_open, share_out
from vm.modules.revenue import REVENUE_POT, note_passed_on
from vm.modules.tokens import (
    POTS,
    CommunityPot,
    asset_row,
    count_burned,
    credit,
    drain_pot,
    fill_pot,
    pot_of,
)
from vm.parameter import PARTS_PER_MILLION
from vm.table import Table
from vm.view import State, View

pots = Module("pots", "Pots that pass on what they hold.")

MOST_SPLITS = 32
MOST_SHARES = 8
CARRIED_POT = "pots.carried"  # what rounding leaves of what splits pass on

Ppm = Annotated[int, Uint(PARTS_PER_MILLION, 1)]


@part
class Destination(Record):
    """Where something goes, of which at most one is named: a community's pot, an account, or the
    holders of an asset as their dividends; if none is, it is burned."""

    pot: CommunityPot | None
    account: AccountId | None
    holders: Asset | None

    @property
    def is_one(self) -> bool:
        """Whether no two are named."""
        return sum(item is not None for item in (self.pot, self.account, self.holders)) <= 1


@part
class Share(Record):
    """A share of what a pot passes on, and where it goes."""

    ppm: Ppm
    to: Destination


Shares = Annotated[tuple[Share, ...], AtMost(MOST_SHARES)]


@record("pots.split")
class Split(Record):
    """How a pot passes on what comes to it: the shares, and where the rest goes."""

    shares: Shares
    rest: Destination

    @property
    def parts(self) -> list[tuple[int, Destination]]:
        """All destinations with their ppm, which are a million together."""
        named = [(share.ppm, share.to) for share in self.shares]
        return [*named, (PARTS_PER_MILLION - sum(ppm for ppm, _ in named), self.rest)]

    def carried(self, passed: int) -> int:
        """What rounding leaves when so much has passed."""
        return passed - sum(passed * ppm // PARTS_PER_MILLION for ppm, _ in self.parts)


@record("pots.passed")
class Passed(Record):
    """How much of an asset a split has passed on, as the remainder of a division by a million:
    what rounding leaves follows from it."""

    units: Annotated[int, Uint(PARTS_PER_MILLION - 1, 1)]


@record("pots.order")
class Order(Record):
    """The pots that have a split, each before those that it passes on to; no row if none has."""

    pots: Annotated[tuple[CommunityPot, ...], AtMost(MOST_SPLITS, 1)]


SPLITS: Table[Split, str] = pots.table(Split, pot=CommunityPot)
PASSED: Table[Passed, str, str] = pots.table(Passed, pot=CommunityPot, asset=Asset)
ORDER: Table[Order] = pots.table(Order)

ABOVE_WHOLE = pots.error("above-whole", "The shares are more than the whole together.")
TWO_PLACES = pots.error("two-places", "One destination is a pot, an account or holders, not two.")
CYCLE = pots.error("cycle", "What a pot passes on would come back to it.")
TOO_MANY_SPLITS = pots.error("too-many-splits", "No more pots can have a split.")
NO_SPLIT = pots.error("no-split", "The pot has no split.")


@pots.event
@record("pots.split_set")
class SplitSet(Record):
    """A pot passes on what comes to it in this way from now on; null: it keeps it."""

    pot: CommunityPot
    split: Split | None


@pots.event
@record("pots.passed_on")
class PassedOn(Record):
    """A part of what a pot held went to a destination."""

    pot: CommunityPot
    to: Destination
    asset: Asset
    amount: Amount


@pots.action(gas=20_000, governed=True)
@record("pots.set_split")
class SetSplit(Action):
    """Let a community's pot pass on what comes to it from now on: each share its ppm, and the rest
    the rest. It must not come back to the pot, and an asset in which holders are not paid stays
    in the pot (P4)."""

    pot: CommunityPot
    shares: Shares
    rest: Destination

    @property
    def subject(self) -> str:
        return self.pot

    def in_words(self) -> str:
        parts = len(self.shares) + 1
        return f"let the pot {self.pot} pass on what comes to it, in {parts} parts"

    def apply(self, context: Context) -> None:
        set_split(context.state, self.pot, Split(self.shares, self.rest))
        context.emit(SplitSet(self.pot, Split(self.shares, self.rest)))


@pots.action(gas=20_000, governed=True)
@record("pots.remove_split")
class RemoveSplit(Action):
    """Let a pot keep what comes to it from now on; what rounding had left comes back to it."""

    pot: CommunityPot

    @property
    def subject(self) -> str:
        return self.pot

    def in_words(self) -> str:
        return f"let the pot {self.pot} keep what comes to it"

    def apply(self, context: Context) -> None:
        split = SPLITS.get(context.state, self.pot)
        if split is None:
            raise NO_SPLIT.failed(f"the pot {self.pot} has no split", field="pot")
        _give_back(context.state, self.pot, split)
        others = {name: row for name, row in _splits(context.state).items() if name != self.pot}
        _put_order(context.state, others)
        SPLITS.delete(context.state, self.pot)
        context.emit(SplitSet(self.pot, None))


def set_split(state: State, pot: str, split: Split) -> None:
    """Give a pot a split instead of the one that it may have; raises ActionFailed naming what
    cannot be."""
    _check(state, split)
    splits = _splits(state)
    if pot in splits:
        _give_back(state, pot, splits[pot])
    elif len(splits) == MOST_SPLITS:
        raise TOO_MANY_SPLITS.failed(f"{MOST_SPLITS} pots have one already", field="pot")
    _put_order(state, {**splits, pot: split})
    SPLITS.put(state, split, pot)


def _check(view: View, split: Split) -> None:
    if sum(share.ppm for share in split.shares) > PARTS_PER_MILLION:
        raise ABOVE_WHOLE.failed(field="shares")
    fields = [f"shares[{i}].to" for i in range(len(split.shares))] + ["rest"]
    for field, (_, to) in zip(fields, split.parts, strict=True):
        if not to.is_one:
            raise TWO_PLACES.failed(field=field)
        if to.holders is not None:
            asset_row(view, to.holders, field=f"{field}.holders")


def _splits(view: View) -> dict[str, Split]:
    order = ORDER.get(view)
    names = () if order is None else order.pots
    found = {name: SPLITS.get(view, name) for name in names}
    return {name: split for name, split in found.items() if split is not None}


def _put_order(state: State, splits: Mapping[str, Split]) -> None:
    """Write the order of these splits; raises ActionFailed if one comes back to itself."""
    left, order = dict(splits), list[str]()
    while left:
        fed = {to.pot for split in left.values() for _, to in split.parts}
        first = min((name for name in left if name not in fed), default=None)
        if first is None:
            raise CYCLE.failed()
        order.append(first)
        del left[first]
    if order:
        ORDER.put(state, Order(tuple(order)))
    else:
        ORDER.delete(state)


def _give_back(state: State, pot: str, split: Split) -> None:
    """Put what rounding has left of each asset, of which there are few, back into the pot."""
    for (_, asset), row in list(PASSED.every(state, pot)):
        units = split.carried(row.units)
        drain_pot(state, CARRIED_POT, asset, units)
        fill_pot(state, pot, asset, units)
        PASSED.delete(state, pot, asset)


@pots.end_block
def pass_on(context: Context) -> None:
    """Let each pot with a split pass on what it holds of the assets that came to it."""
    state, order = context.state, ORDER.get(context.state)
    if order is None:
        return
    changed: dict[str, set[str]] = defaultdict(set)
    for name, asset in POTS.written(state):
        changed[name].add(asset)
    for name in order.pots:
        split = SPLITS.get(state, name) if changed[name] else None
        if split is None:
            continue
        passed = [asset for asset in sorted(changed[name]) if _takes(state, split, asset)]
        for asset in passed:
            for pot in _pass_on(context, name, split, asset):
                changed[pot].add(asset)


def _takes(view: View, split: Split, asset: str) -> bool:
    """Whether the holders that a split pays are paid in this asset."""
    return all(to.holders is None or is_open(view, to.holders, asset) for _, to in split.parts)


def _pass_on(context: Context, pot: str, split: Split, asset: str) -> list[str]:
    """Pass on what the pot holds; returns the pots that something came to."""
    state, row = context.state, PASSED.get(context.state, pot, asset)
    before, amount = 0 if row is None else row.units, pot_of(context.state, pot, asset)
    after, fed = before + amount, list[str]()
    if not amount:
        return fed
    drain_pot(state, pot, asset, amount)
    carried = split.carried(before)
    fill_pot(state, CARRIED_POT, asset, split.carried(after))
    shares = [
        (to, after * ppm // PARTS_PER_MILLION - before * ppm // PARTS_PER_MILLION)
        for ppm, to in split.parts
    ]
    for to, units in shares:
        if units:
            give(state, to, asset, units)
            context.emit(PassedOn(pot, to, asset, units))
            if to.pot is not None:
                fed.append(to.pot)
    if pot == REVENUE_POT:
        _enter(state, asset, shares)
    drain_pot(state, CARRIED_POT, asset, carried)
    if left := after % PARTS_PER_MILLION:
        PASSED.put(state, Passed(left), pot, asset)
    else:
        PASSED.delete(state, pot, asset)
    return fed


def _enter(state: State, asset: str, shares: Sequence[tuple[Destination, int]]) -> None:
    """Say in the day's account what became of the platform's fees (P4)."""
    to_holders = sum(units for to, units in shares if to.holders is not None)
    elsewhere = sum(units for _, units in shares) - to_holders
    note_passed_on(state, asset, to_holders=to_holders, to_operations=elsewhere)


def give(state: State, to: Destination, asset: str, amount: int) -> None:
    """Give a destination an amount that was taken elsewhere."""
    if to.pot is not None:
        fill_pot(state, to.pot, asset, amount)
    elif to.account is not None:
        credit(state, to.account, asset, amount)
    elif to.holders is not None:
        share_out(state, to.holders, asset, amount)
    else:
        count_burned(state, asset, amount)


@pots.invariant
def splits_are_ordered(view: View) -> Iterator[str]:
    """The order has each pot with a split once, before those that it passes on to."""
    splits = {pot: split for (pot,), split in SPLITS.every(view)}
    order = ORDER.get(view)
    names = [] if order is None else list(order.pots)
    if sorted(names) != sorted(splits):
        yield "the order has not each pot with a split once"
        return
    for place, name in enumerate(names):
        if any(to.pot in names[: place + 1] for _, to in splits[name].parts):
            yield f"the pot {name} passes on to one that comes before it, or to itself"


@pots.invariant
def carried_is_kept(view: View) -> Iterator[str]:
    """The pot holds what rounding has left of all splits."""
    left: dict[str, int] = defaultdict(int)
    for (pot, asset), row in PASSED.every(view):
        split = SPLITS.get(view, pot)
        left[asset] += 0 if split is None else split.carried(row.units)
    held = {asset: row.amount for (name, asset), row in POTS.every(view) if name == CARRIED_POT}
    if held != {asset: units for asset, units in left.items() if units}:
        yield f"the pot {CARRIED_POT} holds {held}, the splits have left {dict(left)}"
