"""What a node answers about apps."""

from typing import Annotated

from consensus.kinds import Amount, Counter, Uint
from consensus.record import AtMost, Record, part
from node.query.answers import MAX_PAGE, Cursor, Place
from vm.modules.apps import App, AppName, Enabling, Item, ItemName, Payment
from vm.parameter import PARTS_PER_MILLION

FeePpm = Annotated[int, Uint(PARTS_PER_MILLION)]


@part
class AppItem(Record):
    """An app, and the platform's part (ppm) of what is paid in it now (T11)."""

    name: AppName
    fee_ppm: FeePpm
    app: App


@part
class AppAnswer(Record):
    """An app."""

    item: AppItem
    at: Place


@part
class AppsAnswer(Record):
    """A page of the apps, by name, shorter ones first. Those that were not asked for are left out:
    a page may be short, and another may follow."""

    items: Annotated[tuple[AppItem, ...], AtMost(MAX_PAGE)]
    next: Cursor | None
    at: Place


@part
class SoldItem(Record):
    """An item that is sold in an app, by its name."""

    name: ItemName
    item: Item


@part
class SoldItemsAnswer(Record):
    """A page of what is sold in an app, by name, shorter ones first."""

    items: Annotated[tuple[SoldItem, ...], AtMost(MAX_PAGE)]
    next: Cursor | None
    at: Place


@part
class PaymentItem(Record):
    """A payment in an app, by its number, that can still be refunded."""

    app: AppName
    payment: Counter
    row: Payment


@part
class PaymentsAnswer(Record):
    """A page of payments that can still be refunded, the oldest first."""

    items: Annotated[tuple[PaymentItem, ...], AtMost(MAX_PAGE)]
    next: Cursor | None
    at: Place


@part
class EnabledItem(Record):
    """An app that an account has enabled, what it lets it charge a day, and what was charged
    today, in units of the app's asset. `app` is null if the app was withdrawn since, also when
    there is another of its name."""

    name: AppName
    enabling: Enabling
    charged_today: Amount
    app: AppItem | None


@part
class EnabledAnswer(Record):
    """A page of the apps that an account has enabled, by name, shorter ones first."""

    items: Annotated[tuple[EnabledItem, ...], AtMost(MAX_PAGE)]
    next: Cursor | None
    at: Place
