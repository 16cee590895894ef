"""What becomes of a payment: the developer refunds it whole, in time, or it counts."""

from consensus.codec import UINT64_MAX
from consensus.kinds import AccountId, Amount, Asset, Counter
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.apps.tables import (
    AGENDA,
    APPS,
    BOUGHT,
    FEES_POT,
    NOT_THE_DEVELOPER,
    PAID,
    PAYMENTS,
    AppName,
    Payment,
    apps,
)
from vm.modules.rebate import note_fee
from vm.modules.revenue import take_in
from vm.modules.tokens import credit, debit, drain_pot
from vm.view import State

SETTLED_A_BLOCK = 64

UNKNOWN_PAYMENT = apps.error(
    "unknown-payment",
    "The app has no payment of this number that can be refunded: it was refunded, or is settled.",
)
TOO_LATE = apps.error("too-late", "The time in which this payment could be refunded is over.")


@apps.event
@record("apps.refunded")
class Refunded(Record):
    """A payment in an app was refunded, whole, to who had paid."""

    app: AppName
    payment: Counter
    payer: AccountId
    asset: Asset
    units: Amount


@apps.event
@record("apps.settled")
class Settled(Record):
    """A payment in an app can be refunded no more: `fee` is the platform's income."""

    app: AppName
    payment: Counter
    asset: Asset
    fee: Amount


@apps.action(gas=8_000)
@record("apps.refund")
class Refund(Action):
    """As the developer who was paid, refund a payment, whole: one's own part out of what one holds,
    and the platform's, which is held until the time for this is over (T11)."""

    app: AppName
    payment: Counter

    def apply(self, context: Context) -> None:
        state, row = context.state, PAYMENTS.get(context.state, self.app, self.payment)
        if row is None:
            raise UNKNOWN_PAYMENT.failed(field="payment")
        if row.developer != context.sender:
            raise NOT_THE_DEVELOPER.failed(field="app")
        if context.block.time_ms >= row.until_ms:
            raise TOO_LATE.failed(f"it was until {row.until_ms} ms", field="payment")
        debit(state, row.developer, row.asset, row.units - row.fee, field="payment")
        drain_pot(state, FEES_POT, row.asset, row.fee)
        credit(state, row.payer, row.asset, row.units)
        AGENDA.remove(state, row.until_ms, self.app, self.payment)
        _remove(state, self.app, self.payment, row)
        _take_back(state, self.app, row)
        context.emit(Refunded(self.app, self.payment, row.payer, row.asset, row.units))


@apps.begin_block
def settle_due(context: Context) -> None:
    """Let payments count that can be refunded no more, a bounded number a block: the platform's
    part is its income (P4) and consumption of the payer and the developer (P2)."""
    state = context.state
    for _, name, number in AGENDA.take(state, context.block.time_ms, limit=SETTLED_A_BLOCK):
        row = PAYMENTS.get(state, name, number)
        if row is None:
            raise RuntimeError(f"there is no payment {number} in {name}")
        drain_pot(state, FEES_POT, row.asset, row.fee)
        take_in(state, source=apps.name, asset=row.asset, fee=row.fee)
        note_fee(context, payer=row.payer, provider=row.developer, asset=row.asset, fee=row.fee)
        _remove(state, name, number, row)
        _note_settled(state, name, row)
        context.emit(Settled(name, number, row.asset, row.fee))


def _remove(state: State, name: str, number: int, row: Payment) -> None:
    PAYMENTS.delete(state, name, number)
    PAID.delete(state, row.payer, number, name)


def _take_back(state: State, name: str, row: Payment) -> None:
    """Let what was refunded be bought no more."""
    bought = None if row.item is None else BOUGHT.get(state, row.payer, name, row.item)
    if row.item is None or bought is None or bought.registration != row.registration:
        return
    if bought.count == 1:
        BOUGHT.delete(state, row.payer, name, row.item)
    else:
        BOUGHT.put(state, replace(bought, count=bought.count - 1), row.payer, name, row.item)


def _note_settled(state: State, name: str, row: Payment) -> None:
    """Count the payment for its app, unless that was withdrawn."""
    app = APPS.get(state, name)
    if app is not None and app.registration == row.registration:
        fees = min(app.fees + row.fee, UINT64_MAX)
        APPS.put(state, replace(app, settled=app.settled + 1, fees=fees), name)
