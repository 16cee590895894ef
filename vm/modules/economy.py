"""The community's days, by which its economy goes (ECONOMIES section 0)."""

from typing import Annotated

from consensus.block import MAX_SLOT
from consensus.errors import InvalidBlock
from consensus.kinds import JSON_INTEGER_MAX, Counter, Uint
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Module
from vm.modules.chain import MAX_GENESIS_TIME_MS, MAX_SLOT_MS, chain_constants
from vm.table import Table
from vm.view import State, View

economy = Module("economy", "The community's days, by which its economy goes.")

MAX_DAY_S = 366 * 24 * 3600
if MAX_GENESIS_TIME_MS + MAX_SLOT * MAX_SLOT_MS + 1000 * MAX_DAY_S > JSON_INTEGER_MAX:
    raise ValueError("the time when the day of any slot ends must fit the integers of blocks")
DayS = Annotated[int, Uint(MAX_DAY_S, 1)]


@record("economy.constants")
class EconomyConstants(Record):
    """How long a day is (seconds), and the number of the chain's first day: 0, but of a chain
    that goes on from another's state the day that this had reached. Never changed: all that is
    counted in days would move."""

    day_s: DayS
    first_day: Counter

    def day_at(self, elapsed_ms: int) -> int:
        """The day that it is so long after genesis."""
        return self.first_day + elapsed_ms // (1000 * self.day_s)

    def begins_ms(self, day: int) -> int:
        """How long after genesis a day begins."""
        return (day - self.first_day) * 1000 * self.day_s


@record("economy.clock")
class Clock(Record):
    """The newest day that has a block, how many days have one, the height of its first block,
    and when it is over (ms from the Unix epoch)."""

    day: Counter
    days_with_blocks: Counter
    first_height: Counter
    over_ms: Counter


ECONOMY: Table[EconomyConstants] = economy.table(EconomyConstants)
CLOCK: Table[Clock] = economy.table(Clock)


@economy.begin_block
def turn_day(context: Context) -> None:
    """Note the day of a block if it is the first of its day; a block begins one day at most,
    however many went by without a block."""
    state, block = context.state, context.block
    clock = CLOCK.get(state)
    if clock is not None and block.time_ms < clock.over_ms:
        return
    constants, genesis_ms = economy_constants(state), chain_constants(state).genesis_time_ms
    day = constants.day_at(block.time_ms - genesis_ms)
    with_blocks = 1 if clock is None else clock.days_with_blocks + 1
    over_ms = genesis_ms + constants.begins_ms(day + 1)
    CLOCK.put(state, Clock(day, with_blocks, block.height, over_ms))


def economy_constants(view: View) -> EconomyConstants:
    """What genesis fixed; raises InvalidBlock if the state lacks it."""
    constants = ECONOMY.get(view)
    if constants is None:
        raise InvalidBlock("the state has no economy.constants row; it is not a chain's state")
    return constants


def begins_day(context: Context) -> bool:
    """Whether the block is the first of its day: for steps that run once a day."""
    clock = CLOCK.get(context.state)
    return clock is not None and clock.first_height == context.block.height


def today(view: View) -> int:
    """The newest day that has a block; the first day before any block."""
    clock = CLOCK.get(view)
    return economy_constants(view).first_day if clock is None else clock.day


def days_with_blocks(view: View) -> int:
    """How many days have a block, the newest among them."""
    clock = CLOCK.get(view)
    return 0 if clock is None else clock.days_with_blocks


def go_on_from(state: State, genesis_time_ms: int) -> None:
    """Let a chain that begins at this time go on from another's state on the day which that had
    reached; the day begins anew."""
    constants, clock = economy_constants(state), CLOCK.get(state)
    if clock is not None:
        over_ms = genesis_time_ms + 1000 * constants.day_s
        ECONOMY.put(state, EconomyConstants(constants.day_s, clock.day))
        CLOCK.put(state, Clock(clock.day, clock.days_with_blocks, 0, over_ms))
