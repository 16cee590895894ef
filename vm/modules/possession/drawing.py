"""Drawing: which segments a provider must show, and what becomes of who does not.

Each pledge is challenged at its own heights, so that no block has the work of all. The segments
follow from the beacon of the block that draws them, which nobody knows before, and from the
provider, so that no two have the same to show.
"""

from consensus.cid import Cid
from consensus.kinds import AccountId, Amount, Counter
from consensus.record import Record, record, replace
from consensus.segments import segment_count
from vm.context import Context
from vm.modules.chain import chain_constants
from vm.modules.draws import below, draw_seed
from vm.modules.possession.settling import (
    accrue,
    count_done,
    forfeit_earned,
    give_back,
    put_pledge,
)
from vm.modules.possession.tables import (
    AGENDA,
    BURN_PPM,
    MAX_MISSES,
    MISS_PPM,
    PERIOD_BLOCKS,
    PLEDGED_POT,
    PLEDGES,
    SEGMENTS,
    STALL,
    STORAGE_POT,
    WINDOW_BLOCKS,
    Challenge,
    Pledge,
    Provider,
    Stall,
    possession,
)
from vm.modules.tokens import count_burned, drain_pot, fill_pot
from vm.parameter import PARTS_PER_MILLION

DUE_A_BLOCK = 64  # the rest falls due in the blocks that follow


@possession.event
@record("possession.drawn")
class Drawn(Record):
    """A provider is challenged to show segments of a video, in a block below a height."""

    cid: Cid
    provider: AccountId
    period: Counter
    challenge: Challenge
    closes_height: Counter


@possession.event
@record("possession.missed")
class Missed(Record):
    """A challenge was not answered: it has cost `lost` of what was pledged, of which `burned` was
    burned, and the storage pot got the rest and what the pledge had earned since its last proof."""

    cid: Cid
    provider: AccountId
    period: Counter
    lost: Amount
    burned: Amount
    forfeited: Amount


@possession.event
@record("possession.ended")
class Ended(Record):
    """So many challenges were missed in a row, or so much was lost, that the pledge is over; its
    provider has back what was left of it."""

    cid: Cid
    provider: AccountId
    units: Amount


def drawn_segments(challenge: Challenge, size_bytes: int) -> tuple[int, ...]:
    """The indexes of the segments that a challenge draws of a file of so many bytes, in order; one
    may come twice."""
    count = segment_count(size_bytes)
    return tuple(below(challenge.seed, i, count) for i in range(challenge.segments))


@possession.begin_block
def go_on(context: Context) -> None:
    """Draw the challenges that are due, and close those that were not answered: so many a block,
    and none in a block that must stay empty, which could take no answer either."""
    state, block = context.state, context.block
    if block.height - block.final_height > chain_constants(state).max_unfinal_blocks:
        STALL.put(state, Stall(block.height))
        return
    accrue(context)
    for _, cid, provider in AGENDA.take(state, block.height, limit=DUE_A_BLOCK):
        pledge = PLEDGES.get(state, cid, provider)
        if pledge is None:
            raise RuntimeError(f"{provider.hex()} is listed and does not pledge for {cid}")
        if pledge.challenge is None or _was_stalled(context, pledge.challenge):
            _draw(context, cid, provider, pledge)
        else:
            _miss(context, cid, provider, pledge, pledge.challenge)


def _was_stalled(context: Context, challenge: Challenge) -> bool:
    """Whether a block could not take the answer: then the challenge counts for nothing."""
    stall = STALL.get(context.state)
    return stall is not None and stall.height > challenge.height


def _draw(context: Context, cid: Cid, provider: bytes, pledge: Pledge) -> None:
    state, block, period = context.state, context.block, pledge.period + 1
    seed = draw_seed("possession.draw", block.beacon, cid, provider, period)
    challenge = Challenge(seed, block.height, SEGMENTS.read(state))
    closes_height = block.height + WINDOW_BLOCKS.read(state)
    drawn = replace(pledge, period=period, due_height=closes_height, challenge=challenge)
    put_pledge(state, cid, provider, drawn)
    context.emit(Drawn(cid, provider, period, challenge, closes_height))


def _miss(
    context: Context, cid: Cid, provider: bytes, pledge: Pledge, challenge: Challenge
) -> None:
    state, asset = context.state, chain_constants(context.state).native_asset
    lost = min(pledge.units, pledge.pledged * MISS_PPM.read(state) // PARTS_PER_MILLION)
    burned = lost * BURN_PPM.read(state) // PARTS_PER_MILLION
    drain_pot(state, PLEDGED_POT, asset, lost)
    count_burned(state, asset, burned)
    fill_pot(state, STORAGE_POT, asset, lost - burned)
    forfeited, settled = forfeit_earned(state, pledge)
    context.emit(Missed(cid, provider, pledge.period, lost, burned, forfeited))
    units, missed = pledge.units - lost, pledge.missed + 1
    is_over = not units or missed >= MAX_MISSES.read(state)
    count_done(state, provider, Provider(0, 1, int(is_over), 0, lost))
    if is_over:
        context.emit(Ended(cid, provider, units))
        give_back(state, cid, provider, replace(settled, units=units))
        return
    due_height = challenge.height + PERIOD_BLOCKS.read(state)
    waiting = replace(settled, units=units, missed=missed, due_height=due_height, challenge=None)
    put_pledge(state, cid, provider, waiting)
