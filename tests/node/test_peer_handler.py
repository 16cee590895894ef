"""What peers can and cannot do to a node: judged gossip, catching up, answers."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from consensus.block import Block, Body
from consensus.errors import InvalidBlock
from consensus.fork_choice import Finalized
from consensus.headers import scheduled
from consensus.record import Record
from consensus.voting import FRESH_STATE
from node.candidate import Recorded, read_block
from node.chain import Chain, Screening
from node.finality_log import FinalityLog
from node.importer import Importer
from node.mempool import Mempool
from node.peer_handler import MAX_IMPORTS, MAX_RELAYED_PER_SLOT, PeerHandler
from node.sync import Sync
from node.validator import Seat as ValidatorSeat
from node.validator import Validator
from p2p.handler import Verdict
from p2p.messages import (
    BlockMessage,
    Blocks,
    GetBlock,
    GetBlocks,
    GetTransactions,
    Status,
    TransactionIds,
    Transactions,
    Votes,
)
from storage.content import ContentStore
from storage.database import Database, DatabaseError
from storage.journal import Journal, JournalEntry
from tests.node.network import (
    GENESIS_TIME_MS,
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

SEATS = make_seats(4)
ALICE, BOB = key("alice"), key("bob")
GENESIS = make_genesis_of(SEATS.values(), [ALICE])
PEER, OTHER_PEER = b"p" * 32, b"o" * 32


@dataclass
class Wire:
    """Stands in for the network: records what is sent, answers what is asked."""

    answer: Callable[[Record], Record] = lambda _: Blocks(())
    sent: list[Record] = field(default_factory=list)
    blamed: list[str] = field(default_factory=list)
    asked: int = 0

    def broadcast(self, message: Record, exclude: bytes | None = None) -> None:
        self.sent.append(message)

    def send(self, peer: bytes, message: Record) -> bool:
        self.sent.append(message)
        return True

    async def request(self, peer: bytes, message: Record, timeout_s: float = 1.0) -> Record:
        self.asked += 1
        await trio.lowlevel.checkpoint()
        return self.answer(message)

    def misbehaved(self, peer: bytes, points: float, why: str) -> None:
        self.blamed.append(why)


@dataclass
class Side:
    """A node without seats whose clock the test sets."""

    chain: Chain
    wire: Wire
    handler: PeerHandler
    sync: Sync
    importer: Importer
    mempool: Mempool
    journal: Journal
    now_ms: int = GENESIS_TIME_MS
    may_sign: bool = True

    def run(self, main: Callable[[], Awaitable[None]]) -> None:
        """Run a test in a nursery for the handler's work; time passes by itself."""

        async def wrapped() -> None:
            async with trio.open_nursery() as nursery:
                self.handler.nursery = nursery
                await main()

        trio.run(wrapped, clock=MockClock(autojump_threshold=0))


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Chain]:
    """A chain elsewhere that makes the blocks."""
    chain, database = open_chain(GENESIS, tmp_path / "other")
    yield chain
    database.close()


@pytest.fixture
def side(tmp_path: Path) -> Iterator[Side]:
    """The node under test."""
    database = Database.open(tmp_path / "chain")
    chain, wire, mempool = Chain(GENESIS, database), Wire(), Mempool()
    with Journal.open(tmp_path / "journal") as journal:
        importer = Importer(
            chain,
            Validator(chain.id, [], journal),
            mempool,
            FinalityLog(),
            now_ms=lambda: made.now_ms,
            may_sign=lambda: made.may_sign,
            send_votes=lambda _: None,
            send_block=lambda _: None,
            changed=lambda _new, _final: None,
        )
        handler = PeerHandler(
            chain,
            mempool,
            importer,
            ContentStore(tmp_path / "content"),
            now_ms=lambda: made.now_ms,
            accepted=lambda _: None,
        )
        handler.network = wire  # type: ignore[assignment]
        handler.sync = Sync(chain, wire, importer.add_block)  # type: ignore[arg-type]
        made = Side(chain, wire, handler, handler.sync, importer, mempool, journal)
        yield made
    database.close()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for threads to finish too: virtual time passes meanwhile."""
    with trio.fail_after(10_000_000):
        while not condition():  # noqa: ASYNC110 - virtual time
            await trio.sleep(1)


def at_slot(side: Side, slot: int) -> None:
    side.now_ms = side.chain.clock.start_ms(slot)


def message_of(block: Recorded) -> BlockMessage:
    return BlockMessage(block.raw)


def test_a_block_is_relayed_once_screened_and_then_taken_in(side: Side, other: Chain) -> None:
    block = make_block(other, SEATS, 1)
    at_slot(side, 1)

    async def main() -> None:
        verdict = await side.handler.gossip(PEER, message_of(block), b"")
        assert verdict is Verdict.ACCEPT

    side.run(main)
    assert side.chain.fork.head.id == block.placed.id
    assert not side.wire.blamed


def test_a_swapped_body_is_not_relayed_and_is_the_senders_fault(side: Side, other: Chain) -> None:
    block = make_block(other, SEATS, 1, [transfer(other, ALICE, BOB.public, 1, 0)])
    candidate = read_block(block.raw)
    swapped = Block(candidate.header, candidate.block.signature, Body(b"", ()))
    at_slot(side, 1)

    async def main() -> None:
        with pytest.raises(InvalidBlock, match="transactions"):
            await side.handler.gossip(PEER, BlockMessage(swapped.encode()), b"")
        for _ in range(MAX_RELAYED_PER_SLOT):
            with pytest.raises(InvalidBlock, match="transactions"):
                await side.handler.gossip(PEER, BlockMessage(swapped.encode()), b"")
        assert await side.handler.gossip(PEER, message_of(block), b"") is Verdict.ACCEPT

    side.run(main)
    assert side.chain.fork.head.id == block.placed.id


def test_who_relays_what_its_producer_spoilt_is_not_blamed(side: Side, other: Chain) -> None:
    block = make_block(other, SEATS, 1)
    header = replace(block.placed.header, state_root=b"x" * 32)
    producer = header.producer or b""
    signature = SEATS[producer].consensus.sign(header.id().binary)
    spoilt = Block(header, signature, block.body).encode()
    at_slot(side, 1)

    async def main() -> None:
        assert await side.handler.gossip(PEER, BlockMessage(spoilt), b"") is Verdict.ACCEPT

    side.run(main)
    assert side.chain.fork.head.height == 0
    assert not side.wire.blamed


@pytest.mark.parametrize("slots_early", [2, 3, 1_000_000])
def test_a_block_of_a_far_slot_never_comes_in(side: Side, other: Chain, slots_early: int) -> None:
    block = make_block(other, SEATS, 1 + slots_early)
    at_slot(side, 1)
    side.now_ms -= 1
    side.wire.answer = lambda request: Blocks((block.raw,))

    async def main() -> None:
        assert await side.handler.gossip(PEER, message_of(block), b"") is Verdict.IGNORE
        assert await side.importer.add_block(read_block(block.raw)) is Screening.EARLY
        async with trio.open_nursery() as nursery:
            nursery.start_soon(side.sync.run)
            side.sync.want(PEER)
            await trio.sleep(60)
            nursery.cancel_scope.cancel()

    side.run(main)
    assert side.chain.fork.head.height == 0


def test_an_early_block_is_held_until_its_slot(side: Side, other: Chain) -> None:
    block = make_block(other, SEATS, 2)
    at_slot(side, 1)
    heights: list[int] = []

    async def main() -> None:
        await side.handler.gossip(PEER, message_of(block), b"")
        await trio.sleep(side.chain.clock.slot_ms / 1000 / 2)
        heights.append(side.chain.fork.head.height)

    side.run(main)
    assert heights == [0]
    assert side.chain.fork.head.height == 1


def test_ancestors_of_an_orphan_are_asked_for_by_id(side: Side, other: Chain) -> None:
    blocks = []
    for slot in (1, 2, 3):
        blocks.append(make_block(other, SEATS, slot))
        other.insert(blocks[-1])
    at_slot(side, 3)

    def answer(request: Record) -> Record:
        assert isinstance(request, GetBlock)
        return Blocks((other.block_bytes(request.id) or b"",))

    side.wire.answer = answer

    async def main() -> None:
        assert await side.handler.gossip(PEER, message_of(blocks[2]), b"") is Verdict.IGNORE

    side.run(main)
    assert side.chain.fork.head.id == blocks[2].placed.id


def test_catching_up_takes_all_and_stops(side: Side, other: Chain) -> None:
    run_slots([other], SEATS, range(1, 200))
    at_slot(side, 200)
    helper = PeerHandler(
        other,
        Mempool(),
        side.importer,
        side.handler._content,
        now_ms=lambda: side.now_ms,
        accepted=lambda _: None,
    )

    def answer(request: Record) -> Record:
        assert isinstance(request, GetBlocks)
        return Blocks(tuple(helper._blocks_after(request.after_height)))

    side.wire.answer = answer

    async def main() -> None:
        status = Status(other.fork.head.id, 199, other.fork.final.id, 198, 200, side.now_ms)
        await side.handler.gossip(PEER, status, b"")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(side.sync.run)
            await until(lambda: side.chain.fork.head.height == 199 and not side.sync.behind)
            nursery.cancel_scope.cancel()

    side.run(main)
    assert side.chain.durable_final.height >= 197
    assert side.wire.asked <= 4
    assert not side.sync.behind


def test_a_peer_that_repeats_itself_cannot_keep_the_node_catching_up(
    side: Side, other: Chain
) -> None:
    block = make_block(other, SEATS, 1)
    at_slot(side, 1)
    side.wire.answer = lambda request: Blocks((block.raw,))

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(side.sync.run)
            side.sync.want(PEER)
            await until(lambda: bool(side.wire.blamed))
            nursery.cancel_scope.cancel()

    side.run(main)
    assert side.wire.asked == 2
    assert side.wire.blamed


def test_votes_are_counted_and_bad_ones_raise(side: Side, other: Chain) -> None:
    block = make_block(other, SEATS, 1)
    at_slot(side, 1)
    votes = votes_for(other, SEATS.values(), block)
    bad = replace(votes[3], signature=bytes(64))

    async def main() -> None:
        await side.handler.gossip(PEER, message_of(block), b"")
        await trio.sleep(1)
        with pytest.raises(Exception, match="signature"):
            await side.handler.gossip(PEER, Votes((votes[0], bad, votes[1])), b"")
        assert await side.handler.gossip(PEER, Votes((votes[2],)), b"") is Verdict.ACCEPT

    side.run(main)
    placed = side.chain.fork.get(block.placed.id)
    assert placed is not None
    assert len(side.chain.fork.votes(placed)) == 3


def test_announced_transactions_are_fetched_checked_and_announced(side: Side, other: Chain) -> None:
    good = transfer(other, ALICE, BOB.public, 1, 0)
    poor = transfer(other, BOB, ALICE.public, 1, 0)

    def answer(request: Record) -> Record:
        assert isinstance(request, GetTransactions)
        return Transactions((poor.transaction.encode(), good.transaction.encode()))

    side.wire.answer = answer

    async def main() -> None:
        await side.handler.gossip(PEER, TransactionIds((good.id, poor.id)), b"")

    side.run(main)
    assert good.id in side.mempool
    assert poor.id not in side.mempool
    assert side.wire.sent == [TransactionIds((good.id,))]
    assert not side.wire.blamed


def test_a_forged_transaction_costs_its_sender(side: Side, other: Chain) -> None:
    good = transfer(other, ALICE, BOB.public, 1, 0)
    forged = replace(good.transaction, max_fee=good.transaction.max_fee + 1)
    side.wire.answer = lambda _: Transactions((forged.encode(), b"garbage"))

    async def main() -> None:
        await side.handler.gossip(PEER, TransactionIds((good.id,)), b"")

    side.run(main)
    assert len(side.mempool) == 0
    assert len(side.wire.blamed) == 2


def test_a_third_block_of_a_slot_comes_in_only_when_asked_for(side: Side, other: Chain) -> None:
    blocks = [
        make_block(other, SEATS, 1, [transfer(other, ALICE, BOB.public, amount, 0)])
        for amount in range(1, MAX_RELAYED_PER_SLOT + 2)
    ]
    at_slot(side, 1)

    async def main() -> None:
        verdicts = [await side.handler.gossip(PEER, message_of(block), b"") for block in blocks]
        assert verdicts == [Verdict.ACCEPT] * MAX_RELAYED_PER_SLOT + [Verdict.IGNORE]

    side.run(main)
    known = [side.chain.fork.get(block.placed.id) is not None for block in blocks]
    assert known == [True] * MAX_RELAYED_PER_SLOT + [False]


def test_one_peers_orphans_do_not_keep_other_blocks_out(side: Side, other: Chain) -> None:
    first = make_block(other, SEATS, 1)
    other.insert(first)
    block = read_block(make_block(other, SEATS, 2).raw).block
    at_slot(side, 2)

    async def never(peer: bytes, message: Record, timeout_s: float = 1.0) -> Record:
        side.wire.asked += 1
        await trio.sleep_forever()
        raise AssertionError

    side.wire.request = never  # type: ignore[method-assign]

    async def main() -> None:
        for i in range(MAX_IMPORTS + 1):
            orphan = Block(block.header, bytes([i]) * 64, block.body)
            await side.handler.gossip(PEER, BlockMessage(orphan.encode()), b"")
        assert await side.handler.gossip(OTHER_PEER, message_of(first), b"") is Verdict.ACCEPT
        await until(lambda: side.chain.fork.head.id == first.placed.id)
        assert side.wire.asked == 1
        side.handler.nursery.cancel_scope.cancel()

    side.run(main)


def test_only_new_valid_votes_go_further(side: Side, other: Chain) -> None:
    block = make_block(other, SEATS, 1)
    at_slot(side, 1)
    votes = votes_for(other, SEATS.values(), block)
    again = replace(votes[0], signature=bytes(64))  # never verified: that member's is counted

    async def main() -> None:
        await side.handler.gossip(PEER, Votes((votes[0],)), b"")
        assert await side.handler.gossip(PEER, Votes((again,)), b"") is Verdict.IGNORE
        await side.handler.gossip(PEER, message_of(block), b"")
        await until(lambda: side.chain.fork.head.id == block.placed.id)
        assert await side.handler.gossip(PEER, Votes((again,)), b"") is Verdict.IGNORE
        assert not side.wire.sent
        assert await side.handler.gossip(PEER, Votes((again, votes[1])), b"") is Verdict.IGNORE
        assert side.wire.sent == [Votes((votes[1],))]

    side.run(main)


def test_votes_of_producers_that_are_not_known_yet_cost_nothing(side: Side, other: Chain) -> None:
    later = make_seats(8)
    block = make_block(other, SEATS, 1)
    votes = votes_for(other, later.values(), block)[4:]

    async def main() -> None:
        assert await side.handler.gossip(PEER, Votes(tuple(votes)), b"") is Verdict.IGNORE

    side.run(main)


def test_a_failing_disk_stops_the_node_and_nothing_is_built_on_half_a_change(
    side: Side, other: Chain
) -> None:
    blocks = [make_block(other, SEATS, 1)]
    take_block(other, blocks[0].raw)
    take_votes(other, votes_for(other, SEATS.values(), blocks[0]))
    blocks.append(make_block(other, SEATS, 2))
    at_slot(side, 2)

    def broken(finalized: Finalized) -> None:
        raise DatabaseError("no space left on the disk")

    side.chain.persist = broken  # type: ignore[method-assign]

    async def main() -> None:
        for block in blocks:
            await side.importer.add_block(read_block(block.raw))
        for block in blocks:
            votes = tuple(votes_for(other, SEATS.values(), block))
            with suppress(Exception):  # the connection's own guard
                await side.handler.gossip(PEER, Votes(votes), b"")
        with pytest.raises(DatabaseError):
            await side.importer.add_votes(votes_for(other, SEATS.values(), blocks[1])[:1])
        await trio.sleep_forever()

    with pytest.raises(ExceptionGroup) as caught:
        side.run(main)
    assert caught.group_contains(DatabaseError, match="no space")


def test_every_peer_that_is_ahead_gets_its_turn(side: Side) -> None:
    asked: list[bytes] = []

    async def request(peer: bytes, message: Record, timeout_s: float = 1.0) -> Record:
        asked.append(peer)
        if len(asked) < 20:
            side.sync.want(PEER)  # claims again and again while it is being asked
        await trio.lowlevel.checkpoint()
        return Blocks(())

    side.wire.request = request  # type: ignore[method-assign]

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            side.sync.want(OTHER_PEER)
            side.sync.want(PEER)
            nursery.start_soon(side.sync.run)
            await until(lambda: len(asked) >= 20)
            nursery.cancel_scope.cancel()

    side.run(main)
    assert OTHER_PEER in asked


def test_a_producer_without_its_reveal_misses_its_slot_and_the_node_goes_on(side: Side) -> None:
    producer = scheduled(side.chain.rules, side.chain.fork.head, 1).producer
    consensus = SEATS[producer].consensus
    seat = ValidatorSeat(producer, consensus, b"not the committed seed".ljust(32))
    side.importer._validator = Validator(side.chain.id, [seat], side.journal)
    side.importer._validator.remember(-5)
    at_slot(side, 1)

    async def main() -> None:
        assert side.importer._validator.may_produce(producer, 5)
        later = 1 + len(SEATS)  # the same producer's next slot, past what was bound
        assert await side.importer.produce(later) is None
        assert side.importer._validator.may_produce(producer, later)

    side.run(main)
    assert side.chain.fork.head.height == 0


@pytest.mark.parametrize("may_sign", [True, False])
def test_nothing_is_signed_while_the_node_must_not(
    side: Side, other: Chain, may_sign: bool
) -> None:
    block = make_block(other, SEATS, 1)
    seats = [
        ValidatorSeat(producer, seat.consensus, b"")
        for producer, seat in SEATS.items()
        if producer != block.placed.header.producer  # it would find that its journal is older
    ]
    for seat in seats:
        side.journal.append([JournalEntry(seat.key.public, FRESH_STATE, None)])
    side.importer._validator = Validator(side.chain.id, seats, side.journal)
    side.may_sign = may_sign
    at_slot(side, 1)

    async def main() -> None:
        await side.importer.add_block(read_block(block.raw))

    side.run(main)
    placed = side.chain.fork.get(block.placed.id)
    assert placed is not None
    assert len(side.chain.fork.votes(placed)) == (len(seats) if may_sign else 0)


def test_transactions_may_come_while_others_are_listed(side: Side, other: Chain) -> None:
    side.mempool.add(transfer(other, ALICE, BOB.public, 1, 0), next_nonce=0, next_height=1)

    def next_nonce(sender: bytes) -> int:
        late = transfer(other, BOB, ALICE.public, 1, 0)
        side.mempool.add(late, next_nonce=0, next_height=1)
        return 0

    listed = [pending.transaction.sender for pending in side.mempool.ready(next_nonce)]
    assert listed == [ALICE.public]
    assert len(side.mempool) == 2
