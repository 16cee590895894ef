"""Duties: what a producer's consensus key may send in its name, without a fee.

Actions are declared duties. Each can succeed only once, and one that fails may be in no block:
so they cost nobody anything.
"""

from collections.abc import Sequence

from consensus.transaction import Transaction
from vm.modules.account import acts_for
from vm.modules.producer.tables import PRODUCERS, producer
from vm.view import View

NOT_A_DUTY = producer.error("not-a-duty", "A consensus key may send nothing but duties.")
NO_FEE = producer.error("duty-without-fee", "A duty costs nothing: payer is null, max_fee 0.")


def is_duty(view: View, transaction: Transaction) -> bool:
    """Whether the one key that signed is the sender's consensus key, and none of its account's."""
    if len(transaction.signatures) != 1:
        return False
    key = transaction.signatures[0].key
    if key == transaction.sender:
        return False
    row = PRODUCERS.get(view, transaction.sender)
    return row is not None and row.key == key and not acts_for(view, transaction.sender, key)


def check_duty(transaction: Transaction, duties: Sequence[bool]) -> None:
    """Raise InvalidTransaction unless a consensus key may send this; `duties` says of each
    action whether it is declared one."""
    if transaction.payer is not None:
        raise NO_FEE.refused(field="payer")
    if transaction.max_fee != 0:
        raise NO_FEE.refused(field="max_fee")
    for i, is_one in enumerate(duties):
        if not is_one:
            raise NOT_A_DUTY.refused(field=f"actions[{i}]")
