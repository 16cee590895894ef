"""A long stall: old blocks are buried, and nothing is lost by it."""

import gc
import tracemalloc
from pathlib import Path

import pytest

from consensus.finality import ChainBlock
from consensus.fork_choice import VOTED_SLOTS
from consensus.headers import scheduled
from consensus.merkle import verify_merkle
from consensus.transaction import EncodedTransaction
from node import chain as chain_module
from node import unfinal
from node.block_results import BlockResults
from node.candidate import Recorded, read_block
from node.chain import Chain
from node.proposing import propose
from node.query.chain_view import Finality, view_at
from p2p.messages import MAX_BLOCKS, Blocks, GetBlocks
from storage.state import Layer
from tests.node.bench import PEER, Bench, memory_chain
from tests.node.network import (
    count,
    key,
    make_block,
    make_genesis_of,
    make_seats,
    open_chain,
    take_block,
    take_votes,
    transfer,
    votes_for,
)
from vm.modules.account import next_nonce
from vm.modules.chain import chain_progress
from vm.modules.producer import current_beacon
from vm.modules.tokens import balance_of

SEATS = make_seats(4)
ALICE, BOB = key("alice"), key("bob")
GENESIS = make_genesis_of(SEATS.values(), [ALICE])
TOO_FEW = list(SEATS.values())[:2]
# Stated in docs/decisions/long-stalls-stay-small.md, with votes and what is bounded besides.
MAX_BYTES_A_BLOCK = 4096


@pytest.fixture
def few_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks are buried early."""
    monkeypatch.setattr(unfinal, "MAX_WHOLE_BLOCKS", 8)


def stall(
    chain: Chain, slots: range, ready: list[EncodedTransaction] | None = None
) -> list[Recorded]:
    """A block in each slot that too few vote for; a transaction in each as long as there are any
    and it may have one."""
    made = []
    waiting = list(ready or ())
    for slot in slots:
        block = make_block(chain, SEATS, slot, waiting[:1])
        del waiting[: len(block.body.transactions)]
        take_block(chain, block.raw)
        take_votes(chain, votes_for(chain, TOO_FEW, block))
        made.append(block)
    return made


def resume(chain: Chain, slots: range) -> list[Recorded]:
    """A block in each slot that all vote for."""
    made = []
    for slot in slots:
        made.append(make_block(chain, SEATS, slot))
        take_block(chain, made[-1].raw)
        take_votes(chain, votes_for(chain, SEATS.values(), made[-1]))
    return made


def payments(chain: Chain, count: int) -> list[EncodedTransaction]:
    """Payments of Alice's to Bob, of 1, 2, 3… units."""
    return [transfer(chain, ALICE, BOB.public, 1 + nonce, nonce) for nonce in range(count)]


def fork_off(chain: Chain, parent: ChainBlock, slot: int) -> Recorded:
    """The slot's block on a parent that is not the head."""
    producer = scheduled(chain.rules, parent, slot).producer
    used = current_beacon(chain.state_of(parent), producer).used
    reveal = SEATS[producer].reveals.reveal(used)
    proposal = propose(chain, slot, producer, reveal, (), parent=parent)
    return proposal.sealed(SEATS[producer].consensus.sign(proposal.placed.id.binary))


def test_memory_hardly_grows_and_blocks_past_the_bound_are_empty(tmp_path: Path) -> None:
    chain, database = open_chain(GENESIS, tmp_path)
    bound = chain.constants.max_unfinal_blocks
    ready = payments(chain, bound + 40)
    made = stall(chain, range(1, bound + 41), ready)
    assert [len(block.body.transactions) for block in made] == [1] * bound + [0] * 40
    del made
    gc.collect()
    tracemalloc.start()
    stall(chain, range(bound + 41, bound + 141))  # what is bounded has its size by now
    gc.collect()
    before, _ = tracemalloc.get_traced_memory()
    stall(chain, range(bound + 141, bound + 541))
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (after - before) / 400 < MAX_BYTES_A_BLOCK
    whole = [block for block in chain.head_chain() if block.whole is not None]
    assert len(whole) == unfinal.MAX_WHOLE_BLOCKS
    layers = sum(isinstance(item, Layer) for item in gc.get_objects())
    assert layers <= 2 * unfinal.MAX_WHOLE_BLOCKS
    voted = [block for block in chain.head_chain() if chain.fork.votes(block.placed)]
    assert len(voted) == VOTED_SLOTS
    database.close()


@pytest.mark.usefixtures("few_whole")
def test_state_receipts_and_indexes_are_right_after_finality_resumes() -> None:
    chain = memory_chain(GENESIS)
    bound = chain.constants.max_unfinal_blocks
    ready = payments(chain, 30)
    made = stall(chain, range(1, bound + 60), ready)
    assert chain.durable_final.height == 0
    assert chain.recorded(made[40].placed.id) is not None
    made += resume(chain, range(bound + 60, bound + 63))
    assert chain.durable_final.height == bound + 61
    assert balance_of(chain.state.view(), BOB.public, "REEL") == sum(range(1, 31))
    for block in made[:-1]:
        height = block.placed.height
        assert chain.blocks.at(height) == block.raw
        assert chain.blocks.height_of(block.placed.id) == height
        results = BlockResults.decode(chain.blocks.receipts(height) or b"")
        assert results.receipts == BlockResults.decode(block.results).receipts
        for pending in ready:
            if pending.id in block.transaction_ids:
                assert chain.blocks.transaction(pending.id) == (height, 0)
    assert sum(len(block.transaction_ids) for block in made) == 30
    assert [block.placed.id for block in chain.head_chain()] == [made[-1].placed.id]
    assert list(chain.blocks.unfinal()) == [(made[-1].placed.id, made[-1].raw)]
    assert chain.head_chain()[-1].layer.below() is chain.state.view()  # nothing old is held


@pytest.mark.usefixtures("few_whole")
def test_empty_blocks_become_durable_many_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain_module, "MAX_BATCH_BLOCKS", 20)
    bench = Bench(GENESIS)
    ready = payments(bench.chain, 3)
    stall(bench.chain, range(1, 101), ready)
    for slot in (101, 102):
        block = make_block(bench.chain, SEATS, slot)
        bench.take(block)
        bench.run(bench.engine.add_votes(votes_for(bench.chain, SEATS.values(), block)))
    told = [[block.placed.height for block in final] for _, final in bench.changes if final]
    assert told == [[1], [2], [3], *([*range(a, min(a + 20, 102))] for a in range(4, 102, 20))]
    entries = bench.engine.finality_log.after(0, 200)
    assert [entry.height for entry in entries] == [*range(1, 102)]
    assert [entry.transactions for entry in entries[:5]] == [1, 1, 1, 0, 0]
    assert bench.chain.final_proof() is not None


@pytest.mark.usefixtures("few_whole")
@pytest.mark.parametrize("written", range(1, 8))
def test_a_crash_between_two_batches_loses_nothing(
    monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    monkeypatch.setattr(chain_module, "MAX_BATCH_BLOCKS", 20)
    bench = Bench(GENESIS)
    chain = bench.chain
    stall(chain, range(1, 101), payments(chain, 3))
    resume(chain, range(101, 102))
    last = make_block(chain, SEATS, 102)
    take_block(chain, last.raw)
    chain.sync()
    finalized = None
    for vote in votes_for(chain, SEATS.values(), last):
        finalized = finalized or count(chain, vote)
    assert finalized is not None
    for part, _ in zip(chain.parts(finalized), range(written), strict=False):
        chain.persist(part)
    bench.power_cut()
    chain = bench.chain
    assert chain.durable_final.height == [1, 2, 3, 23, 43, 63, 83][written - 1]
    assert chain.fork.head.id == last.placed.id
    assert next_nonce(chain.state_of(chain.fork.head), ALICE.public) == 3
    assert (chain.final_proof() is None) is (written < 9)
    resume(chain, range(103, 106))
    assert chain.durable_final.height == 104
    assert balance_of(chain.state.view(), BOB.public, "REEL") == 6


@pytest.mark.usefixtures("few_whole")
def test_a_long_stall_is_replayed_after_a_crash() -> None:
    bench = Bench(GENESIS)
    made = stall(bench.chain, range(1, 61), payments(bench.chain, 5))
    bench.chain.sync()
    bench.power_cut()
    chain = bench.chain
    assert chain.fork.head.id == made[-1].placed.id
    assert [block.placed.height for block in chain.head_chain()] == [*range(1, 61)]
    assert sum(block.whole is not None for block in chain.head_chain()) == 8
    resume(chain, range(61, 64))
    assert chain.durable_final.height == 62
    assert balance_of(chain.state.view(), BOB.public, "REEL") == 15


@pytest.mark.usefixtures("few_whole")
@pytest.mark.parametrize("place", [0, 2, 20, 51, 52, 58])
def test_a_fork_may_begin_at_a_buried_block(place: int) -> None:
    chain, other = memory_chain(GENESIS), memory_chain(GENESIS)
    made = stall(chain, range(1, 61), payments(chain, 30))
    for block in made[: place + 1]:
        take_block(other, block.raw)  # the last one is among its newest, and so whole
    parent = made[place].placed
    known = [chain.recorded(parent.id), other.recorded(parent.id)]
    assert [block is not None and block.whole is None for block in known] == [place < 52, False]
    branch = fork_off(other, parent, 70)
    take_block(chain, branch.raw)  # its roots are right on the state that was made again
    assert chain.fork.get(branch.placed.id) is not None
    twin = fork_off(chain, parent, 71)
    for taker in (other, chain):
        take_block(taker, twin.raw)
    assert other.fork.get(twin.placed.id) is not None
    for slot in range(72, 75):  # it wins, and is made final on top of buried blocks
        take_votes(chain, votes_for(chain, SEATS.values(), twin))
        twin = fork_off(chain, chain.fork.head, slot)
        take_block(chain, twin.raw)
    take_votes(chain, votes_for(chain, SEATS.values(), twin))
    assert chain.fork.head.id == twin.placed.id
    assert chain.durable_final.height == place + 4
    paid = min(place + 1, 30)
    assert balance_of(chain.state.view(), BOB.public, "REEL") == sum(range(1, paid + 1))
    assert chain.recorded(made[-1].placed.id) is None


@pytest.mark.usefixtures("few_whole")
def test_queries_and_peers_see_buried_blocks() -> None:
    bench = Bench(GENESIS)
    chain = bench.chain
    ready = payments(chain, 2)
    made = [block.raw for block in stall(chain, range(1, 201), ready)]
    assert [chain.block_bytes(block.placed.id) for block in chain.head_chain()] == made
    view = view_at(chain, Finality.HEAD)
    assert [view.raw_at(height) for height in range(1, 201)] == made
    results = BlockResults.decode(view.results_at(2) or b"")
    assert [receipt.transaction for receipt in results.receipts] == [ready[1].id]
    assert view.transaction(ready[1].id) == (2, 0)
    assert view.height_of(read_block(made[6]).id) == 7

    def served(after: int) -> list[bytes]:
        answer = bench.serve(PEER, GetBlocks(after, MAX_BLOCKS))
        assert isinstance(answer, Blocks)
        return list(answer.blocks)

    assert served(0) == made[:MAX_BLOCKS]
    assert served(150) == made[150:]
    assert served(200) == []
    resume(chain, range(201, 204))
    assert served(195)[:5] == made[195:]
    assert len(served(195)) == 8
    assert [view.raw_at(height) for height in range(1, 201)] == made


def test_the_chain_up_to_the_head_is_followed_wherever_that_goes() -> None:
    chain = memory_chain(GENESIS)
    made = stall(chain, range(1, 11))

    def slots() -> list[int]:
        return [block.placed.slot for block in chain.head_chain()]

    assert slots() == [*range(1, 11)]
    assert chain.head_chain() is chain.head_chain()
    branch = fork_off(chain, made[3].placed, 20)
    take_block(chain, branch.raw)
    assert slots() == [*range(1, 11)]
    take_votes(chain, votes_for(chain, SEATS.values(), branch))
    assert slots() == [1, 2, 3, 4, 20]
    take_block(chain, make_block(chain, SEATS, 21).raw)
    assert slots() == [1, 2, 3, 4, 20, 21]
    head = chain.recorded(chain.fork.head.id)
    assert head is not None
    old = chain.head_chain()
    take_votes(chain, votes_for(chain, SEATS.values(), head))
    assert slots() == [21]
    chain._unfinal._path = old  # as if the blocks had become final while it was followed
    assert slots() == [21]


@pytest.mark.usefixtures("few_whole")
def test_the_head_is_never_buried() -> None:
    chain = memory_chain(GENESIS)
    made = stall(chain, range(1, 21))
    head = chain.fork.head
    for slot in range(30, 50):
        take_block(chain, fork_off(chain, made[2].placed, slot).raw)
    assert chain.fork.head is head
    whole = [block for block in chain.head_chain() if block.whole is not None]
    assert [block.placed for block in whole] == [head]


@pytest.mark.usefixtures("few_whole")
def test_the_state_of_a_head_that_was_buried_is_made_once() -> None:
    chain = memory_chain(GENESIS)
    stall(chain, range(1, 3))
    tip = stall(chain, range(3, 4), payments(chain, 1))[0]
    for slot in range(4, 20):
        parent = chain.fork.get(tip.placed.header.parent or tip.placed.id)
        assert parent is not None
        take_block(chain, fork_off(chain, parent, slot).raw)
    take_votes(chain, votes_for(chain, SEATS.values(), tip))
    assert chain.fork.head.id == tip.placed.id
    known = chain.recorded(tip.placed.id)
    assert known is not None
    assert known.whole is None
    state = chain.state_of(chain.fork.head)
    assert next_nonce(state, ALICE.public) == 1
    assert chain.state_of(chain.fork.head) is state
    assert view_at(chain, Finality.HEAD).state is state
    resume(chain, range(20, 22))
    assert next_nonce(chain.state.view(), ALICE.public) == 1


@pytest.mark.usefixtures("few_whole")
def test_every_final_block_can_be_shown_in_the_newest_state() -> None:
    chain = memory_chain(GENESIS)
    resume(chain, range(1, 5))
    stall(chain, range(5, 25))
    resume(chain, range(25, 28))
    history = chain_progress(chain.state.view()).history
    final = chain.durable_final.height
    assert history.blocks == final == 26
    for height in range(final):
        block_id = chain.blocks.id_at(height)
        path = chain.history.proof(height, history.blocks)
        assert block_id is not None
        assert path is not None
        verify_merkle(history.root, block_id.binary, height, history.blocks, path)
