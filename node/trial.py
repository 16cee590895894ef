"""Transactions tried on the head's state: whether one may wait, and what it would do."""

from collections.abc import Iterable

from consensus.codec import encode
from consensus.errors import InvalidTransaction
from consensus.hashing import ZERO_DIGEST
from consensus.record import replace
from consensus.transaction import EncodedTransaction, Transaction
from node.block_results import BlockResults
from node.candidate import Recorded
from node.chain import Chain
from vm.context import BlockContext
from vm.modules.account import AuthoritySet, next_nonce
from vm.simulation import Simulation, simulate
from vm.transition import BlockExecution, check_signers
from vm.view import View


def check_transaction(chain: Chain, pending: EncodedTransaction) -> None:
    """Raise Invalid… unless its signatures verify and it could run on the head's state.

    A nonce that comes later than the sender's next is run as if it were the next.
    """
    chain.verified.check_transaction(pending)
    state = chain.state_of(chain.fork.head)
    transaction = _in_turn(state, pending.transaction)
    BlockExecution(state, _next_context(chain)).check(transaction, pending.size_bytes)


def has_signers(chain: Chain, transaction: Transaction) -> bool:
    """Whether the keys that signed may act for its parties at the head."""
    try:
        check_signers(chain.state_of(chain.fork.head), transaction)
    except InvalidTransaction:
        return False
    return True


def rotated_accounts(blocks: Iterable[Recorded]) -> frozenset[bytes]:
    """The accounts whose authority these blocks replaced."""
    tag = encode(AuthoritySet.tag)
    found = (BlockResults.decode(block.results) for block in blocks if tag in block.results)
    happened = (event.data for results in found for event in results.events)
    rotations = (data for data in happened if data[0] == AuthoritySet.tag)
    return frozenset(AuthoritySet.unpack(data).account for data in rotations)


def nonce_at_head(chain: Chain, account: bytes) -> int:
    """The nonce of the account's next transaction at the head."""
    return next_nonce(chain.state_of(chain.fork.head), account)


def try_transaction(chain: Chain, transaction: Transaction) -> Simulation:
    """What the transaction would do as the sender's next in the next block.

    It need not be signed, and its signatures are not verified. Raises InvalidTransaction.
    """
    state = chain.state_of(chain.fork.head)
    return simulate(state, _next_context(chain), _in_turn(state, transaction))


def _next_context(chain: Chain) -> BlockContext:
    head, handover = chain.fork.head, chain.fork.head.handover
    slot = head.slot + 1
    return BlockContext(
        chain=chain.id,
        parent=head.id,
        height=head.height + 1,
        slot=slot,
        time_ms=chain.clock.start_ms(slot),
        producer=head.members.members[0].producer,
        reveal=ZERO_DIGEST,
        beacon=head.beacon,
        epoch=head.epoch,
        epoch_beacon=head.epoch_beacon,
        dynasty=head.dynasty,
        members=head.next_members or head.members,
        final_height=head.final_height,
        handover_slot=0 if handover is None else handover.slot,
        handover_height=0 if handover is None else head.handover_height,
        voters=(),
    )


def _in_turn(view: View, transaction: Transaction) -> Transaction:
    """The transaction, or one of a later turn as if it were its sender's next."""
    expected = next_nonce(view, transaction.sender)
    return replace(transaction, nonce=expected) if transaction.nonce > expected else transaction
