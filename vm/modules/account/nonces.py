"""The order of an account's transactions."""

from consensus.record import replace
from consensus.transaction import Transaction
from vm.modules.account.tables import SENDERS, account, sender_row
from vm.view import State, View

NONCE_USED = account.error("nonce-used", "The account has already used this nonce.")
NONCE_AHEAD = account.error("nonce-ahead", "Transactions with lower nonces must come first.")


def next_nonce(view: View, account_id: bytes) -> int:
    """The nonce that the account's next transaction must carry."""
    return sender_row(view, account_id).nonce


def check_nonce(view: View, transaction: Transaction) -> None:
    """Raise InvalidTransaction unless it is the sender's next one."""
    expected = next_nonce(view, transaction.sender)
    if transaction.nonce < expected:
        raise NONCE_USED.refused(f"already used; the next is {expected}", field="nonce")
    if transaction.nonce > expected:
        raise NONCE_AHEAD.refused(f"too high; the next is {expected}", field="nonce")


def bump_nonce(state: State, account_id: bytes) -> None:
    """Count one more transaction of the account."""
    row = sender_row(state, account_id)
    SENDERS.put(state, replace(row, nonce=row.nonce + 1), account_id)
