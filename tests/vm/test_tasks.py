"""Grants, tasks and airdrops: each paid once, to whom it is meant; and what is refused."""

from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from consensus.cid import RAW, cid_of
from consensus.merkle import merkle_proof, merkle_root
from consensus.record import Record
from tests.vm.days import Days
from tests.vm.world import ANNA, BEN, CLEO, FUNDS, GENESIS_TIME_MS, PRODUCERS, key
from vm.declare import Action
from vm.modules.account import Attest
from vm.modules.account.attesting import let_attest
from vm.modules.stake import Approve, Bond
from vm.modules.steps import SetSchedule
from vm.modules.tasks import (
    AIRDROPS,
    AIRDROPS_POT,
    CLAIMS,
    TASKS,
    Accept,
    ApproveNodes,
    Claim,
    ClaimGrant,
    Delegate,
    Entry,
    Judge,
    MakeAirdrop,
    Propose,
    Publish,
    RegisterNode,
    SetGrants,
    Take,
    close_tasks,
    end_airdrops,
)
from vm.modules.tasks.tables import (
    CLOSED_A_BLOCK,
    DECIDE_S,
    DELEGATIONS,
    LONGEST_MS,
    PROPOSAL_S,
    PROPOSED,
    SWEPT_A_BLOCK,
    TAKEN,
    WAITING,
    ClaimRow,
    Delegation,
)
from vm.modules.tasks.working import MOST_PROPOSED, Closed
from vm.modules.tokens import IssueToPot
from vm.table import KeyPart, Table

A, B, C, NODE = ANNA.public, BEN.public, CLEO.public, PRODUCERS[0].public
PROOF = cid_of(RAW, b"evidence")
SOON = 10**6


@dataclass
class Guild(Days):
    """A node gets 100 and 50, a holder 10 and 5, after a minute; all but Dora are attested."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.start = self.time_ms
        let_attest(self.world.state, B)
        for who in (A, C, NODE):
            assert self.act(B, Attest(who, bytes(32))) == "ok"
        assert self.decide(IssueToPot("issue", "REEL", 1_000, "")) == "ok"
        assert self.decide(SetGrants("issue", 100, 50, 10, 5, 60)) == "ok"

    def soon(self, seconds: int = 1_000) -> int:
        """A time so long after the beginning (ms)."""
        return self.start + 1000 * seconds

    def wait(self, seconds: int) -> None:
        """Time goes by."""
        self.time_ms += 1000 * seconds
        self.step(end_airdrops, close_tasks)

    def task(self, places: int = 2) -> None:
        """A task that pays seven."""
        assert self.decide(Publish("An article", PROOF, 7, places, self.soon())) == "ok"


def test_a_node_is_granted_once_for_who_it_is_and_once_for_being_approved() -> None:
    guild = Guild()
    before = guild.held(NODE)
    assert guild.act(NODE, RegisterNode("p0", PROOF)) == "ok"
    assert guild.act(NODE, RegisterNode("p0", PROOF)) == "tasks.already-registered"
    assert guild.decide(ApproveNodes((NODE,))) == "ok"
    assert guild.decide(ApproveNodes((NODE,))) == "tasks.already-approved"
    assert guild.decide(ApproveNodes((A,))) == "tasks.no-node"
    assert guild.held(NODE) == before + 150
    assert guild.sound()


@pytest.mark.parametrize(("approved", "units"), [(False, 10), (True, 15)])
def test_a_holder_is_granted_once_for_delegating_for_long_enough(
    *, approved: bool, units: int
) -> None:
    guild = Guild()
    guild.act(NODE, RegisterNode("p0", PROOF))
    assert guild.act(A, Delegate(NODE)) == "tasks.not-delegated"
    guild.act(A, Bond(100))
    guild.act(A, Approve((NODE,)))
    assert guild.act(A, Delegate(A)) == "tasks.no-node"
    assert guild.act(A, ClaimGrant()) == "tasks.not-begun"
    assert guild.act(A, Delegate(NODE)) == "ok"
    assert guild.act(A, ClaimGrant()) == "tasks.too-early"
    if approved:
        guild.decide(ApproveNodes((NODE,)))
    guild.wait(60)
    assert guild.act(A, ClaimGrant()) == "ok"
    assert guild.held(A) == FUNDS - 100 + units
    assert guild.act(A, ClaimGrant()) == guild.act(A, Delegate(NODE)) == "tasks.already-granted"


def test_who_delegates_in_and_out_gets_nothing() -> None:
    guild = Guild()
    guild.act(NODE, RegisterNode("p0", PROOF))
    guild.act(A, Bond(100))
    guild.act(A, Approve((NODE,)))
    guild.act(A, Delegate(NODE))
    guild.act(A, Approve(()))
    guild.wait(60)
    assert guild.act(A, ClaimGrant()) == "tasks.not-begun"


def test_who_is_nobodys_person_is_granted_nothing() -> None:
    """What a sybil gains by the head: nothing."""
    guild = Guild()
    assert guild.act(key("dora").public, RegisterNode("x", PROOF)) == "tasks.not-a-person"


def test_claims_are_paid_by_the_step_when_they_are_approved() -> None:
    guild = Guild()
    guild.task()
    assert guild.act(A, Claim(1, PROOF)) == guild.act(C, Claim(1, PROOF)) == "ok"
    guild.decide(SetSchedule((1,), 2, 3))
    guild.live()
    assert guild.decide(Judge(1, (A,), (C,))) == "ok"
    assert (guild.held(A), guild.held(C)) == (FUNDS + 21, 0)
    decided = {account: claim.status for (_, account), claim in CLAIMS.every(guild.world.state)}
    assert decided == {A: "approved", C: "refused"}
    row = TASKS.get(guild.world.state, 1)
    assert row is not None
    assert row.places == 1
    assert guild.act(C, Claim(1, PROOF)) == "tasks.already-claimed", "not again"
    assert guild.decide(Judge(1, (A,), ())) == "tasks.no-claim", "not twice"


def test_a_batch_is_paid_whole_or_not_at_all() -> None:
    guild = Guild()
    guild.task(places=1)
    guild.act(A, Claim(1, PROOF))
    guild.act(C, Claim(1, PROOF))
    assert guild.decide(Judge(1, (A, C), ())) == "tasks.no-place"
    assert guild.decide(Judge(1, (A, A), ())) == "tasks.no-place"
    assert guild.decide(Judge(1, (A,), (A,))) == "tasks.no-claim"
    assert guild.held(A) == FUNDS
    assert guild.decide(Judge(1, (A,), ())) == "ok"
    assert guild.act(B, Claim(1, PROOF)) == "tasks.no-place"


def test_what_is_proposed_is_claimed_only_once_it_is_accepted() -> None:
    guild = Guild()
    assert guild.act(A, Propose("A game", PROOF)) == "ok"
    assert guild.act(C, Claim(1, PROOF)) == "tasks.not-accepted"
    assert guild.decide(Accept(1, 5, 1, guild.soon())) == "ok"
    assert guild.decide(Accept(1, 5, 1, guild.soon())) == "tasks.already-accepted"
    assert guild.act(C, Claim(1, PROOF)) == "ok"
    guild.task()
    assert guild.decide(Accept(2, 5, 1, guild.soon())) == "tasks.already-accepted"


def test_the_last_claim_comes_before_the_end() -> None:
    guild = Guild()
    guild.task()
    guild.wait(999)
    assert guild.act(A, Claim(1, PROOF)) == "ok"
    guild.wait(1)
    assert guild.act(C, Claim(1, PROOF)) == "tasks.over"
    assert guild.decide(Judge(1, (A,), ())) == "ok", "the committee may take its time"


def test_a_task_is_removed_with_its_claims_once_the_committee_has_had_its_time() -> None:
    guild = Guild()
    DECIDE_S.set(guild.world.state, 60)
    guild.task()
    for who in (A, C):
        assert guild.act(who, Claim(1, PROOF)) == "ok"
    guild.wait(1_059)
    assert guild.decide(Judge(1, (A,), ())) == "ok", "the last moment"
    guild.wait(1)
    assert (list(TASKS.every(guild.world.state)), list(CLAIMS.every(guild.world.state))) == ([], [])
    assert Closed(1) in guild.events
    for code in (guild.act(C, Claim(1, PROOF)), guild.decide(Judge(1, (C,), ()))):
        assert code == "tasks.unknown-task"
    guild.start = guild.time_ms
    guild.task()
    assert guild.act(A, Claim(1, PROOF)) == "tasks.unknown-task", "a number never comes again"
    assert guild.act(A, Claim(2, PROOF)) == "ok"
    assert guild.sound()


def test_what_is_removed_in_a_block_is_bounded_and_nothing_happens_twice_meanwhile() -> None:
    guild = Guild()
    DECIDE_S.set(guild.world.state, 60)
    guild.task(places=1_000)
    many = [bytes([place]) * 32 for place in range(2 * SWEPT_A_BLOCK + 1)]
    for who in many:
        assert guild.act(who, Claim(1, PROOF)) == "ok"
    left = []
    for seconds in (1_060, 1, 1, 1):
        guild.wait(seconds)
        left.append(len(list(CLAIMS.every(guild.world.state))))
        assert guild.decide(Judge(1, (many[-1],), ())) == "tasks.unknown-task"
        assert guild.act(many[0], Claim(1, PROOF)) == "tasks.unknown-task"
        assert guild.sound()
    assert left == [SWEPT_A_BLOCK + 1, 1, 0, 0]
    assert [event for event in guild.events if isinstance(event, Closed)] == [Closed(1)]


def test_many_tasks_that_close_at_once_are_out_of_reach_at_once() -> None:
    guild = Guild()
    for _ in range(CLOSED_A_BLOCK + 1):
        guild.task()
    guild.act(A, Claim(CLOSED_A_BLOCK + 1, PROOF))
    guild.wait(1_000 + DECIDE_S.default)
    assert len(list(TASKS.every(guild.world.state))) == 1, "not yet removed"
    assert guild.decide(Judge(CLOSED_A_BLOCK + 1, (A,), ())) == "tasks.unknown-task"
    guild.wait(0)
    assert list(TASKS.every(guild.world.state)) == []


def test_what_nobody_accepts_in_time_is_removed_and_leaves_room_for_another() -> None:
    guild = Guild()
    for _ in range(MOST_PROPOSED):
        assert guild.act(A, Propose("A game", PROOF)) == "ok"
    assert guild.act(A, Propose("A game", PROOF)) == "tasks.too-many-proposed"
    assert guild.act(C, Propose("A game", PROOF)) == "ok", "each account for itself"
    assert guild.decide(Accept(1, 5, 1, guild.soon())) == "ok"
    assert guild.act(A, Propose("A game", PROOF)) == "ok", "one waits no more"
    guild.wait(PROPOSAL_S.default)
    assert list(PROPOSED.every(guild.world.state)) == []
    assert [number for (number,), _ in TASKS.every(guild.world.state)] == [1]
    assert guild.decide(Accept(2, 5, 1, guild.soon(10**7))) == "tasks.unknown-task"
    assert guild.sound()


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (Judge(9, (), ()), "tasks.unknown-task"),
        (Accept(9, 1, 1, SOON), "tasks.unknown-task"),
        (Judge(1, (B,), ()), "tasks.no-claim"),
        (Publish("Late", PROOF, 1, 1, 1), "tasks.ends-too-early"),
        (Publish("Endless", PROOF, 1, 1, 2**53 - 1), "tasks.ends-too-late"),
        (Accept(2, 1, 1, 1), "tasks.ends-too-early"),
        (Accept(2, 1, 1, 2**53 - 1), "tasks.ends-too-late"),
    ],
)
def test_what_cannot_be_decided_is_named(action: Action, code: str) -> None:
    guild = Guild()
    guild.task()
    guild.act(A, Propose("A game", PROOF))
    assert guild.decide(action) == code


def test_nothing_is_granted_before_it_is_said_what_or_from_an_empty_pot() -> None:
    assert Days().act(A, RegisterNode("x", PROOF)) == "tasks.no-grants"
    guild = Guild()
    guild.decide(SetGrants("empty", 1, 1, 1, 1, 0))
    assert guild.act(A, RegisterNode("x", PROOF)) == "token.insufficient-pot"


ENTRIES = [Entry(A, 30).encode(), Entry(C, 20).encode(), Entry(B, 50).encode()]


def take(place: int, units: int, *, proof_of: int | None = None) -> Take:
    return Take(1, units, place, merkle_proof(ENTRIES, place if proof_of is None else proof_of))


def test_each_of_a_snapshot_takes_its_own_once_and_the_rest_comes_back() -> None:
    guild = Guild()
    give = MakeAirdrop("REEL", 100, merkle_root(ENTRIES), 3, guild.soon(60))
    assert guild.act(B, give) == "ok"
    assert guild.act(A, take(0, 30)) == "ok"
    assert guild.act(A, take(0, 30)) == "tasks.already-taken"
    for wrong in (take(1, 20), take(1, 30), take(1, 30, proof_of=0), Take(1, 30, 9, ())):
        assert guild.act(A, wrong) == "tasks.not-an-entry"
    guild.wait(60)
    assert guild.act(C, take(1, 20)) == "tasks.unknown-airdrop"
    assert (guild.held(A), guild.held(B), guild.pot(AIRDROPS_POT)) == (FUNDS + 30, FUNDS - 30, 0)
    assert list(AIRDROPS.every(guild.world.state)) == []
    assert guild.sound()


def test_nothing_is_taken_after_the_end_while_others_wait_to_be_ended() -> None:
    guild = Guild()
    give = MakeAirdrop("REEL", 100, merkle_root(ENTRIES), 3, guild.soon(60))
    for _ in range(CLOSED_A_BLOCK + 1):
        assert guild.act(B, give) == "ok"
    guild.wait(60)
    last = Take(CLOSED_A_BLOCK + 1, 30, 0, merkle_proof(ENTRIES, 0))
    assert AIRDROPS.get(guild.world.state, CLOSED_A_BLOCK + 1) is not None
    assert guild.act(A, last) == "tasks.unknown-airdrop"
    guild.wait(0)
    assert (guild.pot(AIRDROPS_POT), guild.held(B)) == (0, FUNDS)


def test_what_was_taken_of_an_airdrop_that_is_over_is_removed_in_batches() -> None:
    guild, count = Guild(), SWEPT_A_BLOCK + 1
    people = [bytes([place]) * 32 for place in range(count)]
    entries = [Entry(who, 1).encode() for who in people]
    give = MakeAirdrop("REEL", 100, merkle_root(entries), count, guild.soon(60))
    assert guild.act(B, give) == "ok"
    for place, who in enumerate(people):
        assert guild.act(who, Take(1, 1, place, merkle_proof(entries, place))) == "ok"
    guild.wait(60)
    assert guild.held(B) == FUNDS - count, "the rest is back at once"
    assert len(list(TAKEN.every(guild.world.state))) == 1
    assert guild.sound()
    again = Take(1, 1, 0, merkle_proof(entries, 0))
    assert guild.act(people[0], again) == "tasks.unknown-airdrop"
    guild.wait(0)
    assert list(TAKEN.every(guild.world.state)) == []
    assert guild.sound()


def test_what_is_removed_for_long_does_not_keep_others_waiting() -> None:
    """The first airdrops that end have much to remove; the money of one more comes next."""
    guild, count = Guild(), SWEPT_A_BLOCK + 1
    people = [bytes([place]) * 32 for place in range(count)]
    entries = [Entry(who, 1).encode() for who in people]
    for number in range(1, CLOSED_A_BLOCK + 1):
        guild.act(B, MakeAirdrop("REEL", count, merkle_root(entries), count, guild.soon(60)))
        for place, who in enumerate(people):
            guild.act(who, Take(number, 1, place, merkle_proof(entries, place)))
    before = guild.held(B)
    assert guild.act(B, MakeAirdrop("REEL", 7, bytes(32), 1, guild.soon(60))) == "ok"
    guild.wait(61)
    guild.wait(0)
    assert guild.held(B) == before


def test_an_airdrop_may_last_366_days() -> None:
    guild = Guild()
    longest = guild.time_ms + LONGEST_MS
    assert guild.act(B, MakeAirdrop("REEL", 1, bytes(32), 1, longest)) == "ok"
    assert guild.act(B, MakeAirdrop("REEL", 1, bytes(32), 1, longest + 1)) == "tasks.ends-too-late"


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (MakeAirdrop("NONE", 1, bytes(32), 1, GENESIS_TIME_MS + SOON), "token.unknown-asset"),
        (
            MakeAirdrop("REEL", FUNDS + 1, bytes(32), 1, GENESIS_TIME_MS + SOON),
            "token.insufficient-balance",
        ),
        (MakeAirdrop("REEL", 1, bytes(32), 1, 1), "tasks.ends-too-early"),
        (MakeAirdrop("REEL", 1, bytes(32), 1, 2**52), "tasks.ends-too-late"),
    ],
)
def test_an_airdrop_that_cannot_be_is_named(action: Action, code: str) -> None:
    assert Guild().act(B, action) == code


def test_an_airdrop_gives_no_more_than_it_has() -> None:
    guild = Guild()
    guild.act(B, MakeAirdrop("REEL", 29, merkle_root(ENTRIES), 3, guild.soon()))
    assert guild.act(A, take(0, 30)) == "tasks.used-up"


def test_the_invariant_sees_who_waits_and_does_not_delegate() -> None:
    guild = Guild()
    DELEGATIONS.put(guild.world.state, Delegation(NODE, 0, is_paid=False), A)
    assert not guild.sound()


@pytest.mark.parametrize("table", [PROPOSED, TASKS])
def test_the_invariant_sees_a_task_that_is_not_kept(
    table: Table[Record, *tuple[KeyPart, ...]],
) -> None:
    guild = Guild()
    guild.act(A, Propose("A game", PROOF))
    for row_key, _ in list(table.every(guild.world.state)):
        table.delete(guild.world.state, *row_key)
    assert not guild.sound()


def test_the_invariant_sees_claims_that_would_stay_for_ever() -> None:
    guild = Guild()
    CLAIMS.put(guild.world.state, ClaimRow(PROOF, WAITING), 9, A)
    assert not guild.sound()


def test_the_invariant_sees_an_airdrop_that_is_not_kept() -> None:
    guild = Guild()
    guild.act(B, MakeAirdrop("REEL", 100, merkle_root(ENTRIES), 3, guild.soon()))
    AIRDROPS.delete(guild.world.state, 1)
    assert not guild.sound()


class TaskMachine(RuleBasedStateMachine):
    """Rewards and grants come out of the pot, once each."""

    @initialize()
    def begin(self) -> None:
        """What people have."""
        self.guild = Guild()
        self.people = [A, B, C]
        self.balances = Counter({who: self.guild.held(who) for who in self.people})
        self.pot = 1_000
        DECIDE_S.set(self.guild.world.state, 60)
        self.places: dict[int, int] = {}
        self.ends: dict[int, int] = {}
        self.claims: dict[tuple[int, bytes], bool] = {}
        self.nodes: set[bytes] = set()
        self.bonded: set[bytes] = set()
        self.approving: set[bytes] = set()
        self.since: dict[bytes, int] = {}
        self.granted: set[bytes] = set()
        self.guild.act(NODE, RegisterNode("p0", PROOF))
        self.pot -= 100

    @rule(who=st.sampled_from([A, B, C]))
    def register(self, who: bytes) -> None:
        """Register; Ben is an attester and nobody's person."""
        good = who not in self.nodes and who != B and self.pot >= 100
        assert (self.guild.act(who, RegisterNode("x", PROOF)) == "ok") is good
        if good:
            self.nodes.add(who)
            self.pot -= 100
            self.balances[who] += 100

    @rule(who=st.sampled_from([A, B, C]), keeps=st.booleans())
    def approve(self, who: bytes, *, keeps: bool) -> None:
        """Approve the node with a bond, or no longer."""
        good = who in self.bonded or self.guild.act(who, Bond(1)) == "ok"
        assert (self.guild.act(who, Approve((NODE,) if keeps else ())) == "ok") is good
        if good and who not in self.bonded:
            self.balances[who] -= 1
            self.bonded.add(who)
        if good and keeps:
            self.approving.add(who)
        elif good:
            self.approving.discard(who)
            self.since.pop(who, None)

    @rule(who=st.sampled_from([A, B, C]))
    def delegate(self, who: bytes) -> None:
        """Say so, or say it anew."""
        good = who in self.approving and who not in self.granted
        assert (self.guild.act(who, Delegate(NODE)) == "ok") is good
        if good:
            self.since[who] = self.guild.time_ms

    @rule(seconds=st.sampled_from([1, 30, 60]))
    def wait(self, seconds: int) -> None:
        """Time goes by."""
        self.guild.wait(seconds)

    @rule(who=st.sampled_from([A, B, C]))
    def claim_grant(self, who: bytes) -> None:
        """Get what a minute without a break is granted; Ben is nobody's person."""
        good = who in self.since and self.guild.time_ms >= self.since[who] + 60_000
        good = good and who != B and self.pot >= 10
        assert (self.guild.act(who, ClaimGrant()) == "ok") is good
        if good:
            del self.since[who]
            self.granted.add(who)
            self.pot -= 10
            self.balances[who] += 10

    @rule(places=st.integers(1, 3))
    def publish(self, places: int) -> None:
        """A task more, for a minute, and another in which the claims are decided on."""
        ends_ms = self.guild.time_ms + 60_000
        assert self.guild.decide(Publish("An article", PROOF, 7, places, ends_ms)) == "ok"
        number = len(self.places) + 1
        self.places[number], self.ends[number] = places, ends_ms

    def is_open(self, number: int, more_ms: int = 0) -> bool:
        """Whether there is such a task, whose end is not so long ago."""
        return self.guild.time_ms < self.ends.get(number, -more_ms) + more_ms

    @rule(who=st.sampled_from([A, B, C]), number=st.integers(1, 3))
    def claim(self, who: bytes, number: int) -> None:
        """Claim it."""
        good = self.places.get(number, 0) > 0 and (number, who) not in self.claims
        good = good and self.is_open(number)
        assert (self.guild.act(who, Claim(number, PROOF)) == "ok") is good
        if good:
            self.claims[number, who] = False

    @rule(
        number=st.integers(1, 3),
        good_ones=st.sets(st.sampled_from([A, B, C])),
        bad_ones=st.sets(st.sampled_from([A, B, C])),
    )
    def judge(self, number: int, good_ones: set[bytes], bad_ones: set[bytes]) -> None:
        """Decide on some."""
        waiting = {
            who for (task, who), judged in self.claims.items() if task == number and not judged
        }
        good = self.is_open(number, 60_000) and len(good_ones) <= self.places[number]
        good = good and good_ones | bad_ones <= waiting and not good_ones & bad_ones
        good = good and self.pot >= 7 * len(good_ones)
        action = Judge(number, tuple(sorted(good_ones)), tuple(sorted(bad_ones)))
        assert (self.guild.decide(action) == "ok") is good
        if good:
            self.claims.update({(number, who): True for who in good_ones | bad_ones})
            self.places[number] -= len(good_ones)
            self.pot -= 7 * len(good_ones)
            self.balances.update(dict.fromkeys(good_ones, 7))

    @invariant()
    def agrees(self) -> None:
        """Everything is where the model has it."""
        guild = self.guild
        assert {who: guild.held(who) for who in self.people} == dict(self.balances)
        assert guild.pot("issue") == self.pot
        kept = {number for (number, _), _ in CLAIMS.every(guild.world.state)}
        assert all(self.is_open(number, 60_000) for number in kept)
        assert guild.sound()


TestTaskMachine = TaskMachine.TestCase
TestTaskMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
