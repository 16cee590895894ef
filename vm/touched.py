"""What a transaction will touch, as far as it tells by itself, to be read ahead."""

from consensus.transaction import Transaction
from vm.modules.account import SENDERS
from vm.modules.mana import MANA
from vm.modules.tokens import BALANCES
from vm.registry import REGISTRY


def touched_keys(transaction: Transaction) -> tuple[bytes, ...]:
    """State keys of rows that running the transaction reads or writes; none is there twice.

    Raises InvalidTransaction for an action that no module declares.
    """
    sender, payer = transaction.sender, transaction.fee_payer
    keys = [
        SENDERS.state_key(sender),
        SENDERS.state_key(payer),
        BALANCES.state_key(payer, transaction.fee_asset)
        if transaction.max_fee
        else MANA.state_key(payer),
    ]
    for action in REGISTRY.unpack_actions(transaction):
        keys += action.touches(sender)
    return tuple(dict.fromkeys(keys))
