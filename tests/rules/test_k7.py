"""K7: three votes missed in a row, and a super node is out for three months, a node for six; at
most one is missed in a window, proposals need a bond, and four producers always remain."""

from tests.rules.alliance import DAY_S, DEPOSIT, KOL, MONTH_S, Alliance
from tests.rules.disabled import Disabled
from vm.modules.gov import BARRED, Dismiss, Resolve
from vm.modules.producer import CANDIDATES as STANDING
from vm.modules.tokens import balance_of

DISABLED = Disabled("vm.modules.gov.voting.open_until_ms", lambda view, poll: poll.tally.opened_ms)

BOND = 10 * 10**8


def vote_without(hall: Alliance, absent: bytes, body: str) -> None:
    """A proposal on which all of a body vote at once but one, and whose window goes by."""
    present = [each for each in hall.roll(body) if each != absent]
    policy = {"supers": "tasks", "nodes": "admin"}[body]
    action = Resolve("so be it") if body == "supers" else Dismiss("admin", absent, 0)
    choice = "yes" if body == "supers" else "no"
    assert hall.propose(policy, action, by=present[0]) == "ok"
    number = hall.newest()
    for each in present[1:]:
        result = hall.vote(each, choice, number)
        assert result == "ok", "decided by a majority, and open for all others till its window ends"
    hall.wait(DAY_S if body == "supers" else 3 * DAY_S)
    assert hall.status(number) != "open"


def test_a_super_node_that_misses_three_votes_is_out_for_three_months() -> None:
    hall = Alliance()
    absent = hall.supers[5]
    for _ in range(2):
        vote_without(hall, absent, "supers")
        assert absent in hall.roll("supers")
    vote_without(hall, absent, "supers")
    assert absent not in hall.roll("supers")
    assert hall.spares[0] in hall.roll("supers"), "the first alternate has the seat at once"
    state = hall.chain.world.state
    assert STANDING.get(state, absent) is None
    assert STANDING.get(state, hall.spares[0]) is not None
    barred = BARRED.get(state, "supers", absent)
    assert barred is not None
    assert barred.until_ms == hall.chain.time_ms + 3 * MONTH_S * 1000
    assert absent in hall.roll("nodes"), "a node it still is"
    assert hall.sound() == []


def test_a_node_that_misses_three_votes_is_out_for_six_months() -> None:
    hall = Alliance(nodes=12)
    absent = hall.roll("nodes")[-1]
    for _ in range(3):
        assert absent in hall.roll("nodes")
        vote_without(hall, absent, "nodes")
    assert absent not in hall.roll("nodes")
    barred = BARRED.get(hall.chain.world.state, "nodes", absent)
    assert barred is not None
    assert barred.until_ms == hall.chain.time_ms + 6 * MONTH_S * 1000
    assert hall.sound() == []


def test_four_producers_remain_whoever_is_absent() -> None:
    hall = Alliance()
    hall.name("supers")
    for _ in range(5):
        hall.propose("tasks", Resolve("nobody cares"), by=hall.roll("supers")[0])
        hall.wait(3 * DAY_S)
    assert len(hall.roll("supers")) == 4 == KOL.government.bodies["supers"][0].least
    assert len(list(STANDING.every(hall.chain.world.state))) == 4
    assert hall.sound() == []


def test_proposals_need_a_bond_that_comes_back_when_they_are_decided() -> None:
    hall = Alliance()
    proposer = hall.supers[0]
    hall.propose("tasks", Resolve("so be it"), by=proposer)
    assert balance_of(hall.chain.world.state, proposer, "REEL") == DEPOSIT - BOND
    hall.wait(3 * DAY_S)
    assert balance_of(hall.chain.world.state, proposer, "REEL") == DEPOSIT
    free = {name for name, row in KOL.government.policies.items() if row.deposit < BOND}
    assert free == {"creation", "assessment"}, "nobody holds KOL before the first assessment"
