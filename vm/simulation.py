"""What a transaction would cost and do, before it is signed."""

from dataclasses import dataclass

from consensus.codec import UINT64_MAX
from consensus.errors import Invalid
from consensus.kinds import SIGNATURE_BYTES
from consensus.record import replace
from consensus.transaction import Authorization, EncodedTransaction, Transaction
from vm.context import BlockContext
from vm.modules.account import authorities_of, most_of
from vm.modules.fee import fee_for, gas_rules, level_of
from vm.modules.producer import is_duty
from vm.receipt import Event, Receipt
from vm.registry import REGISTRY
from vm.transition import BlockExecution
from vm.view import View


@dataclass(frozen=True, slots=True)
class Quote:
    """The gas of a transaction, and its fee in its fee asset's units at the price now: 0 for a
    duty, and with a max_fee of 0, which says that mana pays."""

    gas: int
    fee: int


def quote(view: View, transaction: Transaction) -> Quote:
    """What the transaction will cost once signed, whatever max_fee above 0 it names; a few units
    above what is charged, as a smaller max_fee takes fewer bytes. Raises InvalidTransaction."""
    max_fee = UINT64_MAX if transaction.max_fee else 0
    widest = _with_signatures(view, replace(transaction, max_fee=max_fee, signatures=()))
    actions = REGISTRY.unpack_actions(widest)
    gas = gas_rules(view).envelope_gas(len(widest.encode()), len(widest.signatures))
    gas += sum(REGISTRY.action_gas(action, view) for action in actions)
    if not max_fee or is_duty(view, transaction):
        return Quote(gas, 0)
    return Quote(gas, fee_for(view, transaction.fee_asset, gas, level_of(view)))


@dataclass(frozen=True, slots=True)
class Simulation:
    """What a transaction would do: its receipt and events, and why an action fails, in the words of
    the module that refuses it."""

    receipt: Receipt
    events: tuple[Event, ...]
    failure: Invalid | None


def simulate(view: View, block: BlockContext, transaction: Transaction) -> Simulation:
    """What the transaction would do as the only one of this block.

    One without signatures is taken as signed by those who must; its receipt's id is then not the
    final one. Raises InvalidTransaction if the block could not contain it.
    """
    signed = transaction if transaction.signatures else _with_signatures(view, transaction)
    execution = BlockExecution(view, block)
    receipt = execution.apply(EncodedTransaction.of(signed))
    failure, events = execution.failure, execution.finish().events
    own = events[receipt.first_event : receipt.first_event + receipt.event_count]
    return Simulation(receipt, own, failure)


def _with_signatures(view: View, transaction: Transaction) -> Transaction:
    """The transaction with a stand-in for each signature that it needs; where some keys can stand
    for others, for the most that it can need."""
    blank = bytes(SIGNATURE_BYTES)
    keys = sorted(most_of(authorities_of(view, transaction)))
    return replace(transaction, signatures=tuple(Authorization(key, blank) for key in keys))
