"""The chain: blocks and votes in, state out. The only writer of chain state.

A block's way: `read_block` (bytes) → `Chain.screen` (parent, schedule, signature; then it may be
relayed) → `Chain.validate` (header, body, transition; may run in a thread) → `Chain.insert`
(fork choice) → `Chain.vote` by the members → `Chain.persist` (one synced batch a block).
No clock and no network here: blocks and votes are whatever the caller brings, one at a time.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from enum import Enum

from consensus.block import Body, Header, Vote, vote_message
from consensus.cid import Cid
from consensus.errors import (
    Invalid,
    InvalidBlock,
    InvalidGenesis,
    InvalidHeader,
    InvalidVote,
)
from consensus.finality import ChainBlock
from consensus.fork_choice import Finalized, ForkChoice
from consensus.hashing import ZERO_DIGEST
from consensus.headers import (
    Duty,
    Roots,
    Rules,
    check_body_bound,
    check_header,
    check_producer,
    child_block,
    child_header,
    genesis_block,
    opens_epoch,
)
from consensus.keys import verifies
from consensus.merkle import merkle_root
from consensus.transaction import Transaction, transaction_id
from consensus.tree import root as tree_root
from genesis.file import Genesis
from node.block_results import BlockResults
from node.candidate import (
    Candidate,
    FinalProof,
    Proposal,
    Recorded,
    header_of,
    read_block,
    recorded,
)
from node.chain_point import ChainPoint, point_of, restore
from node.clock import SlotClock
from node.early_votes import EarlyVotes
from node.mempool import Pending
from storage.blocks import BlockStore, ChainMeta
from storage.database import Database, DatabaseError
from storage.state import FinalState, StateReader, layer_batch, make_layer, write_first_state
from vm.context import BlockContext
from vm.modules.account import next_nonce
from vm.modules.chain import chain_constants
from vm.modules.producer import elect
from vm.receipt import Event, Receipt
from vm.simulation import simulate
from vm.transition import BlockExecution, Outcome, execute_block
from vm.view import View

MAX_VERIFIED = 65_536


class Screening(Enum):
    """What a candidate is to the chain before any work is done for it."""

    NEW = "new"
    KNOWN = "known"
    ORPHAN = "its parent is not known"
    STALE = "it does not descend from the final block"
    EARLY = "its slot is more than one slot away"


class _Verified:
    """What has verified before, by the full bytes; the oldest are forgotten first."""

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._known: OrderedDict[bytes, None] = OrderedDict()

    def __contains__(self, item: bytes) -> bool:
        return item in self._known

    def add(self, item: bytes) -> None:
        self._known[item] = None
        while len(self._known) > self._maximum:
            self._known.popitem(last=False)


class Chain:
    """One chain in one database.

    `fork` holds the live blocks, `constants` what genesis fixed. Calls come one at a time;
    `validate` and `persist` may run in a thread while nothing else changes the chain, and
    readers of `state_of` may come from anywhere.
    """

    def __init__(self, genesis: Genesis, database: Database) -> None:
        self.genesis = genesis
        self.id = genesis.chain
        self.blocks = BlockStore(database)
        self._database = database
        if self.blocks.meta() is None:
            self._write_genesis()
        self.state = FinalState(database)
        self.constants = chain_constants(self.state.view())
        self.clock = SlotClock(self.constants.genesis_time_ms, self.constants.slot_ms)
        self.rules = Rules(self.id, self.constants.epoch_slots)
        self.fork = ForkChoice(self._load_final())
        self.durable_final = self.fork.final
        self._recorded: dict[Cid, Recorded] = {}
        self._early_votes = EarlyVotes()
        self._verified_transactions = _Verified(MAX_VERIFIED)
        self._verified_votes = _Verified(MAX_VERIFIED)

    # Opening

    def _write_genesis(self) -> None:
        root = genesis_block(self.genesis.header, self.genesis.producer_set)

        def finish(state_root: bytes) -> Iterable[tuple[bytes, bytes | None]]:
            if state_root != self.genesis.header.state_root:
                raise InvalidGenesis("the rows do not have the header's root", field="state_root")
            meta = ChainMeta(root.id, 0, state_root, point_of(root, root.members).encode())
            results = BlockResults((), ()).encode()
            return self.blocks.final_writes(meta, self.genesis.header.encode(), (), results)

        rows = ((row.key, row.value) for row in self.genesis.rows)
        write_first_state(self._database, rows, finish)

    def _load_final(self) -> ChainBlock:
        meta = self.blocks.meta()
        if meta is None or self.blocks.id_at(0) != self.genesis.header.id():
            raise InvalidGenesis(
                f"the data folder {self._database.folder} belongs to another chain: start with "
                "its own genesis file, or with an empty data folder",
                field="chain",
            )
        lineage = [(meta.id, self._final_header(meta.height))]
        target = lineage[0][1].qc_target
        while target is not None and lineage[-1][0] != target.id:
            parent = lineage[-1][1].parent
            if parent is None:
                break
            lineage.append((parent, self._final_header(lineage[-1][1].height - 1)))
        if tree_root(self.state.page) != meta.state_root:
            raise self._damaged("the state does not have the final block's root")
        return restore(ChainPoint.decode(meta.point), lineage[::-1])

    def _final_header(self, height: int) -> Header:
        raw = self.blocks.at(height)
        if raw is None:
            raise self._damaged(f"the final block at height {height} is missing")
        return header_of(raw)

    def _damaged(self, what: str) -> DatabaseError:
        return DatabaseError(
            f"{self._database.folder} is damaged ({what}): move the folder away and let the "
            "node sync again"
        )

    def replay(self) -> int:
        """Take up the stored blocks that are not final; returns how many were good."""
        taken = 0
        stale: list[Cid] = []
        for block_id, raw in self.blocks.unfinal():
            try:
                candidate = read_block(raw)
                if self.screen(candidate) is not Screening.NEW:
                    stale.append(block_id)
                    continue
                finalized = self.insert(self.validate(candidate))
            except Invalid:
                stale.append(block_id)
                continue
            taken += 1
            if finalized is not None:
                self.persist(finalized)
        self.blocks.discard(stale)
        self._recall_certificate()
        return taken

    def _recall_certificate(self) -> None:
        """Give the fork choice the stored certificate that made the final block final, so that
        the next block can embed it."""
        data = self.blocks.proof()
        proof = None if data is None else FinalProof.decode(data)
        target = None if proof is None else self.fork.get(proof.target.id())
        if proof is not None and target is not None:
            self.fork.on_certificate(target, proof.certificate)

    # Reading

    def state_of(self, block: ChainBlock) -> StateReader:
        """The state after a live block."""
        known = self._recorded.get(block.id)
        return self.state.view() if known is None else known.layer

    def recorded(self, block_id: Cid) -> Recorded | None:
        """A live block that is not yet durably final."""
        return self._recorded.get(block_id)

    def head_chain(self) -> list[Recorded]:
        """The blocks from the durable final one (excluded) up to the head."""
        found: list[Recorded] = []
        at: ChainBlock | None = self.fork.head
        while at is not None and (known := self._recorded.get(at.id)) is not None:
            found.append(known)
            at = at.parent
        return found[::-1]

    def block_bytes(self, block_id: Cid) -> bytes | None:
        """The encoding of a known block, final or not."""
        known = self._recorded.get(block_id)
        return self.blocks.get(block_id) if known is None else known.raw

    def final_proof(self) -> tuple[FinalProof, Header] | None:
        """What proves the newest block that has a proof of its own, and that block's header.

        None while only genesis is final.
        """
        data = self.blocks.proof()
        if data is None:
            return None
        proof = FinalProof.decode(data)
        raw = (
            None if proof.target.final_if_qc is None else self.blocks.get(proof.target.final_if_qc)
        )
        return None if raw is None else (proof, header_of(raw))

    # Blocks

    def screen(self, candidate: Candidate) -> Screening:
        """Whether the block is new here, and truly by its slot's producer.

        Raises InvalidHeader or InvalidSignature; what is NEW may be relayed.
        """
        header = candidate.header
        if header.chain != self.id:
            raise InvalidBlock("belongs to another chain", field="header.chain", code="wrong-chain")
        if self.fork.get(candidate.id) is not None:
            return Screening.KNOWN
        parent = None if header.parent is None else self.fork.get(header.parent)
        if header.slot <= self.fork.final.slot or (parent and not self.fork.is_live(parent)):
            return Screening.STALE
        if parent is None:
            return Screening.ORPHAN
        check_producer(self.rules, parent, header, candidate.block.signature, candidate.id)
        return Screening.NEW

    def validate(self, candidate: Candidate) -> Recorded:
        """Check and run a screened block; raises Invalid… naming the field that is wrong."""
        header, body = candidate.header, candidate.block.body
        parent = None if header.parent is None else self.fork.get(header.parent)
        if parent is None or not self.fork.is_live(parent):
            raise InvalidBlock("its parent is not live", field="header.parent")
        check_body_bound(header, body, candidate.transactions)
        state = self.state_of(parent)
        placed = check_header(
            self.rules,
            parent,
            header,
            body.certificate,
            elect(state) if opens_epoch(self.rules, parent, header.slot) else None,
            block_id=candidate.id,
            verify=self._verify_vote,
        )
        if body.transactions and self._is_stalled(parent):
            raise InvalidBlock(
                "no transactions are allowed while so many blocks are not final",
                field="body.transactions",
            )
        self._check_transactions(candidate)
        outcome = execute_block(state, self._context(placed), body.transactions)
        layer, root = make_layer(state, outcome.writes)
        _check_roots(header, _roots(outcome, root))
        return recorded(placed, candidate.raw, body, layer, outcome)

    def insert(self, valid: Recorded) -> Finalized | None:
        """Add a valid block; returns what its certificate made final.

        Votes that came before it are for the caller to count: `take_early_votes`. Raises
        ConflictingFinality.
        """
        placed = valid.placed
        if self.fork.get(placed.id) is not None:
            return None
        self.blocks.put(placed.id, valid.raw)
        self._recorded[placed.id] = valid
        return self.fork.on_block(placed, valid.body.certificate)

    def persist(self, finalized: Finalized) -> None:
        """Make newly final blocks durable: state, block and indexes in one synced batch each."""
        proof = FinalProof(finalized.certified.header, finalized.certificate).encode()
        for block in finalized.blocks:
            valid = self._recorded[block.id]
            point = point_of(block, valid.qc_members).encode()
            meta = ChainMeta(block.id, block.height, block.header.state_root, point)
            writes = layer_batch(valid.layer)
            writes += self.blocks.final_writes(
                meta,
                valid.raw,
                valid.transaction_ids,
                valid.results.encode(),
                proof if block is finalized.blocks[-1] else None,
            )
            self._database.write(writes, sync=True)
            self.state.absorb(valid.layer)
            self.blocks.finalized(block.id)
            self.durable_final = block
            del self._recorded[block.id]
        self.blocks.discard([block.id for block in finalized.dropped])
        for block in finalized.dropped:
            self._recorded.pop(block.id, None)

    # Votes

    def vote(self, vote: Vote) -> Finalized | None:
        """Count a vote; returns what it made final.

        A vote for a block that is not known waits for it (see EarlyVotes). Raises
        InvalidVote for one that is not a member's, and ConflictingFinality.
        """
        block = self.fork.get(vote.block_id)
        if block is None:
            self._keep_early(vote)
            return None
        place = _place_of(block, vote)
        if place in self.fork.votes(block):
            return None
        if not self._verify_vote(vote.key, vote_message(self.id, vote.block_id), vote.signature):
            raise InvalidVote("not a signature over the block", field="signature")
        return self.fork.on_vote(block, place, vote.signature)

    def may_count(self, vote: Vote) -> bool:
        """Whether a vote may be new: not one more by the same member for the same block, and, as
        long as its block is not known, by a producer that is."""
        block = self.fork.get(vote.block_id)
        if block is None:
            return vote.key in self._known_keys() and vote not in self._early_votes
        counted = self.fork.votes(block)
        return all(block.members.members[place].key != vote.key for place in counted)

    def _known_keys(self) -> set[bytes]:
        final, head = self.fork.final, self.fork.head
        sets = (final.members, final.next_members, head.members, head.next_members)
        return {member.key for known in sets if known is not None for member in known.members}

    def votes_of(self, block: ChainBlock) -> list[Vote]:
        """The counted votes for a block, as they travel."""
        return [
            Vote(block.id, block.members.members[place].key, signature)
            for place, signature in sorted(self.fork.votes(block).items())
        ]

    def _keep_early(self, vote: Vote) -> None:
        if vote.key not in self._known_keys():
            raise InvalidVote("not by a producer, for a block that is not known", field="key")
        if not self._verify_vote(vote.key, vote_message(self.id, vote.block_id), vote.signature):
            raise InvalidVote("not a signature over the block", field="signature")
        self._early_votes.keep(vote)

    def take_early_votes(self, block_id: Cid) -> list[Vote]:
        """The votes that came before the block of this id, no longer kept."""
        return self._early_votes.take(block_id)

    def _verify_vote(self, key: bytes, message: bytes, signature: bytes) -> bool:
        item = key + signature + message
        if item in self._verified_votes:
            return True
        if not verifies(key, message, signature):
            return False
        self._verified_votes.add(item)
        return True

    # Transactions

    def check_transaction(self, pending: Pending) -> None:
        """Raise Invalid… unless its signatures verify and it could run on the head's state.

        A nonce that comes later than the sender's next is run as if it were the next.
        """
        self._check_signatures(pending.transaction, pending.id, field="")
        state = self.state_of(self.fork.head)
        transaction = _in_turn(state, pending.transaction)
        BlockExecution(state, self._next_context()).check(transaction, pending.size_bytes)

    def next_nonce(self, account: bytes) -> int:
        """The nonce of the account's next transaction at the head."""
        return next_nonce(self.state_of(self.fork.head), account)

    def simulate(self, transaction: Transaction) -> tuple[Receipt, tuple[Event, ...]]:
        """What the transaction would do as the sender's next in the next block.

        It need not be signed, and its signatures are not verified. Raises InvalidTransaction.
        """
        state = self.state_of(self.fork.head)
        return simulate(state, self._next_context(), _in_turn(state, transaction))

    def _check_signatures(self, transaction: Transaction, identity: bytes, *, field: str) -> None:
        if identity in self._verified_transactions:
            return
        try:
            transaction.check_signatures()
        except Invalid as error:
            raise error.within(field) if field else error from None
        self._verified_transactions.add(identity)

    def _check_transactions(self, candidate: Candidate) -> None:
        transactions = candidate.block.body.transactions
        pairs = zip(transactions, candidate.transactions, strict=True)
        for i, (transaction, data) in enumerate(pairs):
            field = f"body.transactions[{i}]"
            self._check_signatures(transaction, transaction_id(data), field=field)

    # Making blocks

    def propose(
        self, slot: int, producer: bytes, reveal: bytes, ready: Iterable[Pending]
    ) -> Proposal:
        """The block for this slot on the head, with what of `ready` fits; not signed, not added.

        `ready` may stop whenever the producer's time is up.
        """
        parent = self.fork.head
        state = self.state_of(parent)
        qc = self.fork.best_certified(parent)
        certificate = b""
        if qc.target != parent.qc_target:
            certificate = self.fork.certificate(qc) or b""
        elected = elect(state) if opens_epoch(self.rules, parent, slot) else None
        duty = Duty(slot, producer, reveal, qc, certificate, elected)
        unfilled = child_header(self.rules, parent, duty, Roots(*[ZERO_DIGEST] * 4))
        execution = BlockExecution(
            state, self._context(child_block(self.rules, parent, duty, unfilled, parent.id))
        )
        execution.begin()
        taken: list[Transaction] = []
        for pending in () if self._is_stalled(parent) else ready:
            try:
                execution.apply(pending.transaction, pending.id, pending.size_bytes)
            except Invalid:
                continue
            taken.append(pending.transaction)
        outcome = execution.finish()
        layer, root = make_layer(state, outcome.writes)
        header = child_header(self.rules, parent, duty, _roots(outcome, root))
        placed = child_block(self.rules, parent, duty, header, header.id())
        return Proposal(placed, Body(certificate, tuple(taken)), layer, outcome)

    def _is_stalled(self, parent: ChainBlock) -> bool:
        """Whether a child must stay empty: too many blocks are not final (DESIGN section 5)."""
        return parent.height + 1 - parent.final_height > self.constants.max_unfinal_blocks

    def _next_context(self) -> BlockContext:
        head = self.fork.head
        slot = head.slot + 1
        return BlockContext(
            chain=self.id,
            height=head.height + 1,
            slot=slot,
            time_ms=self.clock.start_ms(slot),
            producer=head.members.members[0].producer,
            reveal=ZERO_DIGEST,
            beacon=head.beacon,
            dynasty=head.dynasty,
        )

    def _context(self, placed: ChainBlock) -> BlockContext:
        header = placed.header
        if header.producer is None or header.reveal is None:
            raise InvalidHeader("only genesis has no producer and no reveal", field="header")
        return BlockContext(
            chain=self.id,
            height=header.height,
            slot=header.slot,
            time_ms=self.clock.start_ms(header.slot),
            producer=header.producer,
            reveal=header.reveal,
            beacon=placed.beacon,
            dynasty=header.dynasty,
        )


def _place_of(block: ChainBlock, vote: Vote) -> int:
    for place, member in enumerate(block.members.members):
        if member.key == vote.key:
            return place
    raise InvalidVote("not a member of the block's producer set", field="key")


def _in_turn(view: View, transaction: Transaction) -> Transaction:
    """The transaction, or one of a later turn as if it were its sender's next."""
    expected = next_nonce(view, transaction.sender)
    return replace(transaction, nonce=expected) if transaction.nonce > expected else transaction


def _roots(outcome: Outcome, state_root: bytes) -> Roots:
    return Roots(
        state_root,
        merkle_root(outcome.transaction_ids),
        merkle_root(outcome.receipt_leaves),
        merkle_root(outcome.event_leaves),
    )


def _check_roots(header: Header, roots: Roots) -> None:
    found = (header.state_root, header.receipts_root, header.events_root)
    wanted = (roots.state, roots.receipts, roots.events)
    names = ("state_root", "receipts_root", "events_root")
    for name, stated, computed in zip(names, found, wanted, strict=True):
        if stated != computed:
            raise InvalidBlock(
                f"is {stated.hex()}, running the block gives {computed.hex()}",
                field=f"header.{name}",
            )
