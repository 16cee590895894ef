"""The headers that a node gives to one that is behind, proved by one certificate."""

import pytest

from consensus.errors import InvalidEncoding
from consensus.finality_proof import FinalityProof, check_finality
from consensus.hashing import ZERO_DIGEST
from node import finality_proofs
from node.candidate import header_of, read_block, read_head
from node.chain import Chain
from node.finality_proofs import window_above
from p2p.messages import GetHeaders
from tests.node.bench import PEER, Bench, memory_chain
from tests.node.handovers import ELECTIONS, epochs, run_epochs
from tests.node.handovers import GENESIS as POOL_GENESIS
from tests.node.network import (
    key,
    make_block,
    make_genesis_of,
    make_seats,
    run_slots,
    take_block,
    transfer,
)

SEATS = make_seats(4)
ALICE = key("alice")
GENESIS = make_genesis_of(SEATS.values(), [ALICE])


def window_of(chain: Chain, after: int, limit: int) -> FinalityProof:
    found = window_above(chain, after, limit)
    assert found is not None
    assert [header.height for header in found.headers] == list(range(found.final.height, after, -1))
    return found


def test_a_window_begins_above_a_height_and_has_as_many_headers_as_are_enough() -> None:
    chain = memory_chain(GENESIS)
    run_slots([chain], SEATS, range(1, 40))
    final = chain.durable_final.height
    assert final == 38
    for after in range(final):
        for limit in (1, 2, 30, 512):
            window = window_of(chain, after, limit)
            check_finality(window, chain.id, GENESIS.producer_set)
            wanted = min(limit, final - after)
            if after + wanted != final - 1:  # that one's certificate is in the head alone
                assert len(window.headers) == wanted
    for after in (final, final + 1, 10**9):
        assert window_above(chain, after, 512) is None


def test_where_certificates_are_few_a_window_ends_at_the_last_one_that_fits() -> None:
    chain = memory_chain(GENESIS)
    run_slots([chain], SEATS, [1, 2, 3, 5, 6, 9, 12, 13, 14])
    final = chain.durable_final.height
    ends = {window_of(chain, 0, limit).final.height for limit in range(1, final + 1)}
    assert ends < set(range(1, final + 1))
    for limit in range(1, final + 1):
        fitting = [end for end in ends if end <= limit]
        assert window_of(chain, 0, limit).final.height == (max(fitting) if fitting else min(ends))


def test_after_a_long_stall_a_window_is_longer_than_was_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chain = memory_chain(GENESIS)
    run_slots([chain], SEATS, [1, 2, 3])
    for slot in range(4, 90):  # nobody votes
        take_block(chain, make_block(chain, SEATS, slot).raw)
    run_slots([chain], SEATS, range(90, 200))
    window = window_of(chain, 3, 4)
    check_finality(window, chain.id, GENESIS.producer_set)
    assert len(window.headers) > 80
    monkeypatch.setattr(finality_proofs, "MAX_PROOF_HEADERS", len(window.headers) - 1)
    assert window_above(chain, 3, 4) is None


@pytest.mark.parametrize("limit", [1, 3, 512])
def test_a_window_is_proved_by_the_set_that_is_known_and_ends_where_it_hands_over(
    limit: int,
) -> None:
    chain = memory_chain(POOL_GENESIS, ELECTIONS)
    blocks = run_epochs([chain], epochs(chain, 4))
    sets = {block.placed.dynasty: block.placed.members for block in blocks}
    at, final, handovers = 0, chain.durable_final.height, 0
    while at < final:
        base = header_of(chain.blocks.block_or_header(at) or b"")
        window = window_of(chain, at, limit)
        known = base.dynasty + (base.next_set_hash != ZERO_DIGEST)
        assert window.target.dynasty == known
        check_finality(window, chain.id, sets[known])
        for header in window.headers[1:]:
            if header.dynasty == known:
                assert header.next_set_hash == ZERO_DIGEST
        handovers += window.final.next_set_hash != ZERO_DIGEST and window.final.handover is None
        at = window.final.height
    assert handovers == 3


def test_nothing_is_proved_below_what_is_kept() -> None:
    bench = Bench(GENESIS, keep_blocks=1)
    bench.keep_blocks = 20
    bench.restart()
    run_slots([bench.chain], SEATS, range(1, 60))
    first = bench.chain.blocks.first_height()
    assert first > 1
    assert bench.exchange.serve(GetHeaders(first - 2, 9)) is None
    window_of(bench.chain, first, 9)


def test_what_is_read_of_a_block_without_its_transactions_is_right() -> None:
    chain = memory_chain(GENESIS)
    run_slots([chain], SEATS, [1, 2])
    payment = transfer(chain, ALICE, ALICE.public, 1, 0)
    raw = make_block(chain, SEATS, 3, [payment]).raw
    whole, head = read_block(raw), read_head(raw)
    assert whole.transactions
    assert whole.block.body.certificate
    assert (head.id, head.header) == (whole.id, whole.header)
    assert head.certificate == whole.block.body.certificate
    read = raw.index(head.certificate) + len(head.certificate)
    for end in range(read):
        with pytest.raises(InvalidEncoding):
            read_head(raw[:end])


def test_a_node_answers_with_a_window() -> None:
    bench = Bench(GENESIS)
    run_slots([bench.chain], SEATS, range(1, 9))
    assert bench.serve(PEER, GetHeaders(2, 3)) == window_above(bench.chain, 2, 3)
