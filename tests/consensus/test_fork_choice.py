"""The fork choice: the head, what votes and certificates make final, and what is kept."""

import random

import pytest

from consensus import fork_choice
from consensus.finality import ChainBlock
from consensus.finality_proof import check_finality
from consensus.fork_choice import ConflictingFinality, Finalized, ForkChoice
from tests.consensus.chains import (
    CHAIN,
    add,
    certificate_of,
    child,
    genesis,
    members,
    place,
    verify,
    vote_all,
    vote_of,
)

OLD, NEW = members(1, 2, 3, 4), members(3, 4, 5, 6)


def grow(fork: ForkChoice, slots: range) -> list[ChainBlock]:
    """A block a slot on the head, each justified by gossiped votes."""
    made = []
    for slot in slots:
        made.append(child(fork.head, slot, fork.justified))
        add(fork, made[-1])
        vote_all(fork, made[-1])
    return made


# The head


def test_without_certificates_the_highest_block_is_the_head() -> None:
    fork = ForkChoice(genesis(OLD))
    one = child(fork.final, 1)
    other = child(fork.final, 2)
    higher = child(one, 3)
    add(fork, one, higher, other)
    assert fork.head is higher


@pytest.mark.parametrize("reverse", [False, True])
def test_ties_go_to_the_lower_id_in_any_order_of_arrival(reverse: bool) -> None:
    for salt in range(6):
        root = genesis(OLD)
        pair = [child(root, 1, salt=2 * salt), child(root, 1, salt=2 * salt + 1)]
        fork = ForkChoice(root)
        add(fork, *(pair[::-1] if reverse else pair))
        assert fork.head.id == min(block.id for block in pair)


def test_a_justified_block_beats_a_higher_one() -> None:
    fork = ForkChoice(genesis(OLD))
    low = child(fork.final, 1)
    branch = [child(fork.final, 2)]
    branch += [child(branch[-1], 3)]
    branch += [child(branch[-1], 4)]
    add(fork, low, *branch)
    assert fork.head is branch[-1]
    vote_all(fork, low)
    assert fork.head is low
    assert fork.justified is low


def test_the_justified_block_of_the_later_slot_wins() -> None:
    fork = ForkChoice(genesis(OLD))
    early, late = child(fork.final, 1), child(fork.final, 3)
    long = child(early, 4)
    add(fork, early, long, late)
    vote_all(fork, early)
    assert fork.head is long
    vote_all(fork, late)
    assert fork.head is late


def test_a_certificate_in_a_body_counts_like_gossiped_votes() -> None:
    fork = ForkChoice(genesis(OLD))
    low = child(fork.final, 1)
    rival = child(child(fork.final, 2), 3)
    add(fork, low, rival.parent or rival, rival)
    on_low = child(low, 5, low)
    add(fork, on_low)
    assert fork.head is on_low
    assert fork.certificate(low) == certificate_of(low)
    assert fork.best_certified(on_low) is low


def test_what_opens_a_dynasty_ranks_before_what_is_highest_justified() -> None:
    """Limbo whose child would be of the new dynasty beats limbo that is justified later."""
    fork = ForkChoice(genesis(OLD))
    one = child(fork.final, 1)
    handover = child(one, 2, one, elected=NEW)
    opening = child(handover, 3, handover)
    stray = child(handover, 7, handover)
    add(fork, one, handover, opening, stray)
    vote_all(fork, stray)
    assert fork.head is stray
    vote_all(fork, opening)
    assert fork.best_certified(stray).slot > fork.best_certified(opening).slot
    assert fork.head is opening
    first = child(opening, 8, fork.justified)
    assert first.dynasty == 1


def test_child_key_falls_back_to_the_base_until_the_dynasty_has_a_certificate() -> None:
    fork = ForkChoice(genesis(OLD))
    one = child(fork.final, 1)
    handover = child(one, 2, one, elected=NEW)
    opening = child(handover, 3, handover)
    add(fork, one, handover, opening)
    vote_all(fork, opening)
    low = child(opening, 4, opening)
    tall = [child(opening, 5, opening)]
    tall.append(child(tall[0], 6))
    add(fork, low, *tall)
    assert fork.head is tall[-1]
    vote_all(fork, low)
    assert fork.head is low


# Best certified


def test_a_certificate_reaches_all_descendants_but_those_with_a_better_one() -> None:
    fork = ForkChoice(genesis(OLD))
    one = child(fork.final, 1)
    two = child(one, 3)
    three, other = child(two, 5), child(two, 6)
    add(fork, one, two, three, other)
    fork.on_certificate(three, certificate_of(three))
    fork.on_certificate(one, certificate_of(one))
    best = {block.slot: fork.best_certified(block).slot for block in (one, two, three, other)}
    assert best == {1: 1, 3: 1, 5: 5, 6: 1}
    fork.on_certificate(two, certificate_of(two))
    assert fork.best_certified(other) is two
    assert fork.best_certified(three) is three
    assert fork.best_certified(one) is one


def test_a_late_child_knows_what_its_parent_knew() -> None:
    fork = ForkChoice(genesis(OLD))
    one = child(fork.final, 1)
    add(fork, one)
    vote_all(fork, one)
    late = child(one, 4)
    add(fork, late)
    assert late.qc is fork.final
    assert fork.best_certified(late) is one


def best_by_search(fork: ForkChoice) -> ChainBlock:
    """The head by its definition, over all live blocks."""
    live = [fork.final, *fork.descendants(fork.final)]
    highest = max(fork.rank(block) for block in live)
    return min((block for block in live if fork.rank(block) == highest), key=lambda b: b.id)


@pytest.mark.parametrize("seed", range(30))
def test_the_head_is_the_best_of_all_live_blocks(seed: int) -> None:
    chance = random.Random(seed)
    fork = ForkChoice(genesis(OLD))
    blocks = [fork.final]
    for slot in range(1, 26):
        live = [block for block in blocks if fork.is_live(block)]
        parent = chance.choice([fork.head, fork.head, *live[-4:]])
        # the best certificate, or as a producer names it that knows less
        qc = chance.choice([fork.best_certified(parent), parent.qc or parent])
        elected = chance.choice([None, NEW, OLD])
        if parent.handover is None and elected is not None and elected != parent.members:
            blocks.append(child(parent, slot, qc, elected=elected, salt=slot))
        else:
            blocks.append(child(parent, slot, qc, salt=slot))
        add(fork, blocks[-1])
        assert fork.head is best_by_search(fork)
        for _ in range(chance.randint(0, 2)):
            voted = chance.choice([block for block in blocks if fork.is_live(block)])
            if voted is not fork.final:
                vote_all(fork, voted)
            assert fork.head is best_by_search(fork)


def test_the_head_falls_back_when_a_better_certificate_hands_nothing_over() -> None:
    fork = ForkChoice(genesis(OLD))
    one = child(fork.final, 1)
    handover = child(one, 2, one, elected=NEW)
    limbo = child(handover, 3, handover)
    late = child(limbo, 5, handover)
    other = child(limbo, 6, handover)
    tip = child(other, 7, handover)
    add(fork, one, handover, limbo, late, other, tip)
    fork.on_certificate(limbo, certificate_of(limbo))
    assert fork.final is handover
    assert fork.head is tip  # its child would be the first of the next dynasty
    fork.on_certificate(other, certificate_of(other))
    assert fork.head is late  # not so on `other`, which is certified later and finalizes nothing
    assert fork.head is best_by_search(fork)


# Votes and finality


def test_a_quorum_of_votes_justifies_and_one_less_does_not() -> None:
    fork = ForkChoice(genesis(OLD))
    one = child(fork.final, 1)
    add(fork, one)
    vote_all(fork, one, OLD.quorum - 1)
    assert fork.certificate(one) is None
    vote_all(fork, one)
    assert fork.certificate(one) == certificate_of(one)


def test_a_member_counts_once_for_a_block() -> None:
    fork = ForkChoice(genesis(OLD))
    one = child(fork.final, 1)
    add(fork, one)
    for signature in (vote_of(one, 0), vote_of(one, 0), b"x" * 64):
        fork.on_vote(one, 0, signature)
    fork.on_vote(one, 1, vote_of(one, 1))
    assert fork.votes(one) == {0: vote_of(one, 0), 1: vote_of(one, 1)}
    assert fork.certificate(one) is None


def test_votes_far_below_the_head_are_forgotten_and_count_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fork_choice, "VOTED_SLOTS", 5)
    fork = ForkChoice(genesis(OLD))
    blocks = [child(fork.final, 1)]
    for slot in range(2, 12):
        blocks.append(child(blocks[-1], slot))
    for block in blocks:
        add(fork, block)
        vote_all(fork, block, OLD.quorum - 1)
    assert [block.slot for block in blocks if fork.votes(block)] == [7, 8, 9, 10, 11]
    late = blocks[5]
    assert not fork.counts(late)
    vote_all(fork, late)
    assert not fork.votes(late)
    assert fork.certificate(late) is None
    fork.on_certificate(late, certificate_of(late))
    assert fork.justified is late
    vote_all(fork, blocks[6])
    assert fork.justified is blocks[6]


def test_equivocating_votes_count_for_each_block_apart() -> None:
    fork = ForkChoice(genesis(OLD))
    pair = [child(fork.final, 1, salt=salt) for salt in (0, 1)]
    add(fork, *pair)
    for block in pair:
        fork.on_vote(block, 0, vote_of(block, 0))
    fork.on_vote(pair[0], 1, vote_of(pair[0], 1))
    fork.on_vote(pair[1], 2, vote_of(pair[1], 2))
    assert [len(fork.votes(block)) for block in pair] == [2, 2]
    assert fork.head.id == min(block.id for block in pair)
    assert all(fork.certificate(block) is None for block in pair)


def test_gossiped_votes_finalize_without_the_next_block() -> None:
    fork = ForkChoice(genesis(OLD))
    one = child(fork.final, 1)
    two = child(one, 2, one)
    assert add(fork, one, two) == []
    made = vote_all(fork, two)
    assert made is not None
    assert made.blocks == (one,)
    assert made.certified is two
    assert made.certificate == certificate_of(two)
    assert (made.dropped, fork.final, fork.head) == ((), one, two)


def test_an_advance_brings_all_blocks_from_the_lowest_and_drops_all_forks() -> None:
    fork = ForkChoice(genesis(OLD))
    one = child(fork.final, 1)
    two = child(one, 3)
    three = child(two, 5)
    four = child(three, 6, three)
    forks = [child(fork.final, 2), child(one, 4), child(two, 7)]
    forks.append(child(forks[0], 8))
    kept = child(three, 9)
    add(fork, one, two, three, four, *forks, kept)
    made = vote_all(fork, four)
    assert made is not None
    assert made.blocks == (one, two, three)
    assert set(made.dropped) == set(forks)
    assert [fork.is_live(block) for block in (three, four, kept)] == [True] * 3
    assert not any(fork.is_live(block) for block in (one, two, *forks))


def test_repeated_certificates_and_blocks_change_nothing() -> None:
    fork = ForkChoice(genesis(OLD))
    one, two, three = grow(fork, range(1, 4))
    state = (fork.final, fork.head, fork.justified)
    assert fork.on_certificate(two, certificate_of(two)) is None
    assert fork.on_certificate(three, certificate_of(three, 4)) is None
    assert fork.on_block(three, certificate_of(two)) is None
    assert (fork.final, fork.head, fork.justified) == state
    assert fork.on_certificate(one, certificate_of(one)) is None


def test_an_older_finalizing_certificate_that_comes_late_does_not_go_back() -> None:
    fork = ForkChoice(genesis(OLD))
    one = child(fork.final, 1)
    two = child(one, 2, one)
    three = child(two, 3, one)
    four = child(three, 4, three)
    add(fork, one, two, three, four)
    made = vote_all(fork, four)
    assert made is not None
    assert fork.final is three
    assert fork.get(two.id) is two
    assert vote_all(fork, two) is None
    assert fork.final is three


def test_limbo_finalizes_only_the_handover_block_until_the_new_set_votes() -> None:
    fork = ForkChoice(genesis(OLD))
    one = child(fork.final, 1)
    handover = child(one, 2, one, elected=NEW)
    limbo = [child(handover, 4, handover)]
    limbo.append(child(limbo[0], 5, limbo[0]))
    add(fork, one, handover, *limbo)
    assert fork.final is one
    made = vote_all(fork, limbo[-1])
    assert made is not None
    assert made.blocks == (handover,)
    first = child(limbo[-1], 6, limbo[-1])
    second = child(first, 7, first)
    add(fork, first, second)
    assert fork.final is handover
    made = vote_all(fork, second)
    assert made is not None
    assert made.blocks == (*limbo, first)


def test_a_handover_of_a_handover_becomes_final() -> None:
    fork = ForkChoice(genesis(OLD))
    one = child(fork.final, 1)
    handover = child(one, 2, one, elected=NEW)
    limbo = child(handover, 3, handover)
    first = child(limbo, 4, limbo, elected=OLD)
    second = child(first, 5, first)
    third = child(second, 6, second)
    add(fork, one, handover, limbo, first, second, third)
    assert fork.final is first
    assert (third.dynasty, third.members.hash) == (2, OLD.hash)
    fourth = child(third, 7, third)
    add(fork, fourth)
    made = vote_all(fork, fourth)
    assert made is not None
    assert made.blocks == (second, third)


def replica(fork: ForkChoice, block: ChainBlock) -> ChainBlock | None:
    """The same block in its place in another fork choice; None if its parent is not there."""
    header, named = block.header, block.header.qc_target
    parent = fork.get(header.parent) if header.parent else None
    qc = fork.get(named.id) if named else None
    if parent is None or qc is None or not fork.is_live(parent):
        return None
    data = b"" if named == parent.qc_target else certificate_of(qc)
    elected = NEW if block.handover == block.ref else None
    return place(parent, header, data, elected=elected)


@pytest.mark.parametrize("seed", range(12))
def test_any_order_of_votes_and_blocks_ends_the_same(seed: int) -> None:
    one = child(genesis(OLD), 1)
    two = child(one, 2, one)
    handover = child(two, 3, two, elected=NEW)
    limbo = child(handover, 4, handover)
    first = child(limbo, 5, limbo)
    second = child(first, 6, first)
    blocks = [one, two, handover, limbo, first, second, child(second, 8, first)]
    waiting: list[tuple[ChainBlock, int | None]] = [(block, None) for block in blocks]
    waiting += [(block, at) for block in blocks for at in range(4)]
    random.Random(seed).shuffle(waiting)
    fork = ForkChoice(genesis(OLD))
    heights = [0]
    while waiting:
        block, at = waiting.pop(0)
        known = fork.get(block.id)
        if at is not None and known is not None:
            fork.on_vote(known, at, vote_of(block, at))
        elif at is None and (copy := replica(fork, block)) is not None:
            add(fork, copy)
        elif block.height > fork.final.height:
            waiting.append((block, at))  # too early: its parent, or the block voted for, is next
        heights.append(fork.final.height)
    assert heights == sorted(heights)
    assert fork.final.id == first.id
    assert fork.head.id == fork.justified.id == blocks[-1].id


# What is kept


def _reachable(fork: ForkChoice) -> int:
    """How many blocks hang on the head by parents and targets."""
    seen: set[int] = set()
    waiting: list[ChainBlock | None] = [fork.head, *fork.descendants(fork.final)]
    while waiting:
        at = waiting.pop()
        if at is not None and id(at) not in seen:
            seen.add(id(at))
            waiting += [at.parent, at.qc]
    return len(seen)


def test_nothing_below_the_finals_target_is_kept() -> None:
    fork = ForkChoice(genesis(OLD))
    blocks = grow(fork, range(1, 60))
    assert fork.final is blocks[-2]
    assert [fork.get(block.id) for block in blocks[:-3]] == [None] * 56
    assert all(fork.get(block.id) is block for block in blocks[-3:])
    assert _reachable(fork) == 3
    assert blocks[-3].parent is None
    assert blocks[-3].qc is None
    assert not fork.votes(blocks[0])
    assert fork.certificate(blocks[0]) is None


def test_ancestors_that_a_child_may_still_name_are_kept() -> None:
    fork = ForkChoice(genesis(OLD))
    one = child(fork.final, 1)
    gap = [child(one, 3, one)]
    gap += [child(gap[-1], 5)]
    final = child(gap[-1], 7)
    two = child(final, 8, final)
    add(fork, one, *gap, final, two)
    vote_all(fork, two)
    assert fork.final is final
    assert all(fork.get(block.id) is block for block in (one, *gap, final))
    named_late = child(final, 9, gap[0])
    add(fork, named_late)
    assert fork.best_certified(named_late) is final


def test_fallen_blocks_are_kept_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fork_choice, "MAX_FALLEN", 3)
    fork = ForkChoice(genesis(OLD))
    fallen: list[ChainBlock] = []
    for slot in range(1, 9):
        stray = child(fork.head, slot, fork.justified, salt=1)
        fallen.append(stray)
        block = child(fork.head, slot, fork.justified)
        add(fork, block, stray)
        vote_all(fork, block)
    dropped = fallen[:-1]
    known = [fork.get(block.id) is not None for block in dropped]
    assert known == [False] * (len(dropped) - 3) + [True] * 3
    assert all(block.parent is None and block.qc is None for block in dropped)


def test_children_of_what_is_not_live_are_refused() -> None:
    fork = ForkChoice(genesis(OLD))
    one = child(fork.final, 1)
    fallen = child(fork.final, 3)
    on_fallen = child(fallen, 4)
    two = child(one, 2, one)
    add(fork, one, two, fallen)
    vote_all(fork, two)
    for block in (on_fallen, child(genesis(OLD), 9)):
        with pytest.raises(ValueError, match="descend"):
            fork.on_block(block, b"")


# The alarm


def conflict() -> tuple[ForkChoice, ChainBlock, ChainBlock]:
    """A fork choice with a final block, and what fell away: a parent and its next-slot child."""
    fork = ForkChoice(genesis(OLD))
    rival = child(fork.final, 5)
    second = child(rival, 6, rival)
    one = child(fork.final, 1)
    two = child(one, 2, one)
    add(fork, rival, second, one, two)
    vote_all(fork, two)
    return fork, rival, second


def test_a_quorum_for_what_excludes_the_final_block_is_the_alarm() -> None:
    fork, rival, second = conflict()
    assert vote_all(fork, second, OLD.quorum - 1) is None
    with pytest.raises(ConflictingFinality) as caught:
        vote_all(fork, second)
    assert caught.value.final == fork.final.ref
    proof = caught.value.proof
    assert (proof.target, proof.headers) == (second.header, (rival.header,))
    check_finality(proof, CHAIN, OLD, verify=verify)
    assert fork.certificate(second) == certificate_of(second)


def test_a_justified_block_that_fell_is_no_conflict_yet() -> None:
    fork, rival, _ = conflict()
    assert fork.certificate(rival) is not None
    beside = ForkChoice(genesis(OLD))
    stray = child(beside.final, 1, salt=1)
    blocks = [child(beside.final, 1)]
    blocks.append(child(blocks[0], 2, blocks[0]))
    add(beside, stray, *blocks)
    made: Finalized | None = vote_all(beside, blocks[1])
    assert made is not None
    assert made.dropped == (stray,)
    assert vote_all(beside, stray) is None  # finalizes genesis, as everything above it does
    assert beside.head is blocks[1]
