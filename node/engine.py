"""The consensus engine: what a node does with blocks, votes, evidence, proofs and time (sans-I/O).

Messages and the clock come in; messages and writes go out. Each call is a Work (node/work.py)
that runs to its end before the next begins. Nothing signed leaves before its journal record is
durable, and no vote before the blocks that it builds on are.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain as joined
from typing import TypeAlias

from consensus.block import BlockRef, Header, Vote
from consensus.certificate import split_certificate
from consensus.cid import Cid
from consensus.compact import compact_block
from consensus.errors import Invalid, InvalidTransaction, InvalidVote
from consensus.evidence import Evidence
from consensus.finality import ChainBlock
from consensus.finality_proof import FinalityProof
from consensus.fork_choice import Finalized
from consensus.headers import scheduled
from consensus.producers import MAX_PRODUCERS, Member
from consensus.transaction import EncodedTransaction
from consensus.watch import Watch
from node.candidate import Candidate, Recorded
from node.chain import Chain, Screening
from node.duties import duties
from node.evidence_pool import EvidencePool
from node.finality_log import FinalityEntry, FinalityLog
from node.finality_proofs import is_ahead
from node.mempool import Mempool
from node.peers import Peers
from node.presence import Presence
from node.proposing import propose
from node.trial import check_transaction, has_signers, nonce_at_head, rotated_accounts
from node.validator import Validator, WrongSeed
from node.work import Work, blocking
from p2p.messages import Votes

logger = logging.getLogger("reelect.chain")

# A producer stops filling its block after this part of the slot.
ASSEMBLY_SHARE = 10
# Of one slot, blocks that are not the head; of more the oldest are not voted for.
MAX_SECOND_CHOICES = 2 * MAX_PRODUCERS

# Told of each new block (or None) and of the blocks that have just become durably final.
Listener: TypeAlias = Callable[[Recorded | None, tuple[Recorded, ...]], None]


class Engine:
    """Adds blocks and votes, votes and produces by the rules, and makes final blocks durable.

    `may_sign` says, whenever asked, whether the node knows enough to sign.
    """

    def __init__(
        self,
        chain: Chain,
        validator: Validator,
        mempool: Mempool,
        peers: Peers,
        *,
        now_ms: Callable[[], int],
        may_sign: Callable[[], bool],
        changed: Listener,
    ) -> None:
        self.chain = chain
        self.evidence = EvidencePool(chain)
        self.presence = Presence(chain, chain.clock.slot_at(now_ms()))
        self.finality_log = FinalityLog()
        self.validator = validator
        self.mempool = mempool
        self._peers = peers
        self._now_ms = now_ms
        self._knows_enough = may_sign
        self._own_final = validator.own_final
        self._changed = changed
        self._watch = Watch()
        self._second_choices: deque[tuple[Recorded, int]] = deque(maxlen=MAX_SECOND_CHOICES)

    def may_sign(self) -> bool:
        """Whether the node knows enough to sign, and its database is not older than its journal:
        then what it signed below it is not known here (FINALITY: Voting, own final block)."""
        return self.awaited_final is None and self._knows_enough()

    @property
    def awaited_final(self) -> BlockRef | None:
        """The block that was final here when this node last signed, if its database does not
        know that any more."""
        awaited = self._own_final
        if awaited is not None and self.chain.has_passed(awaited):
            self._own_final = None
        return self._own_final

    # Blocks

    def add_block(self, candidate: Candidate, arrived_ms: int) -> Work[Screening]:
        """Take a block in, if it is new; raises Invalid… for a bad one.

        `arrived_ms` is when it came, or, for one that was held, when its slot began.
        """
        screening = self.chain.screen(candidate)
        if screening is not Screening.NEW:
            return screening
        yield from self.see_header(candidate.header, candidate.id, candidate.block.signature)
        valid = yield from blocking(lambda: self.chain.validate(candidate))
        yield from self._insert(valid, arrived_ms)
        return screening

    def see_header(self, header: Header, block_id: Cid, signature: bytes) -> Work[None]:
        """Note who signed a block, whether the whole of it ever comes or not: its header and
        signature are what evidence is made of."""
        parent = None if header.parent is None else self.chain.fork.get(header.parent)
        if parent is None:
            return
        key = scheduled(self.chain.rules, parent, header.slot).key
        self.validator.notice(key, self._now_slot(), produced=header.slot)
        seen = self._watch.on_block(header, block_id, key, signature)
        if seen is not None:
            yield from self._found(seen)

    def _insert(self, valid: Recorded, arrived_ms: int) -> Work[None]:
        chain = self.chain
        old_head = chain.fork.head
        yield from self._see_certificate(valid)
        finalized = chain.insert(valid)
        if finalized is not None:
            yield from self._persist(finalized)
        self._changed(valid, ())
        slot = valid.placed.slot
        if chain.fork.head is valid.placed or self._now_ms() >= chain.clock.middle_ms(slot):
            yield from self._vote_for(valid, arrived_ms)
        else:
            self._second_choices.append((valid, arrived_ms))
        _, bad = yield from self.add_votes(chain.take_early_votes(valid.placed.id))
        if bad is not None:
            logger.info("vote for %s: %s", valid.placed.id, bad)
        if chain.fork.head is not old_head:
            yield from self._renew_mempool(old_head, valid)

    def _renew_mempool(self, old_head: ChainBlock, newest: Recorded) -> Work[None]:
        """Drop what the new head has used up or done, and what was signed by keys that it took
        away; what was in blocks that it leaves beside it waits again if it still may."""
        chain = self.chain
        height = chain.fork.head.height + 1
        self.mempool.prune(lambda key: nonce_at_head(chain, key), height)
        state = chain.state_of(chain.fork.head)
        self.mempool.drop_exempt(lambda key: state.get(key) is not None)
        is_next = newest.placed.header.parent == old_head.id
        rotated = rotated_accounts((newest,) if is_next else (newest, *chain.head_chain()))
        if rotated:
            self.mempool.drop(rotated, lambda order: not has_signers(chain, order))
        beside = list(self._beside_head(old_head))
        if not beside:
            return
        for pending in (yield from blocking(lambda: list(self._still_valid(beside)))):
            try:
                sender = pending.transaction.sender
                next_nonce = nonce_at_head(chain, sender)
                self.mempool.add(pending, next_nonce=next_nonce, next_height=height)
            except InvalidTransaction as error:
                logger.debug("transaction %s of a block beside: %s", pending.id.hex(), error)

    def _beside_head(self, old_head: ChainBlock) -> Iterator[Recorded]:
        """The blocks from the old head down that the head does not build on, as far as they are
        here and whole."""
        chain = self.chain
        on_chain = {block.placed.id for block in chain.head_chain()}
        at = chain.recorded(old_head.id)
        while at is not None and at.whole is not None and at.placed.id not in on_chain:
            yield at
            parent = at.placed.header.parent
            at = None if parent is None else chain.recorded(parent)

    def _still_valid(self, blocks: Iterable[Recorded]) -> Iterator[EncodedTransaction]:
        for block in blocks:
            for transaction in block.body.transactions:
                if transaction.nonce < nonce_at_head(self.chain, transaction.sender):
                    continue
                pending = EncodedTransaction.of(transaction)
                try:
                    check_transaction(self.chain, pending)
                except Invalid:
                    continue
                yield pending

    def _see_certificate(self, valid: Recorded) -> Work[None]:
        """Members that voted only where this node did not see it are watched too."""
        qc, certificate = valid.placed.qc, valid.body.certificate
        if qc is None or not certificate:
            return
        counted = self.chain.fork.votes(qc)
        for place, signature in split_certificate(certificate, qc.members, field="").items():
            if place in counted:
                continue
            key = qc.members.members[place].key
            self.presence.heard(key, qc.slot)
            seen = self._watch.on_vote(qc.header, qc.id, key, signature)
            if seen is not None:
                yield from self._found(seen)

    # Votes

    def add_votes(self, votes: Iterable[Vote]) -> Work[tuple[list[Vote], InvalidVote | None]]:
        """Count votes; returns those that were valid and new, and why a bad one is bad."""
        fresh: list[Vote] = []
        bad: InvalidVote | None = None
        now_slot = self._now_slot()
        for vote in votes:
            try:
                counted = self.chain.vote(vote)
            except InvalidVote as error:
                bad = error
                continue
            if counted is None:
                continue
            fresh.append(vote)
            seen = self._see_vote(vote, counted.block, now_slot)
            if seen is not None:
                yield from self._found(seen)
            if counted.finalized is not None:
                yield from self._persist(counted.finalized)
        return fresh, bad

    def _see_vote(self, vote: Vote, block: ChainBlock | None, now_slot: int) -> Evidence | None:
        """Its member is there; the evidence that the vote completes, if it does."""
        if block is None:  # kept for a block that is still to come
            self.presence.heard(vote.key, now_slot)
            return None
        self.validator.notice(vote.key, now_slot, voted=block.slot)
        self.presence.heard(vote.key, block.slot)
        return self._watch.on_vote(block.header, block.id, vote.key, vote.signature)

    def vote_late(self, slot: int) -> Work[None]:
        """Half of the slot is over: vote for the best of its blocks that were not the head when
        they came.

        A faulty producer may have a turn on an old fork, whose schedule can differ: its block takes
        no vote from the one that the others wait for.
        """
        fork, choices = self.chain.fork, list(self._second_choices)
        self._second_choices.clear()
        live = [
            choice
            for choice in choices
            if choice[0].placed.slot == slot and fork.is_live(choice[0].placed)
        ]
        live.sort(key=lambda choice: fork.rank(choice[0].placed), reverse=True)
        for valid, arrived_ms in live:
            yield from self._vote_for(valid, arrived_ms)

    def _vote_for(self, valid: Recorded, arrived_ms: int) -> Work[None]:
        block, fork = valid.placed, self.chain.fork
        if not self.may_sign():
            return
        voters = self.validator.voters(
            block,
            is_live=fork.is_live(block),
            arrived_ms=arrived_ms,
            slot_end_ms=self.chain.clock.end_ms(block.slot),
        )
        if not voters:
            return

        def cast() -> list[Vote]:
            # A vote locks its member on a certificate that this chain holds. Were the blocks
            # lost everywhere in a power cut and the locks not, nobody could ever vote again.
            self.chain.sync()
            return self.validator.cast(block, voters, fork.final)

        votes = yield from blocking(cast)
        self._peers.broadcast(Votes(tuple(votes)))
        _, bad = yield from self.add_votes(votes)
        if bad is not None:
            raise RuntimeError(f"an own vote does not count: {bad}")

    # Time

    def produce(self, slot: int) -> Work[Recorded | None]:
        """Make the slot's block if its producer has a seat here, may sign and has a reveal."""
        head = self.chain.fork.head
        if head.slot >= slot or not self.may_sign():
            return None
        member = scheduled(self.chain.rules, head, slot)
        if not self.validator.may_produce(member.key, slot):
            return None
        try:
            valid = yield from blocking(lambda: self._make(slot, member))
        except (Invalid, WrongSeed) as error:
            logger.warning("no block for slot %d: %s", slot, error)
            return None
        self._peers.broadcast(compact_block(valid.raw, valid.transaction_ids))
        yield from self._insert(valid, self._now_ms())
        yield from blocking(lambda: self.validator.look_ahead(member.producer, valid.layer))
        return valid

    def _make(self, slot: int, member: Member) -> Recorded:
        chain, producer = self.chain, member.producer
        head = chain.fork.head
        state = chain.state_of(head)
        seat = self.validator.seat(member.key)
        own = duties(
            state,
            chain.id,
            head.height + 1,
            producer,
            self.validator.duty_key(member, state),
            self.validator.following(producer),
            self.evidence.pending(state),
        )
        reveal = self.validator.reveal(producer, state)
        proposal = propose(chain, slot, producer, reveal, joined(own, self._ready(slot)))
        return self.validator.seal(proposal, seat.key, chain.fork.final)

    def _ready(self, slot: int) -> Iterator[EncodedTransaction]:
        clock = self.chain.clock
        deadline = clock.start_ms(slot) + clock.slot_ms // ASSEMBLY_SHARE
        for pending in self.mempool.ready(lambda key: nonce_at_head(self.chain, key)):
            if self._now_ms() > deadline:
                return
            yield pending

    # Evidence and proofs

    def add_evidence(self, evidence: Evidence) -> Work[bool]:
        """Keep evidence that is new; returns whether it was. Raises InvalidEvidence for what
        proves nothing."""
        is_new = yield from blocking(lambda: self.evidence.add(evidence))
        if is_new:
            logger.error("key %s broke the rules: %s", evidence.key.hex()[:8], evidence.offence)
        return is_new

    def _found(self, evidence: Evidence) -> Work[None]:
        if (yield from self.add_evidence(evidence)):
            self._peers.broadcast(evidence)

    def take_proof(self, proof: FinalityProof) -> Work[bool]:
        """Make final what the proof shows, as far as it is known here; returns whether there is
        more, which is not.

        Raises Invalid… for one that proves nothing, ConflictingFinality for one that excludes
        the own final block.
        """
        if not (yield from blocking(lambda: is_ahead(self.chain, proof))):
            return False
        finalized = self.chain.take_certificate(proof.target.id(), proof.certificate)
        if finalized is not None:
            yield from self._persist(finalized)
        return proof.final.height > self.chain.durable_final.height

    # Final blocks

    def _persist(self, finalized: Finalized) -> Work[None]:
        for part in self.chain.parts(finalized):
            blocks = [self.chain.recorded(block.id) for block in part.blocks]
            yield from blocking(partial(self.chain.persist, part))
            done = tuple(block for block in blocks if block is not None)
            self._log_final(done)
            self._changed(None, done)
        self.presence.advanced(self._now_slot())
        self.evidence.forget_punished()

    def _log_final(self, blocks: Iterable[Recorded]) -> None:
        now_ms = self._now_ms()
        for block in blocks:
            header = block.placed.header
            took_ms = now_ms - self.chain.clock.start_ms(header.slot)
            entry = FinalityEntry(
                header.height, header.slot, len(block.transaction_ids), max(took_ms, 0)
            )
            self.finality_log.add(entry)
            logger.debug("final: height %d, slot %d, %d ms", entry.height, entry.slot, took_ms)

    def _now_slot(self) -> int:
        return self.chain.clock.slot_at(self._now_ms())
