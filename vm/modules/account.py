"""Accounts: whose signatures act for them, and the order of their transactions."""

from consensus.kinds import AccountId, Counter
from consensus.record import Record, record
from consensus.transaction import Transaction
from vm.declare import Module
from vm.table import Table
from vm.view import State, View

account = Module("account", "Who may act for an account, and the order of its transactions.")


@record("account.sender")
class Sender(Record):
    """An account that has sent transactions, and how many: its next nonce."""

    nonce: Counter


SENDERS: Table[Sender, bytes] = account.table(Sender, account=AccountId)

NONCE_USED = account.error("nonce-used", "The account has already used this nonce.")
NONCE_AHEAD = account.error("nonce-ahead", "Transactions with lower nonces must come first.")
UNSIGNED = account.error("signature-missing", "A key that must sign has not signed.")
STRAY = account.error("signature-unneeded", "A key signed that acts for neither party.")


def next_nonce(view: View, account_id: bytes) -> int:
    """The nonce that the account's next transaction must carry."""
    row = SENDERS.get(view, account_id)
    return 0 if row is None else row.nonce


def check_nonce(view: View, transaction: Transaction) -> None:
    """Raise InvalidTransaction unless it is the sender's next one."""
    expected = next_nonce(view, transaction.sender)
    if transaction.nonce < expected:
        raise NONCE_USED.refused(f"already used; the next is {expected}", field="nonce")
    if transaction.nonce > expected:
        raise NONCE_AHEAD.refused(f"too high; the next is {expected}", field="nonce")


def bump_nonce(state: State, account_id: bytes) -> None:
    """Count one more transaction of the account."""
    SENDERS.put(state, Sender(next_nonce(state, account_id) + 1), account_id)


def keys_of(account_id: bytes) -> frozenset[bytes]:
    """The keys that must sign for an account: a plain account's id is its one key."""
    return frozenset((account_id,))


def signing_keys(transaction: Transaction) -> frozenset[bytes]:
    """The keys that must sign a transaction: its sender's and its payer's."""
    return keys_of(transaction.sender) | keys_of(transaction.fee_payer)


def check_authorization(transaction: Transaction) -> None:
    """Raise InvalidTransaction unless the keys that signed are just those that must.

    A key that need not sign is refused: anyone could add one and so change the id. That the
    signatures verify is checked by `Transaction.check_signatures`.
    """
    signed = frozenset(item.key for item in transaction.signatures)
    needed = signing_keys(transaction)
    if missing := sorted(needed - signed):
        party = "sender" if missing[0] in keys_of(transaction.sender) else "payer"
        raise UNSIGNED.refused(
            f"the {party}'s key {missing[0].hex()} has not signed", field="signatures"
        )
    if stray := sorted(signed - needed):
        raise STRAY.refused(
            f"the key {stray[0].hex()} acts for neither sender nor payer", field="signatures"
        )
