"""Producers register, stand and are elected; what they are guilty of bars them."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.errors import InvalidBlock, InvalidEncoding
from consensus.evidence import DOUBLE_BLOCK, DOUBLE_VOTE, OFFENCES, SURROUND, Evidence
from consensus.keys import KeyPair, verifies
from consensus.producers import Member, ProducerSet
from consensus.record import replace
from tests.vm.offences import offend
from tests.vm.stage import Stage
from tests.vm.world import (
    ANNA,
    BEN,
    CONSENSUS,
    PRODUCERS,
    REVEALS,
    World,
    commitment_of,
    encoded,
    key,
)
from vm.declare import Action
from vm.modules.chain import chain_constants
from vm.modules.producer import (
    ATTENDANCE,
    BEACONS,
    CANDIDATES,
    KEYS,
    Commission,
    Deregister,
    Producer,
    Profile,
    Register,
    Rotate,
    Stand,
    elect,
    let_withdraw,
    possession_message,
    register,
)
from vm.modules.producer import OFFENCES as OFFENCE_ROWS
from vm.modules.producer import (
    PRODUCERS as PRODUCER_ROWS,
)
from vm.modules.producer.election import Standing
from vm.modules.producer.registration import Deregistered, Registered, Rotated
from vm.modules.producer.tables import Candidate, KeyOwner, Offence
from vm.modules.producer.updating import (
    COMMISSION_EPOCHS,
    MAX_COMMISSION_PPM,
    MIN_COMMISSION_PPM,
    Update,
    Updated,
    commission_ppm,
)
from vm.modules.slashing import Punished, Report, is_punishable
from vm.modules.tokens import mint
from vm.receipt import Receipt
from vm.registry import REGISTRY
from vm.transition import Outcome, execute_block
from vm.view import State

FRESH = key("fresh consensus key")
PROFILE = Profile("https://anna.example", "anna@anna.example", "Films\nand more")


@pytest.fixture
def world() -> World:
    made = World.begin()
    for producer in PRODUCERS:
        mint(made.state, producer.public, "REEL", 10**8)
    return made


def registration(world: World, by: KeyPair = ANNA, fresh: KeyPair = FRESH) -> Register:
    """A good one."""
    message = possession_message(world.genesis.chain, by.public, fresh.public)
    return Register(fresh.public, "anna", PROFILE, 50_000, commitment_of(9), fresh.sign(message))


def send(world: World, action: Action, by: KeyPair = ANNA, nonce: int = 0) -> Outcome:
    """The next block's, with this action alone; every row still agrees after it."""
    outcome = world.run(world.order(action, by=by, nonce=nonce))
    assert list(REGISTRY.broken_invariants(world.state)) == []
    return outcome


def receipt_of(world: World, action: Action, by: KeyPair = ANNA, nonce: int = 0) -> Receipt:
    (receipt,) = send(world, action, by, nonce).receipts
    return receipt


def status(world: World, action: Action, by: KeyPair = ANNA, nonce: int = 0) -> str:
    return receipt_of(world, action, by, nonce).status


def punishable(world: World, accused: KeyPair, **changed: Any) -> bool:
    """Whether evidence against a key can be reported in the next block."""
    block = dataclasses.replace(world.block(), **changed)
    return is_punishable(world.state, accused.public, block.members, block.time_ms)


def members_of(world: World) -> list[Member]:
    elected = elect(world.state)
    return [] if elected is None else list(elected.members)


def test_who_registers_becomes_a_candidate_with_its_key(world: World) -> None:
    outcome = send(world, registration(world))
    assert outcome.receipts[0].status == "ok"
    assert Registered.unpack(outcome.events[0].data) == Registered(
        ANNA.public, FRESH.public, "anna"
    )
    assert PRODUCER_ROWS.get(world.state, ANNA.public) == Producer(
        FRESH.public, "anna", PROFILE, Commission(50_000, 50_000, 0)
    )
    assert KEYS.get(world.state, FRESH.public) == KeyOwner(ANNA.public)
    assert CANDIDATES.get(world.state, ANNA.public) == Candidate(FRESH.public, 0)
    beacon = BEACONS.get(world.state, ANNA.public)
    assert beacon is not None
    assert (beacon.chain, beacon.last, beacon.used) == (commitment_of(9), commitment_of(9).end, 0)
    assert Member(ANNA.public, FRESH.public) in members_of(world)


def test_the_message_of_a_registration_is_the_vectors() -> None:
    vectors = json.loads((Path(__file__).parents[1] / "vectors" / "evidence.json").read_text())
    vector = {name: bytes.fromhex(value) for name, value in vectors["registration"].items()}
    chain = bytes.fromhex(vectors["chain"])
    message = possession_message(chain, vector["producer"], vector["key"])
    assert message == vector["message"]
    assert verifies(vector["key"], message, vector["signature"])


def with_signature(world: World, message: bytes) -> Register:
    return replace(registration(world), key_signature=FRESH.sign(message))


REGISTRATIONS: list[tuple[str, Callable[[World], Register]]] = [
    ("producer.key-of-account", lambda w: registration(w, fresh=ANNA)),
    ("producer.key-taken", lambda w: registration(w, fresh=CONSENSUS[2])),
    ("producer.key-signature", lambda w: registration(w, by=BEN)),
    ("producer.key-signature", lambda w: replace(registration(w), key_signature=bytes(64))),
    (
        "producer.key-signature",
        lambda w: with_signature(w, possession_message(bytes(32), ANNA.public, FRESH.public)),
    ),
    (
        "producer.key-signature",
        lambda w: with_signature(
            w, possession_message(w.genesis.chain, ANNA.public, CONSENSUS[0].public)
        ),
    ),
]


@pytest.mark.parametrize(("code", "make"), REGISTRATIONS)
def test_a_registration_that_fails_leaves_no_row(
    world: World, code: str, make: Callable[[World], Register]
) -> None:
    assert status(world, make(world)) == code
    assert PRODUCER_ROWS.get(world.state, ANNA.public) is None
    assert KEYS.get(world.state, FRESH.public) is None
    assert status(world, registration(world), nonce=1) == "ok"


def test_nobody_registers_twice_or_with_a_key_that_was_taken(world: World) -> None:
    assert status(world, registration(world)) == "ok"
    other = registration(world, fresh=key("another key"))
    assert status(world, other, nonce=1) == "producer.already-registered"
    assert status(world, registration(world, by=BEN), by=BEN) == "producer.key-taken"
    assert status(world, registration(world, by=PRODUCERS[0]), PRODUCERS[0]) == (
        "producer.already-registered"
    )


def test_of_candidates_with_equal_votes_the_first_21_by_id_are_elected(world: World) -> None:
    assert members_of(world) == list(world.genesis.members)
    for i in range(30):
        row = Producer(key(f"key {i}").public, "more")
        register(world.state, key(f"more {i}").public, row, commitment_of(i))
    everyone = sorted(producer for (producer,), _ in PRODUCER_ROWS.every(world.state))
    assert len(everyone) == 34
    assert [member.producer for member in members_of(world)] == everyone[:21]
    for producer in everyone[:3]:
        let_withdraw(world.state, producer)
    assert [member.producer for member in members_of(world)] == everyone[3:24]


def test_a_producer_that_stops_standing_is_not_elected_until_it_stands_again(world: World) -> None:
    first = PRODUCERS[0]
    assert status(world, registration(world)) == "ok"
    everyone = members_of(world)
    outcome = send(world, Stand(False), first)
    assert Standing.unpack(outcome.events[0].data) == Standing(first.public, False)
    assert members_of(world) == [m for m in everyone if m.producer != first.public]
    outcome = send(world, Stand(True), first, nonce=1)
    assert Standing.unpack(outcome.events[0].data) == Standing(first.public, True)
    assert members_of(world) == everyone


def test_fewer_than_four_candidates_elect_nobody(world: World) -> None:
    assert status(world, Stand(False), PRODUCERS[3]) == "ok"
    assert elect(world.state) is None
    assert status(world, registration(world)) == "ok"
    assert len(members_of(world)) == 4


@pytest.mark.parametrize("standing", [False, True])
def test_only_producers_stand_and_only_to_change_something(world: World, standing: bool) -> None:
    assert status(world, Stand(standing)) == "producer.not-registered"
    if not standing:
        assert status(world, Stand(False), PRODUCERS[1]) == "ok"
    again = receipt_of(world, Stand(standing), PRODUCERS[1], nonce=0 if standing else 1)
    assert again.status == "producer.standing-unchanged"


# Updating


def updated(stage: Stage, name: str = "p0", ppm: int = 100_000) -> Commission:
    """Producer 0's commission after it has announced one."""
    assert stage.act(PRODUCERS[0].public, Update(name, PROFILE, ppm)) == "ok"
    row = PRODUCER_ROWS.get(stage.world.state, PRODUCERS[0].public)
    assert row is not None
    assert (row.name, row.profile, row.key) == (name, PROFILE, CONSENSUS[0].public)
    return row.commission


def test_a_producer_of_genesis_keeps_a_tenth_and_can_say_who_it_is(world: World) -> None:
    row = PRODUCER_ROWS.get(world.state, PRODUCERS[0].public)
    assert row == Producer(
        CONSENSUS[0].public, "p0", Profile("", "", ""), Commission(100_000, 100_000, 0)
    )
    outcome = send(world, Update("best", PROFILE, 100_000), PRODUCERS[0])
    assert Updated.unpack(outcome.events[0].data) == Updated(
        PRODUCERS[0].public, "best", PROFILE, Commission(100_000, 100_000, 0)
    )


def test_another_commission_counts_from_a_later_epoch_and_the_last_announced_wins() -> None:
    stage = Stage(epoch=7)
    assert updated(stage, ppm=200_000) == Commission(100_000, 200_000, 9)
    stage.epoch = 8
    assert updated(stage, name="new-name", ppm=200_000) == Commission(100_000, 200_000, 9)
    assert updated(stage, ppm=0) == Commission(100_000, 0, 10)
    COMMISSION_EPOCHS.set(stage.world.state, 5)
    assert updated(stage, ppm=100_000) == Commission(100_000, 100_000, 13)
    stage.epoch = 12
    assert updated(stage, ppm=300_000) == Commission(100_000, 300_000, 17)
    stage.epoch = 17
    assert updated(stage, ppm=50_000) == Commission(300_000, 50_000, 22)
    rates = [commission_ppm(stage.world.state, PRODUCERS[0].public, e) for e in (17, 21, 22, 99)]
    assert rates == [300_000, 300_000, 50_000, 50_000]
    assert commission_ppm(stage.world.state, ANNA.public, 17) == 0


def test_a_commission_is_within_the_chains_bounds_when_it_is_chosen(world: World) -> None:
    first = PRODUCERS[0]
    assert status(world, Update("x", PROFILE, 1)) == "producer.not-registered"
    MIN_COMMISSION_PPM.set(world.state, 60_000)
    MAX_COMMISSION_PPM.set(world.state, 90_000)
    assert status(world, registration(world), nonce=1) == "producer.commission-bounds"
    for nonce, ppm in enumerate((59_999, 90_001)):
        assert status(world, Update("x", PROFILE, ppm), first, nonce) == (
            "producer.commission-bounds"
        )
    assert status(world, Update("x", PROFILE, 90_000), first, nonce=2) == "ok"
    MAX_COMMISSION_PPM.set(world.state, 80_000)
    assert status(world, Update("y", PROFILE, 90_000), first, nonce=3) == "ok"


@pytest.mark.parametrize(
    ("profile", "field"),
    [
        (Profile("example.org", "", ""), "profile.website"),
        (Profile("https://x y", "", ""), "profile.website"),
        (Profile("https://" + "x" * 121, "", ""), "profile.website"),
        (Profile("", "two\nlines", ""), "profile.contact"),
        (Profile("", "", "x" * 513), "profile.description"),
    ],
)
def test_what_a_producer_says_is_bounded(profile: Profile, field: str) -> None:
    with pytest.raises(InvalidEncoding) as caught:
        Update("x", profile, 0).encode()
    assert caught.value.field == field
    with pytest.raises(InvalidEncoding):
        Update("x", PROFILE, 1_000_001).encode()


# Rotating


SECOND = key("second consensus key")
NOBODY = ProducerSet(tuple(Member(bytes([i]) * 32, bytes([i + 9]) * 32) for i in range(1, 5)))


def rotation(world: World, by: KeyPair = PRODUCERS[0], fresh: KeyPair = SECOND) -> Rotate:
    """A good one."""
    message = possession_message(world.genesis.chain, by.public, fresh.public)
    return Rotate(fresh.public, fresh.sign(message))


def test_a_new_key_is_elected_and_the_old_one_keeps_the_seat_till_then(world: World) -> None:
    first = PRODUCERS[0].public
    row = PRODUCER_ROWS.get(world.state, first)
    assert row is not None
    time_ms = world.block().time_ms
    outcome = send(world, rotation(world), PRODUCERS[0])
    assert Rotated.unpack(outcome.events[0].data) == Rotated(first, SECOND.public)
    assert PRODUCER_ROWS.get(world.state, first) == replace(row, key=SECOND.public)
    assert KEYS.get(world.state, CONSENSUS[0].public) == KeyOwner(first, time_ms)
    assert KEYS.get(world.state, SECOND.public) == KeyOwner(first)
    elected = {member.producer: member.key for member in members_of(world)}
    assert elected == keys_of(world.genesis.members) | {first: SECOND.public}
    assert world.block().members.key_of(first) == CONSENSUS[0].public


def keys_of(members: Sequence[Member]) -> dict[bytes, bytes]:
    return {member.producer: member.key for member in members}


def test_who_does_not_stand_rotates_and_stands_with_the_new_key(world: World) -> None:
    assert status(world, Stand(False), PRODUCERS[0]) == "ok"
    assert status(world, rotation(world), PRODUCERS[0], nonce=1) == "ok"
    assert CANDIDATES.get(world.state, PRODUCERS[0].public) is None
    assert status(world, Stand(True), PRODUCERS[0], nonce=2) == "ok"
    assert CANDIDATES.get(world.state, PRODUCERS[0].public) == Candidate(SECOND.public, 0)


def test_duties_are_the_new_keys_at_once(world: World) -> None:
    send(world, rotation(world), PRODUCERS[0])
    report = Report(offend(world.genesis, CONSENSUS[2]))
    draft = world.order(report, by=PRODUCERS[0], nonce=1, max_fee=0)
    with pytest.raises(InvalidBlock, match="has not signed"):
        world.run(replace(draft, signatures=()).signed(CONSENSUS[0]))
    outcome = world.run(replace(draft, signatures=()).signed(SECOND))
    assert outcome.receipts[0].status == "ok"


def test_a_key_is_registered_once_by_anyone(world: World) -> None:
    by = PRODUCERS[0]
    assert status(world, rotation(world), by) == "ok"
    taken = [CONSENSUS[0], SECOND, CONSENSUS[1]]
    for nonce, used in enumerate(taken, start=1):
        assert status(world, rotation(world, fresh=used), by, nonce) == "producer.key-taken"
    for nonce, used in enumerate(taken):
        assert status(world, registration(world, fresh=used), nonce=nonce) == "producer.key-taken"


def test_a_rotation_that_cannot_be(world: World) -> None:
    by = PRODUCERS[0]
    assert status(world, rotation(world, ANNA)) == "producer.not-registered"
    assert status(world, rotation(world, fresh=by), by) == "producer.key-of-account"
    forged = replace(rotation(world), key_signature=bytes(64))
    assert status(world, forged, by, nonce=1) == "producer.key-signature"
    foreign = rotation(world, PRODUCERS[1])
    assert status(world, foreign, by, nonce=2) == "producer.key-signature"
    assert KEYS.get(world.state, SECOND.public) is None
    assert status(world, Report(offend(world.genesis, CONSENSUS[0])), nonce=1) == "ok"
    assert status(world, rotation(world), by, nonce=3) == "producer.barred"


def test_a_producer_answers_for_an_old_key_while_it_may_hold_a_seat_and_for_the_unbonding_time(
    world: World,
) -> None:
    retired_ms = world.block().time_ms
    assert status(world, rotation(world), PRODUCERS[0]) == "ok"
    last_ms = retired_ms + 1000 * chain_constants(world.state).unbonding_s
    assert punishable(world, CONSENSUS[0], time_ms=last_ms, members=NOBODY)
    assert not punishable(world, CONSENSUS[0], time_ms=last_ms + 1, members=NOBODY)
    assert punishable(world, CONSENSUS[0], time_ms=last_ms + 1)
    assert punishable(world, SECOND, time_ms=last_ms + 1, members=NOBODY)
    report = Report(offend(world.genesis, CONSENSUS[0]))
    late = world.order(report)
    outcome = execute_block(
        world.state,
        dataclasses.replace(world.block(used=1), time_ms=last_ms + 1, members=NOBODY),
        encoded(late),
    )
    assert outcome.receipts[0].status == "slashing.key-retired"
    assert status(world, report) == "ok"
    assert CANDIDATES.get(world.state, PRODUCERS[0].public) is None
    again = Report(offend(world.genesis, SECOND))
    assert status(world, again, nonce=1) == "slashing.already-barred"


# Deregistering


def leave(world: World, nonce: int = 0, **changed: Any) -> str:
    """The status of producer 0's deregistration in the next block, with another set."""
    order = world.order(Deregister(), by=PRODUCERS[0], nonce=nonce)
    (receipt,) = world.run(order, **{"members": NOBODY, **changed}).receipts
    assert list(REGISTRY.broken_invariants(world.state)) == []
    return receipt.status


def test_who_deregisters_is_a_producer_no_longer_and_still_answers_for_its_key(
    world: World,
) -> None:
    first, time_ms = PRODUCERS[0], world.block().time_ms
    outcome = world.run(world.order(Deregister(), by=first), members=NOBODY)
    assert Deregistered.unpack(outcome.events[0].data) == Deregistered(first.public)
    for table in (PRODUCER_ROWS, BEACONS, CANDIDATES, ATTENDANCE):
        assert table.get(world.state, first.public) is None
    assert KEYS.get(world.state, CONSENSUS[0].public) == KeyOwner(first.public, time_ms)
    assert list(REGISTRY.broken_invariants(world.state)) == []
    block = dataclasses.replace(world.block(1), members=NOBODY)
    report = world.order(Report(offend(world.genesis, CONSENSUS[0])))
    outcome = execute_block(world.state, block, encoded(report))
    assert outcome.receipts[0].status == "ok"
    world.keep(outcome.writes)
    assert OFFENCE_ROWS.get(world.state, first.public) is not None
    assert list(REGISTRY.broken_invariants(world.state)) == []
    again = world.order(registration(world, first), by=first, nonce=1)
    outcome = execute_block(
        world.state, dataclasses.replace(world.block(1, used=1), members=NOBODY), encoded(again)
    )
    assert outcome.receipts[0].status == "producer.barred"


def test_who_has_deregistered_can_register_anew_with_another_key(world: World) -> None:
    first = PRODUCERS[0]
    assert leave(world) == "ok"
    orders = [
        world.order(registration(world, first, CONSENSUS[0]), by=first, nonce=1),
        world.order(registration(world, first, SECOND), by=first, nonce=2),
    ]
    outcome = execute_block(
        world.state, dataclasses.replace(world.block(1), members=NOBODY), encoded(*orders)
    )
    statuses = [receipt.status for receipt in outcome.receipts]
    assert statuses == ["producer.key-taken", "ok"]
    world.keep(outcome.writes)
    assert list(REGISTRY.broken_invariants(world.state)) == []
    assert Member(first.public, SECOND.public) in members_of(world)


def test_who_may_hold_a_seat_cannot_leave(world: World) -> None:
    assert status(world, Deregister()) == "producer.not-registered"
    assert leave(world, members=ProducerSet(world.genesis.members)) == "producer.seated"
    assert leave(world, nonce=1, handover_slot=1, handover_height=1) == "producer.seated"
    assert status(world, Report(offend(world.genesis, CONSENSUS[0])), nonce=1) == "ok"
    assert leave(world, nonce=2) == "producer.barred"


@pytest.mark.parametrize("offence", OFFENCES)
def test_evidence_bars_the_producer_for_ever(world: World, offence: str) -> None:
    guilty = PRODUCERS[2]
    report = Report(offend(world.genesis, CONSENSUS[2], offence, slot=7))
    assert punishable(world, CONSENSUS[2])
    outcome = send(world, report)
    assert outcome.receipts[0].status == "ok"
    barred = Punished(guilty.public, offence, 7, ANNA.public, 0, 0)
    assert Punished.unpack(outcome.events[0].data) == barred
    row = OFFENCE_ROWS.get(world.state, guilty.public)
    assert row == Offence(offence, 7, world.height - 1, ANNA.public)
    assert not punishable(world, CONSENSUS[2])
    assert CANDIDATES.get(world.state, guilty.public) is None
    assert elect(world.state) is None
    for nonce, standing in enumerate((True, False)):
        assert status(world, Stand(standing), guilty, nonce) == "producer.barred"
    assert status(world, registration(world, guilty), guilty, 2) == "producer.already-registered"


def test_a_producer_is_punished_once_whatever_it_did(world: World) -> None:
    assert status(world, Report(offend(world.genesis, CONSENSUS[2]))) == "ok"
    before = OFFENCE_ROWS.get(world.state, PRODUCERS[2].public)
    for nonce, offence in enumerate((DOUBLE_BLOCK, DOUBLE_VOTE, SURROUND), start=1):
        report = Report(offend(world.genesis, CONSENSUS[2], offence, slot=90))
        assert status(world, report, nonce=nonce) == "slashing.already-barred"
    assert OFFENCE_ROWS.get(world.state, PRODUCERS[2].public) == before
    assert status(world, Report(offend(world.genesis, CONSENSUS[1])), nonce=4) == "ok"


def test_a_producer_that_does_not_stand_can_be_barred_and_one_can_report_itself(
    world: World,
) -> None:
    assert status(world, Stand(False), PRODUCERS[1]) == "ok"
    report = Report(offend(world.genesis, CONSENSUS[1]))
    assert status(world, report, PRODUCERS[1], nonce=1) == "ok"
    assert status(world, Stand(True), PRODUCERS[1], nonce=2) == "producer.barred"


def test_a_key_of_no_producer_is_reported_in_vain(world: World) -> None:
    report = Report(offend(world.genesis, FRESH))
    assert status(world, report) == "slashing.unknown-key"
    assert not punishable(world, FRESH)


def forged(evidence: Evidence) -> Evidence:
    return replace(evidence, second=replace(evidence.second, signature=bytes(64)))


def test_what_proves_nothing_bars_nobody(world: World) -> None:
    good = offend(world.genesis, CONSENSUS[2])
    against_another = replace(good, key=CONSENSUS[1].public)
    for nonce, evidence in enumerate((forged(good), against_another)):
        assert status(world, Report(evidence), nonce=nonce) == "slashing.not-proved"
    other_chain = World.begin()
    other_chain.genesis = replace(world.genesis, header=replace(world.genesis.header, slot=1))
    elsewhere = offend(other_chain.genesis, CONSENSUS[2])
    assert status(world, Report(elsewhere), nonce=2) == "slashing.not-proved"
    assert len(members_of(world)) == 4
    assert status(world, Report(good), nonce=3) == "ok"


OFFENCE = Offence(SURROUND, 1, 1, ANNA.public)
SPOILS: list[tuple[str, Callable[[State], None]]] = [
    ("its key has no row", lambda s: KEYS.delete(s, CONSENSUS[0].public)),
    ("its key has no row", lambda s: KEYS.put(s, KeyOwner(BEN.public), CONSENSUS[0].public)),
    ("it has no reveals", lambda s: BEACONS.delete(s, PRODUCERS[0].public)),
    ("no producer has it", lambda s: KEYS.put(s, KeyOwner(BEN.public), FRESH.public)),
    ("not a producer", lambda s: PRODUCER_ROWS.delete(s, PRODUCERS[0].public)),
    ("not a producer with", lambda s: CANDIDATES.put(s, Candidate(FRESH.public, 0), BEN.public)),
    (
        "not a producer with",
        lambda s: CANDIDATES.put(s, Candidate(FRESH.public, 0), PRODUCERS[0].public),
    ),
    ("it is barred", lambda s: OFFENCE_ROWS.put(s, OFFENCE, PRODUCERS[0].public)),
    ("offence of", lambda s: OFFENCE_ROWS.put(s, OFFENCE, BEN.public)),
]


@pytest.mark.parametrize(("sentence", "spoil"), SPOILS)
def test_rows_that_do_not_agree_are_noticed(
    world: World, sentence: str, spoil: Callable[[State], None]
) -> None:
    assert list(REGISTRY.broken_invariants(world.state)) == []
    spoil(world.state)
    assert sentence in "; ".join(REGISTRY.broken_invariants(world.state))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["register", "stand", "leave", "report"]),
            st.integers(0, 5),
            st.integers(0, 5),
        ),
        max_size=REVEALS - 1,
    )
)
@settings(max_examples=40)
def test_whatever_happens_the_rows_agree(steps: list[tuple[str, int, int]]) -> None:
    world = World.begin()
    accounts = [*PRODUCERS, ANNA, BEN]
    keys = [*CONSENSUS, FRESH, key("another")]
    nonces = [0] * len(accounts)
    for account in accounts:
        mint(world.state, account.public, "REEL", 10**8)
    for verb, who, whose in steps:
        action: Action = Stand(verb == "stand")
        if verb == "register":
            action = registration(world, accounts[who], keys[whose])
        elif verb == "report":
            action = Report(offend(world.genesis, keys[whose]))
        send(world, action, accounts[who], nonces[who])
        nonces[who] += 1
    barred = {account for (account,), _ in OFFENCE_ROWS.every(world.state)}
    assert barred.isdisjoint(account for (account,), _ in CANDIDATES.every(world.state))
