"""Answers about apps. Any thread may call."""

from collections.abc import Callable
from typing import cast

from node.events import place_of
from node.query.app_answers import (
    AppAnswer,
    AppItem,
    AppsAnswer,
    EnabledAnswer,
    EnabledItem,
    PaymentItem,
    PaymentsAnswer,
    SoldItem,
    SoldItemsAnswer,
)
from node.query.chain_view import ChainView, NotFound
from node.query.state_queries import scan
from vm.modules.apps import (
    APPS,
    ENABLINGS,
    ITEMS,
    PAID,
    PAYMENTS,
    UNKNOWN_APP,
    App,
    Enabling,
    Item,
    Payment,
    charged_on,
    fee_ppm_of,
)
from vm.modules.economy import today


def apps(
    view: ChainView, is_wanted: Callable[[App], bool], limit: int, cursor: str | None
) -> AppsAnswer:
    """The apps that are wanted; raises InvalidEncoding (`cursor`)."""
    found, following = scan(view, APPS.prefix(), limit, cursor)
    rows = ((cast(str, APPS.key_parts(key)[0]), App.decode(value)) for key, value in found)
    items = tuple(_app_item(view, name, row) for name, row in rows if is_wanted(row))
    return AppsAnswer(items, following, place_of(view.block))


def app(view: ChainView, name: str) -> AppAnswer:
    """An app; raises NotFound."""
    row = APPS.get(view.state, name)
    if row is None:
        raise NotFound(f"there is no app {name}", field="app", code=UNKNOWN_APP.code)
    return AppAnswer(_app_item(view, name, row), place_of(view.block))


def items(view: ChainView, name: str, limit: int, cursor: str | None) -> SoldItemsAnswer:
    """What is sold in an app; raises NotFound, InvalidEncoding (`cursor`)."""
    app(view, name)
    found, following = scan(view, ITEMS.prefix(name), limit, cursor)
    sold = tuple(
        SoldItem(cast(str, ITEMS.key_parts(key)[1]), Item.decode(value)) for key, value in found
    )
    return SoldItemsAnswer(sold, following, place_of(view.block))


def payments(view: ChainView, name: str, limit: int, cursor: str | None) -> PaymentsAnswer:
    """The payments in apps of this name, also of one that was withdrawn, as long as they can be
    refunded; raises InvalidEncoding (`cursor`)."""
    found, following = scan(view, PAYMENTS.prefix(name), limit, cursor)
    rows = tuple(
        PaymentItem(name, cast(int, PAYMENTS.key_parts(key)[1]), Payment.decode(value))
        for key, value in found
    )
    return PaymentsAnswer(rows, following, place_of(view.block))


def payments_of(view: ChainView, payer: bytes, limit: int, cursor: str | None) -> PaymentsAnswer:
    """What an account has paid in apps, as long as it can be refunded; raises InvalidEncoding
    (`cursor`)."""
    found, following = scan(view, PAID.prefix(payer), limit, cursor)
    keys = (cast(tuple[bytes, int, str], PAID.key_parts(key)) for key, _ in found)
    rows = tuple(_payment_item(view, name, number) for _, number, name in keys)
    return PaymentsAnswer(rows, following, place_of(view.block))


def enabled(view: ChainView, account: bytes, limit: int, cursor: str | None) -> EnabledAnswer:
    """The apps that an account has enabled; raises InvalidEncoding (`cursor`)."""
    found, following = scan(view, ENABLINGS.prefix(account), limit, cursor)
    rows = tuple(
        _enabled_item(view, account, cast(str, ENABLINGS.key_parts(key)[1]), Enabling.decode(value))
        for key, value in found
    )
    return EnabledAnswer(rows, following, place_of(view.block))


def _app_item(view: ChainView, name: str, row: App) -> AppItem:
    return AppItem(name, fee_ppm_of(view.state, row), row)


def _payment_item(view: ChainView, name: str, number: int) -> PaymentItem:
    row = PAYMENTS.get(view.state, name, number)
    if row is None:
        raise RuntimeError(f"there is no payment {number} in {name}")
    return PaymentItem(name, number, row)


def _enabled_item(view: ChainView, account: bytes, name: str, enabling: Enabling) -> EnabledItem:
    charged = charged_on(view.state, today(view.state), account, name)
    row = APPS.get(view.state, name)
    is_same = row is not None and row.registration == enabling.registration
    item = _app_item(view, name, row) if row is not None and is_same else None
    return EnabledItem(name, enabling, charged, item)
