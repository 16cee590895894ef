"""P5: holders decide by proposal, each by what it has bonded; what has voted stays locked."""

from tests.rules.disabled import Disabled
from tests.vm.assembly import HOLDERS, stage
from tests.vm.days import Days
from tests.vm.world import ANNA, BEN
from vm.modules.gov import (
    PROPOSALS,
    Policy,
    Propose,
    Resolve,
    Vote,
    close_due,
    put_body,
    put_policy,
)
from vm.modules.gov.tables import NO, YES
from vm.modules.stake import Bond, Unbond

DISABLED = Disabled("vm.modules.gov.voting.lock_bond", lambda *arguments: None)


def test_sixty_against_forty_decide_and_neither_can_leave_before_the_vote_closes() -> None:
    town = Days()
    state = town.world.state
    put_body(state, "holders", HOLDERS)
    law = Policy((stage("holders", 51, of_votes=True, open_s=60),), ("gov.resolve",), None, 0, 1)
    put_policy(state, ["gov.resolve"], "law", law)
    assert town.act(ANNA.public, Bond(60)) == town.act(BEN.public, Bond(40)) == "ok"
    words = Resolve("We meet on Sundays.").pack()
    assert town.act(BEN.public, Propose("law", "Sundays", "", (words,))) == "ok"
    assert town.act(ANNA.public, Vote(1, NO)) == "ok"
    assert town.act(ANNA.public, Vote(1, YES)) == "gov.voted-already"
    for who in (ANNA, BEN):
        assert town.act(who.public, Unbond(1)) == "stake.locked"
    town.time_ms += 60_000
    town.step(close_due)
    found = PROPOSALS.get(town.world.state, 1)
    assert found is not None
    assert found.status == "rejected"
    assert town.act(ANNA.public, Unbond(60)) == "ok"
