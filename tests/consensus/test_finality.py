"""Functions of the chain: source, finalizes, cap, dynasties and handovers."""

import pytest

from consensus.block import BlockRef, Target
from consensus.finality import ChainBlock, ancestor_named, next_dynasty, succession
from consensus.hashing import ZERO_DIGEST
from consensus.headers import scheduled
from tests.consensus.chains import RULES, child, genesis, members

OLD, NEW, THIRD = members(1, 2, 3, 4), members(3, 4, 5, 6), members(7, 8, 9, 10)


def handed_over() -> tuple[ChainBlock, ChainBlock, ChainBlock]:
    """Handover block P in slot 3, the limbo block that finalizes it, dynasty 1's first block."""
    one = child(genesis(OLD), 1)
    two = child(one, 2, one)
    handover = child(two, 3, two, elected=NEW)
    limbo = child(handover, 4, handover)
    return handover, limbo, child(limbo, 5, limbo)


def test_genesis_is_its_own_base_target_and_source() -> None:
    root = genesis(OLD)
    assert root.base == root.source == root.ref
    assert root.qc_target == root.target
    assert (root.finalizes, root.key) == (None, (0, 0))


def test_the_source_is_the_target_within_a_dynasty_and_else_the_base() -> None:
    root = genesis(OLD)
    one = child(root, 1)
    assert child(one, 2, one).source == one.ref
    assert child(one, 2).source == root.ref
    handover, limbo, first = handed_over()
    assert first.qc_target == limbo.target
    assert first.source == handover.ref
    assert child(first, 6, first).source == first.ref


@pytest.mark.parametrize(("slot", "final"), [(6, True), (7, False), (8, False), (70, False)])
def test_only_consecutive_slots_finalize(slot: int, final: bool) -> None:
    one = child(genesis(OLD), 5)
    block = child(one, slot, one)
    assert block.finalizes == (one.ref if final else None)
    assert block.header.final_if_qc == (one.id if final else None)


def test_a_certified_grandparent_in_the_slot_before_the_last_is_not_final() -> None:
    one = child(genesis(OLD), 1)
    two = child(one, 2)
    assert child(two, 3, one).finalizes is None


def test_the_first_block_finalizes_genesis_and_nothing_else() -> None:
    root = genesis(OLD)
    assert child(root, 1).finalizes == root.ref
    assert child(root, 2).finalizes is None


def test_a_handover_block_still_finalizes_what_is_below_it() -> None:
    handover, _, _ = handed_over()
    assert handover.handover == handover.ref
    assert handover.header.handover is None
    assert handover.header.next_set_hash == NEW.hash
    assert handover.members.hash == OLD.hash
    assert handover.finalizes == BlockRef(handover.qc_target.id, 2)


def test_limbo_finalizes_the_handover_block_and_nothing_above_it() -> None:
    handover, limbo, _ = handed_over()
    assert limbo.finalizes == handover.ref
    assert limbo.header.handover == handover.id
    assert limbo.handover_height == handover.height
    gap = child(handover, 5, handover)
    assert gap.finalizes is None
    capped = child(gap, 6, gap)
    assert capped.source == gap.ref
    assert capped.finalizes == handover.ref
    assert child(capped, 7).dynasty == 0


def test_a_source_below_the_handover_block_is_final_as_itself() -> None:
    one = child(genesis(OLD), 1)
    handover = child(one, 2, one, elected=NEW)
    assert handover.finalizes == one.ref
    assert child(handover, 3, one).finalizes is None


def test_the_first_block_that_embeds_the_handovers_finality_opens_the_dynasty() -> None:
    handover, limbo, first = handed_over()
    assert (first.dynasty, first.base, first.members.hash) == (1, handover.ref, NEW.hash)
    assert first.header.set_hash == NEW.hash
    assert (first.handover, first.next_members) == (None, None)
    assert first.header.next_set_hash == ZERO_DIGEST
    assert first.header.producer == scheduled(RULES, limbo, 5).producer
    assert OLD.key_of(first.header.producer or b"") is not None
    without = child(limbo, 5)
    assert (without.dynasty, without.members.hash) == (0, OLD.hash)
    assert without.header.handover == handover.id


def test_certificates_that_do_not_finalize_the_handover_block_open_nothing() -> None:
    handover, limbo, _ = handed_over()
    assert child(handover, 4, handover).dynasty == 0
    gap = child(handover, 5, handover)
    assert child(gap, 6, gap).dynasty == 0
    assert next_dynasty(limbo, handover) == (0, limbo.base)


def test_a_new_set_is_never_adjacent_to_its_base_and_finalizes_with_its_second_block() -> None:
    handover, _, first = handed_over()
    assert first.slot > handover.slot + 1
    assert first.finalizes is None
    second = child(first, 6, first)
    assert second.finalizes == first.ref


def test_an_election_of_the_same_set_is_no_handover() -> None:
    block = child(genesis(OLD), 1, elected=members(1, 2, 3, 4))
    assert (block.handover, block.header.next_set_hash) == (None, ZERO_DIGEST)


def test_epochs_that_end_in_limbo_are_skipped() -> None:
    handover, _, _ = handed_over()
    limbo = child(handover, 4, elected=THIRD)
    assert limbo.header.handover == handover.id
    assert limbo.next_members is handover.next_members
    inherited = succession(limbo, handover, THIRD)
    assert (inherited.pending, inherited.next_set_hash) == (handover.ref, NEW.hash)


def test_the_first_block_of_a_dynasty_may_itself_hand_over() -> None:
    handover, limbo, _ = handed_over()
    first = child(limbo, 5, limbo, elected=THIRD)
    assert (first.dynasty, first.base, first.handover) == (1, handover.ref, first.ref)
    assert (first.members.hash, first.header.next_set_hash) == (NEW.hash, THIRD.hash)
    assert first.header.handover is None
    assert first.finalizes is None
    second = child(first, 6, first)
    assert second.finalizes == first.ref
    third = child(second, 7, second)
    assert (third.dynasty, third.base, third.members.hash) == (2, first.ref, THIRD.hash)
    assert third.source == first.ref
    assert third.finalizes is None
    assert child(third, 8, third).finalizes == third.ref


def test_an_older_dynastys_certificate_does_not_skip_a_dynasty() -> None:
    _, limbo, _ = handed_over()
    first = child(limbo, 5, limbo, elected=THIRD)
    assert child(first, 6, limbo).dynasty == 1


def test_ancestors_are_found_by_all_that_names_them() -> None:
    one = child(genesis(OLD), 1)
    two = child(one, 2)
    three = child(two, 3, one)
    assert ancestor_named(three, three.target) is three
    assert ancestor_named(three, one.target) is one
    assert ancestor_named(three, two.target) is two
    assert ancestor_named(three, Target(one.id, 2, 0)) is None
    assert ancestor_named(three, Target(two.id, 2, 1)) is None
    assert ancestor_named(three, child(one, 2, salt=1).target) is None
    assert ancestor_named(two, three.target) is None


def test_final_heights_follow_embedded_certificates_only() -> None:
    one = child(genesis(OLD), 1)
    two = child(one, 2, one)
    assert (one.final_height, two.final_height) == (0, 0)
    three = child(two, 3, two)
    assert three.final_height == 1
    assert child(three, 5).final_height == 1
    assert child(child(three, 5, three), 6).final_height == 2
    handover, limbo, first = handed_over()
    assert (limbo.final_height, first.final_height) == (2, handover.height)


def test_a_late_limbo_certificate_finalizes_the_handover_block_again_and_no_more() -> None:
    handover, limbo, _ = handed_over()
    later = child(limbo, 5)
    latest = child(later, 6, limbo)
    capped = child(child(later, 6, handover), 7)
    assert latest.final_height == handover.height
    assert capped.final_height == 2
