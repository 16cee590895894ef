"""The transition of one block: from its parent's state to its own.

Producer and validator run the same `BlockExecution`: `begin`, `apply` for each transaction,
`finish`. The producer leaves out a transaction that raises; for a validator it spoils the block.
Signatures are verified elsewhere (`Transaction.check_signatures`), so that results can be cached.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from consensus.errors import Invalid, InvalidBlock, InvalidTransaction
from consensus.transaction import EncodedTransaction, Transaction
from vm.context import BlockContext
from vm.declare import Action
from vm.exemption import exemptions
from vm.modules.account import bump_nonce, check_authorization, check_nonce
from vm.modules.chain import check_place
from vm.modules.fee import (
    LOWEST_LEVEL_PPM,
    GasRules,
    Limits,
    Room,
    check_fee,
    distribute,
    gas_rules,
    level_of,
    move_level,
)
from vm.modules.mana import MAX_BLOCK_PPM, check_mana, use_mana
from vm.modules.producer import check_duty, is_duty
from vm.modules.tokens import debit
from vm.overlay import Overlay
from vm.receipt import OK, Event, Receipt
from vm.registry import REGISTRY, Registry
from vm.running import Running
from vm.view import View


@dataclass(frozen=True)
class Outcome:
    """What a block does. `writes` maps state keys to values (None: deleted), in key order.

    `transaction_ids`, `receipt_leaves` and `event_leaves` are the items under the header's
    transactions, receipts and events roots (`consensus.merkle.merkle_root`).
    """

    writes: Mapping[bytes, bytes | None]
    transaction_ids: tuple[bytes, ...]
    receipts: tuple[Receipt, ...]
    events: tuple[Event, ...]
    fees: Mapping[str, int]
    gas: int
    size_bytes: int

    @cached_property
    def receipt_leaves(self) -> list[bytes]:
        """The receipts' encodings."""
        return [receipt.encode() for receipt in self.receipts]

    @cached_property
    def event_leaves(self) -> list[bytes]:
        """The events' encodings."""
        return [event.encode() for event in self.events]


class _Payment(Enum):
    """What pays for a transaction: its payer's fee or mana; or nobody, if a duty or exempt."""

    FEE = "fee"
    MANA = "mana"
    DUTY = "duty"
    EXEMPT = "exempt"


@dataclass(frozen=True, slots=True)
class _Admitted:
    """A transaction that the block may contain, with what it costs; one that costs nothing and
    fails may not be contained after all."""

    transaction: Transaction
    actions: tuple[Action, ...]
    gas: int
    fee: int
    payment: _Payment

    @property
    def costs_nothing(self) -> bool:
        """Whether nobody pays for it, so that it must not fail."""
        return self.payment in (_Payment.DUTY, _Payment.EXEMPT)

    @property
    def takes_free_room(self) -> bool:
        """Whether it takes room of the share that is for what pays no fee."""
        return self.payment in (_Payment.MANA, _Payment.EXEMPT)


class BlockExecution:
    """A block being run on its parent's state `view`, which is only read."""

    def __init__(self, view: View, block: BlockContext, registry: Registry = REGISTRY) -> None:
        self._parent_state = view
        self._block = block
        self._registry = registry
        self._state = Overlay(view)
        self._running = Running(block, self._state, registry)
        self._room = Room()
        self._free_room = Room()  # the part of it for which no fee was paid, without duties
        self._fees: dict[str, int] = {}
        self._ids: list[bytes] = []
        self._receipts: list[Receipt] = []
        self.failure: Invalid | None = None  # of the last transaction, for people alone

    def begin(self) -> None:
        """Run the modules' block steps; raises InvalidHeader (`reveal`) or InvalidBlock."""
        context = self._running.context(self._block.producer, None)
        for step in self._registry.block_steps:
            step(context)

    def check(self, transaction: Transaction, size_bytes: int) -> None:
        """Raise InvalidTransaction unless this block may contain the transaction next."""
        admitted = self._admit(transaction, size_bytes)
        if admitted.costs_nothing:
            before = self._running.savepoint()
            self._carry_out(admitted)
            self._running.rollback(before)

    def apply(self, encoded: EncodedTransaction) -> Receipt:
        """Run a transaction whose signatures verify.

        Raises InvalidTransaction, with nothing changed, if this block may not contain it at
        this place. An action that fails makes a receipt with its code; the fee is paid, or the
        mana used, and the nonce too all the same. What costs nothing must not fail.
        """
        admitted = self._admit(encoded.transaction, encoded.size_bytes)
        return self._run(admitted, encoded.id, encoded.size_bytes)

    def finish(self) -> Outcome:
        """Distribute the fees, move the price's level, run the modules' end steps and hand over the
        result."""
        context = self._running.context(self._block.producer, None)
        for asset, amount in sorted(self._fees.items()):
            distribute(context, asset, amount)
        if self._room.gas or self._level_ppm > LOWEST_LEVEL_PPM:
            move_level(self._state, self._level_ppm, self._room.gas, self._rules.limits.gas)
        for step in self._registry.end_steps:
            step(context)
        return Outcome(
            self._state.writes(),
            tuple(self._ids),
            tuple(self._receipts),
            tuple(self._running.events),
            dict(sorted(self._fees.items())),
            self._room.gas,
            self._room.size_bytes,
        )

    @cached_property
    def _rules(self) -> GasRules:
        """Read only when a transaction comes: most blocks are empty, and the rows cost more to
        decode than all else that an empty block does."""
        return gas_rules(self._parent_state)

    @cached_property
    def _level_ppm(self) -> int:
        """The price's level in this block."""
        return level_of(self._parent_state)

    @cached_property
    def _free_limits(self) -> Limits:
        """Read only when no fee is to pay."""
        return self._rules.limits.share(MAX_BLOCK_PPM.read(self._parent_state))

    def _admit(self, transaction: Transaction, size_bytes: int) -> _Admitted:
        check_place(transaction, self._block)
        by_duty = check_signers(self._state, transaction)
        check_nonce(self._state, transaction)
        actions = self._registry.unpack_actions(transaction)
        payment = _Payment.DUTY if by_duty else _payment(transaction, actions)
        if payment is _Payment.DUTY:
            check_duty(transaction, [self._registry.actions[item.tag].duty for item in actions])
        gas = self._rules.envelope_gas(size_bytes, len(transaction.signatures))
        gas += sum(self._registry.action_gas(action, self._state) for action in actions)
        self._room.check(self._rules.limits, gas, size_bytes)
        fee = 0
        if payment is _Payment.FEE:
            fee = check_fee(self._state, transaction, gas, self._level_ppm)
        elif payment is _Payment.MANA:
            free = [self._registry.actions[item.tag].free for item in actions]
            check_mana(self._state, transaction, free, gas, self._block.time_ms)
        admitted = _Admitted(transaction, actions, gas, fee, payment)
        if admitted.takes_free_room:
            self._free_room.check(self._free_limits, gas, size_bytes)
        return admitted

    def _run(self, admitted: _Admitted, identity: bytes, size_bytes: int) -> Receipt:
        first_event = len(self._running.events)
        status, failed_action = self._carry_out(admitted)
        self._room.take(admitted.gas, size_bytes)
        if admitted.takes_free_room:
            self._free_room.take(admitted.gas, size_bytes)
        receipt = Receipt(
            identity,
            status,
            failed_action,
            admitted.gas,
            admitted.fee,
            first_event,
            len(self._running.events) - first_event,
        )
        self._ids.append(identity)
        self._receipts.append(receipt)
        return receipt

    def _carry_out(self, admitted: _Admitted) -> tuple[str, int | None]:
        """Take the fee or the mana, and the nonce, and run the actions: the status, and the place
        of the action that failed. Raises InvalidTransaction, with all undone, for one that costs
        nothing and fails."""
        before, transaction = self._running.savepoint(), admitted.transaction
        if admitted.payment is _Payment.FEE:
            asset = transaction.fee_asset
            debit(self._state, transaction.fee_payer, asset, admitted.fee)
            self._fees[asset] = self._fees.get(asset, 0) + admitted.fee
        elif admitted.payment is _Payment.MANA:
            use_mana(self._state, transaction.fee_payer, admitted.gas, self._block.time_ms)
        bump_nonce(self._state, transaction.sender)
        failure = self._running.run(transaction.sender, admitted.actions, len(self._receipts))
        self.failure = None
        if failure is None:
            return OK, None
        place, error = failure
        inner = error.within(f"actions[{place}]")
        if admitted.costs_nothing:
            self._running.rollback(before)
            raise InvalidTransaction(inner.message, field=inner.field, code=inner.code)
        self.failure = inner
        return error.code, place


def _payment(transaction: Transaction, actions: tuple[Action, ...]) -> _Payment:
    """What pays for one that is no duty."""
    if transaction.max_fee:
        return _Payment.FEE
    return _Payment.EXEMPT if exemptions(transaction, actions) else _Payment.MANA


def check_signers(view: View, transaction: Transaction) -> bool:
    """Whether it is a duty; raises InvalidTransaction unless it is, or those signed who must."""
    by_duty = is_duty(view, transaction)
    if not by_duty:
        check_authorization(view, transaction)
    return by_duty


def execute_block(
    view: View, block: BlockContext, transactions: Iterable[EncodedTransaction]
) -> Outcome:
    """Run a whole block; raises InvalidHeader or InvalidBlock, naming the transaction at fault.

    The signatures of the transactions must have been verified.
    """
    execution = BlockExecution(view, block)
    execution.begin()
    for i, each in enumerate(transactions):
        try:
            execution.apply(each)
        except Invalid as error:
            inner = error.within(f"body.transactions[{i}]")
            raise InvalidBlock(inner.message, field=inner.field, code=inner.code) from None
    return execution.finish()
