"""Sharing out: what comes in is earned by those who held the asset when the last block was over.

So who buys in a block earns nothing of what comes in it (P4). Holders are settled when their
holding changes, at the end of that block: the work is that of the block's own changes, however
many hold the asset.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby

from consensus.kinds import Amount, Asset
from consensus.record import Record, record, replace
from vm.context import Context
from vm.modules.dividends.holdings import changed_holders, holding
from vm.modules.dividends.tables import (
    EARNED,
    EARNED_BYTES,
    INDEX_BYTES,
    PAIR,
    PAIRS,
    UNCLAIMED_POT,
    UNIT_PARTS,
    Earned,
    Pair,
    dividends,
    earned_parts,
    index_of,
)
from vm.modules.tokens import fill_pot
from vm.view import State


@dividends.event
@record("dividends.shared")
class Shared(Record):
    """What came in was earned by the holders of an asset, each by its part of so many units."""

    held: Asset
    paid: Asset
    amount: Amount
    units: Amount


def share_out(state: State, held: str, paid: str, amount: int) -> None:
    """Give an amount, taken elsewhere, to the holders of an asset, whose pair must be open; while
    nobody holds any, it waits."""
    pair = PAIR.get(state, held, paid)
    if pair is None:
        raise RuntimeError(f"the holders of {held} are not paid in {paid}")
    fill_pot(state, UNCLAIMED_POT, paid, amount)
    PAIR.put(state, replace(pair, arrived=pair.arrived + amount), held, paid)


@dividends.end_block
def settle(context: Context) -> None:
    """Share out what came in the block, and settle those whose holding it changed. This is the
    last of all steps: nothing may change a holding after it."""
    row = PAIRS.get(context.state)
    if row is None:
        return
    changed = changed_holders(context.state)
    for held, pairs in groupby(row.pairs, lambda item: item.held):
        paid = [item.paid for item in pairs]
        for asset in paid:
            _share(context, held, asset)
        _settle_holders(context.state, held, paid, sorted(changed.get(held, ())))


def _share(context: Context, held: str, paid: str) -> None:
    pair = _pair(context.state, held, paid)
    if not pair.arrived or not pair.units:
        return
    step, remainder = divmod(pair.arrived * UNIT_PARTS + pair.remainder, pair.units)
    index = (index_of(pair) + step).to_bytes(INDEX_BYTES, "big")
    PAIR.put(context.state, Pair(pair.units, index, remainder, 0), held, paid)
    context.emit(Shared(held, paid, pair.arrived, pair.units))


def _settle_holders(
    state: State, held: str, paid: Sequence[str], accounts: Iterable[bytes]
) -> None:
    change = 0
    for account in accounts:
        before, after = (holding(view, account, held) for view in (state.before, state))
        if before != after:
            change += after - before
            for asset in paid:
                settle_account(state, account, held, asset)
    if change:
        for asset in paid:
            pair = _pair(state, held, asset)
            PAIR.put(state, replace(pair, units=pair.units + change), held, asset)


def settle_account(state: State, account: bytes, held: str, paid: str) -> int:
    """Count what the account has earned by what it held when the last block was over, and write it
    down; the parts of a unit."""
    pair, row = _pair(state, held, paid), EARNED.get(state, account, held, paid)
    parts = earned_parts(pair, row, holding(state.before, account, held))
    if index_of(pair) != (0 if row is None else index_of(row)):
        put_earned(state, account, held, paid, parts)
    return parts


def put_earned(state: State, account: bytes, held: str, paid: str, parts: int) -> None:
    """Write what an account has earned up to the pair's index, in parts of a unit."""
    index = _pair(state, held, paid).index
    EARNED.put(state, Earned(index, parts.to_bytes(EARNED_BYTES, "big")), account, held, paid)


def _pair(state: State, held: str, paid: str) -> Pair:
    pair = PAIR.get(state, held, paid)
    if pair is None:
        raise RuntimeError(f"the holders of {held} are not paid in {paid}")
    return pair
