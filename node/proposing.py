"""Making blocks: the one valid header, and the transactions that fit."""

from collections.abc import Iterable

from consensus.block import Body
from consensus.errors import Invalid
from consensus.finality import ChainBlock
from consensus.hashing import ZERO_DIGEST
from consensus.headers import Duty, Roots, child_block, child_header
from consensus.transaction import EncodedTransaction, Transaction
from node.candidate import Proposal
from node.chain import Chain, roots_of
from storage.state import make_layer
from vm.transition import BlockExecution


def propose(
    chain: Chain,
    slot: int,
    producer: bytes,
    reveal: bytes,
    ready: Iterable[EncodedTransaction],
    *,
    parent: ChainBlock | None = None,
    qc: ChainBlock | None = None,
) -> Proposal:
    """The producer's block for this slot, with what of `ready` fits; not signed, not added.

    The rules ask for `parent` = the head and `qc` = its best justified block (FINALITY: Head),
    as it is without them. `ready` may stop whenever the producer's time is up.
    """
    parent = chain.fork.head if parent is None else parent
    qc = chain.fork.best_certified(parent) if qc is None else qc
    state = chain.state_of(parent)
    certificate = b""
    if qc.target != parent.qc_target:
        certificate = chain.fork.certificate(qc) or b""
    duty = Duty(slot, producer, reveal, qc, certificate, chain.elected_for(parent, slot))
    unfilled = child_header(chain.rules, parent, duty, Roots(*[ZERO_DIGEST] * 4))
    draft = child_block(chain.rules, parent, duty, unfilled, parent.id)
    execution = BlockExecution(state, chain.context_of(draft, certificate))
    execution.begin()
    taken = [] if chain.is_stalled(parent) else _fill(execution, ready)
    outcome = execution.finish()
    layer, root = make_layer(state, outcome.writes)
    header = child_header(chain.rules, parent, duty, roots_of(outcome, root))
    placed = child_block(chain.rules, parent, duty, header, header.id())
    return Proposal(placed, Body(certificate, tuple(taken)), layer, outcome)


def _fill(execution: BlockExecution, ready: Iterable[EncodedTransaction]) -> list[Transaction]:
    taken: list[Transaction] = []
    for pending in ready:
        try:
            execution.apply(pending)
        except Invalid:
            continue
        taken.append(pending.transaction)
    return taken
