"""Rewards: who earns what by blocks and votes, who shares in it, and that nothing is lost."""

import dataclasses
from collections import Counter
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from consensus.record import replace
from genesis.preset import Preset, load_preset
from tests.vm.stage import Stage
from tests.vm.test_producer import PROFILE
from tests.vm.test_stake import PEOPLE, StakeMachine
from tests.vm.world import ANNA, BEN, CLEO, PRODUCERS, World
from vm.modules.chain import chain_constants
from vm.modules.producer import Update, votes_of
from vm.modules.producer.updating import COMMISSION_EPOCHS
from vm.modules.rewards import (
    BLOCK_UNITS,
    OWED_POT,
    POOL_POT,
    SHARES,
    SHARINGS,
    UNSHARED,
    VOTE_UNITS,
    Claim,
    Earned,
    FineAmount,
    Mark,
    Share,
    Sharing,
    Unshared,
    earn,
    settled,
)
from vm.modules.rewards.claiming import Claimed
from vm.modules.rewards.sharing import Shared
from vm.modules.rewards.tables import fine_amount
from vm.modules.stake import Approve, Bond, Unbond
from vm.modules.tokens import POTS, Pot, balance_of, count_minted, fill_pot, pot_of
from vm.receipt import Receipt
from vm.registry import REGISTRY
from vm.transition import Outcome
from vm.view import State

P = [producer.public for producer in PRODUCERS]
ASSET = "REEL"
ONE = 1 << 64  # the steps of a unit


def preset(pool: int = 50_000, by_block: int = 1_000, by_vote: int = 10) -> Preset:
    """The devnet with other rewards."""
    parameters = {BLOCK_UNITS.name: by_block, VOTE_UNITS.name: by_vote}
    return dataclasses.replace(load_preset("devnet"), pots={POOL_POT: pool}, parameters=parameters)


@pytest.fixture
def world() -> World:
    return World.begin(preset())


def held(world: World, account: bytes) -> int:
    return balance_of(world.state, account, ASSET)


def pots(world: World) -> tuple[int, int]:
    return pot_of(world.state, POOL_POT, ASSET), pot_of(world.state, OWED_POT, ASSET)


def claimable(world: World, account: bytes) -> int:
    return settled(world.state, account).earned.units


def sound(world: World) -> bool:
    return list(REGISTRY.broken_invariants(world.state)) == []


def shared(outcome: Outcome) -> list[Shared]:
    data = [event.data for event in outcome.events if event.data[0] == Shared.tag]
    return [Shared.unpack(item) for item in data]


def back(world: World, who: bytes, units: int, *producers: bytes, nonce: int = 0) -> None:
    """A block in which an account bonds and approves."""
    signer = ANNA if who == ANNA.public else BEN
    order = world.order(Bond(units), Approve(producers), by=signer, nonce=nonce, max_fee=10**8)
    (receipt,) = world.run(order).receipts
    assert receipt.status == "ok"


def claim(world: World, nonce: int, epoch: int = 0) -> Receipt:
    """Anna's, in a block that earns nobody anything."""
    by_block = BLOCK_UNITS.read(world.state)
    BLOCK_UNITS.set(world.state, 0)
    (receipt,) = world.run(world.order(Claim(), nonce=nonce), epoch=epoch).receipts
    BLOCK_UNITS.set(world.state, by_block)
    return receipt


# Earning


def test_a_block_and_the_votes_that_it_certifies_are_paid_when_the_epoch_is_over(
    world: World,
) -> None:
    world.run(voters=(P[1], P[3]))
    world.run(voters=(P[0], P[1]))
    assert [held(world, producer) for producer in P] == [0, 0, 0, 0]
    assert pots(world) == (50_000 - 2_040, 2_040)
    assert sound(world)
    outcome = world.run(epoch=1)
    assert [held(world, producer) for producer in P] == [2_010, 20, 0, 10]
    assert shared(outcome) == [
        Shared(producer, units, units, 0)
        for producer, units in sorted([(P[0], 2_010), (P[1], 20), (P[3], 10)])
    ]
    assert all(event.transaction is None for event in outcome.events)
    assert pots(world) == (50_000 - 3_040, 1_000)
    assert sound(world)


def test_what_was_earned_on_a_chain_that_this_one_follows_is_shared_too(world: World) -> None:
    world.run(epoch=500)
    world.run(epoch=0)
    assert (held(world, P[0]), pots(world)[1]) == (1_000, 1_000)
    assert sound(world)


def test_the_pool_pays_what_it_holds_and_never_more() -> None:
    world = World.begin(preset(pool=1_025))
    world.run(voters=tuple(sorted(P)))
    assert UNSHARED.get(world.state) == Unshared(
        0,
        tuple(
            Earned(producer, (producer == P[0]) * 1_000 + units)
            for producer, units in zip(sorted(P), (10, 10, 5, 0), strict=True)
            if units or producer == P[0]
        ),
    )
    assert pots(world) == (0, 1_025)
    world.run(voters=tuple(P))
    assert pots(world) == (0, 1_025)
    world.run(epoch=1)
    assert (pots(world), sum(held(world, producer) for producer in P)) == ((0, 0), 1_025)
    assert UNSHARED.get(world.state) is None
    assert sound(world)


def test_a_block_that_must_stay_empty_brings_nothing(world: World) -> None:
    stage, most = Stage(world), chain_constants(world.state).max_unfinal_blocks
    block = dataclasses.replace(stage.block, height=most + 1, voters=tuple(P))
    stage.step(earn, block=block)
    assert pots(world)[1] == 0
    stage.step(earn, block=dataclasses.replace(block, final_height=1))
    assert pots(world)[1] == 1_040


def test_without_rewards_nothing_is_written() -> None:
    world = World.begin(preset(by_block=0, by_vote=0))
    outcome = world.run(voters=tuple(P))
    assert all(REGISTRY.table_of(key).name != UNSHARED.name for key in outcome.writes)


# Sharing


def test_the_producer_keeps_its_commission_and_the_rest_is_shared_by_stake(world: World) -> None:
    back(world, ANNA.public, 300, P[0], P[1])
    back(world, BEN.public, 100, P[0])
    before = held(world, P[0])  # it has shared its first two blocks' rewards, and got their fees
    world.run(voters=(P[1],))
    outcome = world.run(epoch=1)
    assert shared(outcome)[-2:] == sorted(
        [Shared(P[0], 1_000, 100, 400), Shared(P[1], 10, 1, 300)],
        key=lambda event: event.producer,
    )
    assert held(world, P[0]) - before == 100
    # By P[0]: 900 of one block, and of the block before it, in which Ben came, all that was
    # Anna's alone. By P[1]: 9, but for the steps that are carried.
    assert claimable(world, ANNA.public) == 900 * 3 // 4 + 8 + 900
    assert claimable(world, BEN.public) == 900 // 4
    assert sound(world)


def test_who_bonds_in_a_block_shares_from_the_next_one_on(world: World) -> None:
    world.run(voters=tuple(P))
    back(world, ANNA.public, 10**8, *P)
    assert claimable(world, ANNA.public) == 0
    # All that was earned before, also by the block itself, is the producers' own.
    assert [held(world, producer) for producer in P[1:]] == [10, 10, 10]
    world.run(epoch=1)
    assert claimable(world, ANNA.public) == 0
    world.run(epoch=2)
    assert claimable(world, ANNA.public) == 899  # 900, but for steps that are carried
    assert sound(world)


def test_who_leaves_keeps_what_it_earned_and_earns_no_more(world: World) -> None:
    back(world, ANNA.public, 900, P[0])
    back(world, BEN.public, 900, P[0])
    world.run(world.order(Approve(()), nonce=1, max_fee=10**8))
    assert claimable(world, ANNA.public) == 900 + 450
    world.run(world.order(Unbond(900), nonce=2, max_fee=10**8))
    world.run(epoch=1)
    assert claimable(world, ANNA.public) == 900 + 450
    share = SHARES.get(world.state, ANNA.public)
    assert share == Share(FineAmount(1_350, 0), 0, ())
    assert claim(world, 3).status == "ok"
    assert SHARES.get(world.state, ANNA.public) is None
    assert sound(world)


def test_a_commission_counts_for_what_is_earned_from_its_epoch_on(world: World) -> None:
    COMMISSION_EPOCHS.set(world.state, 1)
    back(world, ANNA.public, 100, P[0])
    by = PRODUCERS[0]
    world.run(world.order(Update("p0", PROFILE, 1_000_000), by=by), epoch=0)
    mine = [claimable(world, ANNA.public)]
    for epoch in (1, 1, 2):
        world.run(epoch=epoch)
        mine.append(claimable(world, ANNA.public))
    assert mine == [0, 900, 900, 900]
    assert shared(world.run(epoch=3))[-1] == Shared(P[0], 1_000, 1_000, 100)


def test_what_is_left_of_a_division_is_carried_to_the_next(world: World) -> None:
    back(world, ANNA.public, 7, P[0])
    for epoch in range(1, 8):
        world.run(epoch=epoch)
        row = SHARINGS.get(world.state, P[0])
        assert row is not None
        assert 7 * row.per_vote.steps + row.carried == 900 * (epoch - 1) * ONE
        assert row.carried < 7
    assert sound(world)


def test_counts_begin_again_and_differences_hold() -> None:
    last = fine_amount(2**128 - 5)
    assert fine_amount(last.steps + 12) == FineAmount(0, 7)
    assert FineAmount(0, 7).since(last) == 12
    assert last.since(last) == 0


def test_a_count_that_begins_again_costs_nobody_anything(world: World) -> None:
    back(world, ANNA.public, 1, P[0])
    near = fine_amount(2**128 - 1)
    row = SHARINGS.get(world.state, P[0])
    assert row is not None
    SHARINGS.put(world.state, replace(row, per_vote=near), P[0])
    SHARES.put(world.state, Share(FineAmount(0, 0), 1, (Mark(P[0], near),)), ANNA.public)
    world.run(epoch=1)
    assert claimable(world, ANNA.public) == 0
    world.run(epoch=2)
    assert claimable(world, ANNA.public) == 900
    assert sound(world)


# Claiming


def test_a_claim_pays_whole_units_once(world: World) -> None:
    back(world, ANNA.public, 300, P[0])
    back(world, BEN.public, 400, P[0])
    world.run(epoch=1)
    world.run(epoch=2)
    before = held(world, ANNA.public)
    share = settled(world.state, ANNA.public).earned
    assert (share.units, share.fraction > 0) == (900 + 900 * 3 // 7, True)
    receipt = claim(world, 1, epoch=2)
    assert receipt.status == "ok"
    assert held(world, ANNA.public) == before + share.units - receipt.fee
    assert settled(world.state, ANNA.public).earned == FineAmount(0, share.fraction)
    before, owed = held(world, ANNA.public), pots(world)[1]
    for nonce in range(2, 4):
        assert claim(world, nonce, epoch=2).status == "rewards.nothing-earned"
    assert held(world, ANNA.public) == before - 2 * receipt.fee
    assert pots(world)[1] == owed
    assert sound(world)


def test_claims_in_one_transaction_pay_once(world: World) -> None:
    back(world, ANNA.public, 300, P[0])
    world.run(epoch=1)
    world.run(epoch=2)
    outcome = world.run(world.order(Claim(), Claim(), nonce=1), epoch=2)
    assert outcome.receipts[0].status == "rewards.nothing-earned"
    assert claimable(world, ANNA.public) == 900
    order = world.order(Bond(5), Claim(), Unbond(305), nonce=2, max_fee=10**8)
    outcome = world.run(order, epoch=2)
    assert outcome.receipts[0].status == "ok"
    claims = [event.data for event in outcome.events if event.data[0] == Claimed.tag]
    assert [Claimed.unpack(data) for data in claims] == [Claimed(ANNA.public, 900)]
    # What was earned in this epoch was Anna's for the most part, until she left in its last block.
    assert claimable(world, ANNA.public) == 900 * 3
    assert sound(world)


def test_who_approves_nobody_has_nothing_to_claim(world: World) -> None:
    assert claim(world, 0).status == "rewards.nothing-earned"


def test_a_claim_costs_as_much_as_an_account_can_approve() -> None:
    assert REGISTRY.action_gas(Claim(), World.begin().state) == 15_000


# What must hold


SPOILS: list[tuple[str, Callable[[State], None]]] = [
    ("the pot rewards.owed", lambda s: POTS.put(s, Pot(1), OWED_POT, ASSET)),
    ("the pot rewards.owed", lambda s: UNSHARED.put(s, Unshared(0, (Earned(P[0], 1),)))),
    ("the pot", lambda s: SHARES.put(s, Share(FineAmount(0, 1), 0, ()), CLEO.public)),
    ("shares and approves nobody", lambda s: SHARES.put(s, share_of(P[0]), CLEO.public)),
    ("what it has bonded", lambda s: SHARES.put(s, share_of(P[0]), ANNA.public)),
    ("what it has bonded", lambda s: SHARES.put(s, share_of(P[1], 300), ANNA.public)),
    ("what it has bonded", lambda s: SHARES.delete(s, ANNA.public)),
    ("with votes that there are not", lambda s: SHARINGS.put(s, sharing_of(7), P[2])),
    ("with the votes for it", lambda s: SHARINGS.put(s, sharing_of(301), P[0])),
    ("with the votes for it", lambda s: SHARINGS.delete(s, P[0])),
]


def share_of(producer: bytes, units: int = 1) -> Share:
    return Share(FineAmount(0, 0), units, (Mark(producer, FineAmount(0, 0)),))


def sharing_of(votes: int) -> Sharing:
    return Sharing(votes, FineAmount(0, 0), 0, 0)


@pytest.mark.parametrize(("sentence", "spoil"), SPOILS)
def test_the_invariants_see_what_does_not_agree(
    sentence: str, spoil: Callable[[State], None]
) -> None:
    world = World.begin(preset(by_block=0))
    back(world, ANNA.public, 300, P[0])
    assert sound(world)
    spoil(world.state)
    found = list(REGISTRY.broken_invariants(world.state))
    assert any(sentence in item for item in found), found


# A naive model


class RewardsMachine(StakeMachine):
    """Stake and rewards in any order. The model pays every account as soon as something is shared;
    the chain, which settles later, agrees to the 2^64th of a unit. Neither is further from exact
    fractions than a step for each unit of stake and what was carried, at each sharing."""

    preset = preset(pool=3_000)

    @initialize()
    def begin(self) -> None:
        """A new chain on which all have funds."""
        super().begin()
        self.pool = 3_000
        self.waiting: Counter[bytes] = Counter()
        self.waiting_epoch = 0
        self.carried: Counter[bytes] = Counter()
        self.earned: Counter[bytes] = Counter()
        self.fair: dict[bytes, Fraction] = {person: Fraction(0) for person in PEOPLE}
        self.slack: Counter[bytes] = Counter()
        self.kept: Counter[bytes] = Counter()
        self.rates = {producer: [100_000] * 400 for producer in P}
        self.stakes: dict[bytes, Counter[bytes]] = {}

    @rule(
        place=st.integers(0, 3),
        voting=st.sets(st.integers(0, 3)),
        by_block=st.integers(0, 300),
        by_vote=st.integers(0, 50),
        epochs=st.sampled_from([0, 0, 0, 1, 2]),
    )
    def make_block(
        self, place: int, voting: set[int], by_block: int, by_vote: int, epochs: int
    ) -> None:
        """A block, in this epoch or a later one, and the votes that it certifies."""
        stage = self.stage
        stage.epoch += epochs
        BLOCK_UNITS.set(stage.world.state, by_block)
        VOTE_UNITS.set(stage.world.state, by_vote)
        voters = tuple(sorted(P[item] for item in voting))
        stage.step(earn, block=dataclasses.replace(stage.block, producer=P[place], voters=voters))
        if self.waiting_epoch != stage.epoch:
            for producer in list(self.waiting):
                self.share(producer)
        self.waiting_epoch = stage.epoch
        for producer, units in ((P[place], by_block), *((voter, by_vote) for voter in voters)):
            paid = min(units, self.pool)
            self.pool -= paid
            self.waiting[producer] += paid

    @rule(units=st.integers(1, 2_000))
    def refill(self, units: int) -> None:
        """Somebody fills the pool."""
        count_minted(self.stage.world.state, ASSET, units)
        fill_pot(self.stage.world.state, POOL_POT, ASSET, units)
        self.pool += units

    @rule(place=st.integers(0, 3), ppm=st.sampled_from([0, 1, 333_333, 999_999, 1_000_000]))
    def announce(self, place: int, ppm: int) -> None:
        """A producer announces a commission."""
        producer, epoch = P[place], self.stage.epoch
        assert self.stage.act(producer, Update("name", PROFILE, ppm)) == "ok"
        rates = self.rates[producer]
        if ppm != rates[-1]:
            rates[epoch + 1] = rates[epoch]
            rates[epoch + 2 :] = [ppm] * len(rates[epoch + 2 :])

    @rule(who=st.sampled_from(PEOPLE))
    def claim(self, who: bytes) -> None:
        """Claim, and claim again at once."""
        units = self.earned[who] // ONE
        status = self.stage.act(who, Claim())
        assert status == ("ok" if units else "rewards.nothing-earned")
        assert self.stage.act(who, Claim()) == "rewards.nothing-earned"
        self.earned[who] -= units * ONE
        self.fair[who] -= units
        self.free[who] += units

    def share(self, producer: bytes) -> None:
        """Pay what waits to the producer and those who approve it, by their stake at that time."""
        units = self.waiting.pop(producer, 0)
        if not units:
            return
        stakes = self.stakes.get(producer, Counter())
        votes = sum(stakes.values())
        kept = units * self.rates[producer][self.waiting_epoch] // 10**6 if votes else units
        self.kept[producer] += kept
        if producer in self.free:
            self.free[producer] += kept
        if not votes:
            return
        each, left = divmod((units - kept) * ONE + self.carried[producer], votes)
        for who, stake in stakes.items():
            self.earned[who] += stake * each
            self.fair[who] += Fraction(stake * (units - kept), votes)
            self.slack[who] += stake + self.carried[producer]
        self.carried[producer] = left

    def follow(self) -> None:
        """Share by the stakes before where they have changed."""
        stakes: dict[bytes, Counter[bytes]] = {}
        for who, chosen in self.chosen.items():
            for producer in chosen:
                stakes.setdefault(producer, Counter())[who] = self.bonded[who]
        for producer in {*stakes, *self.stakes}:
            if stakes.get(producer) != self.stakes.get(producer):
                self.share(producer)
        self.stakes = stakes

    @invariant()
    def agrees(self) -> None:
        """Every balance, and what each can claim, is the model's, and no unit is lost."""
        self.follow()
        super().agrees()
        state = self.stage.world.state
        assert pots(self.stage.world)[0] == self.pool
        for producer in P[2:]:
            assert balance_of(state, producer, ASSET) == self.kept[producer]
        for who in PEOPLE:
            assert settled(state, who).earned.steps == self.earned[who]
            assert abs(self.fair[who] - Fraction(self.earned[who], ONE)) * ONE <= self.slack[who]
        for producer in P:
            row = SHARINGS.get(state, producer)
            assert (row.carried if row else 0) == self.carried[producer]
            assert (row.votes if row else 0) == votes_of(state, producer)
            assert self.carried[producer] < ONE


TestRewardsMachine = RewardsMachine.TestCase
TestRewardsMachine.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
