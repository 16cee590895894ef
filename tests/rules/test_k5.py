"""K5: 21 super nodes and 500 nodes at most; who nominates, replaces and removes whom, by which
share, and that a replacement comes only from the alternates, so many a month."""

from fractions import Fraction
from math import ceil

import pytest

from consensus.cid import RAW, cid_of
from tests.rules.alliance import ADMIN, CANDIDATES, KOL, MONTH_S, NODES, Alliance
from tests.rules.disabled import Disabled
from tests.vm.assembly import person
from vm.declare import Action
from vm.modules.gov import Admit, Dismiss, Replace, Resolve
from vm.modules.producer import CANDIDATES as STANDING
from vm.modules.tasks import Publish

DISABLED = Disabled("vm.modules.gov.limits._used", lambda *arguments: 0)

NEWCOMER = person(30_000)
FAR_MS = 1_710_000_000_000
TASK = Publish("a poster", cid_of(RAW, b"brief"), 0, 1, FAR_MS)


def needed(percent: int, size: int) -> int:
    """The least votes that are this share."""
    return ceil(Fraction(percent * size, 100))


def test_the_bodies_are_as_large_as_the_whitepaper_says() -> None:
    bodies = {name: body for name, (body, _) in KOL.government.bodies.items()}
    assert (bodies["supers"].cap, bodies["nodes"].cap, bodies["admin"].cap) == (21, 500, 1)
    assert bodies["supers"].seats, "they make the blocks"
    assert bodies["supers"].drawn_from == "nodes"
    hall = Alliance()
    assert len(hall.roll("supers")) == 21
    assert len(hall.roll("nodes")) == 500
    standing = {account for (account,), _ in STANDING.every(hall.chain.world.state)}
    assert standing == set(hall.supers)


def test_the_admin_nominates_nodes_up_to_500_and_nobody_else_does() -> None:
    hall = Alliance()
    assert hall.decide("creation", Admit("nodes", NEWCOMER), [ADMIN]) == "gov.body-full"
    assert hall.propose("creation", Admit("nodes", NEWCOMER), by=NODES[0]) == "gov.may-not-propose"
    assert hall.propose("creation", Admit("supers", NODES[0]), by=ADMIN) == "gov.not-allowed"
    hall.name("nodes")
    Dismiss("nodes", NODES[0], 0).apply(hall.context(ADMIN))
    again = hall.decide("creation", Admit("nodes", NEWCOMER), [ADMIN])
    assert again == "gov.body-full", "the place that was left is the alternates'"


@pytest.mark.parametrize(
    ("policy", "body", "percent", "votes", "action"),
    [
        ("replace-super", "nodes", 51, 255, "super"),
        ("replace-node", "supers", 33, 7, "node"),
        ("admin", "nodes", 67, 335, "admin"),
        ("tasks", "supers", 51, 11, "task"),
        ("tasks", "supers", 51, 11, "project"),
    ],
)
def test_shares_are_exact(policy: str, body: str, percent: int, votes: int, action: str) -> None:
    """One vote fewer than the share is not enough."""
    size = {"nodes": 500, "supers": 21}[body]
    assert needed(percent, size) == votes
    for count, expected in ((votes - 1, "rejected"), (votes, "passed")):
        hall = Alliance()
        voters = hall.supers if body == "supers" else [*NODES, *hall.spares]
        made: Action = {
            "super": Replace("supers", hall.supers[0]),
            "node": Replace("nodes", NODES[0]),
            "admin": Dismiss("admin", ADMIN, 0),
            "task": TASK,
            "project": Resolve("the project of bafy is taken on"),
        }[action]
        assert hall.decide(policy, made, voters[:count]) == expected
        if expected == "passed" and action == "super":
            assert hall.supers[0] not in hall.roll("supers")
            assert hall.spares[0] in hall.roll("supers")
            standing = STANDING.get(hall.chain.world.state, hall.spares[0])
            assert standing is not None, "and makes blocks from the next epoch on"
        if expected == "passed" and action == "node":
            assert CANDIDATES[0] in hall.roll("nodes")
        assert hall.sound() == []


def test_a_third_of_the_nodes_nominates_the_first_super_nodes() -> None:
    assert needed(33, 500) == 165
    for count, expected in ((164, "rejected"), (165, "passed")):
        hall = Alliance(first=20)
        assert len(hall.roll("supers")) == 20
        nominated = Admit("supers", hall.supers[20])
        assert hall.decide("first-supers", nominated, NODES[:count]) == expected
    again = hall.decide("first-supers", Admit("supers", hall.spares[0]), NODES[:165])
    assert again == "gov.body-full", "there are 21"
    assert hall.propose("first-supers", nominated, by=CANDIDATES[0]) == "gov.may-not-propose"


def test_replacements_are_three_super_nodes_and_five_nodes_a_month() -> None:
    hall = Alliance()
    for i in range(5):
        assert hall.decide("replace-node", Replace("nodes", NODES[i]), hall.supers[:7]) == "passed"
        hall.chain.time_ms -= 7 * 86_400_000  # all within a month
    hall.name("nodes", CANDIDATES[5])
    sixth = Replace("nodes", NODES[5])
    assert hall.decide("replace-node", sixth, hall.supers[:7]) == "gov.limit-reached"
    hall.wait(MONTH_S)
    assert hall.decide("replace-node", sixth, hall.supers[:7]) == "passed"
    assert KOL.government.limits["replace-super"].most == 3
    assert KOL.government.limits["replace-node"].most == 5


def test_two_thirds_of_the_nodes_elect_another_admin() -> None:
    hall = Alliance()
    assert hall.decide("admin", Dismiss("admin", ADMIN, 0), NODES[:335]) == "passed"
    assert hall.propose("creation", Admit("nodes", NEWCOMER), by=ADMIN) == "gov.may-not-propose"
    assert hall.decide("admin", Admit("admin", NEWCOMER), NODES[:335]) == "passed"
    assert hall.roll("admin") == [NEWCOMER]
