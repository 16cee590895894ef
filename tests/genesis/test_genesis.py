"""The genesis file: what it fixes, and that every altered part is named."""

from collections.abc import Callable
from typing import Any

import pytest

from consensus.block import BlockRef, Header, Target
from consensus.codec import Wire, decode, encode
from consensus.errors import InvalidGenesis
from consensus.hashing import sha256
from consensus.producers import Member
from consensus.record import replace
from consensus.tree import key_path, update
from genesis import file
from genesis.build import build_genesis
from genesis.file import Genesis, Row, make_genesis, parse_genesis, parse_head
from genesis.preset import load_preset
from genesis.producer_record import make_producer_record
from tests.vm.world import (
    ANNA,
    BEN,
    FUNDS,
    GENESIS_TIME_MS,
    commitment_of,
    key,
    producer_records,
    small_genesis,
)
from vm.modules.chain import CONSTANTS, ChainConstants, chain_constants
from vm.modules.economy import ECONOMY
from vm.modules.fee import BURN_PPM, PRICES
from vm.modules.producer import BEACONS, KEYS, PRODUCERS, Producer, elect, let_stand, let_withdraw
from vm.modules.producer.tables import KeyOwner
from vm.modules.tokens import ASSETS, BALANCES, Balance, balance_of
from vm.parameter import VALUES, ParameterValue
from vm.registry import REGISTRY
from vm.view import State

GENESIS = small_genesis()


def test_the_file_comes_back_as_it_was() -> None:
    data = GENESIS.encode()
    assert parse_genesis(data) == GENESIS
    assert parse_genesis(data).chain == sha256(GENESIS.header.encode())


def test_genesis_is_a_function_of_its_inputs_in_any_order() -> None:
    other = build_genesis(
        load_preset("devnet"),
        producer_records()[::-1],
        [(BEN.public, FUNDS - 1), (ANNA.public, FUNDS), (BEN.public, 1)],
        GENESIS_TIME_MS,
    )
    assert other == GENESIS


def test_the_state_is_what_was_asked_for() -> None:
    state = GENESIS.state()
    constants = ChainConstants("devnet", GENESIS_TIME_MS, 1_000, 126, 256, 1_209_600, "REEL")
    assert chain_constants(state) == constants
    assert balance_of(state, ANNA.public, "REEL") == FUNDS
    elected = elect(state)
    assert elected is not None
    assert elected.members == GENESIS.members
    for member in GENESIS.members:
        assert KEYS.get(state, member.key) == KeyOwner(member.producer)
    assert {name for (name,), _ in VALUES.every(state)} == set(REGISTRY.parameters)


def test_what_a_preset_says_can_be_overridden() -> None:
    made = build_genesis(
        load_preset("devnet"), producer_records(), [], GENESIS_TIME_MS, slot_ms=500, epoch_slots=63
    )
    constants = chain_constants(made.state())
    assert (constants.slot_ms, constants.epoch_slots) == (500, 63)


def test_the_header_follows_the_rules_of_genesis() -> None:
    header = GENESIS.header
    empty = sha256(b"")
    assert header == Header(
        chain=None,
        parent=None,
        height=0,
        slot=0,
        producer=None,
        reveal=None,
        dynasty=0,
        set_hash=sha256(encode([[m.producer, m.key] for m in GENESIS.members])),
        next_set_hash=bytes(32),
        handover=None,
        base=None,
        qc_target=None,
        qc_hash=empty,
        final_if_qc=None,
        state_root=header.state_root,
        transactions_root=empty,
        receipts_root=empty,
        events_root=empty,
    )
    hashes: dict[bytes, bytes | None] = {key_path(r.key): sha256(r.value) for r in GENESIS.rows}
    assert header.state_root == update(lambda _: None, hashes).root


BLOCK = GENESIS.header.id()
OTHER = b"\x01" * 32
ALTERED: dict[str, object] = {
    "chain": OTHER,
    "parent": BLOCK,
    "height": 1,
    "slot": 1,
    "producer": OTHER,
    "reveal": OTHER,
    "dynasty": 1,
    "set_hash": OTHER,
    "next_set_hash": OTHER,
    "handover": BLOCK,
    "base": BlockRef(BLOCK, 0),
    "qc_target": Target(BLOCK, 0, 0),
    "qc_hash": OTHER,
    "final_if_qc": BLOCK,
    "state_root": OTHER,
    "transactions_root": OTHER,
    "receipts_root": OTHER,
    "events_root": OTHER,
}


def test_each_altered_header_field_is_named() -> None:
    assert set(ALTERED) == {field.name for field in Header.fields}
    for name, value in ALTERED.items():
        values = {field.name: getattr(GENESIS.header, field.name) for field in Header.fields}
        altered = replace(GENESIS, header=Header(**{**values, name: value}))
        with pytest.raises(InvalidGenesis) as caught:
            parse_genesis(altered.encode())
        assert caught.value.field == f"header.{name}"


def with_row(changed: Row) -> tuple[Row, ...]:
    """The rows with another value for one."""
    assert changed.key in [row.key for row in GENESIS.rows]
    return tuple(changed if row.key == changed.key else row for row in GENESIS.rows)


MEMBERS = GENESIS.members
RICHER = Row(BALANCES.state_key(ANNA.public, "REEL"), Balance(FUNDS + 1).encode())
RENAMED = Row(
    PRODUCERS.state_key(MEMBERS[0].producer), Producer(MEMBERS[0].key, "renamed").encode()
)


@pytest.mark.parametrize(
    ("altered", "field"),
    [
        (replace(GENESIS, rows=GENESIS.rows[::-1]), "rows[1]"),
        (replace(GENESIS, rows=(*GENESIS.rows, GENESIS.rows[-1])), f"rows[{len(GENESIS.rows)}]"),
        (replace(GENESIS, rows=with_row(RICHER)), "rows"),
        (replace(GENESIS, rows=with_row(RENAMED)), "header.state_root"),
        (replace(GENESIS, members=MEMBERS[::-1]), "members"),
        (replace(GENESIS, members=(Member(MEMBERS[0].producer, OTHER), *MEMBERS[1:])), "members"),
    ],
)
def test_an_altered_file_is_refused(altered: Genesis, field: str) -> None:
    with pytest.raises(InvalidGenesis) as caught:
        parse_genesis(altered.encode())
    assert caught.value.field == field


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data + b"\x00",
        lambda data: b"",
        lambda data: data.replace(b"genesis", b"Genesis", 1),
        lambda data: encode(["genesis", 2, *as_list(data)[2:]]),
    ],
)
def test_bytes_that_are_no_genesis_are_refused(damage: Callable[[bytes], bytes]) -> None:
    with pytest.raises(InvalidGenesis):
        parse_genesis(damage(GENESIS.encode()))


def as_list(data: bytes) -> list[Wire]:
    wire = decode(data)
    return wire if isinstance(wire, list) else []


def test_a_file_has_a_largest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    data = GENESIS.encode()
    monkeypatch.setattr(file, "MAX_GENESIS_BYTES", len(data) - 1)
    with pytest.raises(InvalidGenesis, match="at most"):
        parse_genesis(data)


def drop_producer(state: State) -> None:
    PRODUCERS.delete(state, MEMBERS[0].producer)


def drop_candidate(state: State) -> None:
    let_withdraw(state, MEMBERS[0].producer)


def share_key(state: State) -> None:
    PRODUCERS.put(state, Producer(MEMBERS[1].key, "copy"), MEMBERS[0].producer)


def share_candidate_key(state: State) -> None:
    let_stand(state, MEMBERS[0].producer, MEMBERS[1].key)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (CONSTANTS.delete, "chain.constants"),
        (ECONOMY.delete, "economy.constants"),
        (drop_producer, "no producer has it"),
        (drop_candidate, "fewer than 4 producers stand"),
        (share_key, "no row of its own"),
        (share_candidate_key, "share a consensus key"),
        (lambda s: BEACONS.delete(s, MEMBERS[0].producer), "producer.beacon"),
        (lambda s: ASSETS.delete(s, "REEL"), "native_asset"),
        (lambda s: VALUES.put(s, ParameterValue(500_001), BURN_PPM.name), "fee.burn_ppm"),
        (lambda s: VALUES.put(s, ParameterValue(1), "fee.unheard"), "parameters.fee.unheard"),
        (lambda s: BALANCES.put(s, Balance(1), BEN.public, "REEL"), "minted"),
        (lambda s: s.put(encode(["no.table"]), b"\x80"), "no table"),
        (lambda s: s.put(encode(["token.balance", 1]), b"\x80"), "2 parts"),
        (lambda s: s.put(CONSTANTS.state_key(), b"\x80"), "chain.constants"),
        (lambda s: s.put(b"\xff", b"\x80"), "rows["),
        (lambda s: s.put(PRICES.state_key("REEL"), b"\x80"), "fee.price"),
    ],
)
def test_a_state_that_cannot_start_a_chain_is_refused(
    spoil: Callable[[State], None], message: str
) -> None:
    state = GENESIS.state()
    spoil(state)
    with pytest.raises(InvalidGenesis) as caught:
        make_genesis(state)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("count", "slots", "field"), [(4, 11, "epoch_slots"), (5, 14, "chain.epoch_slots")]
)
def test_an_epoch_has_room_for_three_turns_of_the_set(count: int, slots: int, field: str) -> None:
    records = producer_records(count)
    with pytest.raises(InvalidGenesis) as caught:
        build_genesis(load_preset("devnet"), records, [], GENESIS_TIME_MS, epoch_slots=slots)
    assert caught.value.field == field
    build_genesis(load_preset("devnet"), records, [], GENESIS_TIME_MS, epoch_slots=slots + 1)


SAME_KEY = make_producer_record(key("another"), key("consensus 0"), "p", commitment_of(0))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"producers": producer_records(3)}, "producers"),
        ({"producers": producer_records(22)}, "producers"),
        ({"producers": producer_records() + producer_records(1)}, "producers[4]"),
        ({"producers": [*producer_records(), SAME_KEY]}, "producers[4].key"),
        (
            {"producers": [replace(producer_records()[0], name="x")] * 4},
            "producers[0].account_signature",
        ),
        ({"allocations": [(b"short", 1)]}, "account"),
        ({"allocations": [(ANNA.public, 10**17 + 1)]}, "amount"),
        ({"slot_ms": 99}, "slot_ms"),
        ({"genesis_time_ms": -1}, "genesis_time_ms"),
    ],
)
def test_what_cannot_be_built_is_named(change: dict[str, Any], field: str) -> None:
    wanted: dict[str, Any] = {
        "preset": load_preset("devnet"),
        "producers": producer_records(),
        "allocations": [],
        "genesis_time_ms": GENESIS_TIME_MS,
    }
    with pytest.raises(InvalidGenesis) as caught:
        build_genesis(**(wanted | change))
    assert caught.value.field == field


def test_the_head_is_read_without_the_rows() -> None:
    data = GENESIS.encode()
    assert parse_head(data) == GENESIS.head
    assert (parse_head(data).chain, parse_head(data).producer_set.hash) == (
        GENESIS.chain,
        GENESIS.producer_set.hash,
    )
    rows_at = len(replace(GENESIS, rows=()).encode()) - 1
    assert parse_head(data[:rows_at]) == GENESIS.head
    for size in range(rows_at):
        with pytest.raises(InvalidGenesis):
            parse_head(data[:size])


@pytest.mark.parametrize(
    ("altered", "field"),
    [
        (replace(GENESIS, members=GENESIS.members[::-1]).encode(), ""),
        (replace(GENESIS, header=replace(GENESIS.header, set_hash=b"s" * 32)).encode(), "members"),
        (b"\x84" + GENESIS.encode()[1:], ""),
        (GENESIS.encode().replace(b"genesis", b"geneses", 1), ""),
        (GENESIS.header.encode(), ""),
        (b"", ""),
    ],
)
def test_a_head_that_is_none_is_refused(altered: bytes, field: str) -> None:
    with pytest.raises(InvalidGenesis) as caught:
        parse_head(altered)
    assert caught.value.field == field
