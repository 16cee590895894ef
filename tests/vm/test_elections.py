"""Elections: those with the most votes of the bonded have the seats for a term."""

from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.vm.assembly import DAY_S, members, person
from tests.vm.polling import (
    BODY,
    DEPOSIT,
    FIRST,
    OPEN_S,
    PROGRAMME,
    SEATS,
    TERM_S,
    Polling,
)
from vm.declare import Action
from vm.modules.elections import (
    CANDIDATES,
    DEPOSITS_POT,
    MOST_CANDIDATES,
    Closed,
    Found,
    Stand,
    Vote,
    Withdraw,
)
from vm.modules.fee import TREASURY
from vm.modules.gov import ALTERNATES, BARRED, SetBody
from vm.modules.gov.tables import Alternates, Barred
from vm.modules.stake import Unbond

ANN, BOB, CAT, DAN = PEOPLE = [person(i) for i in range(1, 5)]


@pytest.fixture
def polling() -> Polling:
    """Ann has bonded 60, Bob 40; Bob, Cat and Dan stand, and the vote is open."""
    made = Polling()
    made.bond(ANN, 60)
    made.bond(BOB, 40)
    for candidate in (BOB, CAT, DAN):
        assert made.stand(candidate) == "ok"
    made.open()
    return made


def test_ties_go_by_id_and_who_has_too_few_votes_loses_the_deposit(polling: Polling) -> None:
    assert polling.elect(ANN, BOB, CAT) == "ok"
    assert polling.elect(BOB, BOB, CAT) == "ok"
    assert polling.votes() == {BOB: 100, CAT: 100, DAN: 0}
    treasury = polling.pot(TREASURY)
    polling.close()
    assert polling.roll(BODY) == sorted([BOB, CAT])
    assert (polling.held(BOB), polling.held(CAT), polling.held(DAN)) == (DEPOSIT, DEPOSIT, 0)
    assert (polling.pot(DEPOSITS_POT), polling.pot(TREASURY)) == (0, treasury + DEPOSIT)
    assert (polling.election().term, polling.election().cast) == (2, 0)
    assert polling.sound() == []


def test_of_equal_votes_the_lower_id_has_the_last_seat(polling: Polling) -> None:
    polling.elect(ANN, CAT, DAN)
    polling.bond(CAT, 60)
    polling.elect(CAT, BOB)
    polling.close()
    assert polling.roll(BODY) == sorted([BOB, CAT, DAN])[:2]


def test_without_enough_elected_the_members_stay_for_another_term(polling: Polling) -> None:
    polling.close()
    assert polling.roll(BODY) == [FIRST], "nobody voted"
    few = Polling(body_rules={"least": 2})
    few.bond(ANN, 60)
    few.stand(CAT)
    few.open()
    few.elect(ANN, CAT)
    few.close()
    assert few.roll(BODY) == [FIRST], "one elected, two at least are needed"
    assert few.held(CAT) == DEPOSIT


def test_seats_for_which_nobody_has_votes_are_empty(polling: Polling) -> None:
    polling.elect(ANN, CAT)
    polling.close()
    assert polling.roll(BODY) == [CAT]


def test_who_is_barred_since_is_passed_over_and_alternates_are_none_any_more(
    polling: Polling,
) -> None:
    state = polling.chain.world.state
    polling.elect(ANN, CAT, DAN)
    polling.elect(BOB, BOB)
    BARRED.put(state, Barred(polling.chain.time_ms * 2), BODY, CAT)
    ALTERNATES.put(state, Alternates((person(50),)), BODY)
    polling.close()
    assert polling.roll(BODY) == sorted([BOB, DAN])
    assert ALTERNATES.get(state, BODY) is None


def test_what_has_voted_stays_bonded_until_the_vote_closes(polling: Polling) -> None:
    polling.elect(ANN, CAT)
    assert polling.chain.act(ANN, Unbond(1)) == "stake.locked"
    polling.close()
    assert polling.chain.act(ANN, Unbond(60)) == "ok"


def test_the_deposit_comes_back_to_who_withdraws_before_the_vote() -> None:
    polling = Polling()
    polling.stand(CAT)
    assert polling.chain.act(CAT, Withdraw(BODY)) == "ok"
    assert (polling.held(CAT), polling.election().standing) == (DEPOSIT, 0)
    assert polling.chain.act(CAT, Withdraw(BODY)) == "elections.not-standing"
    assert polling.sound() == []


def test_no_more_stand_than_one_block_can_look_at() -> None:
    polling = Polling()
    for i in range(MOST_CANDIDATES):
        assert polling.stand(person(100 + i)) == "ok"
    assert polling.stand(ANN) == "elections.too-many-candidates"
    assert polling.sound() == []


def test_new_rules_leave_the_present_term_as_it_is(polling: Polling) -> None:
    before = polling.election()
    assert polling.decide(Found(BODY, 1, DAY_S, DAY_S, 7)) == "ok"
    assert polling.election().closes_ms == before.closes_ms
    polling.elect(ANN, CAT)
    polling.close()
    election = polling.election()
    assert election.closes_ms - election.opens_ms == 1000 * DAY_S
    assert (polling.roll(BODY), polling.held(CAT)) == ([CAT], DEPOSIT)
    assert polling.sound() == []


@pytest.mark.parametrize(
    ("who", "action", "code"),
    [
        (ANN, Vote("council", (CAT,)), "elections.no-election"),
        (ANN, Vote(BODY, (ANN,)), "elections.not-standing"),
        (ANN, Vote(BODY, (CAT, CAT)), "elections.chosen-twice"),
        (ANN, Vote(BODY, (BOB, CAT, DAN)), "elections.too-many-choices"),
        (CAT, Vote(BODY, (CAT,)), "elections.no-vote"),
        (BOB, Vote(BODY, (CAT,)), "elections.voted-already"),
        (ANN, Stand(BODY, PROGRAMME), "elections.vote-open"),
        (ANN, Stand("council", PROGRAMME), "elections.no-election"),
        (BOB, Withdraw(BODY), "elections.vote-open"),
        (ANN, Found("council", 1, 9, 9, 0), "gov.unknown-body"),
        (ANN, Found("holders", 1, 9, 9, 0), "elections.bad-body"),
        (ANN, Found(BODY, 4, 9, 9, 0), "elections.bad-body"),
        (ANN, Found(BODY, 1, 9, 10, 0), "elections.open-too-long"),
    ],
)
def test_what_is_refused_changes_nothing(
    polling: Polling, who: bytes, action: Action, code: str
) -> None:
    assert polling.elect(BOB, CAT) == "ok"
    before = dict(polling.chain.world.state.writes())
    assert polling.chain.act(who, action) == code
    assert dict(polling.chain.world.state.writes()) == before


def test_who_stands_pays_once_and_may_be_a_member() -> None:
    polling = Polling()
    assert polling.chain.act(CAT, Stand(BODY, PROGRAMME)) == "token.insufficient-balance"
    assert polling.elect(ANN, CAT) == "elections.not-open"
    polling.stand(CAT)
    assert polling.stand(CAT) == "elections.standing-already"
    BARRED.put(polling.chain.world.state, Barred(polling.chain.time_ms * 2), BODY, DAN)
    assert polling.stand(DAN) == "gov.barred"


def test_a_body_whose_members_have_terms_or_seats_is_not_elected() -> None:
    polling = Polling()
    polling.found("termed", members(3, 1, term_s=9))
    polling.found("seated", members(9, 4, seats=True))
    for body in ("termed", "seated"):
        assert polling.decide(Found(body, 4, 9, 9, 0)) == "elections.bad-body"


def test_fewer_are_elected_where_the_body_has_become_smaller(polling: Polling) -> None:
    assert polling.chain.act(ANN, SetBody(BODY, members(1, 1))) == "ok"
    polling.elect(ANN, CAT, DAN)
    polling.close()
    assert polling.roll(BODY) == sorted([CAT, DAN])[:1]


def test_the_invariants_see_what_is_not_counted(polling: Polling) -> None:
    polling.elect(ANN, CAT)
    CANDIDATES.delete(polling.chain.world.state, BODY, CAT)
    assert len(polling.sound()) == 3


def test_of_two_terms_that_end_at_once_one_ends_a_block_later() -> None:
    polling = Polling()
    polling.found("board", members(3, 1))
    assert polling.decide(Found("board", 1, TERM_S, OPEN_S, 0)) == "ok"
    polling.wait(TERM_S)
    ended = [event.body for event in polling.chain.events if isinstance(event, Closed)]
    assert ended == ["board"]
    polling.wait(1)
    ended = [event.body for event in polling.chain.events if isinstance(event, Closed)]
    assert ended == ["board", BODY]
    assert polling.sound() == []


@dataclass
class Naive:
    """Votes as dictionaries: who stands with which votes, who has voted with what, who sits."""

    standing: dict[bytes, int] = field(default_factory=dict)
    voted: dict[bytes, int] = field(default_factory=dict)
    bonded: Counter[bytes] = field(default_factory=Counter)
    sitting: set[bytes] = field(default_factory=lambda: {FIRST})
    since_s: int = 0
    lost: int = 0

    @property
    def is_open(self) -> bool:
        """Whether the vote is open."""
        return self.since_s >= TERM_S - OPEN_S

    def close(self) -> None:
        """The term's end."""
        ranked = sorted((-votes, who) for who, votes in self.standing.items() if votes)
        if ranked:
            self.sitting = {who for _, who in ranked[:SEATS]}
        cast = sum(self.voted.values())
        enough = [votes and 20 * votes >= cast for votes in self.standing.values()]
        self.lost += DEPOSIT * sum(not each for each in enough)
        self.standing, self.voted, self.since_s = {}, {}, 0


class ElectionMachine(RuleBasedStateMachine):
    """The chain and the model agree after each step."""

    @initialize()
    def begin(self) -> None:
        """An election."""
        self.polling, self.model = Polling(), Naive()
        self.treasury = self.polling.pot(TREASURY)

    @rule(who=st.sampled_from(PEOPLE))
    def stand(self, who: bytes) -> None:
        """Come forward."""
        good = not self.model.is_open and who not in self.model.standing
        assert (self.polling.stand(who) == "ok") is good
        if good:
            self.model.standing[who] = 0

    @rule(who=st.sampled_from(PEOPLE))
    def withdraw(self, who: bytes) -> None:
        """Stand no more."""
        good = not self.model.is_open and who in self.model.standing
        assert (self.polling.chain.act(who, Withdraw(BODY)) == "ok") is good
        if good:
            del self.model.standing[who]

    @rule(who=st.sampled_from(PEOPLE), units=st.sampled_from([1, 50, 1000]))
    def bond(self, who: bytes, units: int) -> None:
        """Bond more."""
        self.polling.bond(who, units)
        self.model.bonded[who] += units

    @rule(who=st.sampled_from(PEOPLE), units=st.sampled_from([1, 49]))
    def unbond(self, who: bytes, units: int) -> None:
        """Unbond what has not voted."""
        model = self.model
        good = model.bonded[who] - units >= model.voted.get(who, 0)
        assert (self.polling.chain.act(who, Unbond(units)) == "ok") is good
        if good:
            model.bonded[who] -= units

    @rule(who=st.sampled_from(PEOPLE), named=st.sets(st.sampled_from(PEOPLE), min_size=1))
    def elect(self, who: bytes, named: set[bytes]) -> None:
        """Vote."""
        model = self.model
        fits = len(named) <= SEATS and named <= set(model.standing)
        good = model.is_open and who not in model.voted and model.bonded[who] > 0 and fits
        assert (self.polling.elect(who, *sorted(named)) == "ok") is good
        if good:
            model.voted[who] = model.bonded[who]
            for candidate in named:
                model.standing[candidate] += model.bonded[who]

    @rule(days=st.sampled_from([1, 26, 27]))
    def wait(self, days: int) -> None:
        """Time goes by."""
        self.polling.wait(days * DAY_S)
        self.model.since_s += days * DAY_S
        if self.model.since_s >= TERM_S:
            self.model.close()

    @invariant()
    def agrees(self) -> None:
        """Everything is where the model has it."""
        polling, model = self.polling, self.model
        assert polling.votes() == model.standing
        assert set(polling.roll(BODY)) == model.sitting
        assert polling.pot(DEPOSITS_POT) == DEPOSIT * len(model.standing)
        assert polling.pot(TREASURY) - self.treasury == model.lost
        assert polling.election().cast == sum(model.voted.values())
        assert polling.sound() == []


TestElectionMachine = ElectionMachine.TestCase
TestElectionMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
