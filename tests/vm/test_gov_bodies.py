"""Bodies: terms end, the absent are out, alternates step in, and members alone hold the seats."""

import pytest

from tests.vm.assembly import DAY_S, HOLDERS, Assembly, members, person, stage
from vm.modules.gov import (
    ALTERNATES,
    BARRED,
    ROLL,
    Admit,
    Dismiss,
    NameAlternates,
    SetBody,
)
from vm.modules.gov.membership import Left
from vm.modules.producer import CANDIDATES, Stand
from vm.modules.producer.appointment import BY_APPOINTMENT

NODES = [person(100 + i) for i in range(6)]
SPARES = [person(200 + i) for i in range(4)]
ADMIN = person(1)
SCOPES = ["gov.admit", "gov.dismiss", "gov.name_alternates", "gov.set_body"]


def hall_of(**rules: object) -> Assembly:
    """An admin who rules alone, and nodes of these rules."""
    made = Assembly()
    made.found("admin", members(1), ADMIN)
    made.found("nodes", members(**({"cap": 6} | rules)), *NODES)  # type: ignore[arg-type]
    made.permit("rule", stage("admin", 100), scopes=SCOPES)
    made.permit("motion", stage("nodes", 51))
    return made


def rule(hall: Assembly, *actions: object) -> str:
    """The admin's decree: "passed", or the code that stopped it."""
    assert hall.propose("rule", *actions, by=ADMIN) == "ok"  # type: ignore[arg-type]
    number = 1
    while hall.status(number) in {"passed", "failed"}:
        try:
            hall.proposal(number + 1)
        except AssertionError:
            break
        number += 1
    return hall.proposal(number).code or hall.status(number)


def missed_vote(hall: Assembly, number: int, *voters: bytes) -> None:
    """A proposal on which only these vote, till its time is over."""
    hall.propose("motion")
    for i, voter in enumerate(voters):
        assert hall.vote(voter, ("yes", "no")[i % 2], number) == "ok"
    hall.wait(DAY_S)


def test_a_term_ends_by_itself_and_begins_anew_when_one_is_admitted_again() -> None:
    hall = hall_of(term_s=3 * DAY_S, cap=7)
    hall.wait(2 * DAY_S)
    assert rule(hall, Admit("nodes", NODES[0])) == "passed"
    hall.wait(DAY_S)
    assert hall.roll("nodes") == [NODES[0]]
    assert next(e for e in hall.chain.events if isinstance(e, Left)).reason == "expired"
    assert hall.sound() == []
    hall.wait(2 * DAY_S)
    assert hall.roll("nodes") == []


def test_without_terms_nobody_is_admitted_twice_nor_beyond_the_cap() -> None:
    hall = hall_of()
    assert rule(hall, Admit("nodes", NODES[0])) == "gov.already-member"
    assert rule(hall, Admit("nodes", SPARES[0])) == "gov.body-full"


def test_who_is_dismissed_is_barred_for_so_long_and_the_next_alternate_steps_in() -> None:
    hall = hall_of(least=6)
    assert rule(hall, Dismiss("nodes", NODES[0], DAY_S)) == "gov.too-few-members"
    assert rule(hall, NameAlternates("nodes", tuple(SPARES[:3]))) == "passed"
    assert rule(hall, Dismiss("nodes", NODES[0], DAY_S)) == "passed"
    assert set(hall.roll("nodes")) == {*NODES[1:], SPARES[0]}
    row = ALTERNATES.get(hall.chain.world.state, "nodes")
    assert row is not None
    assert row.accounts == tuple(SPARES[1:3])
    assert rule(hall, SetBody("nodes", members(9, 6)), Admit("nodes", NODES[0])) == "gov.barred"
    assert rule(hall, NameAlternates("nodes", (NODES[0],))) == "gov.barred"
    hall.wait(DAY_S)
    assert rule(hall, SetBody("nodes", members(9, 6)), Admit("nodes", NODES[0])) == "passed"
    assert rule(hall, NameAlternates("nodes", (SPARES[3], SPARES[3]))) == "gov.named-twice"
    assert rule(hall, NameAlternates("nodes", (NODES[1],))) == "gov.already-member"
    assert rule(hall, NameAlternates("nodes", ())) == "passed"
    assert ALTERNATES.get(hall.chain.world.state, "nodes") is None


def test_an_alternate_that_cannot_come_is_passed_over() -> None:
    hall = hall_of(least=6)
    hall.found("candidates", members(9), *SPARES[:2])
    rule(hall, SetBody("nodes", members(6, 6, drawn_from="candidates")))
    assert rule(hall, NameAlternates("nodes", tuple(SPARES[:2]))) == "passed"
    assert rule(hall, NameAlternates("nodes", (SPARES[3],))) == "gov.not-drawn"
    rule(hall, Dismiss("candidates", SPARES[0], 0))
    assert rule(hall, Dismiss("nodes", NODES[0], 0)) == "passed"
    assert SPARES[1] in hall.roll("nodes")
    assert SPARES[0] not in hall.roll("nodes")
    assert rule(hall, Dismiss("nodes", NODES[1], 0)) == "gov.too-few-members"


# K7: three votes in a row


def test_who_misses_three_counted_votes_in_a_row_is_out_and_barred() -> None:
    hall = hall_of(misses=3, window_s=DAY_S, barred_s=90 * DAY_S)
    here = NODES[1:]
    missed_vote(hall, 1, *here)
    missed_vote(hall, 2, *here)
    assert NODES[0] in hall.roll("nodes")
    missed_vote(hall, 3, *here)
    assert NODES[0] not in hall.roll("nodes")
    until_ms = hall.chain.time_ms + 90 * DAY_S * 1000
    barred = BARRED.get(hall.chain.world.state, "nodes", NODES[0])
    assert barred is not None
    assert barred.until_ms == until_ms
    assert hall.chain.events[-2] == Left("nodes", NODES[0], "absent", until_ms)


def test_one_vote_in_between_counts_anew() -> None:
    hall = hall_of(misses=3, window_s=DAY_S)
    here = NODES[1:]
    for number, voters in enumerate((here, here, NODES, here, here), 1):
        missed_vote(hall, number, *voters)
    assert NODES[0] in hall.roll("nodes")
    missed_vote(hall, 6, *here)
    assert NODES[0] not in hall.roll("nodes")


def test_a_heap_of_votes_in_one_window_is_missed_once() -> None:
    hall = hall_of(misses=2, window_s=DAY_S)
    for _ in range(5):
        hall.propose("motion")
    hall.wait(DAY_S)
    member = ROLL.get(hall.chain.world.state, "nodes", NODES[0])
    assert member is not None
    assert member.missed == 1


def test_a_vote_that_was_decided_before_the_window_is_over_counts_for_nobody() -> None:
    hall = hall_of(misses=1, window_s=DAY_S)
    hall.propose("motion")
    for voter in NODES[:4]:
        hall.vote(voter)
    assert hall.status() == "passed"
    assert len(hall.roll("nodes")) == 6


def test_who_came_after_the_opening_has_missed_nothing() -> None:
    hall = hall_of(misses=1, window_s=DAY_S, cap=7)
    hall.propose("motion")
    hall.chain.world.height += 1
    hall.found("nodes", hall.body("nodes"), SPARES[0])
    hall.wait(DAY_S)
    assert hall.roll("nodes") == [SPARES[0]]


def test_absence_leaves_as_many_as_the_body_needs_and_alternates_fill_up() -> None:
    hall = hall_of(misses=1, window_s=DAY_S, least=4)
    rule(hall, NameAlternates("nodes", tuple(SPARES[:1])))
    missed_vote(hall, 2)
    left = set(hall.roll("nodes"))
    assert len(left) == 4
    assert SPARES[0] in left
    assert hall.sound() == []


# Seats


def test_where_a_body_holds_the_seats_its_members_alone_stand_for_election() -> None:
    hall = hall_of()
    state = hall.chain.world.state
    everyone = hall.producers(6)
    BY_APPOINTMENT.set(state, 1)
    rule(hall, SetBody("supers", members(21, 4, seats=True)))
    hall.permit("supers", stage("admin", 100), scopes=SCOPES)
    for producer in everyone[:5]:
        assert rule(hall, Admit("supers", producer)) == "passed"
    assert rule(hall, Admit("supers", person(999))) == "gov.no-producer"
    assert hall.chain.act(everyone[5], Stand(standing=False)) == "ok"
    assert hall.chain.act(everyone[5], Stand(standing=True)) == "producer.not-appointed"
    assert hall.chain.act(everyone[4], Stand(standing=False)) == "ok"
    assert hall.chain.act(everyone[4], Stand(standing=True)) == "ok"
    assert rule(hall, Dismiss("supers", everyone[4], 0)) == "passed"
    assert CANDIDATES.get(state, everyone[4]) is None
    assert hall.chain.act(everyone[4], Stand(standing=True)) == "producer.not-appointed"
    assert rule(hall, Dismiss("supers", everyone[3], 0)) == "gov.too-few-members"
    assert hall.sound() == []


def test_admission_brings_a_producer_that_did_not_stand_back() -> None:
    hall = hall_of()
    state = hall.chain.world.state
    BY_APPOINTMENT.set(state, 1)
    everyone = hall.producers(5)
    assert CANDIDATES.get(state, everyone[4]) is None
    rule(hall, SetBody("supers", members(21, 4, seats=True)), Admit("supers", everyone[4]))
    assert CANDIDATES.get(state, everyone[4]) is not None


def test_a_body_of_holders_has_no_rules_of_members() -> None:
    hall = Assembly()
    hall.found("holders", HOLDERS)
    with pytest.raises(AssertionError):
        hall.body("nodes")
