"""P6: holders elect the foundation for a term, and recall it; it spends by its threshold alone."""

from tests.rules.disabled import Disabled
from tests.vm.assembly import DAY_S, HOLDERS, Assembly, members, person, stage
from tests.vm.polling import BODY, TERM_S, Polling
from vm.modules.gov import Dismiss
from vm.modules.tokens import IssueToPot, Pay, balance_of, pot_of

ANN, BOB, CAT, DAN = (person(i) for i in range(1, 5))

DISABLED = Disabled("vm.modules.elections.closing.replace_members", lambda *arguments: None)


def test_holders_elect_a_foundation_each_term_and_recall_a_member() -> None:
    polling = Polling()
    polling.bond(ANN, 60)
    polling.bond(BOB, 40)
    for candidate in (BOB, CAT, DAN):
        assert polling.stand(candidate) == "ok"
    polling.open()
    assert polling.elect(ANN, CAT, DAN) == "ok"
    assert polling.elect(BOB, BOB, CAT) == "ok"
    polling.close()
    assert polling.roll(BODY) == sorted([CAT, DAN]), "100 and 60 of 100 against 40"
    polling.permit("recall", stage("holders", 51, of_votes=True), scopes=["gov.dismiss"])
    assert polling.propose("recall", Dismiss(BODY, DAN, TERM_S)) == "ok"
    assert polling.vote(ANN) == "ok"
    polling.wait(DAY_S)
    assert polling.roll(BODY) == [CAT]
    assert polling.stand(BOB) == "ok"
    polling.wait(polling.election().opens_ms // 1000 - polling.chain.time_ms // 1000)
    assert polling.elect(BOB, BOB) == "ok"
    polling.close()
    assert polling.roll(BODY) == [BOB], "re-elected each term"


def test_its_treasury_spends_only_by_its_threshold() -> None:
    hall = Assembly()
    hall.found("holders", HOLDERS)
    hall.found(BODY, members(3, 1), ANN, BOB, CAT)
    hall.permit("foundation", stage(BODY, 67), scopes=["token.pay:operations"], proposers=BODY)
    assert hall.chain.act(ANN, IssueToPot("operations", "REEL", 100, "")) == "ok"
    payment = Pay("operations", DAN, "REEL", 100, "")
    assert hall.propose("foundation", payment, by=DAN) != "ok", "not a member"
    for number, voters in ((1, (ANN, BOB)), (2, (ANN, BOB, CAT))):
        assert hall.propose("foundation", payment, by=ANN) == "ok"
        for voter in voters:
            hall.vote(voter, proposal=number)
        hall.wait(DAY_S)
        spent = 100 * (len(voters) == 3)
        assert balance_of(hall.chain.world.state, DAN, "REEL") == spent, "2 of 3 are below 67 %"
        assert pot_of(hall.chain.world.state, "operations", "REEL") == 100 - spent
