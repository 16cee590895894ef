"""A network of chains in one process: blocks and votes are handed over by the test itself."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from consensus.beacon import RevealChain
from consensus.block import Vote, vote_message
from consensus.fork_choice import Finalized
from consensus.headers import scheduled
from consensus.keys import KeyPair
from consensus.transaction import EncodedTransaction, Transaction
from genesis.build import build_genesis
from genesis.file import Genesis
from genesis.preset import load_preset
from genesis.producer_record import ProducerRecord, make_producer_record
from node.candidate import Recorded, read_block
from node.chain import Chain, Elect, Screening
from node.proposing import propose
from storage.database import Database
from vm.declare import Action
from vm.modules.producer import Commitment, current_beacon, elect
from vm.modules.tokens import Transfer

GENESIS_TIME_MS = 1_700_000_000_000
FUNDS = 1_000_000_000_000


def key(name: str) -> KeyPair:
    """A key named by a short text."""
    return KeyPair.from_seed(name.encode().ljust(32, b"."))


@dataclass(frozen=True)
class Seat:
    """A producer with all its secrets."""

    account: KeyPair
    consensus: KeyPair
    reveals: RevealChain

    def record(self) -> ProducerRecord:
        """How it introduces itself to genesis."""
        commitment = Commitment(b"salt" * 4, self.reveals.commitment, self.reveals.length)
        return make_producer_record(self.account, self.consensus, "p", commitment)


def make_seats(count: int) -> dict[bytes, Seat]:
    """Seats by producer id."""
    seats = [
        Seat(key(f"account {i}"), key(f"consensus {i}"), RevealChain(b"%32d" % i, b"salt" * 4, 512))
        for i in range(count)
    ]
    return {seat.account.public: seat for seat in seats}


def make_genesis_of(
    seats: Iterable[Seat], holders: Sequence[KeyPair] = (), attesters: Sequence[KeyPair] = ()
) -> Genesis:
    """A devnet genesis of these seats in which the holders have FUNDS each, and some attest."""
    return build_genesis(
        load_preset("devnet"),
        [seat.record() for seat in seats],
        [(holder.public, FUNDS) for holder in holders],
        GENESIS_TIME_MS,
        attesters=[attester.public for attester in attesters],
    )


def open_chain(
    genesis: Genesis, folder: Path, elected: Elect = elect, *, keep_blocks: int = 0
) -> tuple[Chain, Database]:
    """A chain on a database in `folder`, with what was stored taken up."""
    database = Database.open(folder)
    chain = Chain(genesis, database, elected=elected, keep_blocks=keep_blocks)
    chain.replay()
    return chain, database


def transfer(
    chain: Chain, sender: KeyPair, recipient: bytes, amount: int, nonce: int, **changed: int
) -> EncodedTransaction:
    """A signed transfer, as the mempool keeps it."""
    return signed(chain, sender, Transfer(recipient, "REEL", amount, ""), nonce, **changed)


def signed(
    chain: Chain, sender: KeyPair, action: Action, nonce: int, **changed: int
) -> EncodedTransaction:
    """A signed transaction of one action, as the mempool keeps it."""
    made = Transaction(
        chain=chain.id,
        sender=sender.public,
        payer=None,
        nonce=nonce,
        valid_until_height=changed.get("valid_until_height", 1_000),
        fee_asset="REEL",
        max_fee=changed.get("max_fee", 10_000_000),
        actions=(action.pack(),),
        signatures=(),
    ).signed(sender)
    return EncodedTransaction.of(made)


def make_block(
    chain: Chain, seats: dict[bytes, Seat], slot: int, ready: Iterable[EncodedTransaction] = ()
) -> Recorded:
    """The slot's block by its scheduled producer on the chain's head."""
    head = chain.fork.head
    producer = scheduled(chain.rules, head, slot).producer
    beacon = current_beacon(chain.state_of(head), producer)
    reveal = seats[producer].reveals.reveal(beacon.used)
    proposal = propose(chain, slot, producer, reveal, ready)
    return proposal.sealed(seats[producer].consensus.sign(proposal.placed.id.binary))


def take_block(chain: Chain, raw: bytes) -> None:
    """A block's whole way into a chain."""
    candidate = read_block(raw)
    screening = chain.screen(candidate)
    if screening is Screening.KNOWN:
        return
    if screening is not Screening.NEW:
        raise ValueError(screening.value)
    finalized = chain.insert(chain.validate(candidate))
    if finalized is not None:
        chain.persist(finalized)
    take_votes(chain, chain.take_early_votes(candidate.id))


def votes_for(chain: Chain, seats: Iterable[Seat], block: Recorded) -> list[Vote]:
    """The seats' votes for a block."""
    message = vote_message(chain.id, block.placed.id)
    return [
        Vote(block.placed.id, seat.consensus.public, seat.consensus.sign(message)) for seat in seats
    ]


def count(chain: Chain, vote: Vote) -> Finalized | None:
    """What a vote makes final, if anything."""
    counted = chain.vote(vote)
    return None if counted is None else counted.finalized


def take_votes(chain: Chain, votes: Iterable[Vote]) -> None:
    """Count votes and make durable what they finalize."""
    for vote in votes:
        finalized = count(chain, vote)
        if finalized is not None:
            chain.persist(finalized)


def run_slots(
    chains: Sequence[Chain],
    seats: dict[bytes, Seat],
    slots: Iterable[int],
    ready: Iterable[EncodedTransaction] = (),
) -> None:
    """Every slot: the first chain makes the block, all take it, and all seats vote."""
    for slot in slots:
        block = make_block(chains[0], seats, slot, ready)
        for chain in chains:
            take_block(chain, block.raw)
            take_votes(chain, votes_for(chain, seats.values(), block))
