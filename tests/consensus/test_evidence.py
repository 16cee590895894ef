"""Evidence: each offence is shown by its bytes, nothing else is, and no honest member is."""

import json
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus.block import MAX_SLOT, BlockRef, Header, Target, vote_message
from consensus.codec import MAX_DEPTH
from consensus.errors import InvalidEncoding, InvalidEvidence
from consensus.evidence import (
    DOUBLE_BLOCK,
    DOUBLE_VOTE,
    OFFENCES,
    SURROUND,
    Evidence,
    Statement,
    check_evidence,
    evidence_of_blocks,
    evidence_of_votes,
    source_slot,
)
from consensus.finality import ChainBlock, source_of
from consensus.hashing import sha256
from consensus.keys import KeyPair
from consensus.kinds import JSON_INTEGER_MAX
from consensus.record import replace
from tests.consensus.chains import CHAIN, altered, child, genesis, members, sign, verify
from tests.consensus.histories import (
    History,
    block_statement,
    guilty_by_pairs,
    seen_by_watch,
    vote_statement,
)

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "evidence.json").read_text())
SET = members(1, 2, 3, 4)
KEY = SET.members[2].key
ROOT = genesis(SET)
A1 = child(ROOT, 1)
A2 = child(A1, 2, A1)
A3 = child(A2, 3, A2)
A4 = child(A3, 4, ROOT.qc)  # names what A3 names: source A2
B5 = child(A1, 5, A1, salt=5)  # source 1, around A3's 2 and 3


def evidence(offence: str) -> Evidence:
    """Good evidence of each offence."""
    made: Evidence | None
    if offence == SURROUND:
        made = evidence_of_votes(KEY, vote_statement(A3, KEY), vote_statement(B5, KEY))
    elif offence == DOUBLE_VOTE:
        twin = child(A2, 3, A2, salt=9)
        made = evidence_of_votes(KEY, vote_statement(twin, KEY), vote_statement(A3, KEY))
    else:
        twin = child(A2, 3, A2, salt=9)
        made = evidence_of_blocks(KEY, block_statement(twin, KEY), block_statement(A3, KEY))
    assert made is not None
    assert made.offence == offence
    return made


def refusal(made: Evidence, chain: bytes = CHAIN) -> str:
    """The field at fault."""
    with pytest.raises(InvalidEvidence) as caught:
        check_evidence(made, chain, verify)
    assert caught.value.code == "invalid-evidence"
    return caught.value.field


@pytest.mark.parametrize("offence", OFFENCES)
def test_each_offence_is_accepted_from_its_bytes_alone(offence: str) -> None:
    made = evidence(offence)
    check_evidence(Evidence.decode(made.encode()), CHAIN, verify)
    assert Evidence.from_json(made.to_json()) == made


@pytest.mark.parametrize("vector", VECTORS["evidence"], ids=lambda vector: vector["offence"])
def test_the_evidence_of_the_vectors(vector: dict[str, Any]) -> None:
    made = Evidence.decode(bytes.fromhex(vector["encoding"]))
    assert made.encode().hex() == vector["encoding"]
    assert (made.offence, made.key.hex()) == (vector["offence"], vector["key"])
    ids = [statement.header.id().binary.hex() for statement in (made.first, made.second)]
    assert ids == vector["ids"]
    check_evidence(made, bytes.fromhex(VECTORS["chain"]))


@pytest.mark.parametrize("offence", [DOUBLE_VOTE, DOUBLE_BLOCK])
def test_real_signatures_are_verified_unless_told_otherwise(offence: str) -> None:
    key = KeyPair.from_seed(b"k" * 32)
    made = replace(evidence(offence), key=key.public)
    with pytest.raises(InvalidEvidence):
        check_evidence(made, CHAIN)
    ids = made.first.header.id(), made.second.header.id()
    messages = [i.binary if offence == DOUBLE_BLOCK else vote_message(CHAIN, i) for i in ids]
    first, second = (key.sign(message) for message in messages)
    signed = replace(
        made,
        first=replace(made.first, signature=first),
        second=replace(made.second, signature=second),
    )
    check_evidence(signed, CHAIN)


@pytest.mark.parametrize("offence", OFFENCES)
def test_two_statements_have_one_encoding(offence: str) -> None:
    made = evidence(offence)
    judge = evidence_of_blocks if offence == DOUBLE_BLOCK else evidence_of_votes
    assert judge(KEY, made.first, made.second) == judge(KEY, made.second, made.first) == made
    assert refusal(replace(made, first=made.second, second=made.first)).startswith("second.header")


def other_header(header: Header, name: str) -> Header:
    """The header with another value in one field."""
    value = getattr(header, name)
    changed: object
    match value:
        case bytes():
            changed = bytes(32) if value != bytes(32) else b"\x01" * 32
        case int():
            changed = value + 1
        case None:
            changed = ROOT.id
        case BlockRef() | Target():
            changed = replace(value, id=A4.id)
        case _:
            changed = ROOT.id if value != ROOT.id else A1.id
    return altered(header, **{name: changed})


@pytest.mark.parametrize("offence", OFFENCES)
@pytest.mark.parametrize("place", ["first", "second"])
@pytest.mark.parametrize("name", [field.name for field in Header.fields])
def test_every_field_of_each_header_is_covered(offence: str, place: str, name: str) -> None:
    made = evidence(offence)
    statement: Statement = getattr(made, place)
    changed = replace(statement, header=other_header(statement.header, name))
    assert changed != statement
    assert refusal(altered_evidence(made, **{place: changed})) != ""


def altered_evidence(made: Evidence, **fields: object) -> Evidence:
    """The evidence with some fields replaced."""
    return replace(made, **fields)


@pytest.mark.parametrize("offence", OFFENCES)
@pytest.mark.parametrize("place", ["first", "second"])
def test_each_signature_is_verified(offence: str, place: str) -> None:
    made = evidence(offence)
    statement: Statement = getattr(made, place)
    changed = replace(statement, signature=bytes(64))
    assert refusal(altered_evidence(made, **{place: changed})) == f"{place}.signature"


@pytest.mark.parametrize("offence", OFFENCES)
def test_evidence_is_against_one_key_on_one_chain(offence: str) -> None:
    made = evidence(offence)
    assert refusal(replace(made, key=SET.members[0].key)) == "first.signature"
    assert refusal(made, b"d" * 32) == "first.header.chain"


@pytest.mark.parametrize(("offence", "claimed"), list(permutations(OFFENCES, 2)))
def test_evidence_of_one_offence_is_none_of_another(offence: str, claimed: str) -> None:
    refusal(replace(evidence(offence), offence=claimed))


def test_an_unknown_offence_is_refused() -> None:
    made = replace(evidence(SURROUND), offence="rudeness")
    assert refusal(made) == "offence"
    with pytest.raises(InvalidEncoding):
        made.encode()


def test_the_same_statement_twice_is_no_offence() -> None:
    one = vote_statement(A3, KEY)
    assert evidence_of_votes(KEY, one, one) is None
    assert evidence_of_blocks(KEY, one, one) is None
    assert refusal(Evidence(DOUBLE_VOTE, KEY, one, one)) == "second.header"
    assert refusal(Evidence(SURROUND, KEY, one, one)) == "second.header.slot"


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        ((1, 5), (1, 4)),  # same source
        ((2, 5), (1, 4)),  # one after the other's source
        ((1, 5), (2, 5)),  # same target
        ((1, 5), (2, 6)),
        ((1, 5), (3, 3)),  # the inner one spans nothing
        ((5, 6), (1, 2)),
    ],
)
def test_only_four_rising_slots_are_a_surround(
    outer: tuple[int, int], inner: tuple[int, int]
) -> None:
    first, second = (spanning(source, slot) for source, slot in (outer, inner))
    made = Evidence(SURROUND, KEY, voted(first), voted(second))
    assert refusal(made) == "second.header.slot"
    check_evidence(
        Evidence(SURROUND, KEY, voted(spanning(1, 5)), voted(spanning(2, 4))), CHAIN, verify
    )


def spanning(source: int, slot: int, dynasty: int = 0) -> Header:
    """A header of this source slot; no chain has it."""
    return altered(A3.header, slot=slot, dynasty=dynasty, qc_target=Target(A1.id, source, dynasty))


def voted(header: Header) -> Statement:
    return Statement(header, sign(KEY, vote_message(CHAIN, header.id())))


def test_across_dynasties_a_surround_is_legal() -> None:
    outer, inner = voted(spanning(1, 5, dynasty=1)), voted(spanning(2, 4))
    assert evidence_of_votes(KEY, outer, inner) is None
    assert refusal(Evidence(SURROUND, KEY, outer, inner)) == "second.header.dynasty"


def test_the_source_is_the_base_when_the_target_is_of_an_earlier_dynasty() -> None:
    outer = altered(spanning(3, 6), dynasty=1, base=BlockRef(A1.id, 1))
    inner = spanning(2, 4, dynasty=1)
    assert source_slot(outer) == 1
    check_evidence(Evidence(SURROUND, KEY, voted(outer), voted(inner)), CHAIN, verify)


@pytest.mark.parametrize("missing", ["qc_target", "base"])
@pytest.mark.parametrize("place", ["first", "second"])
def test_a_header_without_a_source_surrounds_nothing(missing: str, place: str) -> None:
    headers = {"first": spanning(1, 5), "second": spanning(2, 4)}
    headers[place] = altered(headers[place], **{missing: None})
    assert source_slot(headers[place]) is None
    one, other = voted(headers["first"]), voted(headers["second"])
    assert evidence_of_votes(KEY, one, other) is None
    assert refusal(Evidence(SURROUND, KEY, one, other)) == f"{place}.header.qc_target"


@given(
    dynasty=st.integers(0, 2),
    target=st.builds(Target, st.just(A1.id), st.integers(0, 9), st.integers(0, 2)),
    base=st.builds(BlockRef, st.just(A2.id), st.integers(0, 9)),
)
def test_the_source_is_that_of_the_functions_of_the_chain(
    dynasty: int, target: Target, base: BlockRef
) -> None:
    header = altered(A3.header, dynasty=dynasty, qc_target=target, base=base)
    assert source_slot(header) == source_of(dynasty, target, base).slot


LARGEST = Statement(
    altered(
        A3.header,
        height=JSON_INTEGER_MAX,
        slot=MAX_SLOT,
        dynasty=JSON_INTEGER_MAX,
        handover=A1.id,
        base=BlockRef(A1.id, MAX_SLOT),
        qc_target=Target(A1.id, MAX_SLOT, JSON_INTEGER_MAX),
        final_if_qc=A1.id,
    ),
    bytes(64),
)


def test_evidence_fits_into_an_action_of_a_block() -> None:
    depth = 4  # block, body, transactions, transaction, actions, action: six less than these
    assert depth + 2 + nesting(evidence(SURROUND).pack()) <= MAX_DEPTH
    largest = replace(evidence(DOUBLE_BLOCK), first=LARGEST, second=LARGEST)
    assert len(largest.encode()) == 1_412


def nesting(wire: object) -> int:
    return 1 + max(map(nesting, wire), default=0) if isinstance(wire, list) else 0


@given(seed=st.integers(0, 2**32), steps=st.integers(1, 60))
@settings(max_examples=60)
def test_the_rules_keep_every_member_from_evidence(seed: int, steps: int) -> None:
    history = History(Random(seed))
    for _ in range(steps):
        history.step()
    assert seen_by_watch(history.votes, history.blocks, history.random) == {}
    assert guilty_by_pairs(history.votes, history.blocks) == set()
    for key, statements in [*history.votes.items(), *history.blocks.items()]:
        for one, other in permutations(statements[-12:], 2):
            for offence in OFFENCES:
                refusal(Evidence(offence, key, one, other))


def test_the_histories_are_put_through_what_they_claim() -> None:
    votes = blocks = lost = 0
    dynasties: set[int] = set()
    forks = 0
    for seed in range(10):
        history = History(Random(seed))
        for _ in range(60):
            history.step()
        votes += sum(map(len, history.votes.values()))
        blocks += sum(map(len, history.blocks.values()))
        lost += history.lost
        dynasties |= {block.dynasty for block in history.tree}
        forks += len({b.slot for b in history.tree}) < len(history.tree)
    assert votes > 800
    assert blocks > 300
    assert lost > 40
    assert len(dynasties) >= 3
    assert forks > 5


Made = Callable[[ChainBlock, bytes], Statement]


@given(seed=st.integers(0, 2**32), steps=st.integers(1, 40), rate=st.floats(0.02, 0.5))
@settings(max_examples=60)
def test_the_watch_finds_just_what_any_two_statements_show(
    seed: int, steps: int, rate: float
) -> None:
    history = History(Random(seed))
    for _ in range(steps):
        history.step()
    keys = [sha256(bytes([i])) for i in range(3)]
    loose: list[dict[bytes, list[Statement]]] = []
    makers: tuple[Made, Made] = (vote_statement, block_statement)
    for make in makers:
        chosen = {
            key: [make(b, key) for b in history.tree[1:] if history.random.random() < rate]
            for key in keys
        }
        loose.append(chosen)
    found = seen_by_watch(loose[0], loose[1], history.random)
    assert set(found) == guilty_by_pairs(loose[0], loose[1])
