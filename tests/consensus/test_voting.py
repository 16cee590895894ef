"""The vote rules: each has a test that fails without it."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.record import replace
from consensus.voting import (
    FRESH_STATE,
    Ballot,
    Refusal,
    SafetyState,
    after_amnesia,
    after_production,
    after_vote,
    is_outdated,
    may_produce,
    vote_refusal,
)

STATE = SafetyState(last_slot=20, lock_dynasty=2, lock_slot=15, floor=10, last_produced_slot=18)
ALLOWED = Ballot(slot=21, dynasty=2, source_slot=15)


def _refusal(
    ballot: Ballot,
    state: SafetyState = STATE,
    *,
    is_member: bool = True,
    descends_from_final: bool = True,
    arrived_ms: int = 999,
    slot_end_ms: int = 1000,
) -> Refusal | None:
    return vote_refusal(
        state,
        ballot,
        is_member=is_member,
        descends_from_final=descends_from_final,
        arrived_ms=arrived_ms,
        slot_end_ms=slot_end_ms,
    )


def test_a_vote_within_all_rules_is_allowed() -> None:
    assert _refusal(ALLOWED) is None


def test_only_members_vote() -> None:
    assert _refusal(ALLOWED, is_member=False) is Refusal.NOT_A_MEMBER


def test_only_above_the_own_final_block() -> None:
    assert _refusal(ALLOWED, descends_from_final=False) is Refusal.NOT_ABOVE_FINAL


@pytest.mark.parametrize("arrived_ms", [1000, 5000])
def test_a_block_after_the_end_of_its_slot_is_late(arrived_ms: int) -> None:
    assert _refusal(ALLOWED, arrived_ms=arrived_ms) is Refusal.LATE


@pytest.mark.parametrize("slot", [19, 20])
def test_one_vote_a_slot_and_slots_ascend(slot: int) -> None:
    assert _refusal(dataclasses.replace(ALLOWED, slot=slot)) is Refusal.SLOT_USED


def test_the_source_is_not_older_than_the_lock() -> None:
    assert _refusal(dataclasses.replace(ALLOWED, source_slot=14)) is Refusal.LOCKED


def test_the_lock_compares_dynasties_first() -> None:
    assert _refusal(Ballot(slot=21, dynasty=1, source_slot=19)) is Refusal.LOCKED
    assert _refusal(Ballot(slot=21, dynasty=3, source_slot=12)) is None


def test_no_source_below_the_floor() -> None:
    state = replace(STATE, floor=17)
    assert _refusal(dataclasses.replace(ALLOWED, source_slot=16), state) is Refusal.BELOW_FLOOR
    assert _refusal(dataclasses.replace(ALLOWED, source_slot=17), state) is None


def test_a_newer_dynasty_does_not_lift_the_floor() -> None:
    state = replace(STATE, floor=17)
    ballot = Ballot(slot=21, dynasty=3, source_slot=16)
    assert _refusal(ballot, state) is Refusal.BELOW_FLOOR


def test_a_vote_moves_slot_and_lock() -> None:
    state = after_vote(STATE, Ballot(slot=22, dynasty=3, source_slot=12))
    assert state == replace(STATE, last_slot=22, lock_dynasty=3, lock_slot=12)


@pytest.mark.parametrize(
    "ballot",
    [
        dataclasses.replace(ALLOWED, slot=20),
        dataclasses.replace(ALLOWED, source_slot=14),
        Ballot(slot=21, dynasty=3, source_slot=9),
    ],
)
def test_a_forbidden_vote_has_no_state(ballot: Ballot) -> None:
    with pytest.raises(ValueError):
        after_vote(STATE, ballot)


def test_one_block_a_slot_and_slots_ascend() -> None:
    assert [may_produce(STATE, slot) for slot in (17, 18, 19)] == [False, False, True]
    state = after_production(STATE, 19)
    assert state == replace(STATE, last_produced_slot=19)
    with pytest.raises(ValueError):
        after_production(state, 19)


def test_producing_does_not_use_up_the_vote() -> None:
    assert _refusal(ALLOWED, after_production(STATE, 21)) is None


def test_a_fresh_key_begins_after_genesis() -> None:
    assert _refusal(Ballot(slot=1, dynasty=0, source_slot=0), FRESH_STATE) is None
    assert _refusal(Ballot(slot=0, dynasty=0, source_slot=0), FRESH_STATE) is Refusal.SLOT_USED
    assert not may_produce(FRESH_STATE, 0)
    assert may_produce(FRESH_STATE, 1)


def test_amnesia_refuses_everything_up_to_the_bound() -> None:
    state = after_amnesia(None, slot=100, margin_slots=2)
    assert _refusal(Ballot(slot=102, dynasty=0, source_slot=102), state) is Refusal.SLOT_USED
    assert _refusal(Ballot(slot=103, dynasty=0, source_slot=101), state) is Refusal.BELOW_FLOOR
    assert _refusal(Ballot(slot=103, dynasty=0, source_slot=102), state) is None
    assert [may_produce(state, slot) for slot in (102, 103)] == [False, True]


def test_amnesia_gives_up_nothing_that_is_left() -> None:
    state = after_amnesia(STATE, slot=19, margin_slots=0)
    assert state == replace(STATE, floor=19, last_produced_slot=19)
    assert state.follows(STATE)
    assert after_amnesia(STATE, slot=5, margin_slots=1) == STATE


@pytest.mark.parametrize(
    ("voted", "produced", "outdated"),
    [(20, 18, False), (21, 0, True), (0, 19, True), (0, 0, False)],
)
def test_an_own_vote_or_block_newer_than_the_state(
    voted: int, produced: int, *, outdated: bool
) -> None:
    assert is_outdated(STATE, voted_slot=voted, produced_slot=produced) is outdated


@pytest.mark.parametrize(
    "name", ["last_slot", "lock_dynasty", "lock_slot", "floor", "last_produced_slot"]
)
def test_a_state_that_goes_back_in_one_field_does_not_follow(name: str) -> None:
    lower: dict[str, int] = {name: getattr(STATE, name) - 1}
    assert not replace(STATE, **lower).follows(STATE)
    assert STATE.follows(STATE)


_slots = st.integers(0, 12)
_ballots = st.builds(Ballot, slot=_slots, dynasty=st.integers(0, 2), source_slot=_slots)


@given(st.lists(_ballots, max_size=40))
def test_a_member_that_follows_the_rules_is_never_slashable(ballots: list[Ballot]) -> None:
    state, cast = FRESH_STATE, list[Ballot]()
    for ballot in ballots:
        if ballot.source_slot < ballot.slot and _refusal(ballot, state) is None:
            before, state = state, after_vote(state, ballot)
            assert state.follows(before)
            cast.append(ballot)
    slots = [ballot.slot for ballot in cast]
    assert len(set(slots)) == len(slots)
    for first in cast:
        for second in cast:
            surrounds = first.source_slot < second.source_slot and second.slot < first.slot
            assert not (surrounds and first.dynasty == second.dynasty)


def test_the_state_is_stored_as_it_is() -> None:
    assert SafetyState.decode(STATE.encode()) == STATE
