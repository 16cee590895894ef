"""Contributing: what others do at a creator's videos, and what ranks it (T8)."""

from consensus.record import replace
from vm.context import Context
from vm.modules.activity_kind import ActivityKind
from vm.modules.economy import days_with_blocks
from vm.modules.personhood import is_person
from vm.modules.poc.tables import (
    CONTRIBUTIONS,
    CREATORS,
    CURRENT,
    FANS,
    MOST_COEFFICIENT,
    NEW,
    RULES,
    STANDINGS,
    Contribution,
    Creator,
    Dimensions,
    Fan,
    Listed,
    Standing,
    contribution_of,
)
from vm.view import State


def contribute(context: Context, creator: bytes, account: bytes, kind: ActivityKind) -> None:
    """Count that another account, which is a person's, did something at a creator's video: once a
    day for each kind, and for creators alone who are persons themselves."""
    state, rules, current = context.state, RULES.get(context.state), CURRENT.get(context.state)
    if rules is None or current is None or not is_person(state, creator):
        return
    units, bit = rules.contributions.of(kind), 1 << list(ActivityKind).index(kind)
    fan = FANS.get(state, creator, account)
    kinds = fan.kinds if fan is not None and fan.day == current.day else 0
    if not units or kinds & bit:
        return
    FANS.put(state, Fan(current.day, kinds | bit), creator, account)
    row, is_play = CREATORS.get(state, creator) or NEW, kind is ActivityKind.PLAY
    row = replace(
        row,
        plays=row.plays + is_play,
        interactions=row.interactions + (not is_play),
        fans=row.fans + (fan is None),
        active_on=days_with_blocks(state),
    )
    if row.standing is None:
        row = enlist(state, creator, row, current.day, rules.dimensions)
    CREATORS.put(state, row, creator)
    total = contribution_of(state, current.day, creator) + units
    CONTRIBUTIONS.put(state, Contribution(total), current.day, creator)


def note_creation(context: Context, creator: bytes, channel: str | None) -> None:
    """Count a video that a creator, who is a person, has published, in this channel or none."""
    if RULES.get(context.state) is None:
        return
    row = CREATORS.get(context.state, creator) or NEW
    is_same = channel is not None and channel == row.channel
    in_a_row = 0 if channel is None else row.in_a_row + 1 if is_same else 1
    made = replace(row, posts=row.posts + 1, channel=channel, in_a_row=in_a_row)
    CREATORS.put(context.state, made, creator)


def coefficient_of(dimensions: Dimensions, row: Creator) -> int:
    """What ranks a creator: what it has in each dimension, times its weight (T8)."""
    found = (
        dimensions.creation * row.posts
        + dimensions.vertical * row.in_a_row
        + dimensions.play * row.plays
        + dimensions.interaction * row.interactions
        + dimensions.fan * row.fans
    )
    return min(found, MOST_COEFFICIENT)


def level_of(coefficient: int) -> int:
    """The level of a coefficient, its length in bits: that of another is half of it at least, or
    twice at most."""
    return coefficient.bit_length()


def enlist(state: State, creator: bytes, row: Creator, day: int, dimensions: Dimensions) -> Creator:
    """List a creator for a day by what its coefficient is now; returns its row, for the caller to
    write."""
    coefficient = coefficient_of(dimensions, row)
    STANDINGS.put(state, Listed(), day, MOST_COEFFICIENT - coefficient, creator)
    return replace(row, standing=Standing(day, coefficient))
