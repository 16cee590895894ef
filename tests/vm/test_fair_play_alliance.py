"""What attacks on an alliance's government gain: nothing, or what is computed here."""

from tests.rules.alliance import CANDIDATES, KOL, MONTH_S, NODES, Alliance
from tests.vm.assembly import DAY_S
from vm.modules.gov import NameAlternates, Replace, Resolve

SEVEN = 7  # 33 % of 21 super nodes


def test_a_heap_of_proposals_makes_nobody_miss_more_than_one_vote_a_window() -> None:
    """A super node opens 30 proposals each day. Who votes once in two days, on any of them, is
    never out: three counted misses take more than two windows of a day."""
    hall = Alliance()
    spammer, busy, gone = hall.supers[:3]
    for day in range(9):
        for _ in range(30):
            assert hall.propose("tasks", Resolve("again"), by=spammer) == "ok"
        if day % 2 == 1:
            assert hall.vote(busy, "no", hall.newest()) == "ok"
        for _ in range(4):  # eight stages are closed a block
            hall.wait(DAY_S // 4)
        missed = hall.missed("supers", busy)
        assert missed <= 2
    assert busy in hall.roll("supers")
    assert gone not in hall.roll("supers"), "who never votes is out, as is meant"


def test_who_never_votes_is_out_no_sooner_by_a_heap_than_by_one_proposal_a_window() -> None:
    out_after = []
    for heap in (1, 20):
        hall = Alliance()
        gone, days = hall.supers[2], 0
        while gone in hall.roll("supers"):
            for _ in range(heap):
                hall.propose("tasks", Resolve("again"), by=hall.supers[0])
            hall.wait(DAY_S)
            days += 1
        out_after.append(days)
    assert out_after[0] == out_after[1]


def test_seven_super_nodes_replace_five_nodes_a_month_by_whom_the_nodes_have_approved() -> None:
    """They can do no more in a month, however many proposals they pass; and without the nodes'
    approval of new alternates nothing at all after these five."""
    hall = Alliance()
    seven = hall.supers[:SEVEN]
    results = []
    for i in range(7):
        before_ms = hall.chain.time_ms
        results.append(hall.decide("replace-node", Replace("nodes", NODES[i]), seven))
        hall.chain.time_ms = before_ms  # all within a month
    assert results == ["passed"] * 5 + ["gov.limit-reached"] * 2
    assert set(CANDIDATES[:5]) <= set(hall.roll("nodes"))
    hall.wait(MONTH_S)
    more = hall.decide("replace-node", Replace("nodes", NODES[5]), seven)
    assert more == "gov.no-alternate", "165 nodes must approve others first"
    own = NameAlternates("nodes", (CANDIDATES[5],))
    assert hall.propose("replace-node", own, by=seven[0]) == "gov.not-allowed"


def test_capturing_a_third_of_the_nodes_takes_seven_super_nodes_33_months() -> None:
    """And 33 % of the nodes are what names alternates against the seven; 51 % what replaces
    them, at three a month."""
    a_month = KOL.government.limits["replace-node"].most
    nodes = KOL.government.bodies["nodes"][0].cap
    third = -(-33 * nodes // 100)
    majority = -(-51 * nodes // 100)
    assert (third, majority) == (165, 255)
    assert (third // a_month, majority // a_month) == (33, 51)
    against = KOL.government.limits["replace-super"].most
    assert -(-SEVEN // against) == 3, "months until the nodes have replaced all seven"


def test_a_super_node_whose_place_among_the_nodes_is_taken_keeps_its_seat() -> None:
    """So that seven super nodes cannot unseat the other fourteen as nodes."""
    hall = Alliance()
    victim = hall.supers[20]
    assert hall.decide("replace-node", Replace("nodes", victim), hall.supers[:SEVEN]) == "passed"
    assert victim not in hall.roll("nodes")
    assert victim in hall.roll("supers")
