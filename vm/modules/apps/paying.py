"""Paying in an app: by the user, or charged by the app within what the user lets it.

The developer has its part at once. The platform's is held while the payment can be refunded, and is
income, consumption and the app's standing only after that: what is refunded has counted nowhere.
"""

from consensus.kinds import AccountId, Amount, Asset, Counter
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.apps.tables import (
    AGENDA,
    BOUGHT,
    CHARGED,
    ENABLINGS,
    FEES_POT,
    NOT_ENABLED,
    NUMBERING,
    PAID,
    PAYMENTS,
    REFUND_S,
    App,
    AppName,
    Bought,
    Charged,
    Enabling,
    ItemName,
    Paid,
    Payment,
    apps,
    charged_on,
    enabling_of,
    fee_ppm_of,
    item_row,
    numbering_of,
    open_app,
    own_open_app,
)
from vm.modules.economy import today
from vm.modules.tokens import Memo, PositiveAmount, credit, debit, fill_pot
from vm.parameter import PARTS_PER_MILLION
from vm.view import State, View

_MOST_DROPPED = 2  # for each that is noted, so that old ones go faster than new ones come

OTHER_PRICE = apps.error("other-price", "The item has another price.")
ITEMS_ONLY = apps.error("items-only", "The app takes payments for its items only.")
ABOVE_LIMIT = apps.error("above-limit", "The payer does not let the app charge so much today.")


@apps.event
@record("apps.payment_made")
class PaymentMade(Record):
    """An account has paid in an app, for an item or not, or was charged by it; of the units `fee`
    is the platform's."""

    app: AppName
    payment: Counter
    payer: AccountId
    developer: AccountId
    item: ItemName | None
    asset: Asset
    units: Amount
    fee: Amount
    is_charge: bool
    memo: Memo


@apps.action(gas=12_000)
@record("apps.pay")
class Pay(Action):
    """Pay in an app that the sender has enabled: for an item its price, or else any amount where
    the app takes that (T11). The developer gets it at once, but for the platform's part."""

    app: AppName
    item: ItemName | None
    units: PositiveAmount
    memo: Memo

    def apply(self, context: Context) -> None:
        state, sender, row = context.state, context.sender, open_app(context.state, self.app)
        _check_enabled(state, sender, self.app, row)
        _check_price(state, self.app, row, self.item, self.units)
        debit(state, sender, row.asset, self.units, field="units")
        _pay(context, self, row, sender)

    def touches(self, sender: bytes) -> tuple[bytes, ...]:
        return (ENABLINGS.state_key(sender, self.app),)


@apps.action(gas=13_000)
@record("apps.charge")
class Charge(Action):
    """As the developer of an app, charge an account that has enabled it: for an item its price, or
    else any amount where the app takes that, in all no more on a day than the account's limit
    (T11)."""

    app: AppName
    payer: AccountId
    item: ItemName | None
    units: PositiveAmount
    memo: Memo

    def apply(self, context: Context) -> None:
        state, row = context.state, own_open_app(context.state, context.sender, self.app)
        enabling = _check_enabled(state, self.payer, self.app, row)
        _check_price(state, self.app, row, self.item, self.units)
        day = today(state)
        charged = charged_on(state, day, self.payer, self.app) + self.units
        if charged > enabling.limit_units:
            raise ABOVE_LIMIT.failed(
                f"{charged} units today would be above the limit of {enabling.limit_units}",
                field="units",
            )
        debit(state, self.payer, row.asset, self.units, field="units")
        _drop_old(state, day)
        CHARGED.put(state, Charged(charged), day, self.payer, self.app)
        _pay(context, self, row, self.payer)


def _check_enabled(view: View, payer: bytes, name: str, app: App) -> Enabling:
    row = enabling_of(view, payer, name, app)
    if row is None:
        raise NOT_ENABLED.failed(field="app")
    return row


def _check_price(view: View, name: str, app: App, item: str | None, units: int) -> None:
    if item is None:
        if not app.takes_any_amount:
            raise ITEMS_ONLY.failed(field="item")
        return
    price = item_row(view, name, item).price
    if units != price:
        raise OTHER_PRICE.failed(f"{item} costs {price} units, not {units}", field="units")


def _pay(context: Context, order: Pay | Charge, app: App, payer: bytes) -> None:
    """Give the developer its part of what was taken from the payer, and keep the payment while it
    can be refunded."""
    state, now_ms = context.state, context.block.time_ms
    fee = order.units * fee_ppm_of(state, app) // PARTS_PER_MILLION
    fill_pot(state, FEES_POT, app.asset, fee)
    credit(state, app.developer, app.asset, order.units - fee)
    numbering = numbering_of(state)
    number = numbering.payment
    NUMBERING.put(state, replace(numbering, payment=number + 1))
    row = Payment(
        registration=app.registration,
        payer=payer,
        developer=app.developer,
        item=order.item,
        asset=app.asset,
        units=order.units,
        fee=fee,
        is_charge=isinstance(order, Charge),
        memo=order.memo,
        paid_ms=now_ms,
        until_ms=now_ms + 1000 * REFUND_S.read(state),
    )
    PAYMENTS.put(state, row, order.app, number)
    PAID.put(state, Paid(), payer, number, order.app)
    AGENDA.add(state, row.until_ms, order.app, number)
    if order.item is not None:
        _note_bought(state, payer, order.app, order.item, app.registration)
    paid = (row.item, row.asset, row.units, row.fee, row.is_charge, row.memo)
    context.emit(PaymentMade(order.app, number, payer, app.developer, *paid))


def _note_bought(state: State, payer: bytes, name: str, item: str, registration: int) -> None:
    before = BOUGHT.get(state, payer, name, item)
    count = before.count if before is not None and before.registration == registration else 0
    BOUGHT.put(state, Bought(registration, count + 1), payer, name, item)


def _drop_old(state: State, day: int) -> None:
    for key, _ in list(CHARGED.scan(state, limit=_MOST_DROPPED)):
        if key[0] < day:
            CHARGED.delete(state, *key)
