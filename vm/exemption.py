"""Exemptions: what an account that has nothing may send for nothing.

An action names a row that its success writes for good, so that it succeeds once whoever sends it.
A transaction of such actions alone costs nothing and, as a duty, is in no block if it fails: so it
takes no room but for what it was made for.
"""

from collections.abc import Sequence

from consensus.errors import Invalid
from consensus.transaction import Transaction
from vm.declare import Action
from vm.registry import REGISTRY


def exemptions(transaction: Transaction, actions: Sequence[Action]) -> tuple[bytes, ...]:
    """The keys of the rows that these actions of the transaction write for good; none if it is not
    exempt: if it names a fee or another payer, or holds an action that is paid for."""
    if transaction.max_fee or transaction.fee_payer != transaction.sender:
        return ()
    keys = [action.exemption(transaction.sender) for action in actions]
    found = tuple(key for key in keys if key is not None)
    return found if len(found) == len(keys) else ()


def exemptions_of(transaction: Transaction) -> tuple[bytes, ...]:
    """`exemptions` of a transaction whose actions may be none of this chain's: none then."""
    if transaction.max_fee:
        return ()
    try:
        return exemptions(transaction, REGISTRY.unpack_actions(transaction))
    except Invalid:
        return ()
