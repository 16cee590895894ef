"""P6: a foundation elected by holders for a term, recalled by vote; it spends by its threshold."""

from tests.rules.disabled import Disabled
from tests.vm.assembly import stage
from tests.vm.test_elections import A, B, C, Community, vote
from vm.modules.gov import Dismiss, Policy, Propose, Vote, close_due, put_policy
from vm.modules.gov.tables import YES
from vm.modules.tokens import IssueToPot, Pay

DISABLED = Disabled("vm.modules.elections.voting._seat", lambda *arguments: None)


def test_two_are_elected_spend_together_and_one_is_recalled_by_the_holders() -> None:
    town = Community()
    town.bond(anna=50, ben=30)
    town.stand(B, C)
    assert town.act(A, vote(B, C)) == "ok"
    town.after(1_000)
    assert town.seated() == {B, C}
    town.decide(IssueToPot("treasury", "REEL", 70, ""))
    governed = ["token.pay", "gov.dismiss"]
    spend = Policy((stage("foundation", 67),), ("token.pay:treasury",), "foundation", 0, 1)
    recall = Policy((stage("holders", 51, of_votes=True),), ("gov.dismiss:foundation",), None, 0, 1)
    put_policy(town.world.state, governed, "spend", spend)
    put_policy(town.world.state, governed, "recall", recall)
    pay = Pay("treasury", A, "REEL", 70, "").pack()
    assert town.act(A, Propose("spend", "To me", "", (pay,))) == "gov.may-not-propose"
    assert town.act(B, Propose("spend", "An app", "", (pay,))) == "ok"
    assert town.pot("treasury") == 70, "one of two is less than two thirds"
    assert town.act(C, Vote(1, YES)) == "ok"
    assert town.pot("treasury") == 0
    gone = Dismiss("foundation", C, 0).pack()
    assert town.act(A, Propose("recall", "C must go", "", (gone,))) == "ok"
    assert town.act(B, Vote(2, YES)) == "ok"
    town.time_ms += 86_400_000

    town.step(close_due)
    assert town.seated() == {B}
