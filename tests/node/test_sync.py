"""Catching up: behind is who was shown a proof, for as long as the peer goes on answering."""

from collections.abc import Callable, Iterator

import pytest

from consensus.errors import Invalid
from consensus.fork_choice import ConflictingFinality
from consensus.headers import scheduled
from consensus.record import Record
from node.candidate import read_block
from node.chain import Chain
from node.finality_proofs import proof_above
from p2p.messages import Blocks, GetBlock, GetBlocks, GetHeaders, Status
from p2p.questions import PeerGone, RemoteError, RequestTimeout
from tests.node.bench import PEER, Bench, memory_chain, node_seats
from tests.node.handovers import ELECTIONS, epochs, run_epochs
from tests.node.handovers import GENESIS as POOL_GENESIS
from tests.node.network import key, make_block, make_genesis_of, make_seats, run_slots, take_block

SEATS = make_seats(4)
GENESIS = make_genesis_of(SEATS.values(), [key("alice")])
OTHER_PEER = b"o" * 32


def claim(bench: Bench, height: int = 10**6) -> Status:
    """A status that says that the peer is far ahead."""
    some_id = bench.chain.fork.head.id
    return Status(some_id, height, some_id, height, 10**6, bench.now_ms)


@pytest.fixture
def ahead() -> Bench:
    """A node that is ahead."""
    made = Bench(GENESIS)
    run_slots([made.chain], SEATS, [1, 2, 3])
    return made


@pytest.fixture
def bench() -> Bench:
    """The node under test, with the seat of slots 4 and 8."""
    genesis = memory_chain(GENESIS)
    producer = scheduled(genesis.rules, genesis.fork.final, 4).producer
    made = Bench(GENESIS, node_seats(SEATS, list(SEATS).index(producer)))
    made.at_slot(5)
    return made


def block_at(chain: Chain, height: int) -> bytes:
    """The bytes of the block at a height, final or not."""
    raw = chain.blocks.at(height)
    unfinal = [block.raw for block in chain.head_chain() if block.placed.height == height]
    return unfinal[0] if raw is None else raw


def noting(
    bench: Bench, answer: Callable[[bytes, Record], Record]
) -> list[tuple[type[Record], bool]]:
    """Let `bench` be answered so; what it asked, and whether it was behind then."""
    seen: list[tuple[type[Record], bool]] = []

    def noted(peer: bytes, request: Record) -> Record:
        seen.append((type(request), bench.sync.behind))
        return answer(peer, request)

    bench.answer = noted
    return seen


def test_a_node_is_behind_from_the_proof_until_it_has_what_is_final(
    bench: Bench, ahead: Bench
) -> None:
    seen = noting(bench, ahead.serve)
    bench.exchange.follow(PEER, claim(bench, 3))
    assert seen[:2] == [(GetHeaders, False), (GetBlocks, True)]
    assert not bench.sync.behind
    assert bench.chain.fork.head.id == ahead.chain.fork.head.id
    assert bench.chain.durable_final.height == 2  # by a proof: nobody has embedded its certificate
    assert bench.blamed == []


def test_nothing_is_signed_while_the_node_is_behind(bench: Bench, ahead: Bench) -> None:
    block = make_block(memory_chain(GENESIS), SEATS, 5)

    def answer(peer: bytes, request: Record) -> Record:
        if isinstance(request, GetBlocks) and bench.sync.behind:
            bench.take(block)
            assert bench.run(bench.engine.produce(8)) is None
        return ahead.serve(peer, request)

    bench.answer = answer
    bench.sync.want(PEER)
    assert bench.chain.fork.get(block.placed.id) is not None
    assert bench.sent == []
    bench.at_slot(8)
    assert bench.run(bench.engine.produce(8)) is not None
    assert bench.sent_votes() == 1


def test_a_proof_makes_final_what_is_known_here_and_the_node_signs_on(
    bench: Bench, ahead: Bench
) -> None:
    """Votes that it missed are embedded nowhere, once others have better certificates: a node that
    only noted that others are ahead would wait for a certificate that does not come."""
    for height in (1, 2, 3):
        take_block(bench.chain, block_at(ahead.chain, height))
    assert bench.chain.durable_final.height == 1
    seen = noting(bench, ahead.serve)
    bench.sync.want(PEER)
    assert bench.chain.durable_final.height == 2
    assert not any(behind for _, behind in seen)
    assert bench.engine.may_sign()


def liars(ahead: Chain) -> Iterator[Callable[[bytes, Record], Record]]:
    """How peers answer that claim to be ahead and prove nothing."""
    proof = proof_above(ahead, 1)
    assert proof is not None

    def refusing(_peer: bytes, _request: Record) -> Record:
        raise RemoteError("not served here")

    def silent(_peer: bytes, _request: Record) -> Record:
        raise RequestTimeout("did not answer")

    def forging(_peer: bytes, request: Record) -> Record:
        if isinstance(request, GetHeaders):
            signature = proof.certificate[:-1] + bytes([proof.certificate[-1] ^ 1])
            return type(proof)(proof.target, signature, proof.headers)
        return Blocks(())

    def evading(_peer: bytes, _request: Record) -> Record:
        return Blocks(())

    yield from (refusing, silent, forging, evading)


@pytest.mark.parametrize("liar", range(4))
def test_who_only_claims_to_be_ahead_silences_nobody(bench: Bench, ahead: Bench, liar: int) -> None:
    seen = noting(bench, list(liars(ahead.chain))[liar])
    for peer in (PEER, OTHER_PEER):
        bench.exchange.follow(peer, claim(bench))
    assert seen
    assert not any(behind for _, behind in seen)
    assert bench.engine.may_sign()
    assert bool(bench.blamed) == (liar == 2)  # that is no mistake


def test_a_proof_of_what_is_known_here_silences_nobody(ahead: Bench) -> None:
    same = Bench(GENESIS, node_seats(SEATS))
    run_slots([same.chain], SEATS, [1, 2, 3])
    old = proof_above(ahead.chain, 1)
    assert old is not None

    def answer(_peer: bytes, request: Record) -> Record:
        return old if isinstance(request, GetHeaders) else Blocks(())

    seen = noting(same, answer)
    same.sync.want(PEER)
    assert seen[0] == (GetHeaders, False)
    assert set(seen[1:]) == {(GetBlocks, False)}


@pytest.mark.parametrize("failure", [RequestTimeout("late"), PeerGone("gone"), RemoteError("no")])
def test_a_peer_that_proves_and_then_falls_silent_does_not_silence_the_node(
    bench: Bench, ahead: Bench, failure: Exception
) -> None:
    def answer(peer: bytes, request: Record) -> Record:
        if isinstance(request, GetBlocks):
            raise failure
        return ahead.serve(peer, request)

    seen = noting(bench, answer)
    bench.sync.want(PEER)
    assert seen[0] == (GetHeaders, False)
    assert set(seen[1:]) == {(GetBlocks, True)}
    assert not bench.sync.behind
    assert bench.engine.may_sign()
    assert bench.blamed == []


def test_bad_blocks_after_a_good_proof_end_it_too_and_are_blamed(
    bench: Bench, ahead: Bench
) -> None:
    other = memory_chain(make_genesis_of(SEATS.values(), [key("bob")]))
    block = make_block(other, SEATS, 1)

    def answer(peer: bytes, request: Record) -> Record:
        if isinstance(request, GetBlocks):
            return Blocks((block.raw,))
        return ahead.serve(peer, request)

    seen = noting(bench, answer)
    bench.sync.want(PEER)
    assert (GetBlocks, True) in seen
    assert not bench.sync.behind
    assert len(bench.blamed) == 1


def test_a_peer_without_a_proof_is_asked_for_its_blocks_all_the_same(bench: Bench) -> None:
    """Nothing was final for long: no proof can be had, but the blocks are needed."""
    stalled = Bench(GENESIS)
    for slot in range(1, 71):
        take_block(stalled.chain, make_block(stalled.chain, SEATS, slot).raw)
    assert stalled.chain.durable_final.height == 0
    bench.at_slot(71)
    seen = noting(bench, stalled.serve)
    bench.sync.want(PEER)
    assert bench.chain.fork.head.id == stalled.chain.fork.head.id
    assert not any(behind for _, behind in seen)


def test_too_long_a_line_of_ancestors_is_left_to_catching_up(bench: Bench) -> None:
    stalled = Bench(GENESIS)
    for slot in range(1, 71):
        take_block(stalled.chain, make_block(stalled.chain, SEATS, slot).raw)
    bench.at_slot(71)
    seen = noting(bench, stalled.serve)
    bench.hear(stalled.exchange.greeting()[-1])
    assert bench.chain.fork.head.id == stalled.chain.fork.head.id
    assert [kind for kind, _ in seen].count(GetBlock) == 64


def test_another_final_history_is_found_by_asking(bench: Bench, ahead: Bench) -> None:
    run_slots([bench.chain], SEATS, [9, 10, 11])
    run_slots([ahead.chain], SEATS, [4])
    bench.answer = ahead.serve
    bench.at_slot(12)
    with pytest.raises(ConflictingFinality):
        bench.exchange.follow(PEER, claim(bench))


def test_another_final_history_is_found_by_a_block_that_forks_off_below(
    bench: Bench, ahead: Bench
) -> None:
    """What a peer sends does not connect: it is asked to prove where it comes from."""
    run_slots([bench.chain], SEATS, [9, 10, 11])
    run_slots([ahead.chain], SEATS, [12, 13])
    bench.answer = ahead.serve
    bench.at_slot(13)
    head = ahead.chain.block_bytes(ahead.chain.fork.head.id)
    assert head is not None
    with pytest.raises(ConflictingFinality):
        bench.run(bench.sync.fetch_ancestors(PEER, read_block(head).header))


def test_a_node_catches_up_over_every_change_of_the_set() -> None:
    ahead, bench = (Bench(POOL_GENESIS, elected=ELECTIONS) for _ in range(2))
    run_epochs([ahead.chain], epochs(ahead.chain, 4))
    bench.at_slot(ahead.chain.fork.head.slot)
    seen = noting(bench, ahead.serve)
    bench.sync.want(PEER)
    assert bench.chain.fork.head.id == ahead.chain.fork.head.id
    assert bench.chain.durable_final.id == ahead.chain.durable_final.id  # the last by a proof
    assert (GetBlocks, True) in seen
    steps = [(ahead.chain.blocks.handover(i), bench.chain.blocks.handover(i)) for i in range(3)]
    assert all(mine is not None and mine == theirs for mine, theirs in steps)


def test_answers_with_blocks_of_other_ids_than_asked_for_are_refused(bench: Bench) -> None:
    maker = memory_chain(GENESIS)
    first = make_block(maker, SEATS, 1)
    take_block(maker, first.raw)
    second = make_block(maker, SEATS, 2)
    bench.answer = lambda _peer, _request: Blocks((second.raw,))
    with pytest.raises(Invalid, match="another block"):
        bench.run(bench.sync.fetch_ancestors(PEER, second.placed.header))
    bench.answer = lambda _peer, _request: Blocks(())
    with pytest.raises(RemoteError):
        bench.run(bench.sync.fetch_ancestors(PEER, second.placed.header))
