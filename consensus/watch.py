"""A watch for offences in what a node sees (FINALITY: Evidence)."""

from dataclasses import dataclass
from typing import TypeAlias

from consensus.block import Header
from consensus.cid import Cid
from consensus.evidence import (
    Evidence,
    Statement,
    evidence_of_blocks,
    evidence_of_votes,
    source_slot,
)
from consensus.producers import MAX_PRODUCERS

# Two of the default epochs: what conflicts comes within a few slots of each other unless a
# partition heals, and then nodes hand on their newest votes and blocks.
MAX_SLOTS = 252
# The sets of four dynasties: those that are voting, the next ones, and forks of them.
MAX_KEYS = 4 * MAX_PRODUCERS
# A vote surrounds another only if two slots fit strictly between its source and its target.
_NARROW_SLOTS = 2

# Slot, block id, header, signature; and of a vote its source slot.
_Kept: TypeAlias = tuple[int, Cid, Header, bytes, int | None]


@dataclass(slots=True, eq=False)
class _Signed:
    """What one key signed: a statement of slot s is at place s mod MAX_SLOTS, until one of a
    later slot needs it.

    `top_source` is the greatest source slot of its votes, `top_wide` the greatest slot of those
    that could surround others: with them the usual vote needs no search.
    """

    votes: list[_Kept | None]
    blocks: list[_Kept | None]
    top_source: int = -1
    top_wide: int = -1
    is_caught: bool = False


class Watch:
    """Remembers what keys signed and finds two statements of one key that are evidence.

    The caller has verified the signatures, and asks only about keys of producers. Evidence is
    returned once for a key: an offence is punished once. Memory is bounded by MAX_KEYS and
    MAX_SLOTS; the oldest keys and slots are forgotten first.
    """

    def __init__(self) -> None:
        self._signed: dict[bytes, _Signed] = {}

    def on_vote(
        self, header: Header, block_id: Cid, key: bytes, signature: bytes
    ) -> Evidence | None:
        """The evidence that this vote of `key` for the block completes, if it does."""
        signed = self._signed.get(key) or self._admit(key)
        slot, votes, source = header.slot, signed.votes, source_slot(header)
        vote = (slot, block_id, header, signature, source)
        known = votes[slot % MAX_SLOTS]
        if known is None or known[0] < slot:
            votes[slot % MAX_SLOTS] = vote
        elif known[0] == slot:
            return _double_vote(signed, key, known, vote)
        if source is None:
            return None
        is_wide = slot > source + _NARROW_SLOTS
        found: Evidence | None = None
        if slot < signed.top_wide or (is_wide and source < signed.top_source):
            found = _surround(signed, key, slot, source, Statement(header, signature))
        signed.top_source = max(signed.top_source, source)
        if is_wide and slot > signed.top_wide:
            signed.top_wide = slot
        return found

    def on_block(
        self, header: Header, block_id: Cid, key: bytes, signature: bytes
    ) -> Evidence | None:
        """The evidence that this block signed by `key` completes, if it does."""
        signed = self._signed.get(key) or self._admit(key)
        slot, blocks = header.slot, signed.blocks
        known = blocks[slot % MAX_SLOTS]
        if known is None or known[0] < slot:
            blocks[slot % MAX_SLOTS] = (slot, block_id, header, signature, None)
        elif known[0] == slot and known[1] != block_id:
            made = evidence_of_blocks(key, _statement(known), Statement(header, signature))
            return _caught(signed, made)
        return None

    def _admit(self, key: bytes) -> _Signed:
        if len(self._signed) >= MAX_KEYS:
            del self._signed[next(iter(self._signed))]
        made = self._signed[key] = _Signed([None] * MAX_SLOTS, [None] * MAX_SLOTS)
        return made


def _statement(kept: _Kept) -> Statement:
    return Statement(kept[2], kept[3])


def _double_vote(signed: _Signed, key: bytes, known: _Kept, vote: _Kept) -> Evidence | None:
    if known[1] == vote[1]:
        return None
    return _caught(signed, evidence_of_votes(key, _statement(known), _statement(vote)))


def _surround(
    signed: _Signed, key: bytes, slot: int, source: int, vote: Statement
) -> Evidence | None:
    """The evidence that a vote makes with an earlier one of another slot."""
    for known in signed.votes:
        if known is None or (known_source := known[4]) is None:
            continue
        if source < known_source < known[0] < slot or known_source < source < slot < known[0]:
            found = evidence_of_votes(key, _statement(known), vote)
            if found is not None:
                return _caught(signed, found)
    return None


def _caught(signed: _Signed, evidence: Evidence | None) -> Evidence | None:
    if signed.is_caught or evidence is None:
        return None
    signed.is_caught = True
    return evidence
