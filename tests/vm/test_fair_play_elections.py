"""What attacks on elections gain: nothing, or what is computed here."""

from tests.vm.assembly import person
from tests.vm.polling import BODY, DEPOSIT, OPEN_S, SEATS, Polling
from vm.modules.elections import MOST_CANDIDATES
from vm.modules.fee import TREASURY
from vm.modules.stake import Bond, Unbond
from vm.modules.tokens import Transfer

ANN, BOB, CAT, DAN = (person(i) for i in range(1, 5))


def test_the_same_tokens_do_not_vote_twice() -> None:
    polling = Polling()
    polling.bond(ANN, 60)
    polling.stand(CAT)
    polling.open()
    assert polling.elect(ANN, CAT) == "ok"
    assert polling.chain.act(ANN, Unbond(60)) == "stake.locked"
    assert polling.chain.act(ANN, Transfer(BOB, "REEL", 60, "")) == "token.insufficient-balance"
    assert polling.chain.act(BOB, Bond(60)) == "token.insufficient-balance"
    assert polling.elect(ANN, CAT) == "elections.voted-already"
    assert polling.votes() == {CAT: 60}


def test_tokens_bonded_after_a_vote_have_no_second_one() -> None:
    polling = Polling()
    polling.bond(ANN, 60)
    polling.stand(CAT)
    polling.open()
    polling.elect(ANN, CAT)
    polling.bond(ANN, 1_000)
    assert polling.elect(ANN, CAT) == "elections.voted-already"
    assert polling.chain.act(ANN, Unbond(1_000)) == "ok", "only what has voted is locked"


def test_filling_the_list_costs_the_deposits_that_a_share_of_the_votes_does_not_save() -> None:
    for accounts, units in ((1, 4), (1, 6), (2, 5), (4, 5), (5, 4)):
        polling = Polling()
        polling.bond(BOB, 100 - accounts * units)
        crowd = [person(100 + i) for i in range(MOST_CANDIDATES - 1)]
        for each in (CAT, *crowd):
            assert polling.stand(each) == "ok"
        assert polling.stand(DAN) == "elections.too-many-candidates"
        before = polling.pot(TREASURY)
        polling.open()
        polling.elect(BOB, CAT)
        for i in range(accounts):
            polling.bond(person(50 + i), units)
            polling.elect(person(50 + i), *crowd[SEATS * i : SEATS * (i + 1)])
        polling.close()
        kept = (len(crowd) * DEPOSIT - polling.pot(TREASURY) + before) // DEPOSIT
        assert kept == (accounts * SEATS if units >= 5 else 0)
        assert kept <= accounts * units // 5 * SEATS


def test_who_comes_forward_when_others_have_voted_is_too_late() -> None:
    polling = Polling()
    polling.bond(ANN, 60)
    polling.stand(CAT)
    polling.open()
    polling.elect(ANN, CAT)
    assert polling.stand(DAN) == "elections.vote-open"
    polling.wait(OPEN_S - 1)
    assert polling.roll(BODY) != [CAT], "nobody sits before the end"
    polling.wait(1)
    assert polling.roll(BODY) == [CAT]
