"""Answers to a light client: facts of every kind, and a thousand ways to change each by a byte."""

from collections.abc import Callable
from itertools import combinations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus.block import MAX_SLOT, BlockRef, Target
from consensus.cid import DAG_CBOR, cid_of
from consensus.errors import InvalidProof
from consensus.hashing import sha256
from consensus.kinds import JSON_INTEGER_MAX
from consensus.light import (
    BEHIND,
    MAX_DYNASTY_STEP_BYTES,
    DynastyStep,
    LightAnchor,
    LightState,
    anchor_state,
    follow_dynasties,
    place_of,
)
from consensus.light_answer import (
    EVENTS,
    MAX_ANCHOR_BYTES,
    MAX_ANSWER_BYTES,
    MAX_FACT_BYTES,
    MAX_STEPS_ANSWERED,
    MAX_STEPS_BYTES,
    RECEIPTS,
    TRANSACTIONS,
    DynastySteps,
    Facts,
    InclusionProof,
    LightAnswer,
    LightProof,
    PastBlock,
    check_inclusion,
    decode_anchor,
    decode_answer,
    decode_proof,
    decode_steps,
    encode_proof,
    inclusion,
    verify_answer,
)
from consensus.light_rows import PROGRESS_KEY
from consensus.merkle import merkle_root
from consensus.producers import MAX_PRODUCERS, Member
from consensus.record import replace
from consensus.tree_proof import MAX_PROVED_ROWS, OtherLeaf, StateProof
from tests.consensus.light_chains import ABSENT, KEY, LISTS, VALUE, Chain, chain_of, seats

CHANGES = 1000


@pytest.fixture
def chain() -> Chain:
    return chain_of(2)


def everything(chain: Chain) -> LightAnswer:
    """An answer with rows there and not, a past block, and items of all its lists."""
    return chain.answer(KEY, ABSENT, height=3, items=True)


def refused(state: LightState, answer: LightAnswer) -> str:
    """The check that fails."""
    with pytest.raises(InvalidProof) as caught:
        verify_answer(state, answer)
    return caught.value.field


# What is proved


def test_facts_of_every_kind_across_two_changes_of_the_set(chain: Chain) -> None:
    state, facts = verify_answer(chain.start, everything(chain))
    final = chain.headers[-2]
    assert (state.final, state.dynasty) == (place_of(final), 2)
    assert facts == Facts(
        final=final,
        place=place_of(final),
        rows={ABSENT: None, KEY: VALUE, PROGRESS_KEY: chain.trees[-2].rows[PROGRESS_KEY]},
        block=chain.headers[3],
        items=tuple(chain.items()),
        dynasty=2,
        producers=seats(2).producers,
    )
    assert facts.items_of(EVENTS) == LISTS[EVENTS]
    assert facts.items_of(TRANSACTIONS) == LISTS[TRANSACTIONS]


def test_the_newest_final_block_alone(chain: Chain) -> None:
    state, facts = verify_answer(chain.start, chain.answer())
    assert (dict(facts.rows), facts.block, facts.items) == ({}, None, ())
    assert state.final == place_of(chain.headers[-2])


def test_every_block_of_the_history(chain: Chain) -> None:
    for height, header in enumerate(chain.headers[:-1]):
        assert verify_answer(chain.start, chain.answer(height=height))[1].block == header


def test_a_client_goes_on_from_where_it_is(chain: Chain) -> None:
    state, facts = verify_answer(chain.start, everything(chain))
    assert verify_answer(state, replace(everything(chain), steps=())) == (state, facts)
    middle = follow_dynasties(chain.start, [chain.step(0)])
    assert verify_answer(middle, chain.answer(KEY, first=1))[0] == state


def test_a_checkpoint_needs_only_the_steps_above_it(chain: Chain) -> None:
    height = 8
    header = chain.headers[height]
    assert header.dynasty == 1
    state = anchor_state(chain.anchor(height), height, header.id())
    _, facts = verify_answer(state, chain.answer(KEY, first=1))
    assert facts.rows == {KEY: VALUE}


def test_an_answer_survives_its_encoding(chain: Chain) -> None:
    answer, anchor = everything(chain), chain.anchor(8)
    assert decode_answer(answer.encode()) == answer
    assert decode_anchor(anchor.encode()) == anchor
    for first in (None, anchor):
        proof = LightProof(first, answer)
        assert decode_proof(encode_proof(proof)) == proof
    steps = (chain.step(0), chain.step(1))
    assert decode_steps(DynastySteps(steps).encode()) == steps


# A changed byte


def changed_at(data: bytes, place: int, value: int) -> bytes:
    """The data with another byte in one place."""
    return data[:place] + bytes([data[place] ^ value]) + data[place + 1 :]


@pytest.mark.parametrize("kind", ["answer", "file", "file from a checkpoint"])
def test_none_of_a_thousand_random_changes_of_a_byte_is_accepted(kind: str, chain: Chain) -> None:
    """Over the whole, so in headers, certificates, lists, rows and proofs. A file's digest, which
    alone would refuse them all, is made anew after each change."""
    answer, height = everything(chain), 8
    below = LightProof(chain.anchor(height), replace(answer, steps=answer.steps[1:]))
    good, check = {
        "answer": (answer.encode(), facts_of_answer),
        "file": (LightProof(None, answer).encode(), facts_of_file),
        "file from a checkpoint": (below.encode(), facts_of_file),
    }[kind]
    assert check(chain, good).rows[KEY] == VALUE
    chance = Random(kind)
    accepted = []
    for _ in range(CHANGES):
        place, value = chance.randrange(len(good)), chance.randrange(1, 256)
        try:
            check(chain, changed_at(good, place, value))
        except InvalidProof:
            continue
        accepted.append((place, value))
    assert accepted == []


def facts_of_answer(chain: Chain, data: bytes) -> Facts:
    """As a client has them that has asked for two rows."""
    _, facts = verify_answer(chain.start, decode_answer(data))
    if {KEY, ABSENT} - facts.rows.keys():
        raise InvalidProof("another row", field="question")
    return facts


def facts_of_file(chain: Chain, content: bytes) -> Facts:
    """As a verifier of files has them, who knows genesis and the id of block 8."""
    proof = decode_proof(content + sha256(content))
    state = chain.start
    if proof.anchor is not None:
        state = anchor_state(proof.anchor, 8, chain.headers[8].id())
    _, facts = verify_answer(state, proof.answer)
    if {KEY, ABSENT} - facts.rows.keys():
        raise InvalidProof("another row", field="question")
    return facts


def test_no_changed_byte_of_a_file_passes_its_digest(chain: Chain) -> None:
    good = encode_proof(LightProof(None, everything(chain)))
    for place in range(0, len(good), 7):
        with pytest.raises(InvalidProof, match="digest"):
            decode_proof(changed_at(good, place, 1))


@pytest.mark.parametrize("part", ["step", "members", "target", "certificate", "rows", "items"])
def test_no_random_change_in_any_part_is_accepted(part: str, chain: Chain) -> None:
    answer = everything(chain)
    good = answer.encode()
    pieces = {
        "step": answer.steps[1].limbo.encode(),
        "members": b"".join(_member(member) for member in answer.steps[0].members),
        "target": answer.target.encode(),
        "certificate": answer.certificate,
        "rows": answer.proof.encode(),
        "items": b"".join(proof_hashes(answer)),
    }
    start = good.index(pieces[part][:30])
    length = len(pieces[part])
    chance = Random(part)
    for _ in range(CHANGES // 4):
        place = start + chance.randrange(length)
        with pytest.raises(InvalidProof):
            verify_answer(
                chain.start, decode_answer(changed_at(good, place, chance.randrange(1, 256)))
            )


def _member(member: Member) -> bytes:
    return b"\x82\x58\x20" + member.producer + b"\x58\x20" + member.key


def proof_hashes(answer: LightAnswer) -> list[bytes]:
    """The hashes of the first item's proof, as they lie in the encoding."""
    return [b"\x58\x20" + each for each in answer.items[0].proof.hashes]


def test_changes_all_along_an_answer_fail_each_of_the_checks(chain: Chain) -> None:
    good = everything(chain).encode()
    fields = set()
    for place in range(0, len(good), 3):
        with pytest.raises(InvalidProof) as caught:
            facts_of_answer(chain, changed_at(good, place, 1 << place % 8))
        fields.add(caught.value.field.partition("[")[0])
    assert fields == {
        *("encoding", "dynasty step 0", "dynasty step 1", "certificate", "final header"),
        *("rows", "state proof", "block", "items"),
    }


def test_truncated_and_lengthened_answers(chain: Chain) -> None:
    good = everything(chain).encode()
    for bad in (b"", good[:-1], good[: len(good) // 2], good + b"\x00"):
        with pytest.raises(InvalidProof) as caught:
            decode_answer(bad)
        assert caught.value.field == "encoding"


# Rows


@pytest.mark.parametrize("value", [b"another balance", b"", None])
def test_another_value_than_the_state_holds(chain: Chain, value: bytes | None) -> None:
    answer = chain.answer(KEY)
    rows = (replace(answer.rows[0], value=value),)
    assert refused(chain.start, replace(answer, rows=rows)) == "state proof"


def test_a_value_for_an_absent_row(chain: Chain) -> None:
    answer = chain.answer(ABSENT)
    rows = (replace(answer.rows[0], value=b""),)
    assert refused(chain.start, replace(answer, rows=rows)) == "state proof"


def test_rows_come_in_order_and_once(chain: Chain) -> None:
    answer = chain.answer(KEY, ABSENT)
    for rows in (answer.rows[::-1], (answer.rows[0], answer.rows[0], answer.rows[1])):
        assert refused(chain.start, replace(answer, rows=rows)) == "rows"


def test_a_row_more_or_less_than_the_proof_is_of(chain: Chain) -> None:
    answer = chain.answer(KEY, ABSENT)
    for count in (0, 1):
        assert refused(chain.start, replace(answer, rows=answer.rows[:count])) == "state proof"


# Past blocks


def test_a_block_that_is_not_of_the_chain(chain: Chain) -> None:
    answer = chain.answer(height=3)
    assert answer.block is not None
    for header in (replace(chain.headers[3], slot=99), chain.headers[4], chain.headers[-1]):
        block = replace(answer.block, header=header)
        assert refused(chain.start, replace(answer, block=block)) == "block"


def test_a_past_block_without_the_history(chain: Chain) -> None:
    answer = replace(chain.answer(KEY), block=chain.answer(height=3).block)
    assert refused(chain.start, answer) == "block"


def test_the_newest_block_with_hashes(chain: Chain) -> None:
    block = PastBlock(chain.headers[-2], (sha256(b"more"),))
    assert refused(chain.start, replace(chain.answer(), block=block)) == "block"


def test_a_block_with_another_height_in_the_history(chain: Chain) -> None:
    """A header is proved at its own height alone."""
    for low, high in combinations(range(4), 2):
        answer = chain.answer(height=low)
        wrong = chain.answer(height=high).block
        assert answer.block is not None
        assert wrong is not None
        block = replace(answer.block, hashes=wrong.hashes)
        assert refused(chain.start, replace(answer, block=block)) == "block"


# Items


def test_an_item_without_a_block_or_in_another_list(chain: Chain) -> None:
    answer = everything(chain)
    assert refused(chain.start, replace(answer, block=None)) == "items[0]"
    moved = replace(answer.items[0], list=EVENTS)
    assert refused(chain.start, replace(answer, items=(moved,))) == "items[0]"
    forged = replace(answer.items[3], item=b"forged")
    assert refused(chain.start, replace(answer, items=(answer.items[0], forged))) == "items[1]"


def test_items_of_a_proved_header(chain: Chain) -> None:
    root, items = chain.headers[3].transactions_root, LISTS[TRANSACTIONS]
    for i, item in enumerate(items):
        check_inclusion(root, item, inclusion(items, i))
    with pytest.raises(IndexError):
        inclusion(items, 3)
    alone = InclusionProof(0, ())
    check_inclusion(chain.headers[3].receipts_root, LISTS[RECEIPTS][0], alone)
    with pytest.raises(InvalidProof):
        check_inclusion(chain.headers[3].receipts_root, LISTS[RECEIPTS][0], replace(alone, sides=1))


@given(st.lists(st.binary(max_size=3), min_size=1, max_size=40, unique=True), st.data())
def test_a_list_has_one_proof_for_each_item(items: list[bytes], data: st.DataObject) -> None:
    root = merkle_root(items)
    index = data.draw(st.integers(0, len(items) - 1))
    proof = inclusion(items, index)
    check_inclusion(root, items[index], proof)
    other = data.draw(st.integers(0, len(items) - 1).filter(lambda each: each != index) | st.none())
    if other is not None:
        with pytest.raises(InvalidProof):
            check_inclusion(root, items[other], proof)
    for sides in range(1 << min(len(proof.hashes) + 1, 6)):
        if sides != proof.sides:
            with pytest.raises(InvalidProof):
                check_inclusion(root, items[index], replace(proof, sides=sides))


# Old and new


def test_an_answer_that_is_older_than_what_is_known(chain: Chain) -> None:
    state, _ = verify_answer(chain.start, chain.answer())
    older = replace(chain.answer(), steps=(), target=chain.headers[-2], final=chain.headers[-3])
    older = replace(older, certificate=chain.certificate(older.target))
    with pytest.raises(InvalidProof) as caught:
        verify_answer(state, older)
    assert caught.value.code == BEHIND


# Bounds


@pytest.mark.parametrize(
    ("decode", "limit"),
    [(decode_answer, MAX_ANSWER_BYTES), (decode_steps, MAX_STEPS_BYTES)],
)
def test_what_is_too_large_is_not_read(decode: Callable[[bytes], object], limit: int) -> None:
    with pytest.raises(InvalidProof, match="at most") as caught:
        decode(bytes(limit + 1))
    assert caught.value.field == "encoding"


def test_the_bounds_leave_room_for_the_largest(chain: Chain) -> None:
    identity = cid_of(DAG_CBOR, b"")
    most = JSON_INTEGER_MAX
    largest = replace(
        chain.limbos[0],
        height=most,
        slot=MAX_SLOT,
        dynasty=most,
        base=BlockRef(identity, MAX_SLOT),
        qc_target=Target(identity, MAX_SLOT, most),
    )
    members = tuple(Member(bytes([i]) * 32, bytes([i]) * 32) for i in range(MAX_PRODUCERS))
    step = DynastyStep(largest, bytes(3 + 64 * MAX_PRODUCERS), members)
    assert len(step.encode()) <= MAX_DYNASTY_STEP_BYTES
    assert len(DynastySteps((step,) * MAX_STEPS_ANSWERED).encode()) <= MAX_STEPS_BYTES
    shown = StateProof(bytes(4000), (bytes(32),) * 4096, (OtherLeaf(bytes(32), bytes(32)),) * 64)
    anchor = LightAnchor(largest, members, largest, bytes(1024), replace(shown, siblings=()))
    assert len(anchor.encode()) <= MAX_ANCHOR_BYTES
    rows = tuple(
        replace(row, value=bytes(MAX_FACT_BYTES // 2 // MAX_PROVED_ROWS))
        for row in [chain.answer(KEY).rows[0]] * MAX_PROVED_ROWS
    )
    answer = replace(
        everything(chain),
        steps=(step,) * MAX_STEPS_ANSWERED,
        target=largest,
        certificate=step.certificate,
        final=largest,
        rows=rows,
        proof=shown,
    )
    assert len(answer.encode()) <= MAX_ANSWER_BYTES
