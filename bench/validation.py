"""How fast a validator checks a block of transfers that comes in, beside the bare verification of
as many signatures."""

import time
from collections.abc import Sequence
from typing import NamedTuple

from bench.ground import Ground
from bench.large_chain import Population
from bench.raw_verification import raw_verifications_a_second
from bench.report import tell
from bench.row import Sample
from consensus.transaction import EncodedTransaction
from node.candidate import read_block
from node.chain import Chain
from node.read_ahead import read_touched
from node.trial import check_transaction


class Check(NamedTuple):
    """What checking a block took, in seconds: by the clock, and of the checking thread."""

    wall_s: float
    cpu_s: float


def encoded_block(
    population: Population, chain: Chain, pending: Sequence[EncodedTransaction]
) -> bytes:
    """The next block with just these transactions."""
    made = population.block(chain, chain.fork.head.slot + 1, pending)
    if len(made.transaction_ids) != len(pending):
        raise RuntimeError(f"{len(pending)} transactions do not fit into one block")
    return made.raw


def check(chain: Chain, raw: bytes) -> Check:
    """Decode, screen and validate a block; nothing is inserted."""
    begun, begun_cpu = time.perf_counter(), time.thread_time()
    candidate = read_block(raw)
    chain.screen(candidate)
    chain.validate(candidate)
    return Check(time.perf_counter() - begun, time.thread_time() - begun_cpu)


def know_signatures(chain: Chain, pending: Sequence[EncodedTransaction]) -> None:
    """Let all these transactions be verified."""
    for each in pending:
        chain.verified.check_transaction(each)


def admit(chain: Chain, pending: Sequence[EncodedTransaction]) -> None:
    """Do what a node has done by the time a block comes whose transactions are in its mempool: it
    has verified and tried each, and read ahead what they touch."""
    know_signatures(chain, pending)
    for each in pending:
        check_transaction(chain, each)
    read_touched(chain.state, [each.transaction for each in pending])


def measure_unseen(ground: Ground) -> list[Sample]:
    """Transfers a second of blocks of which the validator has seen nothing."""
    return _measure(ground, first_group=0, is_admitted=False)


def measure_verified(ground: Ground) -> list[Sample]:
    """Transfers a second of blocks whose transactions are in the validator's mempool."""
    return _measure(ground, first_group=ground.sizes.repeats, is_admitted=True)


def _measure(ground: Ground, *, first_group: int, is_admitted: bool) -> list[Sample]:
    sizes, samples = ground.sizes, list[Sample]()
    with ground.database() as database:
        maker, validator = ground.chain(database), ground.chain(database)
        _warm_up(ground, maker, validator)
        for group in range(first_group, first_group + sizes.repeats):
            pending = ground.transfers(maker, group)
            raw = encoded_block(ground.population, maker, pending)
            if is_admitted:
                admit(validator, pending)
            before = raw_verifications_a_second(sizes.verifications)
            took = check(validator, raw)
            after = raw_verifications_a_second(sizes.verifications)
            samples.append(Sample(sizes.transfers / took.wall_s, (before + after) / 2))
            tell(f"a block of {sizes.transfers} transfers is checked")
    return samples


def _warm_up(ground: Ground, maker: Chain, validator: Chain) -> None:
    """A block of the last group, which no row measures: what all blocks touch is read then."""
    last = len(ground.population.senders) // ground.sizes.transfers - 1
    check(validator, encoded_block(ground.population, maker, ground.transfers(maker, last)))
