"""What a node signs with its seats: nothing leaves before the journal is durable.

The calls that sign write the journal and so block: they belong in a thread.
"""

import logging
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from consensus.beacon import REVEAL_CHAIN_LENGTH, RevealChain
from consensus.block import BlockRef, Vote, vote_message
from consensus.errors import InvalidBlock
from consensus.finality import ChainBlock
from consensus.producers import Member
from consensus.voting import (
    FRESH_STATE,
    Ballot,
    SafetyState,
    after_amnesia,
    after_production,
    after_vote,
    is_outdated,
    may_produce,
    vote_refusal,
)
from node.candidate import Proposal, Recorded
from node.duties import Signer, recommit_due
from storage.disk import REAL_DISK, Disk
from storage.journal import Journal, JournalEntry, JournalError
from vm.modules.producer import PRODUCERS, Commitment, current_beacon
from vm.view import View

JOURNAL_FILE = "signing.journal"  # in the node's data folder
SALT_BYTES = 16
# One slot more than clocks may differ by.
AMNESIA_MARGIN_SLOTS = 1

logger = logging.getLogger("reelect.validator")


class WrongSeed(ValueError):
    """The beacon seed is not the one that the producer committed to on the chain."""


@dataclass(frozen=True, slots=True)
class Seat:
    """A producer whose keys this node holds; the beacon seed is secret."""

    producer: bytes
    key: Signer
    beacon_seed: bytes


def create_journal(file: Path, keys: Iterable[bytes], *, disk: Disk = REAL_DISK) -> None:
    """Make the journal of consensus keys that were just made and have signed nothing.

    Never for keys that may have signed: their lost journal counts as amnesia. Raises
    JournalError, also if the file exists.
    """
    with Journal.open(file, disk=disk) as journal:
        if not journal.created:
            raise JournalError(f"signing journal {file} exists; it is never overwritten")
        journal.append([JournalEntry(key, FRESH_STATE, None) for key in keys])


class Validator:
    """The node's seats and their journal. `reveals` is the length of new chains of reveals.

    A producer whose consensus key is rotated has a seat for each of the two keys: the one that is
    in a block's set signs.
    """

    def __init__(
        self,
        chain: bytes,
        seats: Iterable[Seat],
        journal: Journal,
        *,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
        reveals: int = REVEAL_CHAIN_LENGTH,
    ) -> None:
        self._chain = chain
        self._entropy = entropy
        self._new_reveals = reveals
        self._seats: Mapping[bytes, Seat] = {seat.key.public: seat for seat in seats}
        self._seeds = {seat.producer: seat.beacon_seed for seat in self._seats.values()}
        self._journal = journal
        self._reveals: dict[bytes, tuple[bytes, RevealChain]] = {}
        self._following: dict[bytes, Commitment] = {}
        self.last_votes: list[Vote] = []

    @property
    def producers(self) -> tuple[bytes, ...]:
        """The producer ids of the seats, in order."""
        return tuple(sorted(self._seeds))

    @property
    def own_final(self) -> BlockRef | None:
        """The newest block that was final when one of the keys last signed; None for genesis."""
        entries = [self._journal.entry(key) for key in self._seats]
        found = [entry.final for entry in entries if entry is not None and entry.final is not None]
        return max(found, key=lambda final: final.slot, default=None)

    def remember(self, slot: int) -> list[bytes]:
        """Bind every key that the journal does not know: absence is always amnesia.

        `slot` is the current one. Returns the keys; they sign again once the others have
        justified a block beyond it. Raises JournalError if the journal was moved to another node.
        """
        if self._seats:
            self._journal.check_writable()
        lost = [key for key in sorted(self._seats) if self._journal.entry(key) is None]
        self._bind(lost, slot)
        return lost

    def forgetful(self, justified_slot: int) -> list[tuple[bytes, int]]:
        """The producers that count as amnesiac as long as no later block is justified than that
        of this slot, each with the least slot that lets it vote again."""
        entries = [
            (seat.producer, self._journal.entry(seat.key.public)) for seat in self._seats.values()
        ]
        return [
            (producer, entry.state.floor)
            for producer, entry in entries
            if entry is not None and entry.state.floor > justified_slot
        ]

    def prepare(self, state: View) -> None:
        """Build the seats' chains of reveals before their first slot needs them.

        Raises WrongSeed if a seed is not the one that was committed to.
        """
        for producer in self.producers:
            with suppress(InvalidBlock):  # not registered, or none left: it cannot produce
                self.reveal(producer, state)

    def notice(self, key: bytes, now_slot: int, *, voted: int = 0, produced: int = 0) -> bool:
        """Take note of an own signature from the network; True if the journal is older.

        Such a journal was restored or moved: its member counts as an amnesiac.
        """
        if key not in self._seats:
            return False
        if not is_outdated(self._state(key), voted_slot=voted, produced_slot=produced):
            return False
        logger.error(
            "key %s signed for slot %d elsewhere or before its journal was lost: "
            "it signs nothing until slot %d is justified",
            key.hex()[:8],
            max(voted, produced),
            max(now_slot, voted, produced) + AMNESIA_MARGIN_SLOTS,
        )
        self._bind([key], max(now_slot, voted, produced))
        return True

    def _bind(self, keys: Sequence[bytes], slot: int) -> None:
        entries = []
        for key in keys:
            known = self._journal.entry(key)
            state = after_amnesia(
                None if known is None else known.state, max(slot, 0), AMNESIA_MARGIN_SLOTS
            )
            entries.append(JournalEntry(key, state, None if known is None else known.final))
        self._journal.append(entries)

    def _state(self, key: bytes) -> SafetyState:
        entry = self._journal.entry(key)
        if entry is None:
            raise RuntimeError("remember() comes before anything is signed")
        return entry.state

    def voters(
        self,
        block: ChainBlock,
        *,
        is_live: bool,
        arrived_ms: int,
        slot_end_ms: int,
    ) -> tuple[Signer, ...]:
        """The keys of the seats that may vote for a block by the rules.

        `is_live` says whether `block` descends from the own final block.
        """
        ballot = _ballot(block)
        voting: list[Signer] = []
        for key, seat in self._seats.items():
            if block.members.key_of(seat.producer) != key:
                continue
            refusal = vote_refusal(
                self._state(key),
                ballot,
                is_member=True,
                descends_from_final=is_live,
                arrived_ms=arrived_ms,
                slot_end_ms=slot_end_ms,
            )
            if refusal is None:
                voting.append(seat.key)
            else:
                logger.debug("no vote for slot %d: %s", block.slot, refusal)
        return tuple(voting)

    def cast(self, block: ChainBlock, voters: Iterable[Signer], final: ChainBlock) -> list[Vote]:
        """The votes of `voters`, after one journal record for all of them.

        Raises JournalError, and then nothing is signed.
        """
        ballot = _ballot(block)
        self._journal.append(
            [
                JournalEntry(key.public, after_vote(self._state(key.public), ballot), final.ref)
                for key in voters
            ]
        )
        message = vote_message(self._chain, block.id)
        self.last_votes = [Vote(block.id, key.public, key.sign(message)) for key in voters]
        return self.last_votes

    def may_produce(self, key: bytes, slot: int) -> bool:
        """Whether this consensus key is here and may make a block for the slot."""
        return key in self._seats and may_produce(self._state(key), slot)

    def seat(self, key: bytes) -> Seat:
        """The seat of a consensus key that is here."""
        return self._seats[key]

    def duty_key(self, member: Member, state: View) -> Signer:
        """What the duties of a member that is here are signed with: its registered key, if that is
        here too, else its seat's, and then none are due."""
        row = PRODUCERS.get(state, member.producer)
        registered = member.key if row is None else row.key
        return self._seats.get(registered, self._seats[member.key]).key

    def reveal(self, producer: bytes, state: View) -> bytes:
        """The reveal that the producer's next block on `state` must carry.

        Raises InvalidBlock if the producer has none left, WrongSeed if the seed is not the one
        that was committed to.
        """
        beacon = current_beacon(state, producer)
        known = self._reveals.get(producer)
        if known is None or known[0] != beacon.chain.salt:
            chain = RevealChain(self._seeds[producer], beacon.chain.salt, beacon.chain.length)
            if chain.commitment != beacon.chain.end:
                raise WrongSeed("the beacon seed is not the one that this producer committed to")
            known = self._reveals[producer] = (beacon.chain.salt, chain)
        return known[1].reveal(beacon.used)

    def seal(self, proposal: Proposal, key: Signer, final: ChainBlock) -> Recorded:
        """Sign a block for its slot with the key of its seat, after its journal record. Raises
        JournalError."""
        state = after_production(self._state(key.public), proposal.placed.slot)
        self._journal.append([JournalEntry(key.public, state, final.ref)])
        return proposal.sealed(key.sign(proposal.placed.id.binary))

    def look_ahead(self, producer: bytes, state: View) -> None:
        """Once half of the producer's reveals are used, make the chain that follows them.

        A thread's work: it takes a good part of a second.
        """
        if not recommit_due(state, producer):
            self._following.pop(producer, None)
            return
        if producer in self._following:
            return
        salt = self._entropy(SALT_BYTES)
        chain = RevealChain(self._seeds[producer], salt, self._new_reveals)
        self._following[producer] = Commitment(salt, chain.commitment, chain.length)

    def following(self, producer: bytes) -> Commitment | None:
        """The chain of reveals to commit to next, if it is made."""
        return self._following.get(producer)


def _ballot(block: ChainBlock) -> Ballot:
    return Ballot(block.slot, block.dynasty, block.source.slot)
