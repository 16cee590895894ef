"""P5: holders decide by their tokens; what has voted stays bonded until the vote closes."""

from tests.rules.disabled import Disabled
from tests.vm.assembly import DAY_S, HOLDERS, Assembly, person, stage
from vm.modules.stake import Unbond

ANN, BOB = person(1), person(2)

DISABLED = Disabled("vm.modules.gov.voting.lock_bond", lambda *arguments: None)


def _hall() -> Assembly:
    hall = Assembly()
    hall.found("holders", HOLDERS)
    hall.bond(ANN, 670)
    hall.bond(BOB, 330)
    hall.permit("business", stage("holders", 67, of_votes=True))
    assert hall.propose("business") == "ok"
    return hall


def test_tokens_decide_and_not_heads() -> None:
    for yes, no, status in ((ANN, BOB, "passed"), (BOB, ANN, "rejected")):
        hall = _hall()
        assert hall.vote(yes, "yes") == "ok"
        assert hall.vote(no, "no") == "ok"
        hall.wait(DAY_S)
        assert hall.status() == status


def test_what_has_voted_stays_bonded_until_the_vote_closes() -> None:
    hall = _hall()
    assert hall.vote(ANN) == "ok"
    assert hall.chain.act(ANN, Unbond(1)) == "stake.locked"
    assert hall.chain.act(BOB, Unbond(330)) == "ok", "it has not voted"
    hall.wait(DAY_S)
    assert hall.chain.act(ANN, Unbond(670)) == "ok"
