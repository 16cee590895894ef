"""When a member may vote and produce, and what it must remember (FINALITY: Voting).

Pure: the caller makes the new state durable before anything signed under it leaves.
"""

from dataclasses import dataclass
from enum import StrEnum

from consensus.kinds import Counter
from consensus.record import Record, record, replace


@record("safety-state")
class SafetyState(Record):
    """What one member has bound itself to; it never goes back.

    `last_slot` is the slot of its last vote; (`lock_dynasty`, `lock_slot`) the dynasty and
    source slot of that vote; `floor` the least source slot that it may vote for;
    `last_produced_slot` the slot of its last block.
    """

    last_slot: Counter
    lock_dynasty: Counter
    lock_slot: Counter
    floor: Counter
    last_produced_slot: Counter

    @property
    def lock(self) -> tuple[int, int]:
        """(dynasty, source slot), compared lexicographically."""
        return (self.lock_dynasty, self.lock_slot)

    def follows(self, earlier: "SafetyState") -> bool:
        """Whether this state gives up nothing that `earlier` is bound to."""
        return (
            self.last_slot >= earlier.last_slot
            and self.lock >= earlier.lock
            and self.floor >= earlier.floor
            and self.last_produced_slot >= earlier.last_produced_slot
        )


# The state of keys that were just made and have signed nothing: never for a lost journal.
FRESH_STATE = SafetyState(last_slot=0, lock_dynasty=0, lock_slot=0, floor=0, last_produced_slot=0)


@dataclass(frozen=True, slots=True)
class Ballot:
    """What the rules read of a block: its slot and dynasty, and the slot of source(block)."""

    slot: int
    dynasty: int
    source_slot: int


class Refusal(StrEnum):
    """Why a member does not vote for a block."""

    NOT_A_MEMBER = "not a member of the block's producer set"
    NOT_ABOVE_FINAL = "the block does not descend from the own final block"
    LATE = "the block came after the end of its slot"
    SLOT_USED = "a vote for this slot or a later one was cast"
    LOCKED = "the block's source is older than the lock"
    BELOW_FLOOR = "the block's source is older than the loss of the signing state"


def vote_refusal(
    state: SafetyState,
    ballot: Ballot,
    *,
    is_member: bool,
    descends_from_final: bool,
    arrived_ms: int,
    slot_end_ms: int,
) -> Refusal | None:
    """The first rule that forbids a vote for the block, or None if the member may vote.

    `arrived_ms` is when the block came, `slot_end_ms` when its slot ends, both by the local
    clock. The block need not be the own head.
    """
    if not is_member:
        return Refusal.NOT_A_MEMBER
    if not descends_from_final:
        return Refusal.NOT_ABOVE_FINAL
    if arrived_ms >= slot_end_ms:
        return Refusal.LATE
    return _unsafe(state, ballot)


def _unsafe(state: SafetyState, ballot: Ballot) -> Refusal | None:
    if ballot.slot <= state.last_slot:
        return Refusal.SLOT_USED
    if (ballot.dynasty, ballot.source_slot) < state.lock:
        return Refusal.LOCKED
    if ballot.source_slot < state.floor:
        return Refusal.BELOW_FLOOR
    return None


def after_vote(state: SafetyState, ballot: Ballot) -> SafetyState:
    """The state to make durable before the vote is sent.

    Raises ValueError for a vote that the state forbids: the caller has not asked.
    """
    refusal = _unsafe(state, ballot)
    if refusal is not None:
        raise ValueError(f"no vote for slot {ballot.slot}: {refusal}")
    return replace(
        state,
        last_slot=ballot.slot,
        lock_dynasty=ballot.dynasty,
        lock_slot=ballot.source_slot,
    )


def may_produce(state: SafetyState, slot: int) -> bool:
    """Whether the member may make a block for the slot: one block a slot, slots ascending."""
    return slot > state.last_produced_slot


def after_production(state: SafetyState, slot: int) -> SafetyState:
    """The state to make durable before the block for `slot` is signed.

    Raises ValueError for a slot that the state forbids.
    """
    if not may_produce(state, slot):
        raise ValueError(
            f"no block for slot {slot}: one for slot {state.last_produced_slot} exists"
        )
    return replace(state, last_produced_slot=slot)


def after_amnesia(state: SafetyState | None, slot: int, margin_slots: int) -> SafetyState:
    """The state of a member whose signing state is lost, older or moved (FINALITY: Lost or
    restored signing state); `state` is what is left of it.

    With X = `slot` (the current one) + `margin_slots`: no vote at or below X or from a source
    below X, no block at or below X.
    """
    known = FRESH_STATE if state is None else state
    bound = slot + margin_slots
    return replace(
        known,
        last_slot=max(known.last_slot, bound),
        floor=max(known.floor, bound),
        last_produced_slot=max(known.last_produced_slot, bound),
    )


def is_outdated(state: SafetyState, *, voted_slot: int = 0, produced_slot: int = 0) -> bool:
    """Whether an own vote or block seen on the network is newer than the state: amnesia."""
    return voted_slot > state.last_slot or produced_slot > state.last_produced_slot
