"""An alliance's bodies: places that members leave are their alternates', replacements are so many
a month, and a vote lasts its whole window (K5, K7, K8)."""

import pytest

from consensus.errors import ActionFailed
from tests.vm.assembly import DAY_S, HOLDERS, Assembly, members, person, stage
from vm.modules.gov import (
    ALTERNATES,
    LIMITS,
    Admit,
    Body,
    Dismiss,
    EndPolicy,
    NameAlternates,
    Replace,
    SetBody,
    SetLimit,
    put_body,
)

MONTH_S = 30 * DAY_S
ADMIN = person(1)
NODES = [person(100 + i) for i in range(6)]
SPARES = [person(200 + i) for i in range(5)]
SCOPES = ["gov.admit", "gov.dismiss", "gov.replace", "gov.name_alternates", "gov.set_limit"]


def hall_of(**rules: object) -> Assembly:
    """An admin who rules alone, candidates, and nodes of these rules."""
    made = Assembly()
    made.found("admin", members(1), ADMIN)
    made.found("candidates", members(9), *SPARES)
    made.found("nodes", members(**({"cap": 7, "alternates": 3} | rules)), *NODES)  # type: ignore[arg-type]
    made.permit("rule", stage("admin", 100), scopes=[*SCOPES, "gov.set_body", "gov.end_policy"])
    made.permit("replace", stage("admin", 100), scopes=["gov.replace:nodes"])
    made.permit("motion", stage("nodes", 51))
    return made


def decree(hall: Assembly, *actions: object, policy: str = "rule") -> str:
    """What becomes of what the admin decrees: "passed", or the code that stopped it."""
    result = hall.propose(policy, *actions, by=ADMIN)  # type: ignore[arg-type]
    if result != "ok":
        return result
    row = hall.proposal(newest(hall))
    return row.code or row.status


def newest(hall: Assembly) -> int:
    """The number of the newest proposal."""
    number = 1
    while True:
        try:
            hall.proposal(number + 1)
        except AssertionError:
            return number
        number += 1


def waiting(hall: Assembly) -> tuple[bytes, ...]:
    """The alternates of the nodes."""
    row = ALTERNATES.get(hall.chain.world.state, "nodes")
    return () if row is None else row.accounts


def test_a_member_is_replaced_by_the_next_alternate_and_by_nobody_else() -> None:
    hall = hall_of()
    assert decree(hall, Replace("nodes", NODES[0])) == "gov.no-alternate"
    assert NODES[0] in hall.roll("nodes")
    decree(hall, NameAlternates("nodes", tuple(SPARES[:2])))
    assert decree(hall, Replace("nodes", SPARES[0])) == "gov.not-member"
    assert decree(hall, Replace("nodes", NODES[0])) == "passed"
    assert set(hall.roll("nodes")) == {*NODES[1:], SPARES[0]}
    assert waiting(hall) == (SPARES[1],)
    assert hall.sound() == []


def test_a_place_that_was_left_waits_for_an_alternate_who_then_steps_in_at_once() -> None:
    hall = hall_of()
    decree(hall, Dismiss("nodes", NODES[0], 0), Dismiss("nodes", NODES[1], 0))
    assert decree(hall, Admit("nodes", person(300))) == "passed", "the seventh place is free"
    assert decree(hall, Admit("nodes", person(301))) == "gov.body-full", "two places wait"
    decree(hall, NameAlternates("nodes", tuple(SPARES[:3])))
    assert set(hall.roll("nodes")) == {*NODES[2:], person(300), *SPARES[:2]}
    assert waiting(hall) == (SPARES[2],)
    assert hall.sound() == []


def test_alternates_are_so_many_and_of_the_body_that_they_come_from() -> None:
    hall = hall_of(alternates=2, alternates_from="candidates")
    assert decree(hall, NameAlternates("nodes", tuple(SPARES[:3]))) == "gov.too-many-alternates"
    assert decree(hall, NameAlternates("nodes", (person(300),))) == "gov.not-drawn"
    assert decree(hall, NameAlternates("nodes", tuple(SPARES[:2]))) == "passed"
    decree(hall, Dismiss("candidates", SPARES[0], 0))
    decree(hall, Replace("nodes", NODES[0]))
    assert SPARES[1] in hall.roll("nodes"), "the first is no candidate any more"
    assert decree(hall, Admit("nodes", person(300))) == "passed", "who founds need be no candidate"


def test_a_policy_carries_out_so_many_actions_a_month_and_as_many_in_the_next() -> None:
    hall = hall_of()
    decree(hall, NameAlternates("nodes", tuple(SPARES[:3])))
    assert decree(hall, SetLimit("replace", 2, MONTH_S)) == "passed"
    assert decree(hall, Replace("nodes", NODES[0]), policy="replace") == "passed"
    twice = (Replace("nodes", NODES[1]), Replace("nodes", NODES[2]))
    assert decree(hall, *twice, policy="replace") == "gov.limit-reached"
    assert decree(hall, Replace("nodes", NODES[1]), policy="replace") == "passed"
    assert decree(hall, Replace("nodes", NODES[2]), policy="replace") == "gov.limit-reached"
    hall.wait(MONTH_S)
    assert decree(hall, Replace("nodes", NODES[2]), policy="replace") == "passed"
    assert hall.sound() == []


def test_proposals_that_were_open_together_share_the_limit() -> None:
    hall = hall_of()
    hall.permit("both", stage("nodes", 51), scopes=["gov.replace"])
    decree(hall, SetLimit("both", 1, MONTH_S), NameAlternates("nodes", tuple(SPARES[:3])))
    first = newest(hall) + 1
    for member in NODES[:2]:
        assert hall.propose("both", Replace("nodes", member)) == "ok"
    for number in (first, first + 1):
        for voter in NODES[2:]:
            hall.vote(voter, proposal=number)
    assert hall.proposal(first).status == "passed"
    assert (hall.proposal(first + 1).status, hall.proposal(first + 1).code) == (
        "failed",
        "gov.limit-reached",
    )


def test_a_limit_that_is_set_anew_forgets_nothing_of_the_same_span() -> None:
    hall = hall_of()
    decree(hall, NameAlternates("nodes", tuple(SPARES[:3])), SetLimit("replace", 1, MONTH_S))
    decree(hall, Replace("nodes", NODES[0]), policy="replace")
    decree(hall, SetLimit("replace", 2, MONTH_S))
    row = LIMITS.get(hall.chain.world.state, "replace")
    assert row is not None
    assert (row.most, row.used) == (2, 1)
    decree(hall, SetLimit("replace", 0, 0))
    assert LIMITS.get(hall.chain.world.state, "replace") is None
    assert decree(hall, SetLimit("none", 1, MONTH_S)) == "gov.unlimited-policy"
    assert decree(hall, SetLimit("replace", 1, 0)) == "gov.no-span"


def test_a_policy_that_is_ended_keeps_a_sound_limit() -> None:
    hall = hall_of()
    decree(hall, SetLimit("replace", 1, MONTH_S), EndPolicy("replace"))
    assert hall.sound() == []


# A vote lasts its whole window


def test_who_lets_others_decide_has_missed_the_vote_all_the_same() -> None:
    """Else nobody would ever be out of a body in which a majority votes at once."""
    hall = hall_of(misses=3, window_s=DAY_S, whole_window=True, barred_s=DAY_S)
    for number in (1, 2, 3):
        hall.propose("motion")
        for voter in NODES[:4]:
            assert hall.vote(voter, proposal=number) == "ok"
        assert hall.status(number) == "open", "decided, and others can still vote"
        hall.vote(NODES[4], "no", number)
        hall.wait(DAY_S)
        assert hall.status(number) == "passed"
    assert hall.roll("nodes") == sorted(NODES[:5])
    assert hall.sound() == []


def test_a_vote_ends_at_once_when_all_have_voted() -> None:
    hall = hall_of(misses=3, window_s=DAY_S, whole_window=True)
    hall.propose("motion")
    for voter in NODES:
        hall.vote(voter)
    assert hall.status() == "passed"


def test_a_vote_that_is_decided_early_ends_with_its_window_and_no_later() -> None:
    hall = hall_of(misses=3, window_s=DAY_S, whole_window=True)
    hall.permit("slow", stage("nodes", 51, open_s=5 * DAY_S))
    hall.propose("slow")
    for voter in NODES[:4]:
        hall.vote(voter)
    hall.wait(DAY_S - 1)
    assert hall.status() == "open"
    hall.wait(1)
    assert hall.status() == "passed"
    hall.propose("slow")
    hall.wait(2 * DAY_S)
    for voter in NODES[:3]:
        hall.vote(voter, proposal=2)
    assert hall.status(2) == "open"
    hall.vote(NODES[3], proposal=2)
    assert hall.status(2) == "passed", "the window was over"
    assert hall.sound() == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (members(9, whole_window=True), "body.window_s"),
        (members(9, alternates=0, alternates_from="candidates"), "body.alternates_from"),
        (members(9, alternates_from="new"), "body.alternates_from"),
        (members(9, alternates_from="nobody"), "body.alternates_from"),
        (Body(HOLDERS.kind, 0, 0, None, 0, 0, 0, 0, False, False, 1, None), "body.kind"),
    ],
)
def test_a_body_that_cannot_be_says_what_is_wrong(body: Body, field: str) -> None:
    hall = hall_of()
    with pytest.raises(ActionFailed) as error:
        put_body(hall.chain.world.state, "new", body)
    assert error.value.field == field


def test_a_body_keeps_room_for_the_alternates_that_are_named() -> None:
    hall = hall_of()
    decree(hall, NameAlternates("nodes", tuple(SPARES[:2])))
    assert decree(hall, SetBody("nodes", members(7, alternates=1))) == "gov.bad-body"
    decree(hall, Dismiss("nodes", NODES[0], 0), Dismiss("nodes", NODES[1], 0))
    decree(hall, Dismiss("nodes", NODES[2], 0), SetBody("nodes", members(5, alternates=2)))
    assert decree(hall, Admit("nodes", person(300))) == "gov.body-full"
    assert decree(hall, NameAlternates("nodes", tuple(SPARES[2:4]))) == "passed"
    assert hall.sound() == []
