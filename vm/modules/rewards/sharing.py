"""Sharing: a producer keeps its commission of what it has earned, and its voters get the rest."""

from collections.abc import Mapping

from consensus.codec import UINT64_MAX
from consensus.kinds import AccountId, Amount
from consensus.record import Record, record
from vm.context import Context
from vm.modules.chain import chain_constants
from vm.modules.producer import commission_ppm
from vm.modules.rewards.tables import (
    FRACTION_BITS,
    NOTHING_SHARED,
    OWED_POT,
    SHARINGS,
    UNSHARED,
    Earned,
    Sharing,
    Unshared,
    fine_amount,
    rewards,
)
from vm.modules.tokens import credit, drain_pot
from vm.parameter import PARTS_PER_MILLION
from vm.view import State, View


@rewards.event
@record("rewards.shared")
class Shared(Record):
    """A producer has shared what it had earned: `units` in all, of which it has got `kept`; the
    rest belongs to the `votes`, each unit of which was given the same."""

    producer: AccountId
    units: Amount
    kept: Amount
    votes: Amount


def sharing_of(view: View, producer: bytes) -> Sharing:
    """How a producer shares."""
    row = SHARINGS.get(view, producer)
    return NOTHING_SHARED if row is None else row


def share(context: Context, producer: bytes, units: int, epoch: int) -> None:
    """Share what a producer has earned in an epoch, out of what is owed.

    Its commission, rounded down, goes to its account; without votes, everything. The rest is
    divided by the votes in steps of 2^-64 units, rounded down; the remainder is carried.
    """
    state, row = context.state, sharing_of(context.state, producer)
    asset = chain_constants(state).native_asset
    kept, each, carried = units, 0, row.carried
    if row.votes:
        kept = units * commission_ppm(state, producer, epoch) // PARTS_PER_MILLION
        each, carried = divmod((units - kept << FRACTION_BITS) + row.carried, row.votes)
    drain_pot(state, OWED_POT, asset, kept)
    credit(state, producer, asset, kept)
    per_vote = fine_amount(row.per_vote.steps + each)
    earned = min(row.earned + units, UINT64_MAX)
    SHARINGS.put(state, Sharing(row.votes, per_vote, carried, earned), producer)
    context.emit(Shared(producer, units, kept, row.votes))


def put_unshared(state: State, epoch: int, earned: Mapping[bytes, int]) -> None:
    """Write what producers have earned in an epoch and not shared."""
    if earned:
        items = tuple(Earned(producer, units) for producer, units in sorted(earned.items()))
        UNSHARED.put(state, Unshared(epoch, items))
    else:
        UNSHARED.delete(state)
