"""Elections: who stands, who votes with what, who has the seats when a term is over."""

from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from consensus.cid import RAW, cid_of
from tests.vm.assembly import HOLDERS, members
from tests.vm.days import Days
from tests.vm.world import ANNA, BEN, CLEO, FUNDS, key
from vm.declare import Action
from vm.modules.elections import (
    BALLOTS,
    CANDIDATES,
    DEPOSITS_POT,
    ELECTIONS,
    RANKS,
    Found,
    Stand,
    Vote,
    Withdraw,
    close_due,
)
from vm.modules.gov import ROLL, Admit, Dismiss, NameAlternates, put_body
from vm.modules.stake import Bond, Unbond
from vm.modules.tokens import mint

A, B, C, D = ANNA.public, BEN.public, CLEO.public, key("dora").public
PLAN = cid_of(RAW, b"programme")
TERM_S = 1_000


@dataclass
class Community(Days):
    """Two seats on the foundation, elected every thousand seconds; a deposit of ten units."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.start = self.time_ms
        for who in (C, D):
            mint(self.world.state, who, "REEL", 100)
        put_body(self.world.state, "foundation", members(3, 1))
        put_body(self.world.state, "holders", HOLDERS)
        assert self.decide(Found("foundation", 2, TERM_S, 10)) == "ok"

    def bond(self, **units: int) -> None:
        """Bond so much for each of these."""
        for name, amount in units.items():
            assert self.act(key(name).public, Bond(amount)) == "ok"

    def stand(self, *accounts: bytes) -> None:
        """All of these stand."""
        for account in accounts:
            assert self.act(account, Stand("foundation", PLAN)) == "ok"

    def after(self, seconds: int) -> None:
        """So long after the beginning."""
        self.time_ms = self.start + 1000 * seconds
        self.step(close_due)

    def seated(self) -> set[bytes]:
        """Who is on the foundation."""
        return {account for (body, account), _ in ROLL.every(self.world.state) if body != "holders"}


def vote(*candidates: bytes) -> Vote:
    return Vote("foundation", candidates)


def test_the_first_by_votes_have_the_seats_when_the_term_is_over() -> None:
    town = Community()
    town.bond(anna=50, ben=30, cleo=20)
    town.stand(A, C, D)
    assert town.act(A, vote(C)) == "ok"
    assert town.act(B, vote(D, A)) == "ok"
    assert town.act(C, vote(A)) == "ok"
    town.after(999)
    assert town.seated() == set()
    town.after(1_000)
    assert town.seated() == {C, A}, "by 50 and by 50; D has 30"
    assert (town.held(D), town.pot(DEPOSITS_POT)) == (100, 0)
    assert list(CANDIDATES.every(town.world.state)) == []
    assert town.sound()


def test_each_term_is_elected_anew_and_who_is_not_elected_leaves() -> None:
    town = Community()
    town.bond(anna=50)
    town.stand(A, B)
    town.act(A, vote(A, B))
    town.after(1_000)
    town.stand(B, C)
    assert town.act(A, vote(B, C)) == "ok", "once in each election"
    town.after(2_000)
    assert town.seated() == {B, C}


def test_without_enough_who_got_votes_those_there_are_stay() -> None:
    town = Community()
    town.bond(anna=50)
    town.stand(A)
    town.act(A, vote(A))
    town.after(1_000)
    town.stand(B)
    town.after(2_000)
    assert town.seated() == {A}
    row = ELECTIONS.get(town.world.state, "foundation")
    assert row is not None
    assert (row.term, row.candidates) == (3, 0)
    assert town.sound()


def test_ties_go_by_account_and_who_is_barred_is_passed_over() -> None:
    town = Community()
    town.bond(anna=50)
    town.stand(A, B, C)
    town.act(A, vote(A, B))
    town.decide(Admit("foundation", B))
    assert town.decide(Dismiss("foundation", B, 10_000)) in ("ok", "gov.too-few-members")
    town.act(A, vote(A, B))
    town.after(1_000)
    assert A in town.seated()


def test_alternates_of_the_term_before_do_not_take_a_seat() -> None:
    town = Community()
    town.bond(anna=50)
    town.decide(Admit("foundation", D))
    assert town.decide(NameAlternates("foundation", (B,))) == "ok"
    town.stand(A, C)
    town.act(A, vote(A, C))
    town.after(1_000)
    assert town.seated() == {A, C}
    assert town.sound()


def test_a_bond_that_has_voted_stays_until_the_election_closes() -> None:
    """Selling one's votes' units, or voting twice with them: not before the close (P5)."""
    town = Community()
    town.bond(anna=50)
    town.stand(A)
    assert town.act(A, vote(A)) == "ok"
    assert town.act(A, Unbond(1)) == "stake.locked"
    town.after(1_000)
    assert town.act(A, Unbond(50)) == "ok"


@pytest.mark.parametrize(
    ("who", "action", "code"),
    [
        (A, Stand("council", PLAN), "elections.no-election"),
        (B, Stand("foundation", PLAN), "elections.already-stands"),
        (key("eve").public, Stand("foundation", PLAN), "token.insufficient-balance"),
        (A, Withdraw("foundation"), "elections.stands-not"),
        (A, Withdraw("council"), "elections.no-election"),
        (A, vote(C), "elections.no-candidate"),
        (A, vote(B, B), "elections.named-twice"),
        (A, vote(B, C, D), "elections.too-many-choices"),
        (C, vote(B), "elections.nothing-bonded"),
        (A, Vote("council", (B,)), "elections.no-election"),
    ],
)
def test_what_is_refused_changes_nothing(who: bytes, action: Action, code: str) -> None:
    town = Community()
    town.bond(anna=50)
    town.stand(B)
    before = dict(town.world.state.writes())
    assert town.act(who, action) == code
    assert dict(town.world.state.writes()) == before


def test_an_account_votes_once_in_an_election() -> None:
    town = Community()
    town.bond(anna=50)
    town.stand(B)
    assert town.act(A, vote(B)) == "ok"
    assert town.act(A, Bond(50)) == "ok"
    assert town.act(A, vote(B)) == "elections.already-voted"


def test_who_withdraws_gets_the_deposit_and_loses_the_votes() -> None:
    town = Community()
    town.bond(anna=50)
    town.stand(D)
    town.act(A, vote(D))
    assert town.act(D, Withdraw("foundation")) == "ok"
    assert town.held(D) == 100
    town.stand(D)
    town.after(1_000)
    assert town.seated() == set()


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (Found("none", 2, TERM_S, 0), "gov.unknown-body"),
        (Found("holders", 2, TERM_S, 0), "elections.not-for-members"),
        (Found("termed", 2, TERM_S, 0), "elections.not-for-members"),
        (Found("foundation", 2, TERM_S, 0), "elections.already-elected"),
        (Found("small", 2, TERM_S, 0), "elections.too-many-seats"),
    ],
)
def test_what_cannot_be_elected_is_named(action: Action, code: str) -> None:
    town = Community()
    put_body(town.world.state, "termed", members(3, term_s=9))
    put_body(town.world.state, "small", members(1))
    assert town.decide(action) == code


def test_no_more_than_a_bounded_number_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of candidates costs a deposit each, and keeps others out only while it is paid."""
    monkeypatch.setattr("vm.modules.elections.founding.MOST_CANDIDATES", 2)
    town = Community()
    town.stand(A, B)
    assert town.act(C, Stand("foundation", PLAN)) == "elections.too-many-candidates"
    assert town.act(A, Withdraw("foundation")) == "ok"
    assert town.act(C, Stand("foundation", PLAN)) == "ok"


def test_the_invariants_see_a_rank_that_is_wrong() -> None:
    town = Community()
    town.stand(A)
    RANKS.delete(town.world.state, "foundation", 2**64 - 1, A)
    assert not town.sound()


class ElectionMachine(RuleBasedStateMachine):
    """The chain and a count by hand agree after each step."""

    @initialize()
    def begin(self) -> None:
        """Everybody has something bonded."""
        self.town = Community()
        self.town.bond(anna=5, ben=4, cleo=3)
        self.units = {A: 5, B: 4, C: 3}
        self.votes: Counter[bytes] = Counter()
        self.standing: set[bytes] = set()
        self.voted: set[bytes] = set()
        self.seated: set[bytes] = set()
        self.second = 0
        self.closes = TERM_S

    @rule(who=st.sampled_from([A, B, C, D]), stands=st.booleans())
    def stand(self, who: bytes, *, stands: bool) -> None:
        """Stand, or withdraw."""
        good = (who not in self.standing) is stands
        action = Stand("foundation", PLAN) if stands else Withdraw("foundation")
        assert (self.town.act(who, action) == "ok") is good
        if good:
            (self.standing.add if stands else self.standing.discard)(who)
            self.votes[who] = 0

    @rule(
        who=st.sampled_from([A, B, C, D]), named=st.sets(st.sampled_from([A, B, C, D]), min_size=1)
    )
    def vote(self, who: bytes, named: set[bytes]) -> None:
        """Vote for some."""
        good = who in self.units and who not in self.voted
        good = good and len(named) <= 2 and named <= self.standing
        assert (self.town.act(who, vote(*sorted(named))) == "ok") is good
        if good:
            self.voted.add(who)
            self.votes.update(dict.fromkeys(named, self.units[who]))

    @rule(seconds=st.sampled_from([1, 400, 1_000]))
    def wait(self, seconds: int) -> None:
        """Time goes by, perhaps a term."""
        self.second += seconds
        self.town.after(self.second)
        if self.second >= self.closes:
            self.closes = self.second + TERM_S
            best = sorted(self.standing, key=lambda who: (-self.votes[who], who))
            elected = [who for who in best if self.votes[who]][:2]
            self.seated = set(elected) or self.seated
            self.standing, self.voted, self.votes = set(), set(), Counter()

    @invariant()
    def agrees(self) -> None:
        """Everything is where the count has it."""
        town = self.town
        assert town.seated() == self.seated
        rows = {account: row.votes for (_, account), row in CANDIDATES.every(town.world.state)}
        assert rows == {who: self.votes[who] for who in self.standing}
        assert town.pot(DEPOSITS_POT) == 10 * len(self.standing)
        assert town.held(A) == FUNDS - 5 - 10 * (A in self.standing)
        assert len(list(BALLOTS.every(town.world.state))) >= len(self.voted)
        assert town.sound()


TestElectionMachine = ElectionMachine.TestCase
TestElectionMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
