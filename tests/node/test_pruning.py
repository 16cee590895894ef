"""A node that keeps the newest blocks only restarts, follows and proves, and refuses old ones."""

import pytest

from consensus.fork_choice import ConflictingFinality
from consensus.merkle import verify_merkle
from node.chain import Chain
from node.finality_proofs import is_ahead, proof_above
from p2p.messages import Blocks, GetBlock, GetBlocks, GetFinality, Refusal, Status
from storage.database import DatabaseError
from tests.node.bench import PEER, Bench, memory_chain, node_seats
from tests.node.handovers import ELECTIONS, epochs, run_epochs
from tests.node.handovers import GENESIS as POOL_GENESIS
from tests.node.network import (
    key,
    make_block,
    make_genesis_of,
    make_seats,
    run_slots,
    take_block,
    take_votes,
    transfer,
    votes_for,
)
from vm.modules.chain import chain_progress

SEATS = make_seats(4)
ALICE, BOB = key("alice"), key("bob")
GENESIS = make_genesis_of(SEATS.values(), [ALICE])
KEEP = 5


def heights(chain: Chain) -> list[int]:
    """Where the chain has final blocks, by each index that must agree."""
    newest, blocks = chain.durable_final.height, chain.blocks
    found = [height for height in range(newest + 1) if blocks.at(height) is not None]
    assert found == [height for height in range(newest + 1) if blocks.id_at(height) is not None]
    assert found == [h for h in range(newest + 1) if blocks.receipts(h) is not None]
    for height in found:
        block_id = blocks.id_at(height)
        assert block_id is not None
        assert blocks.height_of(block_id) == height
    assert found == [0, *range(max(blocks.first_height(), 1), newest + 1)]
    return found


def newest(chain: Chain, count: int) -> list[int]:
    final = chain.durable_final.height
    return [0, *range(final - count + 1, final + 1)]


def pruned(slots: int, keep: int = KEEP) -> Bench:
    bench = Bench(GENESIS, keep_blocks=keep)
    run_slots([bench.chain], SEATS, range(1, slots + 1))
    return bench


def test_the_newest_final_blocks_and_genesis_are_kept() -> None:
    bench = Bench(GENESIS, keep_blocks=KEEP)
    for slot in range(1, 20):
        run_slots([bench.chain], SEATS, [slot])
        final = bench.chain.durable_final.height
        assert heights(bench.chain) == [0, *range(max(1, final - KEEP + 1), final + 1)]
    assert bench.chain.blocks.first_height() == 18 - KEEP + 1


def test_transactions_of_old_blocks_are_not_found_and_their_effects_stay() -> None:
    bench = Bench(GENESIS, keep_blocks=KEEP)
    payments = [transfer(bench.chain, ALICE, BOB.public, 1_000, nonce) for nonce in range(12)]
    for slot, payment in enumerate(payments, start=1):
        run_slots([bench.chain], SEATS, [slot], [payment])
    places = [bench.chain.blocks.transaction(payment.id) for payment in payments]
    final = bench.chain.durable_final.height
    kept = range(final - KEEP, final)
    assert places == [(i + 1, 0) if i in kept else None for i in range(12)]
    whole = memory_chain(GENESIS)
    for slot, payment in enumerate(payments, start=1):
        run_slots([whole], SEATS, [slot], [payment])
    assert bench.chain.durable_final.header == whole.durable_final.header


def test_a_pruned_node_restarts_and_follows() -> None:
    bench, whole = pruned(12), memory_chain(GENESIS)
    run_slots([whole], SEATS, range(1, 13))
    for slot in range(13, 20):
        (bench.power_cut if slot % 2 else bench.restart)()
        assert heights(bench.chain) == newest(bench.chain, KEEP)
        block = make_block(whole, SEATS, slot)
        bench.take(block)
        for chain in (whole, bench.chain):
            take_block(chain, block.raw)
            take_votes(chain, votes_for(chain, SEATS.values(), block))
        assert bench.chain.durable_final.id == whole.durable_final.id
        assert heights(bench.chain) == newest(bench.chain, KEEP)


@pytest.mark.parametrize("kept", [False, True])
def test_a_crash_in_the_middle_of_pruning_leaves_what_is_kept_whole(kept: bool) -> None:
    for write in range(1, 9):
        bench = pruned(12)
        block = make_block(bench.chain, SEATS, 13)
        bench.database.fail_at(write, kept=kept)
        try:
            run_slots([bench.chain], SEATS, range(13, 17))
        except DatabaseError:
            bench.power_cut()
        assert heights(bench.chain) == newest(bench.chain, KEEP)
        if bench.chain.fork.head.height == 12:
            take_block(bench.chain, block.raw)
        run_slots([bench.chain], SEATS, range(20, 30))
        assert heights(bench.chain) == newest(bench.chain, KEEP)


def test_another_number_counts_from_the_next_start_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.blocks.MAX_PRUNED_BLOCKS", 3)
    bench = pruned(20, keep=0)
    assert heights(bench.chain) == list(range(20))
    bench.keep_blocks = KEEP
    bench.restart()
    firsts = []
    for slot in range(21, 31):
        run_slots([bench.chain], SEATS, [slot])
        firsts.append(heights(bench.chain)[1])
    assert firsts == [4, 7, 10, 13, 16, 19, 22, 23, 24, 25]  # three with each batch

    bench.keep_blocks = 8
    bench.restart()
    for slot in range(31, 36):
        run_slots([bench.chain], SEATS, [slot])
    assert heights(bench.chain) == newest(bench.chain, 8)

    first = bench.chain.blocks.first_height()
    bench.keep_blocks = 0
    bench.restart()
    run_slots([bench.chain], SEATS, range(36, 56))
    assert heights(bench.chain) == [0, *range(first, 55)]


def test_the_final_blocks_lineage_stays_however_long_it_is() -> None:
    bench = pruned(10, keep=2)
    for slot in range(11, 31):  # nobody votes
        take_block(bench.chain, make_block(bench.chain, SEATS, slot).raw)
    before = bench.chain.durable_final
    run_slots([bench.chain], SEATS, [31])
    assert bench.chain.durable_final is before
    run_slots([bench.chain], SEATS, [32])
    final = bench.chain.durable_final
    assert final.height == 31
    target = bench.chain.blocks.height_of(final.qc_target.id)
    assert target is not None
    assert target < final.height - 15
    assert heights(bench.chain)[1] <= target
    bench.power_cut()
    assert bench.chain.durable_final.id == final.id
    run_slots([bench.chain], SEATS, range(33, 36))
    assert heights(bench.chain) == newest(bench.chain, 2)


def test_old_blocks_are_refused_and_newer_ones_served() -> None:
    bench, whole = pruned(20), memory_chain(GENESIS)
    run_slots([whole], SEATS, range(1, 21))
    first = bench.chain.blocks.first_height()
    assert first == 15
    serve = bench.exchange.serve
    for after in range(first - 1):
        assert serve(GetBlocks(after, 9)) == Refusal("blocks below height 15 are not kept here")
        assert serve(GetFinality(after + 1)) is None
    for after in range(first - 1, 19):
        assert serve(GetBlocks(after, 1)) == Blocks((whole.blocks.at(after + 1) or b"",))
        assert serve(GetFinality(after + 1)) == proof_above(whole, after + 1)
    old, kept = whole.blocks.id_at(first - 1), whole.blocks.id_at(first)
    assert old is not None
    assert kept is not None
    assert serve(GetBlock(old)) == Blocks(())
    assert serve(GetBlock(kept)) == Blocks((whole.blocks.at(first) or b"",))


def test_who_is_refused_old_blocks_asks_others() -> None:
    keeps_few, keeps_all, late = pruned(20), pruned(20, keep=0), Bench(GENESIS)
    late.at_slot(21)

    def status(ahead: Bench) -> Status:
        head, final = ahead.chain.fork.head, ahead.chain.durable_final
        return Status(head.id, head.height, final.id, final.height, 21, late.now_ms)

    late.answer = keeps_few.serve
    late.exchange.follow(PEER, status(keeps_few))
    assert (late.chain.fork.head.height, late.sync.behind, late.blamed) == (0, False, [])
    late.answer = keeps_all.serve
    late.exchange.follow(PEER, status(keeps_all))
    assert late.chain.fork.head.id == keeps_all.chain.fork.head.id
    late.exchange.follow(PEER, status(keeps_few))
    assert late.blamed == []


def test_a_peer_that_is_far_behind_is_no_rival() -> None:
    bench, late = pruned(20), memory_chain(GENESIS)
    run_slots([late], SEATS, range(1, 5))
    head, final = late.fork.head, late.durable_final
    status = Status(head.id, head.height, final.id, final.height, 21, bench.now_ms)
    bench.exchange.follow(PEER, status)
    assert bench.asked == []
    for height in range(1, final.height + 1):
        proof = proof_above(late, height)
        assert proof is not None
        assert not is_ahead(bench.chain, proof)


def test_another_history_is_noticed_below_what_is_kept() -> None:
    bench, rival = pruned(20), memory_chain(GENESIS)
    run_slots([rival], SEATS, range(31, 36))
    assert rival.durable_final.height < bench.chain.blocks.first_height()
    final = rival.durable_final
    status = Status(final.id, final.height, final.id, final.height, 36, bench.now_ms)
    bench.exchange.follow(PEER, status)
    assert bench.asked == [GetFinality(final.height)]
    proof = proof_above(rival, final.height)
    assert proof is not None
    with pytest.raises(ConflictingFinality):
        is_ahead(bench.chain, proof)


def test_a_seat_that_was_silent_for_long_signs_again() -> None:
    bench = Bench(GENESIS, node_seats(SEATS), keep_blocks=KEEP)
    for slot in range(1, 5):
        bench.at_slot(slot)
        assert bench.run(bench.engine.produce(slot)) is not None
    signed_on = bench.validator.own_final
    assert signed_on is not None
    bench.knows_enough = False
    run_slots([bench.chain], SEATS, range(5, 25))
    assert bench.chain.blocks.height_of(signed_on.id) is None
    bench.knows_enough = True
    bench.restart()
    assert bench.validator.own_final == signed_on
    assert bench.engine.may_sign()


def test_a_final_block_that_never_was_here_has_not_passed() -> None:
    bench = pruned(20)
    final = bench.chain.durable_final
    assert bench.chain.has_passed(final.ref)
    rival = memory_chain(GENESIS)
    run_slots([rival], SEATS, range(31, 36))
    assert not bench.chain.has_passed(rival.durable_final.ref)
    assert not memory_chain(GENESIS).has_passed(final.ref)


def test_handovers_and_the_history_of_ids_are_kept_for_ever() -> None:
    whole = memory_chain(POOL_GENESIS, ELECTIONS)
    bench = Bench(POOL_GENESIS, elected=ELECTIONS, keep_blocks=2)
    run_epochs([whole, bench.chain], epochs(whole, 5))
    assert bench.chain.durable_final.dynasty == 3
    assert heights(bench.chain) == newest(bench.chain, 2)
    bench.power_cut()
    chain, final = bench.chain, bench.chain.durable_final
    for dynasty in range(3):
        assert chain.blocks.handover(dynasty) == whole.blocks.handover(dynasty) is not None
    history = chain_progress(chain.state.view()).history
    assert history.blocks == final.height
    for height in range(final.height):
        block_id = whole.blocks.id_at(height)
        assert block_id is not None
        path = chain.history.proof(height, history.blocks)
        assert path is not None
        verify_merkle(history.root, block_id.binary, height, history.blocks, path)
        assert chain.history.holds(height, block_id) is True
        assert chain.history.holds(height, final.id) is False
    assert chain.history.holds(final.height + 1, final.id) is None
