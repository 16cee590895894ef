"""K8: three alternate super nodes from the nodes, five alternate nodes from the candidates,
proposed by 10 % and approved by 33 %, who step in in their order at once."""

import pytest

from tests.rules.alliance import ADMIN, CANDIDATES, NODES, Alliance
from tests.rules.disabled import Disabled
from vm.modules.gov import Dismiss, NameAlternates

DISABLED = Disabled("vm.modules.gov.membership.fill_vacancies", lambda *arguments: None)


@pytest.mark.parametrize(
    ("proposed", "approved", "expected"),
    [(50, 7, "passed"), (49, 0, "rejected"), (50, 6, "rejected")],
)
def test_alternate_super_nodes_are_proposed_by_50_nodes_and_approved_by_7_super_nodes(
    proposed: int, approved: int, expected: str
) -> None:
    hall = Alliance()
    named = tuple(reversed(hall.spares))
    voters = [NODES[:proposed], *([hall.supers[:approved]] if approved else [])]
    assert hall.decide("alternate-supers", NameAlternates("supers", named), *voters) == expected
    assert hall.waiting("supers") == (named if expected == "passed" else tuple(hall.spares))


@pytest.mark.parametrize(
    ("approved", "expected"),
    [(165, "passed"), (164, "rejected")],
)
def test_alternate_nodes_are_proposed_by_a_tenth_of_the_candidates_and_approved_by_165_nodes(
    approved: int, expected: str
) -> None:
    hall = Alliance()
    named = tuple(CANDIDATES[3:8])
    action = NameAlternates("nodes", named)
    assert hall.decide("alternate-nodes", action, CANDIDATES[:1], NODES[:approved]) == expected
    assert hall.waiting("nodes") == (named if expected == "passed" else tuple(CANDIDATES[:5]))


def test_there_are_three_and_five_and_they_come_from_nodes_and_candidates() -> None:
    hall = Alliance()
    voters = NODES[:50], hall.supers[:7]
    four = NameAlternates("supers", (*hall.spares, NODES[0]))
    assert hall.decide("alternate-supers", four, *voters) == "gov.too-many-alternates"
    stranger = NameAlternates("supers", (CANDIDATES[0],))
    assert hall.decide("alternate-supers", stranger, *voters) == "gov.not-drawn"
    six = NameAlternates("nodes", tuple(CANDIDATES[:6]))
    voters = CANDIDATES[:1], NODES[:165]
    assert hall.decide("alternate-nodes", six, *voters) == "gov.too-many-alternates"
    outsider = NameAlternates("nodes", (ADMIN,))
    assert hall.decide("alternate-nodes", outsider, *voters) == "gov.not-drawn"


def test_vacancies_are_filled_at_once_in_order_and_later_as_soon_as_alternates_are_named() -> None:
    hall = Alliance()
    for i in range(6):
        Dismiss("nodes", NODES[i], 0).apply(hall.context(ADMIN))
        came = CANDIDATES[: min(i + 1, 5)]
        assert set(came) <= set(hall.roll("nodes"))
    assert len(hall.roll("nodes")) == 499, "there were five alternates"
    named = NameAlternates("nodes", (CANDIDATES[6], CANDIDATES[7]))
    assert hall.decide("alternate-nodes", named, CANDIDATES[6:7], NODES[10:175]) == "passed"
    assert CANDIDATES[6] in hall.roll("nodes")
    assert hall.waiting("nodes") == (CANDIDATES[7],)
    assert len(hall.roll("nodes")) == 500
    assert hall.sound() == []
