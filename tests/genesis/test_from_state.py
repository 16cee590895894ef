"""A new chain from the state of an old one: what stays, what goes, and what is refused."""

import dataclasses

import pytest

from consensus.beacon import RevealChain
from consensus.cid import DAG_PB, RAW, cid_of
from consensus.codec import UINT64_MAX, encode
from consensus.errors import InvalidGenesis
from consensus.record import replace
from genesis import from_state
from genesis.file import (
    MAX_GENESIS_BYTES,
    MAX_GENESIS_ROWS,
    Genesis,
    Row,
    parse_genesis,
)
from genesis.from_state import genesis_from_state
from genesis.producer_record import ProducerRecord
from node.chain import Chain
from tests.node.bench import memory_chain
from tests.node.network import (
    Seat,
    key,
    make_genesis_of,
    make_seats,
    run_slots,
    signed,
    transfer,
)
from tests.vm.offences import offend
from tests.vm.stage import Stage
from tests.vm.world import World
from vm.modules.account import SENDERS, Sender, next_nonce, plain_authority
from vm.modules.chain import FIRST_PROGRESS, PROGRESS, chain_constants
from vm.modules.content import (
    COMMITMENTS,
    OWNED,
    VIDEOS,
    CommitmentRow,
    Line,
    Owned,
    Video,
    keep_commitment,
)
from vm.modules.gov import PROPOSALS, ROLL, Member, Propose, Resolve
from vm.modules.possession import PLEDGES, ROOTS, PledgeFor, Root
from vm.modules.possession.tables import PERIOD_BLOCKS, PLEDGE_MIB_UNITS
from vm.modules.producer import (
    BEACONS,
    CANDIDATES,
    KEYS,
    OFFENCES,
    PRODUCERS,
    RANKS,
    elect,
    votes_of,
)
from vm.modules.producer.appointment import APPOINTMENTS, BY_APPOINTMENT, Appointment
from vm.modules.sessions import REQUESTS, Ask, SetAsset, Wish
from vm.modules.slashing import Report
from vm.modules.stake import Approve, Bond, Unbond, release_due
from vm.modules.tokens import ASSETS, BALANCES, POTS, Balance, balance_of
from vm.overlay import EmptyView, Overlay
from vm.registry import REGISTRY
from vm.view import View

OLD_SEATS = make_seats(5)
ALICE, BOB = key("alice"), key("bob")
OLD = make_genesis_of(OLD_SEATS.values(), [ALICE])
NEW_TIME_MS = 1_900_000_000_000
PLACES = list(OLD_SEATS)


def _new_seat(number: int) -> Seat:
    reveals = RevealChain(b"new %28d" % number, b"salt" * 4, 64)
    return Seat(key(f"new account {number}"), key(f"new consensus {number}"), reveals)


NEW_SEATS = {seat.account.public: seat for seat in map(_new_seat, range(4))}
RECORDS = [seat.record() for seat in NEW_SEATS.values()]


def _record(seat: Seat, *, reveals: RevealChain | None = None) -> ProducerRecord:
    return dataclasses.replace(seat, reveals=reveals or seat.reveals).record()


@pytest.fixture(scope="module")
def old() -> Chain:
    """A chain with payments on which the last producer was barred."""
    chain = memory_chain(OLD)
    evidence = offend(OLD, OLD_SEATS[PLACES[-1]].consensus)
    for nonce in range(6):
        pending = [transfer(chain, ALICE, BOB.public, 100 + nonce, nonce)]
        run_slots([chain], OLD_SEATS, [nonce + 1], pending)
    run_slots([chain], OLD_SEATS, [7], [signed(chain, ALICE, Report(evidence), 6)])
    run_slots([chain], OLD_SEATS, [8, 9])
    assert chain.durable_final.height == 8
    return chain


def rows_of(view: View) -> dict[bytes, bytes]:
    return dict(view.scan(b"", start=b"", limit=10**6))


@pytest.fixture(scope="module")
def rows(old: Chain) -> dict[bytes, bytes]:
    return rows_of(old.state.view())


@pytest.fixture(scope="module")
def made(rows: dict[bytes, bytes]) -> Genesis:
    return genesis_from_state(rows.items(), RECORDS, NEW_TIME_MS)


def test_it_is_a_genesis_of_another_chain(made: Genesis) -> None:
    assert parse_genesis(made.encode()) == made
    assert made.chain != OLD.chain
    assert {member.producer for member in made.members} == set(NEW_SEATS)
    assert list(REGISTRY.broken_invariants(made.state())) == []


def test_only_what_belongs_to_the_old_chain_changes(
    made: Genesis, rows: dict[bytes, bytes], old: Chain
) -> None:
    state, view = made.state(), old.state.view()
    changed = {key for key in {*rows, *rows_of(state)} if state.get(key) != rows.get(key)}
    tables = {REGISTRY.table_of(key).name for key in changed}
    assert tables == {
        *(
            "chain.constants",
            "chain.progress",
            "economy.clock",
            "producer.beacon",
            "producer.candidate",
        ),
        *("producer.key", "producer.producer", "producer.rank"),
        *("producer.attendance", "producer.watch"),
    }
    assert PROGRESS.get(state) == FIRST_PROGRESS
    assert chain_constants(state) == replace(chain_constants(view), genesis_time_ms=NEW_TIME_MS)
    for table in (ASSETS, BALANCES, POTS):
        assert list(table.every(state)) == list(table.every(view))
    assert balance_of(state, BOB.public, "REEL") == 615
    assert next_nonce(state, ALICE.public) == 7


def test_old_producers_are_none_any_more_and_the_barred_stay_barred(made: Genesis) -> None:
    state = made.state()
    barred = PLACES[-1]
    for producer in PLACES[:-1]:
        assert PRODUCERS.get(state, producer) is None
        assert BEACONS.get(state, producer) is None
        assert KEYS.get(state, OLD_SEATS[producer].consensus.public) is None
    assert {account for (account,), _ in OFFENCES.every(state)} == {barred}
    assert PRODUCERS.get(state, barred) is not None
    assert {account for (account,), _ in CANDIDATES.every(state)} == set(NEW_SEATS)


def test_the_new_chain_runs_and_pays(made: Genesis) -> None:
    chain = memory_chain(made)
    before = balance_of(made.state(), ALICE.public, "REEL")
    pending = [transfer(chain, ALICE, BOB.public, 85, 7)]
    run_slots([chain], NEW_SEATS, [1, 2, 3], pending)
    assert chain.durable_final.height == 2
    view = chain.state.view()
    assert balance_of(view, BOB.public, "REEL") == 700
    assert balance_of(view, ALICE.public, "REEL") < before - 85  # and the fee
    assert list(REGISTRY.broken_invariants(view)) == []


def test_everybody_makes_the_same_file(rows: dict[bytes, bytes], made: Genesis) -> None:
    backwards = list(rows.items())[::-1]
    assert genesis_from_state(backwards, RECORDS[::-1], NEW_TIME_MS) == made
    assert genesis_from_state(backwards, RECORDS, NEW_TIME_MS + 1).chain != made.chain


def test_the_new_chain_can_have_a_name_of_its_own(rows: dict[bytes, bytes]) -> None:
    renamed = genesis_from_state(rows.items(), RECORDS, NEW_TIME_MS, network="again")
    assert chain_constants(renamed.state()).network == "again"


def test_an_old_producer_can_go_on_with_new_reveals(rows: dict[bytes, bytes]) -> None:
    seat = OLD_SEATS[PLACES[0]]
    fresh = _record(seat, reveals=RevealChain(b"%32d" % 0, b"another salt", 64))
    again = genesis_from_state(rows.items(), [*RECORDS, fresh], NEW_TIME_MS)
    assert seat.account.public in {member.producer for member in again.members}
    elected = elect(again.state())
    assert elected is not None
    assert elected.members == again.members


def test_a_record_by_a_key_that_acts_no_more_makes_no_producer(rows: dict[bytes, bytes]) -> None:
    account = next(iter(NEW_SEATS))
    rotated = Sender(1, plain_authority(BOB.public))
    changed = {**rows, SENDERS.state_key(account): rotated.encode()}
    with pytest.raises(InvalidGenesis, match="changed its keys") as caught:
        genesis_from_state(changed.items(), RECORDS, NEW_TIME_MS)
    assert caught.value.field == "producers[0].account_signature"


def test_stake_goes_on_and_votes_wait_for_their_producer(rows: dict[bytes, bytes]) -> None:
    state = Overlay(EmptyView())
    for row_key, value in rows.items():
        state.put(row_key, value)
    stage = Stage(World(OLD, state))
    for action in (Bond(100), Approve((PLACES[0], PLACES[1])), Unbond(30)):
        assert stage.act(ALICE.public, action) == "ok"
    seat = OLD_SEATS[PLACES[0]]
    fresh = _record(seat, reveals=RevealChain(b"%32d" % 0, b"another salt", 64))
    made = genesis_from_state(rows_of(state).items(), [*RECORDS, fresh], NEW_TIME_MS)
    again = Stage(World(made, made.state()), time_ms=NEW_TIME_MS)
    new = again.world.state
    assert list(REGISTRY.broken_invariants(new)) == []
    assert votes_of(new, PLACES[0]) == votes_of(new, PLACES[1]) == 70
    ((_, first), _), *_ = RANKS.scan(new, limit=1)
    assert first == PLACES[0]
    before = balance_of(new, ALICE.public, "REEL")
    again.step(release_due)  # a long time has gone by
    assert balance_of(new, ALICE.public, "REEL") == before + 30
    newcomer = next(iter(NEW_SEATS))
    assert again.act(ALICE.public, Approve((PLACES[1], newcomer))) == "ok"
    assert again.act(ALICE.public, Approve((newcomer,))) == "ok"
    assert again.act(ALICE.public, Approve((PLACES[1],))) == "stake.no-producer"


def test_members_vote_on_the_new_chain_and_the_new_producers_are_appointed(
    rows: dict[bytes, bytes],
) -> None:
    state = Overlay(EmptyView())
    for row_key, value in rows.items():
        state.put(row_key, value)
    BY_APPOINTMENT.set(state, 1)
    APPOINTMENTS.put(state, Appointment(), PLACES[0])
    ROLL.put(state, Member(500, 0, 1), "council", ALICE.public)
    made = genesis_from_state(rows_of(state).items(), RECORDS, NEW_TIME_MS)
    assert ROLL.get(made.state(), "council", ALICE.public) == Member(0, 0, 1)
    appointed = {account for (account,), _ in APPOINTMENTS.every(made.state())}
    assert appointed == set(NEW_SEATS)
    again = Stage(World(made, made.state()), time_ms=NEW_TIME_MS)
    resolve = Propose("council", "a title", "", (Resolve("so be it").pack(),))
    assert again.act(ALICE.public, resolve) == "ok"
    decided = PROPOSALS.get(again.world.state, 1)
    assert decided is not None
    assert decided.status == "passed"
    assert list(REGISTRY.broken_invariants(again.world.state)) == []


def test_pledges_wait_for_their_next_challenge_as_heights_begin_anew(
    rows: dict[bytes, bytes],
) -> None:
    state = Overlay(EmptyView())
    for row_key, value in rows.items():
        state.put(row_key, value)
    cid = cid_of(RAW, b"film")
    PLEDGE_MIB_UNITS.set(state, 1)
    ROOTS.put(state, Root(bytes(32), 4, 0), cid)
    stage = Stage(World(OLD, state, height=700))
    assert stage.act(ALICE.public, PledgeFor(cid, 5)) == "ok"
    made = genesis_from_state(rows_of(stage.world.state).items(), RECORDS, NEW_TIME_MS)
    pledge = PLEDGES.get(made.state(), cid, ALICE.public)
    assert pledge is not None
    assert pledge.due_height == PERIOD_BLOCKS.read(state)
    assert list(REGISTRY.broken_invariants(made.state())) == []


def test_requests_for_calls_wait_for_a_beacon_of_the_new_chain(rows: dict[bytes, bytes]) -> None:
    state = Overlay(EmptyView())
    for row_key, value in rows.items():
        state.put(row_key, value)
    stage = Stage(World(OLD, state, height=700))
    assert stage.act(bytes(32), SetAsset("REEL", True)) == "ok"
    wish = Wish("video", "en", (), "REEL", 1)
    assert stage.act(ALICE.public, Ask(wish, 1, ALICE.public)) == "ok"
    made = genesis_from_state(rows_of(stage.world.state).items(), RECORDS, NEW_TIME_MS)
    request = REQUESTS.get(made.state(), 0)
    assert request is not None
    assert request.height == 13
    assert list(REGISTRY.broken_invariants(made.state())) == []


def _of_barred() -> ProducerRecord:
    return _record(OLD_SEATS[PLACES[-1]], reveals=RevealChain(b"x" * 32, b"another salt", 64))


def _with_barred_key() -> ProducerRecord:
    return dataclasses.replace(_new_seat(9), consensus=OLD_SEATS[PLACES[-1]].consensus).record()


@pytest.mark.parametrize(
    ("records", "field", "said"),
    [
        (RECORDS[:3], "producers", "3 producers"),
        ([*RECORDS, RECORDS[0]], "producers[4]", ""),
        ([*RECORDS, _record(OLD_SEATS[PLACES[1]])], "producers[4].commitment", "reveals was used"),
        ([*RECORDS, _of_barred()], "producers[4].producer", "barred"),
        ([*RECORDS, _with_barred_key()], "producers[4].key", "another producer"),
        (
            [replace(RECORDS[0], name="x"), *RECORDS[1:]],
            "producers[0].account_signature",
            "",
        ),
    ],
)
def test_producers_that_cannot_be_are_named(
    rows: dict[bytes, bytes], records: list[ProducerRecord], field: str, said: str
) -> None:
    with pytest.raises(InvalidGenesis) as caught:
        genesis_from_state(rows.items(), records, NEW_TIME_MS)
    assert caught.value.field == field
    assert said in caught.value.message


def test_a_state_of_too_many_rows_is_refused_with_the_limit(
    rows: dict[bytes, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(from_state, "MAX_GENESIS_ROWS", len(rows) - 2)
    with pytest.raises(InvalidGenesis, match=f"has {len(rows)} rows.*at most {len(rows) - 2}"):
        genesis_from_state(rows.items(), RECORDS, NEW_TIME_MS)


def test_what_is_no_chains_state_is_refused() -> None:
    with pytest.raises(InvalidGenesis, match=r"no chain\.constants"):
        genesis_from_state([], RECORDS, NEW_TIME_MS)
    with pytest.raises(InvalidGenesis, match="network"):
        genesis_from_state(
            [(row.key, row.value) for row in OLD.rows], RECORDS, NEW_TIME_MS, network="No Name"
        )


def test_what_was_committed_to_is_committed_to_again(rows: dict[bytes, bytes]) -> None:
    """Heights begin anew: how old a commitment is would be wrong."""
    state = Overlay(EmptyView())
    for row_key, value in rows.items():
        state.put(row_key, value)
    keep_commitment(state, CommitmentRow(5, NEW_TIME_MS + 10**6), ALICE.public, bytes(32))
    made = genesis_from_state(rows_of(state).items(), RECORDS, NEW_TIME_MS).state()
    assert list(COMMITMENTS.every(made)) == []
    assert list(REGISTRY.broken_invariants(made)) == []


def test_a_hundred_thousand_accounts_fit_with_a_video_each() -> None:
    account, cid = b"a" * 32, cid_of(DAG_PB, b"video")
    video = Video(
        line=Line(account, cid, None),
        first=cid,
        number=1,
        replaces=None,
        parent=None,
        profile="kubo-cidv1-256k-174",
        size_bytes=2**40,
        media_type="video/mp4",
        title="t" * 60,
        licence="CC-BY-4.0",
        height=2**40,
        time_ms=2**41,
    )
    rows = (
        Row(BALANCES.state_key(account, "REEL"), Balance(UINT64_MAX).encode()),
        Row(SENDERS.state_key(account), Sender(2**32).encode()),
        Row(VIDEOS.state_key(cid), video.encode()),
        Row(OWNED.state_key(account, 2**40, cid), Owned().encode()),
    )
    size_bytes = sum(len(encode(row.pack())) for row in rows)
    assert 100_000 * len(rows) < MAX_GENESIS_ROWS
    assert 100_000 * size_bytes < MAX_GENESIS_BYTES
