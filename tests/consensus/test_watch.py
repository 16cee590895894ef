"""The watch: it finds each offence once, in any order, and its memory is bounded."""

import pytest

from consensus.evidence import (
    DOUBLE_BLOCK,
    DOUBLE_VOTE,
    SURROUND,
    Evidence,
    Statement,
    check_evidence,
)
from consensus.finality import ChainBlock
from consensus.hashing import sha256
from consensus.watch import MAX_KEYS, MAX_SLOTS, Watch
from tests.consensus.chains import CHAIN, altered, child, genesis, members, verify
from tests.consensus.histories import block_statement, vote_statement

SET = members(1, 2, 3, 4)
KEY, OTHER = SET.members[0].key, SET.members[1].key
ROOT = genesis(SET)
A1 = child(ROOT, 1)
A2 = child(A1, 2, A1)
A3 = child(A2, 3, A2)
TWIN = child(A2, 3, A2, salt=1)
AROUND = child(A1, 5, A1)


def vote(watch: Watch, block: ChainBlock, key: bytes = KEY) -> Evidence | None:
    """What the watch says to a key's vote."""
    return taken(watch.on_vote, block, vote_statement(block, key), key)


def sealed(watch: Watch, block: ChainBlock, key: bytes = KEY) -> Evidence | None:
    """What the watch says to a block signed by a key."""
    return taken(watch.on_block, block, block_statement(block, key), key)


def taken(call: object, block: ChainBlock, made: Statement, key: bytes) -> Evidence | None:
    assert callable(call)
    found = call(block.header, block.id, key, made.signature)
    assert found is None or isinstance(found, Evidence)
    if found is not None:
        check_evidence(found, CHAIN, verify)
    return found


def offence(found: Evidence | None) -> str:
    return "" if found is None else found.offence


@pytest.mark.parametrize(("one", "other"), [(A3, TWIN), (TWIN, A3)])
def test_two_votes_of_one_slot_are_found_once(one: ChainBlock, other: ChainBlock) -> None:
    watch = Watch()
    assert vote(watch, A2) is None
    assert vote(watch, one) is None
    assert offence(vote(watch, other)) == DOUBLE_VOTE
    assert vote(watch, other) is None
    assert vote(watch, AROUND) is None
    assert sealed(watch, one) is None
    assert sealed(watch, other) is None


@pytest.mark.parametrize(("one", "other"), [(A3, TWIN), (TWIN, A3)])
def test_two_blocks_of_one_slot_are_found(one: ChainBlock, other: ChainBlock) -> None:
    watch = Watch()
    assert sealed(watch, one) is None
    assert offence(sealed(watch, other)) == DOUBLE_BLOCK


@pytest.mark.parametrize(("one", "other"), [(A3, AROUND), (AROUND, A3)])
def test_a_surround_is_found_whichever_came_first(one: ChainBlock, other: ChainBlock) -> None:
    watch = Watch()
    assert vote(watch, one) is None
    assert offence(vote(watch, other)) == SURROUND


def test_a_statement_seen_again_is_no_offence() -> None:
    watch = Watch()
    for block in (A1, A2, A3, A3, A2, A1):
        assert vote(watch, block) is None
        assert sealed(watch, block) is None


def test_a_vote_and_a_block_of_one_slot_do_not_conflict_nor_do_two_keys() -> None:
    watch = Watch()
    assert vote(watch, A3) is None
    assert sealed(watch, TWIN) is None
    assert vote(watch, TWIN, OTHER) is None
    assert sealed(watch, A3, OTHER) is None
    assert offence(vote(watch, A3, OTHER)) == DOUBLE_VOTE
    assert offence(vote(watch, TWIN)) == DOUBLE_VOTE


def at(slot: int, salt: int = 0) -> ChainBlock:
    """A block far away, which no chain holds."""
    return child(A2, slot, A2, salt=salt)


def test_a_slot_is_remembered_until_its_place_is_needed() -> None:
    for later, found in ((2 + MAX_SLOTS, DOUBLE_VOTE), (3 + MAX_SLOTS, "")):
        watch = Watch()
        assert vote(watch, A3) is None
        assert vote(watch, at(later)) is None
        assert offence(vote(watch, TWIN)) == found


def test_an_older_slot_does_not_take_the_place_of_a_later_one() -> None:
    watch = Watch()
    late = 3 + MAX_SLOTS
    for block in (at(late), A3):
        assert vote(watch, block) is None
        assert sealed(watch, block) is None
    assert offence(sealed(watch, at(late, salt=1))) == DOUBLE_BLOCK
    watch = Watch()
    assert vote(watch, at(late)) is None
    assert vote(watch, A3) is None
    assert offence(vote(watch, at(late, salt=1))) == DOUBLE_VOTE


def test_the_oldest_key_is_forgotten_first() -> None:
    watch = Watch()
    assert vote(watch, A3) is None
    for i in range(MAX_KEYS - 1):
        assert vote(watch, A3, sha256(b"key %d" % i)) is None
    assert offence(vote(watch, TWIN)) == DOUBLE_VOTE
    assert vote(watch, A3, b"k" * 32) is None
    assert vote(watch, TWIN) is None
    assert offence(vote(watch, TWIN, sha256(b"key 1"))) == DOUBLE_VOTE


def test_a_vote_for_a_header_without_a_source_is_only_compared_by_slot() -> None:
    watch = Watch()
    bare = altered(A3.header, qc_target=None)
    assert vote(watch, AROUND) is None
    assert watch.on_vote(bare, bare.id(), KEY, bytes(64)) is None
    assert offence(watch.on_vote(A3.header, A3.id, KEY, bytes(64))) == DOUBLE_VOTE
