"""Proofs that a node gives and takes: who is ahead, and whether there are two final histories."""

from collections.abc import Sequence

import pytest

from consensus.errors import InvalidBlock, InvalidProof, InvalidSignature
from consensus.finality_proof import FinalityProof, check_finality
from consensus.fork_choice import ConflictingFinality
from consensus.record import replace
from node import finality_proofs
from node.candidate import Recorded, header_of
from node.chain import Chain
from node.finality_proofs import is_ahead, proof_above
from tests.node.bench import Bench, memory_chain
from tests.node.handovers import ELECTIONS, POOL, epochs, members_of, run_epochs, voters
from tests.node.handovers import GENESIS as POOL_GENESIS
from tests.node.network import (
    key,
    make_block,
    make_genesis_of,
    make_seats,
    run_slots,
    take_block,
    take_votes,
    votes_for,
)

SEATS = make_seats(4)
GENESIS = make_genesis_of(SEATS.values(), [key("alice")])


def proof_of(chain: Chain, height: int) -> FinalityProof:
    found = proof_above(chain, height)
    assert found is not None
    return found


def header_at(chain: Chain, height: int) -> object:
    raw = chain.blocks.at(height)
    assert raw is not None
    return header_of(raw)


def follow(blocks: Sequence[Recorded]) -> Chain:
    """A chain that has these blocks, and no votes but the embedded ones."""
    chain = memory_chain(POOL_GENESIS, ELECTIONS)
    for block in blocks:
        take_block(chain, block.raw)
    return chain


# In one dynasty


def test_every_final_height_has_a_proof_that_reaches_down_to_it() -> None:
    chain = memory_chain(GENESIS)
    run_slots([chain], SEATS, [1, 2, 3, 5, 6, 9, 12, 13, 14])
    final = chain.durable_final.height
    assert final == 8
    for height in range(1, final + 1):
        proof = proof_of(chain, height)
        check_finality(proof, chain.id, GENESIS.producer_set)
        assert proof.lowest == header_at(chain, height)
        assert [header.height for header in proof.headers] == list(
            range(proof.final.height, height - 1, -1)
        )
    for height in (0, final + 1, 10**9):
        assert proof_above(chain, height) is None


def test_nothing_is_proved_while_genesis_alone_is_final() -> None:
    chain = memory_chain(GENESIS)
    assert proof_above(chain, 1) is None
    run_slots([chain], SEATS, [1])
    assert [proof_above(chain, height) for height in (0, 1)] == [None, None]


def test_a_proof_is_short_while_finality_was_prompt() -> None:
    chain = memory_chain(GENESIS)
    run_slots([chain], SEATS, range(1, 60))
    assert {len(proof_of(chain, height).headers) for height in range(1, 58)} <= {1, 2}


def test_where_finality_was_late_a_proof_holds_all_headers_down_or_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chain = memory_chain(GENESIS)
    run_slots([chain], SEATS, [1, 2, 3])
    for slot in range(4, 90):  # nobody votes
        take_block(chain, make_block(chain, SEATS, slot).raw)
    run_slots([chain], SEATS, range(90, 94))
    final = chain.durable_final.height
    assert final == 92
    proof = proof_of(chain, 3)
    check_finality(proof, chain.id, GENESIS.producer_set)
    assert (proof.final.height, proof.lowest.height, len(proof.headers)) == (92, 3, 90)
    monkeypatch.setattr(finality_proofs, "MAX_PROOF_HEADERS", 90)
    assert proof_of(chain, 3) == proof
    monkeypatch.setattr(finality_proofs, "MAX_PROOF_HEADERS", 89)
    assert proof_above(chain, 3) is None


def test_who_has_less_is_behind_and_nobody_else() -> None:
    chain, same, less = (memory_chain(GENESIS) for _ in range(3))
    run_slots([chain, same, less], SEATS, [1, 2, 3])
    run_slots([chain, same], SEATS, [4, 5, 6])
    assert (less.durable_final.height, same.durable_final.height) == (2, 5)
    for height in range(1, 6):
        proof = proof_of(chain, height)
        assert not is_ahead(same, proof)
        assert is_ahead(less, proof) == (proof.final.height > 2)
    assert is_ahead(less, proof_of(chain, 3))
    assert is_ahead(memory_chain(GENESIS), proof_of(chain, 1))


def test_what_proves_nothing_is_refused() -> None:
    chain, less = memory_chain(GENESIS), memory_chain(GENESIS)
    run_slots([chain], SEATS, [1, 2, 3, 4])
    good = proof_of(chain, 2)
    with pytest.raises(InvalidProof):
        is_ahead(less, replace(good, headers=(good.target,)))
    with pytest.raises((InvalidBlock, InvalidSignature)):
        is_ahead(less, replace(good, certificate=good.certificate[:-1]))
    with pytest.raises(InvalidProof):
        is_ahead(less, replace(good, target=replace(good.target, chain=b"x" * 32)))


# Two histories


def rivals(common: int) -> tuple[Chain, Chain]:
    """Two chains with the first slots in common, after which the same members finalize both."""
    one, other = memory_chain(GENESIS), memory_chain(GENESIS)
    run_slots([one, other], SEATS, range(1, common + 1))
    run_slots([one], SEATS, range(common + 1, common + 6))
    run_slots([other], SEATS, range(common + 11, common + 18))
    return one, other


@pytest.mark.parametrize("common", [0, 1, 4])
def test_a_proof_that_excludes_the_own_final_block_is_the_alarm(common: int) -> None:
    one, other = rivals(common)
    for mine, theirs in ((one, other), (other, one)):
        for height in range(1, theirs.durable_final.height + 1):
            proof = proof_of(theirs, height)
            final = mine.durable_final
            if proof.final.height <= common or proof.lowest.height > final.height + 1:
                assert is_ahead(mine, proof) == (proof.final.height > final.height)
                continue
            with pytest.raises(ConflictingFinality) as caught:
                is_ahead(mine, proof)
            assert (caught.value.final, caught.value.proof) == (final.ref, proof)


def test_the_proof_that_is_asked_for_always_tells_of_another_history() -> None:
    for mine, theirs in (rivals(2), rivals(2)[::-1]):
        asked = mine.durable_final.height + 1
        proof = proof_above(theirs, asked)
        if proof is None:
            assert theirs.durable_final.height < asked
            continue
        with pytest.raises(ConflictingFinality):
            is_ahead(mine, proof)


# Across changes of the set


@pytest.fixture(scope="module")
def blocks() -> list[Recorded]:
    chain = memory_chain(POOL_GENESIS, ELECTIONS)
    slots = epochs(chain, 4)
    return run_epochs([chain], [*slots, slots[-1] + 1, slots[-1] + 2])


@pytest.fixture(scope="module")
def whole(blocks: list[Recorded]) -> Chain:
    chain = memory_chain(POOL_GENESIS, ELECTIONS)
    for block in blocks:
        take_block(chain, block.raw)
        take_votes(chain, votes_for(chain, voters(block), block))
    assert chain.durable_final.dynasty == 3
    return chain


def test_whoever_is_behind_is_told_so_wherever_the_handovers_are(
    blocks: list[Recorded], whole: Chain
) -> None:
    dynasties = set()
    for count in range(len(blocks)):
        behind = follow(blocks[:count])
        height = behind.durable_final.height
        proof = proof_of(whole, height + 1)
        assert proof.lowest.height == height + 1
        assert is_ahead(behind, proof)
        dynasties.add((behind.durable_final.dynasty, proof.target.dynasty))
    assert dynasties == {(0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 3), (3, 3)}


def test_a_dynasty_that_is_not_known_yet_tells_nothing(
    blocks: list[Recorded], whole: Chain
) -> None:
    newest = whole.final_proof()
    assert newest is not None
    assert newest.target.dynasty == 3
    for count in (0, 4, 8, 10):
        behind = follow(blocks[:count])
        assert behind.durable_final.dynasty < 2
        assert not is_ahead(behind, newest)
        forged = replace(newest, certificate=b"")
        assert not is_ahead(behind, forged)  # whose it should be is not known either


def test_old_proofs_are_still_judged_by_the_set_of_their_dynasty(whole: Chain) -> None:
    seen = set()
    for height in range(1, whole.durable_final.height + 1):
        proof = proof_of(whole, height)
        assert not is_ahead(whole, proof)
        seen.add(proof.target.dynasty)
        with pytest.raises((InvalidBlock, InvalidSignature)):
            is_ahead(whole, replace(proof, certificate=bytes(len(proof.certificate))))
    assert seen == {0, 1, 2, 3}


def test_another_history_of_an_old_dynasty_is_the_alarm(
    blocks: list[Recorded], whole: Chain
) -> None:
    other = memory_chain(POOL_GENESIS, ELECTIONS)
    for block in blocks[:2]:
        take_block(other, block.raw)
        take_votes(other, votes_for(other, voters(block), block))
    run_slots([other], POOL, [20, 21, 22])
    proof = proof_of(other, 3)
    assert proof.target.dynasty == 0
    with pytest.raises(ConflictingFinality):
        is_ahead(whole, proof)


def test_a_restarted_node_gives_and_judges_the_same_proofs() -> None:
    bench = Bench(POOL_GENESIS, elected=ELECTIONS)
    run_epochs([bench.chain], epochs(bench.chain, 4))
    heights = range(1, bench.chain.durable_final.height + 1)
    before = [proof_of(bench.chain, height) for height in heights]
    bench.restart()
    assert [proof_of(bench.chain, height) for height in heights] == before
    assert not any(is_ahead(bench.chain, proof) for proof in before)


def test_the_chain_of_these_tests_changes_its_set_three_times(whole: Chain) -> None:
    assert POOL_GENESIS.producer_set == members_of(range(8))
    sets = {members for _, members in ELECTIONS.sets}
    assert len(sets) == 3
    assert whole.durable_final.members in sets
