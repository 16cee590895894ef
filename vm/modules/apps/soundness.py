"""What must hold between the rows of the module `apps`."""

from collections import Counter as Tally
from collections.abc import Iterator

from vm.modules.apps.tables import (
    AGENDA,
    APPS,
    DEPOSIT_POT,
    DEVELOPED,
    ENABLINGS,
    FEES_POT,
    ITEMS,
    PAID,
    PAYMENTS,
    apps,
)
from vm.modules.chain import chain_constants
from vm.modules.tokens import POTS
from vm.table import KeyPart
from vm.view import View


@apps.invariant
def pots_are_kept(view: View) -> Iterator[str]:
    """The pots hold the deposits of all apps, and the platform's part of what may be refunded."""
    wanted: Tally[tuple[str, str]] = Tally()
    native = chain_constants(view).native_asset
    for _, app in APPS.every(view):
        wanted[DEPOSIT_POT, native] += app.deposit_units
    for _, payment in PAYMENTS.every(view):
        wanted[FEES_POT, payment.asset] += payment.fee
    held = {key: pot.amount for key, pot in POTS.every(view) if key[0] in (DEPOSIT_POT, FEES_POT)}
    if held != +wanted:
        yield f"the pots hold {held}, not {dict(+wanted)}"


@apps.invariant
def apps_are_counted(view: View) -> Iterator[str]:
    """An app counts its items and the accounts that have it enabled, and its developer lists it."""
    items = Tally(name for (name, _), _ in ITEMS.every(view))
    enabled = Tally((name, row.registration) for (_, name), row in ENABLINGS.every(view))
    rows = {name: app for (name,), app in APPS.every(view)}
    for name, app in rows.items():
        counted = (items.pop(name, 0), enabled[name, app.registration])
        if counted != (app.items, app.enabled):
            yield f"the app {name} has {counted} items and users, not as {app} counts"
    if items:
        yield f"there are items of {sorted(items)}, which are no apps"
    if {key for key, _ in DEVELOPED.every(view)} != {(a.developer, n) for n, a in rows.items()}:
        yield "apps are not listed by their developers"


@apps.invariant
def payments_are_listed(view: View) -> Iterator[str]:
    """Payments are listed by their payers, and by when they can be refunded no more."""
    rows = dict(PAYMENTS.every(view))
    listed = {key for key, _ in PAID.every(view)}
    if listed != {(row.payer, number, name) for (name, number), row in rows.items()}:
        yield "payments are not listed by their payers"
    due: set[tuple[KeyPart, ...]] = {(row.until_ms, *key) for key, row in rows.items()}
    yield from AGENDA.disagreements(view, due)
