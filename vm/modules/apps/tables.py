"""The module `apps`: its parameters and rows (T11)."""

from typing import Annotated

from consensus.cid import Cid
from consensus.kinds import AccountId, Amount, Asset, Counter, Text, Uint
from consensus.record import Record, record
from vm.declare import Module
from vm.modules.agenda import Agenda
from vm.modules.content import Title
from vm.modules.tokens import Memo, PositiveAmount
from vm.parameter import PARTS_PER_MILLION
from vm.table import Table
from vm.view import View

apps = Module("apps", "Apps that third parties offer: users enable them, and pay in them.")

DEPOSIT_POT = "apps.deposit"
FEES_POT = "apps.fees"  # the platform's part of payments that may still be refunded
MOST_ITEMS = 64
DAY_S = 24 * 3600

KIND_TEXT = Text(8, 1, "tool|game|props")
NAME_TEXT = Text(32, 3, "[a-z][a-z0-9]*(-[a-z0-9]+)*")
ITEM_TEXT = Text(32, 1, "[a-z0-9][a-z0-9-]*")
AppKind = Annotated[str, KIND_TEXT]
AppName = Annotated[str, NAME_TEXT]
ItemName = Annotated[str, ITEM_TEXT]
ItemCount = Annotated[int, Uint(MOST_ITEMS)]

FEE_PPM = apps.parameter(
    "fee_ppm",
    default=200_000,
    minimum=0,
    maximum=PARTS_PER_MILLION,
    unit="ppm",
    sentence="The platform's part of what is paid in an app, rounded down; the rest is its "
    "developer's (T11).",
)
OFFICIAL_FEE_PPM = apps.parameter(
    "official_fee_ppm",
    default=200_000,
    minimum=0,
    maximum=PARTS_PER_MILLION,
    unit="ppm",
    sentence="The same of official apps (T11).",
)
DEPOSIT_UNITS = apps.parameter(
    "deposit_units",
    default=10_000_000_000,
    minimum=0,
    maximum=10**18,
    unit="native units",
    sentence="What the developer of an app deposits, until it withdraws the app (T11).",
)
REFUND_S = apps.parameter(
    "refund_s",
    default=14 * DAY_S,
    minimum=60,
    maximum=90 * DAY_S,
    unit="seconds",
    sentence="How long after a payment the developer can refund it, with the platform's part, "
    "which is held until then (T11).",
)


@record("apps.app")
class App(Record):
    """An app: whose it is, what it is, its page or manifest in its newest version, how many
    versions there were, the asset in which it is paid, and whether it takes any amount beside the
    prices of its items. `registration` is a number that no other app ever has: names are used
    again. `enabled` counts the accounts that have it enabled; `settled` the payments that can be
    refunded no more, and `fees` what the platform got of these, which stays at 2^64 - 1 once it has
    reached that."""

    registration: Counter
    developer: AccountId
    kind: AppKind
    title: Title
    manifest: Cid
    versions: Counter
    asset: Asset
    takes_any_amount: bool
    deposit_units: Amount
    is_official: bool
    is_suspended: bool
    items: ItemCount
    enabled: Counter
    settled: Counter
    fees: Amount


@record("apps.developed")
class Developed(Record):
    """Lists an app by its developer."""


@record("apps.item")
class Item(Record):
    """Something that is sold in an app, and its price in the asset of the app."""

    title: Title
    price: PositiveAmount


@record("apps.enabling")
class Enabling(Record):
    """An account has an app enabled, by the registration that it had then, and lets the developer
    charge so many units a day, of the app's asset."""

    registration: Counter
    limit_units: Amount


@record("apps.charged")
class Charged(Record):
    """What an app has charged an account on a day of the economy, whether or not the account has
    enabled it anew since."""

    units: PositiveAmount


@record("apps.payment")
class Payment(Record):
    """What was paid in an app: by whom, to whom, for which item (null: for none), of which `fee` is
    the platform's; whether the app has charged it; a memo, such as an order's number; and when it
    was made and until when it can be refunded (ms from the Unix epoch). Then the row is removed."""

    registration: Counter
    payer: AccountId
    developer: AccountId
    item: ItemName | None
    asset: Asset
    units: PositiveAmount
    fee: Amount
    is_charge: bool
    memo: Memo
    paid_ms: Counter
    until_ms: Counter


@record("apps.paid")
class Paid(Record):
    """Lists a payment by its payer."""


@record("apps.due")
class Due(Record):
    """Lists a payment by when it can be refunded no more."""


@record("apps.bought")
class Bought(Record):
    """How many of an item an account has bought in an app of this registration, and were not
    refunded."""

    registration: Counter
    count: Counter


@record("apps.numbering")
class Numbering(Record):
    """The numbers of the next registration and the next payment."""

    registration: Counter
    payment: Counter


APPS: Table[App, str] = apps.table(App, app=AppName)
DEVELOPED: Table[Developed, bytes, str] = apps.table(Developed, developer=AccountId, app=AppName)
ITEMS: Table[Item, str, str] = apps.table(Item, app=AppName, item=ItemName)
ENABLINGS: Table[Enabling, bytes, str] = apps.table(Enabling, account=AccountId, app=AppName)
CHARGED: Table[Charged, int, bytes, str] = apps.table(
    Charged, day=Counter, account=AccountId, app=AppName
)
PAYMENTS: Table[Payment, str, int] = apps.table(Payment, app=AppName, payment=Counter)
PAID: Table[Paid, bytes, int, str] = apps.table(Paid, payer=AccountId, payment=Counter, app=AppName)
DUE: Table[Due, int, str, int] = apps.table(Due, until_ms=Counter, app=AppName, payment=Counter)
BOUGHT: Table[Bought, bytes, str, str] = apps.table(
    Bought, account=AccountId, app=AppName, item=ItemName
)
NUMBERING: Table[Numbering] = apps.table(Numbering)
AGENDA: Agenda[str, int] = Agenda(DUE, Due())

UNKNOWN_APP = apps.error("unknown-app", "There is no app of this name, or it was withdrawn.")
NOT_THE_DEVELOPER = apps.error("not-the-developer", "The app is another account's.")
SUSPENDED = apps.error("suspended", "The app is suspended: nobody can enable it or pay in it.")
UNKNOWN_ITEM = apps.error("unknown-item", "The app has no item of this name.")
NOT_ENABLED = apps.error("not-enabled", "The payer has not enabled this app: it must do so first.")


def numbering_of(view: View) -> Numbering:
    """The numbers that come next, from 1."""
    return NUMBERING.get(view) or Numbering(1, 1)


def app_row(view: View, name: str) -> App:
    """The app; raises ActionFailed (`app`) if there is none of this name."""
    row = APPS.get(view, name)
    if row is None:
        raise UNKNOWN_APP.failed(f"there is no app {name}", field="app")
    return row


def own_app(view: View, developer: bytes, name: str) -> App:
    """The app, if it is this developer's; raises ActionFailed (`app`)."""
    row = app_row(view, name)
    if row.developer != developer:
        raise NOT_THE_DEVELOPER.failed(field="app")
    return row


def open_app(view: View, name: str) -> App:
    """The app, if it is not suspended; raises ActionFailed (`app`)."""
    row = app_row(view, name)
    if row.is_suspended:
        raise SUSPENDED.failed(field="app")
    return row


def own_open_app(view: View, developer: bytes, name: str) -> App:
    """The app, if it is this developer's and not suspended; raises ActionFailed (`app`)."""
    own_app(view, developer, name)
    return open_app(view, name)


def item_row(view: View, app: str, name: str) -> Item:
    """The item of an app; raises ActionFailed (`item`) if there is none of this name."""
    row = ITEMS.get(view, app, name)
    if row is None:
        raise UNKNOWN_ITEM.failed(f"{app} has no item {name}", field="item")
    return row


def enabling_of(view: View, account: bytes, name: str, app: App) -> Enabling | None:
    """By what an account has this app enabled; None if it has not, or has had another app of the
    name, which was withdrawn."""
    row = ENABLINGS.get(view, account, name)
    return row if row is not None and row.registration == app.registration else None


def fee_ppm_of(view: View, app: App) -> int:
    """The platform's part of what is paid in an app now."""
    return (OFFICIAL_FEE_PPM if app.is_official else FEE_PPM).read(view)


def charged_on(view: View, day: int, account: bytes, name: str) -> int:
    """How many units an app has charged an account on a day."""
    row = CHARGED.get(view, day, account, name)
    return 0 if row is None else row.units
