"""Broken protocols: the simulator must be able to fail, so each of these must be caught by it.

A mutant takes one rule out of the production code while it is entered.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import ModuleType
from typing import TypeAlias
from unittest.mock import PropertyMock, patch

import consensus.evidence
import consensus.finality
import consensus.headers
import node.validator
from consensus.block import BlockRef, Target
from consensus.finality import ChainBlock
from consensus.fork_choice import ForkChoice
from consensus.producers import ProducerSet
from consensus.voting import Ballot, SafetyState
from node.chain import Chain
from tests.simulation.disk import MemoryFile

Mutant: TypeAlias = Callable[[], AbstractContextManager[None]]


@contextmanager
def _everywhere(name: str, instead: object, *modules: ModuleType) -> Iterator[None]:
    """Replace a function under the name that modules know it by."""
    with ExitStack() as stack:
        for module in modules:
            stack.enter_context(patch.object(module, name, instead))
        yield


def _final_without_cap(slot: int, source: BlockRef, handover: BlockRef | None) -> BlockRef | None:
    return source if slot == source.slot + 1 else None


def _final_across_any_gap(
    slot: int, source: BlockRef, handover: BlockRef | None
) -> BlockRef | None:
    return handover if handover is not None and handover.slot <= source.slot else source


def _source_of_any_dynasty(dynasty: int, qc_target: Target, base: BlockRef) -> BlockRef:
    return BlockRef(qc_target.id, qc_target.slot)


def _ballot_by_height(block: ChainBlock) -> Ballot:
    return Ballot(block.height, block.dynasty, block.source.slot)


def _rank_by_justified(fork: ForkChoice, block: ChainBlock) -> tuple[int, int, int]:
    return (*fork.best_certified(block).key, block.height)


def drop_the_cap() -> AbstractContextManager[None]:
    """The old set goes on finalizing past the handover block."""
    return _everywhere(
        "final_if_certified", _final_without_cap, consensus.finality, consensus.headers
    )


def allow_any_slot_gap() -> AbstractContextManager[None]:
    """A certificate finalizes its source also if a slot lies between."""
    return _everywhere(
        "final_if_certified", _final_across_any_gap, consensus.finality, consensus.headers
    )


def vote_by_height() -> AbstractContextManager[None]:
    """One vote a height, instead of one a slot."""
    return _everywhere("_ballot", _ballot_by_height, node.validator)


@contextmanager
def forget_the_lock() -> Iterator[None]:
    """A vote binds to no source."""
    with patch.object(SafetyState, "lock", PropertyMock(return_value=(0, 0))):
        yield


@contextmanager
def forget_the_fsync() -> Iterator[None]:
    """A journal record is written, and not made durable."""
    with patch.object(MemoryFile, "sync", lambda _: None):
        yield


@contextmanager
def forget_the_blocks() -> Iterator[None]:
    """The blocks that a vote locks on are not made durable before it."""
    with patch.object(Chain, "sync", lambda _: None):
        yield


@contextmanager
def count_a_quorum_one_short() -> Iterator[None]:
    """One vote fewer than n - f makes a certificate."""
    short = property(lambda members: len(members.members) - members.max_faulty - 1)
    with patch.object(ProducerSet, "quorum", short):
        yield


@contextmanager
def rank_the_head_by_highest_justified() -> Iterator[None]:
    """The head is the block above the highest justified one, whatever a child could name."""
    with patch.object(ForkChoice, "rank", _rank_by_justified):
        yield


def honour_a_limbo_certificate_as_source() -> AbstractContextManager[None]:
    """A new dynasty's vote comes from a block of the old one."""
    return _everywhere(
        "source_of",
        _source_of_any_dynasty,
        consensus.finality,
        consensus.headers,
        consensus.evidence,
    )


MUTANTS: dict[str, Mutant] = {
    mutant.__name__: mutant
    for mutant in (
        drop_the_cap,
        allow_any_slot_gap,
        vote_by_height,
        forget_the_lock,
        forget_the_fsync,
        forget_the_blocks,
        count_a_quorum_one_short,
        rank_the_head_by_highest_justified,
        honour_a_limbo_certificate_as_source,
    )
}
