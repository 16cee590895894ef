"""A real producer that has turned: its keys, and a chain of its own to use them on."""

from collections.abc import Iterator

import trio

from consensus.beacon import RevealChain
from consensus.block import Block, Vote, vote_message
from consensus.cid import Cid
from consensus.compact import compact_block
from consensus.finality import ChainBlock
from consensus.headers import scheduled
from consensus.keys import KeyPair
from consensus.producers import MAX_PRODUCERS
from consensus.record import Record, replace
from consensus.transaction import EncodedTransaction, Transaction
from node.candidate import read_block
from node.chain import Chain, Screening
from node.local.run import now_ms
from node.local.setup import LocalChain
from node.proposing import propose
from node.validator import Seat
from p2p.messages import MAX_BLOCKS, Blocks, GetBlock, GetBlocks, GetBlockTransactions, Transactions
from tests.hostile.client import Victim, new_key, peer_of, politely
from tests.simulation.database import MemoryDatabase
from vm.modules.producer import current_beacon
from vm.modules.tokens import Transfer

MAX_FEE = 10_000_000


def announce(raw: bytes) -> Record:
    """How a block goes round."""
    return compact_block(raw, read_block(raw).transaction_ids)


class Renegade:
    """Makes what only a producer can: votes that count, and blocks that are valid.

    It holds the seats in `seats`, and uses only the one whose turn comes first. They are also
    those of the honest node named `home`, which did not know.
    """

    def __init__(self, local: LocalChain, seats: list[Seat], home: str) -> None:
        self.home = home
        self.chain = Chain(local.genesis, MemoryDatabase())
        self._local = local
        self._seats = {seat.producer: seat for seat in seats}
        self._reveals: dict[bytes, RevealChain] = {}
        self._made: dict[Cid, bytes] = {}

    @property
    def seat(self) -> Seat:
        """The one that it uses, or the first until that is known."""
        return next(iter(self._seats.values()))

    @property
    def innocent(self) -> bytes:
        """The consensus key of a producer that is none of its own: nothing is proved against it."""
        rules, head = self.chain.rules, self.chain.fork.head
        turns = (scheduled(rules, head, head.slot + i) for i in range(1, 2 * MAX_PRODUCERS))
        return next(member.key for member in turns if member.producer not in self._seats)

    async def catch_up(self, victim: Victim) -> None:
        """Learn the chain, as any peer can."""
        async with peer_of(victim, new_key()) as peer:
            while True:
                await peer.send(GetBlocks(self.chain.fork.head.height, MAX_BLOCKS), 1)
                answer, _ = await peer.next_of(Blocks)
                assert isinstance(answer, Blocks)
                if not self._take(answer):
                    return

    def _take(self, answer: Blocks) -> bool:
        new = False
        for raw in answer.blocks:
            candidate = read_block(raw)
            if self.chain.screen(candidate) is Screening.NEW:
                finalized = self.chain.insert(self.chain.validate(candidate))
                if finalized is not None:
                    self.chain.persist(finalized)
                new = True
        return new

    def vote(self, block_id: Cid) -> Vote:
        """Its vote for a block, known or not."""
        key = self.seat.key
        return Vote(block_id, key.public, key.sign(vote_message(self.chain.id, block_id)))

    async def its_turn(self, victim: Victim) -> tuple[int, ChainBlock]:
        """A slot that is its own, which begins half a slot later (blocks may come that early),
        and the newest block before it."""
        clock = self.chain.clock
        while True:
            await self.catch_up(victim)
            slot, producer = self._next_turn(clock.slot_at(now_ms()) + 2)
            await trio.sleep(max(0, clock.start_ms(slot) - clock.slot_ms // 2 - now_ms()) / 1000)
            await self.catch_up(victim)
            head, final = self.chain.fork.head, self.chain.fork.final
            while head.slot >= slot and head.parent is not None:  # an honest node has the seat too
                head = head.parent
            if final.slot <= head.slot < slot:
                self._seats = {producer: self._seats[producer]}
                return slot, head

    def _next_turn(self, first: int) -> tuple[int, bytes]:
        """Its next slot from this one on, and whose of its seats has it."""
        rules, head = self.chain.rules, self.chain.fork.head
        for slot in range(first, first + 2 * MAX_PRODUCERS):
            producer = scheduled(rules, head, slot).producer
            if producer in self._seats:
                return slot, producer
        raise AssertionError("none of its seats has a turn any more")

    def blocks(self, slot: int, parent: ChainBlock, count: int) -> Iterator[bytes]:
        """So many different blocks for its slot, all valid: each pays somebody else."""
        seat = self.seat
        beacon = current_beacon(self.chain.state_of(parent), seat.producer)
        reveal = self._reveals[seat.producer].reveal(beacon.used)
        for number in range(count):
            ready = [self._payment(number)]
            made = propose(self.chain, slot, seat.producer, reveal, ready, parent=parent)
            raw = made.sealed(seat.key.sign(made.placed.id.binary)).raw
            self._made[made.placed.id] = raw
            yield raw

    def reply(self, question: Record) -> Record | None:
        """Give what its own blocks consist of, and else be polite."""
        if isinstance(question, GetBlock | GetBlockTransactions) and question.id in self._made:
            raw = self._made[question.id]
            if isinstance(question, GetBlock):
                return Blocks((raw,))
            transactions = read_block(raw).transactions
            return Transactions(tuple(transactions[place].data for place in question.places))
        return politely(question)

    def prepare(self) -> None:
        """Make the seats' chains of reveals: takes seconds, and a thread's time."""
        state = self.chain.state.view()
        for producer, seat in self._seats.items():
            made = current_beacon(state, producer).chain
            self._reveals[producer] = RevealChain(seat.beacon_seed, made.salt, made.length)

    def forged(self, raw: bytes, key: KeyPair | None = None, **changes: object) -> bytes:
        """A block with some of its header changed, signed by the producer or by another."""
        block = read_block(raw).block
        header = replace(block.header, **changes)
        signer = self.seat.key if key is None else key
        return Block(header, signer.sign(header.id().binary), block.body).encode()

    def _payment(self, number: int) -> EncodedTransaction:
        accounts = self._local.accounts
        sender = accounts.by_name()["dev9"]
        transfer = Transfer(number.to_bytes(32, "big"), "REEL", 1 + number, f"{number}")
        made = Transaction(
            chain=self.chain.id,
            sender=sender,
            payer=None,
            nonce=0,
            valid_until_height=self.chain.fork.head.height + 100,
            fee_asset="REEL",
            max_fee=MAX_FEE,
            actions=(transfer.pack(),),
            signatures=(),
        )
        return EncodedTransaction.of(made.signed(accounts.key(sender)))
