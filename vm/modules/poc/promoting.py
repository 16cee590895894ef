"""Promoting: when a day is over its creators are paired by rank, and one of each pair is promoted.

The day's list is frozen in the first block of the next day and decided by a later beacon
(`draws`). Pairs are formed from the highest rank on, of neighbours in a level, some in each block.
Both of a pair are paid at once, W_M and W_w, if the pool holds as much. A list that is not drawn
when the next day ends goes first, and that day goes on.
"""

from consensus.codec import UINT64_MAX
from consensus.kinds import AccountId, Amount, Counter
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.chain import chain_constants
from vm.modules.draws import below, deciding_height, draw_seed
from vm.modules.economy import begins_day, days_with_blocks, today
from vm.modules.personhood import is_person
from vm.modules.poc.contributing import enlist, level_of
from vm.modules.poc.tables import (
    CONTRIBUTIONS,
    CREATORS,
    CURRENT,
    MOST_COEFFICIENT,
    POOL_POT,
    RULES,
    STANDINGS,
    WALK,
    Contributions,
    Current,
    Dimensions,
    IdleDays,
    Rules,
    Walk,
    contribution_of,
    poc,
)
from vm.modules.tokens import credit, drain_pot, pot_of
from vm.view import State

CREATORS_A_BLOCK = 64  # the rest is paired in the blocks that follow
QUARTERS = 4

GAP_TOO_SMALL = poc.error(
    "gap-too-small",
    "What the promoted gets must be above what the other gets by more than 4 times the effort.",
)


@poc.event
@record("poc.rules_set")
class RulesSet(Record):
    """Creators are paired and paid by these rules from now on."""

    rules: Rules


@poc.event
@record("poc.promoted")
class Promoted(Record):
    """Of a pair of a day one was promoted and got W_M, the other W_w; what each had contributed."""

    day: Counter
    promoted: AccountId
    other: AccountId
    promoted_units: Amount
    other_units: Amount
    promoted_contribution: Counter
    other_contribution: Counter


@poc.event
@record("poc.day_drawn")
class DayDrawn(Record):
    """All pairs of a day are drawn: so many were paid, and so many not, as the pool was empty."""

    day: Counter
    paid: Counter
    unpaid: Counter


@poc.action(gas=5_000, governed=True)
@record("poc.set_rules")
class SetRules(Action):
    """Pair creators of neighbouring rank each day, and promote one of each pair (T8). By
    W_M - W_w > 4e it is worth its effort to contribute, whatever the other of the pair does."""

    promoted_units: Amount
    other_units: Amount
    effort_units: Amount
    dimensions: Dimensions
    contributions: Contributions
    idle_days: IdleDays

    def in_words(self) -> str:
        return (
            f"pay {self.promoted_units} units to who is promoted of each pair of creators, and "
            f"{self.other_units} to the other"
        )

    def apply(self, context: Context) -> None:
        state = context.state
        if not is_worth_it(self.promoted_units, self.other_units, self.effort_units):
            raise GAP_TOO_SMALL.failed(
                f"promoted_units must be above {self.other_units + 4 * self.effort_units}: "
                f"other_units + 4 x effort_units",
                field="promoted_units",
            )
        rules = Rules(
            self.promoted_units,
            self.other_units,
            self.effort_units,
            self.dimensions,
            self.contributions,
            self.idle_days,
        )
        RULES.put(state, rules)
        if CURRENT.get(state) is None:
            CURRENT.put(state, Current(today(state)))
        context.emit(RulesSet(rules))


@poc.begin_block
def go_on(context: Context) -> None:
    """Freeze the list of the day that is over, and draw some pairs of it in each block from the one
    on whose beacon decides."""
    walk = WALK.get(context.state)
    if walk is None and not begins_day(context):
        return
    rules = RULES.get(context.state)
    if rules is None:
        return
    if walk is None:
        walk = _freeze(context)
    if walk is not None and context.block.height >= walk.from_height:
        seed = walk.seed or draw_seed("poc.promotion", context.block.beacon, walk.day)
        _draw(context, rules, replace(walk, seed=seed), seed)


def is_worth_it(promoted_units: int, other_units: int, effort_units: int) -> bool:
    """Whether contributing is worth its effort whatever the other does: W_M - W_w > 4e (T8)."""
    return promoted_units - other_units > 4 * effort_units


def quarters_of(first: int, second: int) -> int:
    """In how many quarters of all draws the first of a pair is promoted, by what both contributed,
    of which one did: 2 if both did, else 3 if it did, and 1 if the other did (T8)."""
    if first and second:
        return 2
    return 3 if first else 1


def is_first_promoted(seed: bytes, number: int, first: int, second: int) -> bool:
    """Whether the first of the pair of this number of a list is promoted, by its seed."""
    return below(seed, number, QUARTERS) < quarters_of(first, second)


def _freeze(context: Context) -> Walk | None:
    """Close the list of the day that is over; None if none is."""
    state, current = context.state, CURRENT.get(context.state)
    if current is None or current.day >= today(state):
        return None
    CURRENT.put(state, Current(today(state)))
    walk = Walk(current.day, deciding_height(context.block), None, 0, 0)
    WALK.put(state, walk)
    return walk


def _draw(context: Context, rules: Rules, walk: Walk, seed: bytes) -> None:
    """Draw the next pairs; what is single in its level, or has not contributed and whose neighbour
    has not, is paid nothing. All are listed for the next day as they rank by now."""
    state = context.state
    listed = [key for key, _ in STANDINGS.scan(state, walk.day, limit=CREATORS_A_BLOCK)]
    is_last, place = len(listed) < CREATORS_A_BLOCK, 0
    while place < len(listed):
        pair = listed[place : place + 2]
        if len(pair) == 1 and not is_last:
            break  # its neighbour comes with the next block
        if len(pair) == 2 and _level(pair[0][1]) != _level(pair[1][1]):
            pair = pair[:1]
        if len(pair) == 2:
            walk = _settle_pair(context, rules, walk, seed, (pair[0][2], pair[1][2]))
        for _, under, creator in pair:
            _list_again(state, rules, walk.day, under, creator)
        place += len(pair)
    if is_last:
        WALK.delete(state)
        context.emit(DayDrawn(walk.day, walk.paid, walk.unpaid))
    else:
        WALK.put(state, walk)


def _level(under: int) -> int:
    return level_of(MOST_COEFFICIENT - under)


def _settle_pair(
    context: Context, rules: Rules, walk: Walk, seed: bytes, pair: tuple[bytes, bytes]
) -> Walk:
    """Draw and pay a pair, if one of it contributed and the pool holds as much; the walk after."""
    state, native = context.state, chain_constants(context.state).native_asset
    first, second = pair
    gave = {each: contribution_of(state, walk.day, each) for each in pair}
    units = rules.promoted_units + rules.other_units
    if not any(gave.values()):
        return walk
    if pot_of(state, POOL_POT, native) < units:
        return replace(walk, unpaid=walk.unpaid + 1)
    won, lost = first, second
    if not is_first_promoted(seed, walk.paid, gave[first], gave[second]):
        won, lost = second, first
    drain_pot(state, POOL_POT, native, units)
    for creator, earned in ((won, rules.promoted_units), (lost, rules.other_units)):
        credit(state, creator, native, earned)
        _count_pairing(state, creator, earned, is_promoted=creator == won)
    paid = (rules.promoted_units, rules.other_units)
    context.emit(Promoted(walk.day, won, lost, *paid, gave[won], gave[lost]))
    return replace(walk, paid=walk.paid + 1)


def _count_pairing(state: State, creator: bytes, earned: int, *, is_promoted: bool) -> None:
    row = CREATORS.get(state, creator)
    if row is None:
        raise RuntimeError(f"{creator.hex()} is listed and has no row")
    counted = replace(
        row,
        pairings=row.pairings + 1,
        promotions=row.promotions + is_promoted,
        earned=min(row.earned + earned, UINT64_MAX),
    )
    CREATORS.put(state, counted, creator)


def _list_again(state: State, rules: Rules, day: int, under: int, creator: bytes) -> None:
    """List a creator for the day that is counted, if it is a person still and not idle for too
    long."""
    row, current = CREATORS.get(state, creator), CURRENT.get(state)
    if row is None or current is None:
        raise RuntimeError(f"{creator.hex()} is listed and has no row")
    STANDINGS.delete(state, day, under, creator)
    CONTRIBUTIONS.delete(state, day, creator)
    is_idle = days_with_blocks(state) - row.active_on > rules.idle_days
    is_dropped = is_idle and not contribution_of(state, current.day, creator)
    if is_dropped or not is_person(state, creator):
        CONTRIBUTIONS.delete(state, current.day, creator)
        CREATORS.put(state, replace(row, standing=None), creator)
    else:
        CREATORS.put(state, enlist(state, creator, row, current.day, rules.dimensions), creator)
