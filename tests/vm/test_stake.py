"""Stake: bonds, votes, what is given back, and whom it elects; also against a naive model."""

import dataclasses
from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from consensus.errors import ActionFailed, InvalidEncoding
from consensus.record import replace
from genesis.preset import Preset
from tests.vm.offences import offend
from tests.vm.stage import Stage
from tests.vm.test_transition import Noting
from tests.vm.world import (
    ANNA,
    BEN,
    CLEO,
    CONSENSUS,
    FUNDS,
    PRODUCERS,
    World,
    apply_to,
    commitment_of,
    key,
    pay,
    reveals_of,
)
from vm.declare import Action
from vm.modules.chain import CONSTANTS, chain_constants
from vm.modules.producer import BONDED_POT, RANKS, Producer, Stand, elect, register, votes_of
from vm.modules.producer.election import BOOTSTRAP_UNITS
from vm.modules.slashing import STAKE_PPM, Report
from vm.modules.stake import (
    BONDS,
    UNBONDING_POT,
    Approve,
    Bond,
    Bonded,
    Unbond,
    release_due,
    releasing,
)
from vm.modules.stake.approving import Approved
from vm.modules.stake.bonding import BondedMore, Unbonded
from vm.modules.stake.releasing import Released, releases_of
from vm.modules.stake.tables import MAX_CHOICES, MOST_CHOICES, MOST_RELEASES
from vm.modules.tokens import ASSETS, POTS, balance_of, mint
from vm.registry import REGISTRY
from vm.transition import BlockExecution

P = [producer.public for producer in PRODUCERS]
ASSET = "REEL"


@pytest.fixture
def stage() -> Stage:
    return Stage()


def held(stage: Stage, account: bytes = ANNA.public) -> int:
    return balance_of(stage.world.state, account, ASSET)


def pot(stage: Stage, name: str) -> int:
    row = POTS.get(stage.world.state, name, ASSET)
    return 0 if row is None else row.amount


def bond_of(stage: Stage, account: bytes = ANNA.public) -> Bonded | None:
    return BONDS.get(stage.world.state, account)


def votes(stage: Stage) -> list[int]:
    return [votes_of(stage.world.state, producer) for producer in P]


def unbonding_ms(stage: Stage) -> int:
    return 1000 * chain_constants(stage.world.state).unbonding_s


def sound(stage: Stage) -> bool:
    broken = list(REGISTRY.broken_invariants(stage.world.state))
    assert broken == []
    return not broken


# Bonding and approving


def test_what_is_bonded_is_no_longer_the_accounts_to_spend(stage: Stage) -> None:
    assert stage.act(ANNA.public, Bond(300)) == "ok"
    assert stage.act(ANNA.public, Bond(200)) == "ok"
    assert (held(stage), pot(stage, BONDED_POT)) == (FUNDS - 500, 500)
    assert bond_of(stage) == Bonded(500, ())
    assert stage.events == [
        BondedMore(ANNA.public, 300, 300),
        BondedMore(ANNA.public, 200, 500),
    ]
    assert stage.act(ANNA.public, Bond(FUNDS)) == "token.insufficient-balance"
    assert sound(stage)


def test_an_approval_has_the_weight_of_all_that_is_bonded_then_and_later(stage: Stage) -> None:
    stage.act(ANNA.public, Bond(300))
    assert stage.act(ANNA.public, Approve((P[2], P[0]))) == "ok"
    assert votes(stage) == [300, 0, 300, 0]
    assert stage.events[-1] == Approved(ANNA.public, tuple(sorted((P[0], P[2]))))
    stage.act(ANNA.public, Bond(50))
    stage.act(BEN.public, Bond(7))
    stage.act(BEN.public, Approve((P[0],)))
    assert votes(stage) == [357, 0, 350, 0]
    stage.act(ANNA.public, Unbond(100))
    assert votes(stage) == [257, 0, 250, 0]
    assert stage.act(ANNA.public, Approve((P[0], P[1]))) == "ok"
    assert votes(stage) == [257, 250, 0, 0]
    assert stage.act(ANNA.public, Approve(())) == "ok"
    assert votes(stage) == [7, 0, 0, 0]
    assert sound(stage)


def test_who_unbonds_everything_approves_nobody_and_begins_anew(stage: Stage) -> None:
    stage.act(ANNA.public, Bond(300))
    stage.act(ANNA.public, Approve((P[0],)))
    stage.act(ANNA.public, Unbond(300))
    assert (votes(stage), bond_of(stage)) == ([0, 0, 0, 0], None)
    stage.act(ANNA.public, Bond(10))
    assert (votes(stage), bond_of(stage)) == ([0, 0, 0, 0], Bonded(10, ()))
    assert sound(stage)


@pytest.mark.parametrize("make", [Bond, Unbond])
@pytest.mark.parametrize("amount", [0, -1, 2**64])
def test_an_amount_is_at_least_one_unit_and_fits(make: type[Bond | Unbond], amount: int) -> None:
    with pytest.raises(InvalidEncoding) as caught:
        make(amount).encode()
    assert caught.value.field == "amount"


def failure(stage: Stage, sender: bytes, action: Action) -> tuple[str, str]:
    context = stage.context(sender)
    with pytest.raises(ActionFailed) as caught:
        action.apply(context)
    return caught.value.code, caught.value.field


def test_choices_that_cannot_be_made_name_what_is_wrong_with_them(stage: Stage) -> None:
    assert failure(stage, ANNA.public, Approve((P[0],))) == ("stake.nothing-bonded", "")
    stage.act(ANNA.public, Bond(300))
    stage.act(ANNA.public, Approve((P[3],)))
    bad = [
        (Approve((P[0], P[1], P[0])), ("stake.chosen-twice", "producers[2]")),
        (Approve((P[0], BEN.public)), ("stake.no-producer", "producers[1]")),
        (Unbond(301), ("stake.too-little-bonded", "amount")),
    ]
    for action, expected in bad:
        assert failure(stage, ANNA.public, action) == expected
    MAX_CHOICES.set(stage.world.state, 2)
    assert failure(stage, ANNA.public, Approve(tuple(P[:3]))) == (
        "stake.too-many-choices",
        "producers",
    )
    assert failure(stage, BEN.public, Unbond(1)) == ("stake.too-little-bonded", "amount")
    assert votes(stage) == [0, 0, 0, 300]
    assert sound(stage)


# Giving back


def test_what_is_unbonded_comes_back_when_its_time_is_over_and_not_before(stage: Stage) -> None:
    stage.act(ANNA.public, Bond(300))
    stage.act(ANNA.public, Unbond(100))
    due_ms = stage.time_ms + unbonding_ms(stage)
    assert stage.events.pop() == Unbonded(ANNA.public, 100, 200, due_ms)
    assert (pot(stage, BONDED_POT), pot(stage, UNBONDING_POT)) == (200, 100)
    stage.time_ms = due_ms - 1
    stage.step(release_due)
    assert held(stage) == FUNDS - 300
    stage.time_ms = due_ms
    stage.step(release_due)
    assert stage.events.pop() == Released(ANNA.public, 100)
    assert (held(stage), pot(stage, UNBONDING_POT)) == (FUNDS - 200, 0)
    assert sound(stage)


def test_what_is_unbonded_at_one_time_comes_back_as_one(stage: Stage) -> None:
    stage.act(ANNA.public, Bond(300))
    stage.act(ANNA.public, Unbond(100))
    stage.act(ANNA.public, Unbond(50))
    assert [each.units for each in releases_of(stage.world.state, ANNA.public)] == [150]
    stage.time_ms += unbonding_ms(stage)
    stage.step(release_due)
    assert held(stage) == FUNDS - 150
    assert sound(stage)


def test_a_block_gives_back_to_so_many_and_the_next_blocks_to_the_rest(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(releasing, "RELEASES_A_BLOCK", 2)
    people = [key(f"holder {i}").public for i in range(5)]
    for person in people:
        mint(stage.world.state, person, ASSET, 10)
        stage.act(person, Bond(10))
        stage.act(person, Unbond(10))
        stage.time_ms += 1
    stage.time_ms += unbonding_ms(stage)
    paid: list[int] = []
    for _ in range(4):
        stage.step(release_due)
        assert sound(stage)
        paid.append(sum(held(stage, person) == 10 for person in people))
    assert paid == [2, 4, 5, 5]


def test_so_many_amounts_come_back_to_an_account_at_one_time(stage: Stage) -> None:
    stage.act(ANNA.public, Bond(300))
    for _ in range(MOST_RELEASES):
        assert stage.act(ANNA.public, Unbond(1)) == "ok"
        stage.time_ms += 1
    assert stage.act(ANNA.public, Unbond(1)) == "stake.too-many-releases"
    stage.time_ms += unbonding_ms(stage) - MOST_RELEASES
    stage.step(release_due)
    assert stage.act(ANNA.public, Unbond(1)) == "ok"
    assert sound(stage)


# Elections


def elected(stage: Stage) -> set[bytes]:
    found = elect(stage.world.state)
    return set() if found is None else {member.producer for member in found.members}


def more_producers(stage: Stage, count: int) -> list[bytes]:
    accounts = [key(f"more {i}").public for i in range(count)]
    for i, account in enumerate(accounts):
        row = Producer(key(f"key {i}").public, "more")
        register(stage.world.state, account, row, commitment_of(i))
    return accounts


def test_the_21_with_the_most_votes_are_elected_and_of_equals_the_first_by_id(
    stage: Stage,
) -> None:
    everyone = sorted([*P, *more_producers(stage, 26)])
    assert elected(stage) == set(everyone[:21])
    stage.act(ANNA.public, Bond(300))
    stage.act(ANNA.public, Approve(tuple(everyone[25:])))
    assert elected(stage) == {*everyone[25:], *everyone[:16]}
    stage.act(BEN.public, Bond(301))
    stage.act(BEN.public, Approve(tuple(everyone[4:25])))
    assert elected(stage) == set(everyone[4:25])
    stage.act(BEN.public, Unbond(1))
    assert elected(stage) == set(everyone[4:25])
    stage.act(BEN.public, Unbond(1))
    assert elected(stage) == {*everyone[25:], *everyone[4:20]}
    assert sound(stage)


def test_votes_wait_for_who_does_not_stand(stage: Stage) -> None:
    rivals = more_producers(stage, 21)
    stage.act(ANNA.public, Bond(300))
    stage.act(ANNA.public, Approve((P[0],)))
    assert P[0] in elected(stage)
    stage.act(P[0], Stand(False))
    assert elected(stage) <= {*rivals, *P[1:]}
    stage.act(ANNA.public, Bond(5))
    stage.act(P[0], Stand(True))
    assert P[0] in elected(stage)
    assert votes(stage)[0] == 305
    assert sound(stage)


def test_no_votes_help_who_is_barred(stage: Stage) -> None:
    more_producers(stage, 1)
    stage.act(ANNA.public, Bond(300))
    stage.act(ANNA.public, Approve((P[0],)))
    assert stage.act(BEN.public, Report(offend(stage.world.genesis, CONSENSUS[0]))) == "ok"
    stage.act(ANNA.public, Bond(300))
    assert P[0] not in elected(stage)
    assert len(elected(stage)) == 4
    assert sound(stage)


def test_an_election_reads_no_more_for_many_voters(stage: Stage) -> None:
    def reads() -> tuple[int, int]:
        scanned = Scanning(stage.world.state)
        elect(scanned)
        return scanned.rows, len(scanned.read)

    more_producers(stage, 40)
    before = reads()
    assert before[0] == 21
    for i in range(200):
        voter = key(f"voter {i}").public
        mint(stage.world.state, voter, ASSET, 10)
        stage.act(voter, Bond(10))
        stage.act(voter, Approve((P[i % 4],)))
    assert reads() == before


class Scanning(Noting):
    """A state that counts the rows that are scanned, and notes those that are read."""

    rows = 0

    def scan(self, prefix: bytes, *, start: bytes, limit: int):  # type: ignore[no-untyped-def]
        """Its rows, counted."""
        found = list(super().scan(prefix, start=start, limit=limit))
        self.rows += len(found)
        return iter(found)


def test_nobody_is_elected_before_enough_is_bonded(stage: Stage) -> None:
    BOOTSTRAP_UNITS.set(stage.world.state, 300)
    assert elected(stage) == set()
    stage.act(ANNA.public, Bond(299))
    assert elected(stage) == set()
    stage.act(ANNA.public, Bond(1))
    assert elected(stage) == set(P)
    stage.act(ANNA.public, Unbond(1))
    assert elected(stage) == set()


# In blocks


def test_a_block_gives_back_before_its_transactions_which_can_spend_it() -> None:
    world = World.begin()
    constants = chain_constants(world.state)
    CONSTANTS.put(world.state, replace(constants, unbonding_s=60))
    everything = balance_of(world.state, ANNA.public, ASSET) - 2_000_000
    world.run(world.order(Bond(everything), Unbond(everything), max_fee=10**8))
    world.height += 60
    execution = BlockExecution(
        world.state, dataclasses.replace(world.block(), reveal=reveals_of(0).reveal(1))
    )
    execution.begin()
    spent = apply_to(execution, world.order(pay(BEN, everything), nonce=1))
    assert (spent.status, spent.first_event) == ("ok", 1)
    outcome = execution.finish()
    assert outcome.events[0].transaction is None
    assert Released.unpack(outcome.events[0].data) == Released(ANNA.public, everything)


def test_a_block_moves_a_candidate_once_however_often_its_votes_change() -> None:
    world = World.begin()
    bonds = [Bond(1) for _ in range(15)]
    outcome = world.run(
        world.order(Bond(1), Approve(tuple(P)), max_fee=10**8),
        world.order(*bonds, nonce=1, max_fee=10**8),
    )
    assert [receipt.status for receipt in outcome.receipts] == ["ok", "ok"]
    ranks = [key for key in outcome.writes if key.startswith(RANKS.prefix())]
    assert len(ranks) == 2 * len(P)
    assert list(REGISTRY.broken_invariants(world.state)) == []


@pytest.mark.parametrize(
    ("action", "gas"), [(Bond(5), 14_000), (Unbond(5), 17_000), (Approve((P[0],)), 26_000)]
)
def test_what_it_costs(action: Action, gas: int) -> None:
    assert REGISTRY.action_gas(action, World.begin().state) == gas


# A naive model

PEOPLE = [ANNA.public, BEN.public, CLEO.public, *P[:2]]


class StakeMachine(RuleBasedStateMachine):
    """Anything in any order: the chain and dictionaries agree to the unit."""

    preset: Preset | None = None

    @initialize()
    def begin(self) -> None:
        """A new chain on which all have funds."""
        self.stage = Stage(World.begin(self.preset))
        for person in P[:2]:
            mint(self.stage.world.state, person, ASSET, 1000)
        self.rivals = more_producers(self.stage, 20)
        self.standing = {*P, *self.rivals}
        self.free = {person: held(self.stage, person) for person in PEOPLE}
        self.bonded: Counter[bytes] = Counter()
        self.chosen: dict[bytes, set[bytes]] = {}
        self.coming: Counter[tuple[int, bytes]] = Counter()
        self.burned = 0

    @rule(who=st.sampled_from(PEOPLE), amount=st.integers(1, 1500))
    def bond(self, who: bytes, amount: int) -> None:
        """Bond what there is."""
        good = self.free[who] >= amount
        assert (self.stage.act(who, Bond(amount)) == "ok") is good
        if good:
            self.free[who] -= amount
            self.bonded[who] += amount

    @rule(who=st.sampled_from(PEOPLE), amount=st.integers(1, 1500))
    def unbond(self, who: bytes, amount: int) -> None:
        """Unbond what is bonded."""
        waiting = sum(account == who for _, account in self.coming)
        good = self.bonded[who] >= amount and waiting < MOST_RELEASES
        assert (self.stage.act(who, Unbond(amount)) == "ok") is good
        if good:
            self.bonded[who] -= amount
            self.coming[self.stage.time_ms + unbonding_ms(self.stage), who] += amount
            if not self.bonded[who]:
                self.chosen.pop(who, None)

    @rule(
        who=st.sampled_from(PEOPLE),
        places=st.lists(st.integers(0, 24), max_size=30, unique=True),
        again=st.booleans(),
    )
    def approve(self, who: bytes, places: list[int], again: bool) -> None:
        """Approve anybody, also one who is no producer, also twice."""
        anybody = [*P, *self.rivals, CLEO.public]
        choices = [anybody[place] for place in places]
        choices += choices[: again and len(choices) < MOST_CHOICES]
        good = (
            self.bonded[who] > 0
            and len(set(choices)) == len(choices) <= 21
            and CLEO.public not in choices
        )
        assert (self.stage.act(who, Approve(tuple(choices))) == "ok") is good
        if good:
            self.chosen[who] = set(choices)

    @rule(producer=st.sampled_from(P), standing=st.booleans())
    def stand(self, producer: bytes, standing: bool) -> None:
        """Stand, or not."""
        if self.stage.act(producer, Stand(standing)) == "ok":
            self.standing ^= {producer}

    @rule(share=st.integers(1, 12))
    def wait(self, share: int) -> None:
        """Time goes by, and a block is made."""
        self.stage.time_ms += unbonding_ms(self.stage) * share // 10
        self.stage.step(release_due)
        for time_ms, who in [item for item in self.coming if item[0] <= self.stage.time_ms]:
            self.free[who] += self.coming.pop((time_ms, who))

    @rule(place=st.integers(0, 3), reporter=st.sampled_from(PEOPLE), ppm=st.integers(0, 1_000_000))
    def slash(self, place: int, reporter: bytes, ppm: int) -> None:
        """A producer is found out; only the first time costs it anything."""
        STAKE_PPM.set(self.stage.world.state, ppm)
        report = Report(offend(self.stage.world.genesis, CONSENSUS[place]))
        if self.stage.act(reporter, report) != "ok":
            return
        guilty = P[place]
        self.standing.discard(guilty)
        taken = self.bonded[guilty] * ppm // 10**6
        self.bonded[guilty] -= taken
        if not self.bonded[guilty]:
            self.chosen.pop(guilty, None)
        for item, units in list(self.coming.items()):
            if item[1] == guilty:
                share = units * ppm // 10**6
                taken += share
                self.coming[item] -= share
                if not self.coming[item]:
                    del self.coming[item]
        self.free[reporter] += taken * 50_000 // 10**6
        self.burned += taken - taken * 50_000 // 10**6

    @invariant()
    def agrees(self) -> None:
        """Every balance, bond and vote is the model's, and the module finds nothing wrong."""
        stage = self.stage
        assert {person: held(stage, person) for person in PEOPLE} == self.free
        for person in PEOPLE:
            row = bond_of(stage, person)
            assert (row.units if row else 0) == self.bonded[person]
            assert set(row.approved if row else ()) == self.chosen.get(person, set())
        votes: Counter[bytes] = Counter()
        for who, chosen in self.chosen.items():
            for producer in chosen:
                votes[producer] += self.bonded[who]
        for producer in [*P, *self.rivals]:
            assert votes_of(stage.world.state, producer) == votes[producer]
        best = sorted(self.standing, key=lambda producer: (-votes[producer], producer))[:21]
        assert elected(stage) == set(best)
        asset = ASSETS.get(stage.world.state, ASSET)
        assert (asset.burned if asset else 0) == self.burned
        assert sound(stage)


TestStakeMachine = StakeMachine.TestCase
TestStakeMachine.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
