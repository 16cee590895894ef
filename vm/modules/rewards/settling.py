"""Settling: what accounts have earned is counted when their stake changes, not before.

The rows hold the votes and stake of the end of the last block. A block begins with its rewards,
which so go by these; at its end the rows follow what its transactions have changed. Who bonds in
a block shares what is earned from the next one on.
"""

from collections.abc import Collection, Iterator

from consensus.record import replace
from vm.context import Context
from vm.modules.chain import chain_constants
from vm.modules.producer import VOTES, votes_of
from vm.modules.rewards.sharing import put_unshared, share, sharing_of
from vm.modules.rewards.tables import (
    FRACTION_BITS,
    NOTHING,
    OWED_POT,
    SHARES,
    SHARINGS,
    UNSHARED,
    Mark,
    Share,
    fine_amount,
    rewards,
)
from vm.modules.stake import BONDS
from vm.modules.tokens import pot_of
from vm.view import State, View


@rewards.end_block
def settle_changes(context: Context) -> None:
    """Share what those producers have earned whose votes the block has changed, by the votes
    before; then count the votes and the accounts' stake anew."""
    state = context.state
    changed = [producer for (producer,) in VOTES.written(state)]
    _share_early(context, changed)
    for producer in changed:
        votes = votes_of(state, producer)
        SHARINGS.put(state, replace(sharing_of(state, producer), votes=votes), producer)
    for (account,) in BONDS.written(state):
        _count_anew(state, account)


def _share_early(context: Context, producers: Collection[bytes]) -> None:
    row = UNSHARED.get(context.state)
    if row is None or not producers:
        return
    waiting = {item.producer: item.units for item in row.earned}
    for producer in producers:
        if producer in waiting:
            share(context, producer, waiting.pop(producer), row.epoch)
    put_unshared(context.state, row.epoch, waiting)


def _count_anew(state: State, account: bytes) -> None:
    before, bond = settled(state, account), BONDS.get(state, account)
    marks = () if bond is None else tuple(_mark(state, each) for each in bond.approved)
    units = bond.units if bond is not None and marks else 0
    put_share(state, Share(before.earned, units, marks), account)


def put_share(state: State, share: Share, account: bytes) -> None:
    """Write what an account has earned and shares in; no row if it is nothing."""
    if share == _NO_SHARE:
        SHARES.delete(state, account)
    else:
        SHARES.put(state, share, account)


def settled(view: View, account: bytes) -> Share:
    """What an account has earned and not claimed, counted up to what was shared till now."""
    row = SHARES.get(view, account)
    if row is None:
        return _NO_SHARE
    marks = tuple(_mark(view, mark.producer) for mark in row.marks)
    given = sum(
        now.per_vote.since(mark.per_vote) for now, mark in zip(marks, row.marks, strict=True)
    )
    return Share(fine_amount(row.earned.steps + row.units * given), row.units, marks)


_NO_SHARE = Share(NOTHING, 0, ())


def _mark(view: View, producer: bytes) -> Mark:
    return Mark(producer, sharing_of(view, producer).per_vote)


@rewards.invariant
def owed_agrees(view: View) -> Iterator[str]:
    """The pot holds, to the step, what is not shared yet, what accounts can claim, and what is
    carried."""
    row = UNSHARED.get(view)
    unshared = 0 if row is None else sum(item.units for item in row.earned)
    steps = unshared << FRACTION_BITS
    steps += sum(row.carried for _, row in SHARINGS.every(view))
    steps += sum(settled(view, account).earned.steps for (account,), _ in SHARES.every(view))
    held = pot_of(view, OWED_POT, chain_constants(view).native_asset)
    if held << FRACTION_BITS != steps:
        yield f"the pot {OWED_POT} holds {held}, the rows say {steps} / 2^{FRACTION_BITS}"


@rewards.invariant
def stake_agrees(view: View) -> Iterator[str]:
    """The votes and stake that share are those that are bonded, each for those it approves."""
    votes = {account: row.votes for (account,), row in SHARINGS.every(view) if row.votes}
    for (account,), voted in VOTES.every(view):
        if votes.pop(account, 0) != voted.units:
            yield f"{account.hex()} does not share with the votes for it"
    for account in votes:
        yield f"{account.hex()} shares with votes that there are not"
    shares = {account: row for (account,), row in SHARES.every(view) if row.marks or row.units}
    for (account,), bond in BONDS.every(view):
        if not bond.approved:
            continue
        share = shares.pop(account, _NO_SHARE)
        approved = tuple(mark.producer for mark in share.marks)
        if (share.units, approved) != (bond.units, bond.approved):
            yield f"{account.hex()} does not share by what it has bonded and approves"
    for account in shares:
        yield f"{account.hex()} shares and approves nobody"
