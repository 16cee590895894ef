"""Earning: what a block and its votes bring their producers, out of a pot.

A block that must stay empty, as too many before it are not final, brings nothing: a stalled chain
pays nobody, and its blocks, which are all held, stay small.
"""

from collections import Counter as Tally

from vm.context import Context
from vm.modules.chain import chain_constants
from vm.modules.rewards.sharing import put_unshared, share
from vm.modules.rewards.tables import (
    BLOCK_UNITS,
    OWED_POT,
    POOL_POT,
    UNSHARED,
    VOTE_UNITS,
    Unshared,
    rewards,
)
from vm.modules.tokens import drain_pot, fill_pot, pot_of

_UNSHARED_KEY = UNSHARED.state_key()  # its row is another in each block: not worth keeping decoded


@rewards.begin_block
def earn(context: Context) -> None:
    """Share what was earned in an earlier epoch, by the votes as the last block left them; then
    credit the block to its producer and the votes to theirs."""
    state, epoch = context.state, context.block.epoch
    data = state.get(_UNSHARED_KEY)
    row = None if data is None else Unshared.decode(data)
    waiting = Tally[bytes]()
    if row is not None and row.epoch == epoch:
        waiting.update({item.producer: item.units for item in row.earned})
    elif row is not None:
        for item in row.earned:
            share(context, item.producer, item.units, row.epoch)
        UNSHARED.delete(state)
    earned = _take_from_pool(context)
    if earned:
        put_unshared(state, epoch, waiting + earned)


def _take_from_pool(context: Context) -> Tally[bytes]:
    """What the block's producer and then its voters, in order, are paid: what is due to them, or
    what is left in the pool. It is owed from now on."""
    state, block = context.state, context.block
    by_block, by_vote = BLOCK_UNITS.read(state), VOTE_UNITS.read(state)
    earned = Tally[bytes]()
    if not (by_block or by_vote):
        return earned
    constants = chain_constants(state)
    if block.height - block.final_height > constants.max_unfinal_blocks:
        return earned
    asset = constants.native_asset
    held = left = pot_of(state, POOL_POT, asset)
    due = [(block.producer, by_block), *((voter, by_vote) for voter in block.voters)]
    for producer, units in due:
        paid = min(units, left)
        left -= paid
        earned[producer] += paid
    drain_pot(state, POOL_POT, asset, held - left)
    fill_pot(state, OWED_POT, asset, held - left)
    return +earned
