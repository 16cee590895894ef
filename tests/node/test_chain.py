"""The chain: blocks and votes in, final state out."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from consensus.block import Block, Body, Vote
from consensus.errors import (
    Invalid,
    InvalidBlock,
    InvalidGenesis,
    InvalidHeader,
    InvalidSignature,
    InvalidVote,
)
from consensus.fork_choice import ConflictingFinality
from consensus.record import replace
from consensus.tree import ROOT_POSITION
from node.candidate import read_block
from node.chain import Chain, Screening
from node.trial import check_transaction
from storage.database import PAGE_ROW, Database, DatabaseError
from tests.node import handovers
from tests.node.bench import Bench, memory_chain
from tests.node.handovers import ELECTIONS, epochs, run_epochs, voters
from tests.node.network import (
    FUNDS,
    Seat,
    key,
    make_block,
    make_genesis_of,
    make_seats,
    open_chain,
    run_slots,
    take_block,
    take_votes,
    transfer,
    votes_for,
)
from vm.modules.tokens import balance_of

SEATS = make_seats(4)
ALICE, BOB = key("alice"), key("bob")
GENESIS = make_genesis_of(SEATS.values(), [ALICE])

OpenChain = Callable[[str], Chain]


@pytest.fixture
def open_at(tmp_path: Path) -> Iterator[OpenChain]:
    """Open chains in folders of the test's own; closed at its end, or when opened again."""
    open_now: dict[str, Database] = {}

    def opener(name: str) -> Chain:
        if name in open_now:
            open_now[name].close()
        chain, open_now[name] = open_chain(GENESIS, tmp_path / name)
        return chain

    yield opener
    for database in open_now.values():
        database.close()


def state_root(chain: Chain) -> bytes:
    return chain.fork.final.header.state_root


def test_a_block_is_final_when_its_child_in_the_next_slot_has_a_quorum(open_at: OpenChain) -> None:
    chain = open_at("a")
    run_slots([chain], SEATS, [1, 2])
    assert chain.fork.head.height == 2
    assert chain.fork.final.height == 1
    run_slots([chain], SEATS, [4])  # slot 3 is empty: no consecutive slots, nothing new is final
    assert chain.fork.final.height == 1
    run_slots([chain], SEATS, [5])
    assert (chain.fork.final.height, chain.durable_final.height) == (3, 3)


def test_what_verified_long_before_a_final_block_is_forgotten(
    open_at: OpenChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.verified.BLOCKS_KEPT", 3)
    chain = open_at("a")
    payment = transfer(chain, ALICE, BOB.public, 5, 0)
    check_transaction(chain, payment)
    again: list[bytes] = []
    monkeypatch.setattr(
        type(payment.transaction), "check_signatures", lambda self, _: again.append(self.chain)
    )
    run_slots([chain], SEATS, range(1, 7))
    check_transaction(chain, payment)
    assert (chain.durable_final.height, again) == (5, [])
    run_slots([chain], SEATS, [7, 8])
    check_transaction(chain, payment)
    assert (chain.durable_final.height, again) == (7, [chain.id])


def test_certificates_in_bodies_finalize_without_gossiped_votes(open_at: OpenChain) -> None:
    chain, follower = open_at("a"), open_at("b")
    blocks = []
    for slot in range(1, 6):
        block = make_block(chain, SEATS, slot)
        blocks.append(block)
        take_block(chain, block.raw)
        take_votes(chain, votes_for(chain, SEATS.values(), block))
    for block in blocks:
        take_block(follower, block.raw)
    assert chain.fork.final.height == 4
    assert follower.fork.final.height == 3  # the certificate of the last block is not embedded
    assert follower.state.get(b"none") is None


def test_payment_changes_final_state_and_survives_reopening(open_at: OpenChain) -> None:
    chain = open_at("a")
    pending = transfer(chain, ALICE, BOB.public, 5_000, 0)
    check_transaction(chain, pending)
    run_slots([chain], SEATS, [1, 2, 3], [pending])
    assert balance_of(chain.state.view(), BOB.public, "REEL") == 5_000
    spent = FUNDS - balance_of(chain.state.view(), ALICE.public, "REEL")
    assert spent > 5_000
    head, final, root = chain.fork.head.id, chain.fork.final.id, state_root(chain)
    place = chain.blocks.transaction(pending.id)

    chain = open_at("a")
    assert (chain.fork.head.id, chain.fork.final.id, state_root(chain)) == (head, final, root)
    assert chain.blocks.transaction(pending.id) == place == (1, 0)
    run_slots([chain], SEATS, [4, 5])
    assert chain.fork.final.height == 4


def test_a_reopened_chain_remembers_its_last_certificate(open_at: OpenChain) -> None:
    chain = open_at("a")
    run_slots([chain], SEATS, [1, 2, 3])
    head = chain.fork.head
    assert chain.fork.justified is head

    chain = open_at("a")
    assert chain.fork.justified.id == head.id
    block = make_block(chain, SEATS, 4)
    take_block(chain, block.raw)
    take_votes(chain, votes_for(chain, SEATS.values(), block))
    assert chain.fork.final.id == head.id


def test_every_node_gets_the_same_root_whatever_the_order_of_votes(open_at: OpenChain) -> None:
    one, two = open_at("a"), open_at("b")
    for slot in range(1, 9):
        block = make_block(one, SEATS, slot, [transfer(one, ALICE, BOB.public, 1, slot - 1)])
        votes = votes_for(one, SEATS.values(), block)
        take_votes(two, votes[:2])  # before the block itself
        for chain in (one, two):
            take_block(chain, block.raw)
        take_votes(one, votes)
        take_votes(two, reversed(votes))
    assert one.fork.final.id == two.fork.final.id
    assert one.fork.final.height == 7
    assert state_root(one) == state_root(two)


def test_a_fork_is_dropped_and_its_certificate_is_the_alarm(open_at: OpenChain) -> None:
    chain = open_at("a")
    other = open_at("b")
    run_slots([chain, other], SEATS, [1, 2])
    fork = [make_block(other, SEATS, 5)]
    take_block(other, fork[0].raw)
    take_votes(other, votes_for(other, SEATS.values(), fork[0]))
    fork.append(make_block(other, SEATS, 6))
    take_block(chain, fork[0].raw)
    take_block(chain, fork[1].raw)
    assert chain.fork.head.id == fork[1].placed.id

    run_from = open_at("c")
    run_slots([run_from], SEATS, [1, 2])
    rival = make_block(run_from, SEATS, 3)
    take_block(run_from, rival.raw)
    take_votes(run_from, votes_for(run_from, SEATS.values(), rival))
    second = make_block(run_from, SEATS, 4)
    for block in (rival, second):
        take_block(chain, block.raw)
        take_votes(chain, votes_for(chain, SEATS.values(), block))
    assert chain.fork.final.id == rival.placed.id
    with pytest.raises(ValueError, match="descend"):
        take_block(chain, make_block(other, SEATS, 8).raw)
    take_votes(chain, votes_for(chain, list(SEATS.values())[:2], fork[1]))
    with pytest.raises(ConflictingFinality):
        take_votes(chain, votes_for(chain, SEATS.values(), fork[1]))


def altered(raw: bytes, seat: Seat, **fields: object) -> bytes:
    """The block with header fields replaced, signed again by its producer."""
    block = read_block(raw).block
    header = replace(block.header, **fields)
    return Block(header, seat.consensus.sign(header.id().binary), block.body).encode()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("height", 7),
        ("dynasty", 1),
        ("set_hash", b"x" * 32),
        ("next_set_hash", b"x" * 32),
        ("handover", GENESIS.header.id()),
        ("base", None),
        ("qc_hash", b"x" * 32),
        ("final_if_qc", None),
        ("state_root", b"x" * 32),
        ("transactions_root", b"x" * 32),
        ("receipts_root", b"x" * 32),
        ("events_root", b"x" * 32),
        ("reveal", b"x" * 32),
        ("qc_target", None),
    ],
)
def test_every_header_field_is_checked(open_at: OpenChain, field: str, value: object) -> None:
    chain = open_at("a")
    run_slots([chain], SEATS, [1, 2])
    good = make_block(chain, SEATS, 3)
    producer = good.placed.header.producer
    assert producer is not None
    raw = altered(good.raw, SEATS[producer], **{field: value})
    with pytest.raises(Invalid) as caught:
        take_block(chain, raw)
    wanted = {"qc_target": "header"}.get(field, f"header.{field}")
    assert caught.value.field == wanted
    assert chain.fork.head.height == 2
    take_block(chain, good.raw)
    assert chain.fork.head.height == 3


def test_only_the_slots_producer_may_sign(open_at: OpenChain) -> None:
    chain = open_at("a")
    good = read_block(make_block(chain, SEATS, 1).raw)
    others = [seat for seat in SEATS.values() if seat.account.public != good.header.producer]
    forged = replace(good.header, producer=others[0].account.public)
    block = Block(forged, others[0].consensus.sign(forged.id().binary), good.block.body)
    with pytest.raises(InvalidHeader, match="belongs to"):
        chain.screen(read_block(block.encode()))
    unsigned = Block(good.header, bytes(64), good.block.body)
    with pytest.raises(InvalidSignature):
        chain.screen(read_block(unsigned.encode()))
    foreign = replace(good.header, chain=b"x" * 32)
    with pytest.raises(InvalidBlock, match="another chain"):
        chain.screen(read_block(Block(foreign, bytes(64), good.block.body).encode()))


def test_screening(open_at: OpenChain) -> None:
    chain, ahead = open_at("a"), open_at("b")
    run_slots([ahead], SEATS, [1, 2, 3])
    blocks = [read_block(block.raw) for block in ahead.head_chain()]
    assert [chain.screen(block) for block in blocks] == [Screening.ORPHAN] * len(blocks)
    first = ahead.block_bytes(ahead.fork.final.id)
    assert first is not None
    assert ahead.screen(read_block(first)) is Screening.KNOWN


def test_a_body_that_is_not_the_headers_is_the_senders_fault(open_at: OpenChain) -> None:
    chain = open_at("a")
    block = make_block(chain, SEATS, 1, [transfer(chain, ALICE, BOB.public, 1, 0)])
    candidate = read_block(block.raw)
    for body in (Body(b"x", block.body.transactions), Body(b"", ())):
        swapped = Block(candidate.header, candidate.block.signature, body)
        with pytest.raises(InvalidBlock) as caught:
            take_block(chain, swapped.encode())
        assert caught.value.code == "body-mismatch"
    take_block(chain, block.raw)
    assert chain.fork.head.height == 1


def test_votes_of_strangers_and_bad_signatures_are_refused(open_at: OpenChain) -> None:
    chain = open_at("a")
    block = make_block(chain, SEATS, 1)
    take_block(chain, block.raw)
    stranger = key("stranger")
    with pytest.raises(InvalidVote, match="member"):
        chain.vote(Vote(block.placed.id, stranger.public, bytes(64)))
    member = next(iter(SEATS.values()))
    with pytest.raises(InvalidVote, match="signature"):
        chain.vote(Vote(block.placed.id, member.consensus.public, bytes(64)))
    assert not chain.fork.votes(block.placed)


def test_votes_for_an_unknown_block_wait_for_it_if_a_producer_cast_them(open_at: OpenChain) -> None:
    chain = open_at("a")
    block = make_block(open_at("b"), SEATS, 1)
    assert chain.vote(Vote(block.placed.id, key("stranger").public, bytes(64))) is None
    (good,) = votes_for(chain, [next(iter(SEATS.values()))], block)
    with pytest.raises(InvalidVote, match="signature"):
        chain.vote(replace(good, signature=bytes(64)))
    assert chain.vote(good) == (None, None)
    assert chain.vote(good) is None
    assert chain.take_early_votes(block.placed.id) == [good]


def test_blocks_carry_no_transactions_while_too_many_are_not_final(open_at: OpenChain) -> None:
    chain = open_at("a")
    bound = chain.constants.max_unfinal_blocks
    for slot in range(1, bound + 1):
        take_block(chain, make_block(chain, SEATS, slot).raw)
    pending = transfer(chain, ALICE, BOB.public, 1, 0)
    assert make_block(chain, SEATS, bound + 1, [pending]).body.transactions == ()
    recovered = make_block(chain, SEATS, bound + 1)
    take_block(chain, recovered.raw)
    take_votes(chain, votes_for(chain, SEATS.values(), recovered))
    for slot in (bound + 2, bound + 3, bound + 4):
        block = make_block(chain, SEATS, slot, [pending])
        take_block(chain, block.raw)
        take_votes(chain, votes_for(chain, SEATS.values(), block))
    assert chain.fork.final.height == bound + 3
    assert balance_of(chain.state_of(chain.fork.head), BOB.public, "REEL") == 1


def test_another_genesis_is_refused(open_at: OpenChain, tmp_path: Path) -> None:
    chain = open_at("a")
    run_slots([chain], SEATS, [1, 2])
    other = make_genesis_of(SEATS.values(), [BOB])
    database = Database.open(tmp_path / "c")
    Chain(GENESIS, database)
    with pytest.raises(InvalidGenesis, match="another chain"):
        Chain(other, database)
    database.close()


def test_a_state_that_is_not_the_final_blocks_is_named_as_damage(
    open_at: OpenChain, tmp_path: Path
) -> None:
    chain = open_at("a")
    run_slots([chain], SEATS, [1, 2, 3])
    database = Database.open(tmp_path / "b")
    other = Chain(GENESIS, database)
    run_slots([other], SEATS, [1, 2, 3])
    page = database.get(PAGE_ROW + ROOT_POSITION) or b""
    database.write([(PAGE_ROW + ROOT_POSITION, page[:-32] + b"x" * 32)], sync=True)
    with pytest.raises(DatabaseError, match="root"):
        Chain(GENESIS, database)
    database.close()


def test_a_restart_at_any_block_of_a_change_of_the_set_loses_nothing() -> None:
    bench, whole = (Bench(handovers.GENESIS, elected=ELECTIONS) for _ in range(2))
    for slot in epochs(whole.chain, 4):
        (block,) = run_epochs([whole.chain], [slot])
        take_block(bench.chain, block.raw)
        take_votes(bench.chain, votes_for(bench.chain, voters(block), block))
        bench.restart()
        assert bench.chain.fork.head.id == block.placed.id
        final = bench.chain.durable_final
        assert final.id == whole.chain.durable_final.id
        assert final.next_members == whole.chain.durable_final.next_members
        assert bench.chain.final_proof() == whole.chain.final_proof()
    assert bench.chain.durable_final.dynasty == 3


def test_a_block_sees_whose_votes_its_certificate_holds_and_each_block_is_certified_once() -> None:
    chain = memory_chain(handovers.GENESIS, ELECTIONS)
    voted: dict[int, tuple[bytes, ...]] = {}
    certified: list[int] = []
    dynasties: set[tuple[int, int]] = set()
    for slot in epochs(chain, 4):
        block = make_block(chain, handovers.POOL, slot)
        placed, certificate = block.placed, block.body.certificate
        found = chain.context_of(placed, certificate).voters
        if certificate and placed.qc is not None:
            assert found == voted[placed.qc.slot]
            certified.append(placed.qc.slot)
            dynasties.add((placed.dynasty, placed.qc.dynasty))
        else:
            assert found == ()
        take_block(chain, block.raw)
        voting = voters(block)[slot % 2 :][: placed.members.quorum]
        take_votes(chain, votes_for(chain, voting, block))
        voted[slot] = tuple(sorted(seat.account.public for seat in voting))
    assert certified == sorted(set(certified))
    assert len(certified) > 10
    assert {(1, 0), (2, 1), (3, 2), (3, 3)} <= dynasties


def test_the_proof_of_a_handover_is_kept_when_its_block_is_final_and_no_sooner() -> None:
    chain = memory_chain(handovers.GENESIS, ELECTIONS)
    opening = chain.constants.epoch_slots
    kept = {}
    for slot in (1, 2, *range(opening - 2, opening + 4)):
        run_epochs([chain], [slot])
        kept[slot] = chain.blocks.handover(0) is not None
        final = chain.durable_final
        assert kept[slot] == (final.dynasty > 0 or final.handover is not None)
    # The handover block's own certificate makes its parent final, the next one's the block.
    assert [slot for slot in kept if kept[slot]] == [opening + 1, opening + 2, opening + 3]
    assert chain.blocks.handover(1) is None
