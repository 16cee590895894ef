"""Registering: an app stands under a name for a deposit, in new versions, until it is withdrawn."""

from consensus.cid import Cid
from consensus.kinds import AccountId, Amount, Asset, Counter
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.apps.tables import (
    APPS,
    DEPOSIT_POT,
    DEPOSIT_UNITS,
    DEVELOPED,
    ITEMS,
    MOST_ITEMS,
    NUMBERING,
    App,
    AppKind,
    AppName,
    Developed,
    apps,
    numbering_of,
    own_app,
)
from vm.modules.chain import chain_constants
from vm.modules.content import Title
from vm.modules.tokens import balance_of, credit, debit, drain_pot, fill_pot, transferable_row

NAME_TAKEN = apps.error("name-taken", "There is an app of this name already.")
NO_DEPOSIT = apps.error(
    "deposit-missing", "The account holds less than the deposit for an app (apps.deposit_units)."
)
IS_SUSPENDED = apps.error(
    "withdrawal-suspended", "A suspended app is not withdrawn: its deposit stays until it is open."
)


@apps.event
@record("apps.registered")
class Registered(Record):
    """A developer has a new app, for a deposit."""

    app: AppName
    registration: Counter
    developer: AccountId
    kind: AppKind
    manifest: Cid
    deposit_units: Amount


@apps.event
@record("apps.updated")
class Updated(Record):
    """An app has a new version, the last of so many, with this page or manifest."""

    app: AppName
    versions: Counter
    manifest: Cid


@apps.event
@record("apps.withdrawn")
class Withdrawn(Record):
    """An app is no more; its developer has the deposit back, and its name is free."""

    app: AppName
    registration: Counter
    deposit_units: Amount


@apps.action(gas=14_000)
@record("apps.register")
class Register(Action):
    """Register an app under a name that none has, for a deposit (T11): its page or manifest by
    content id, the asset in which it is paid, which never changes, and whether it takes any amount
    beside the prices of its items."""

    app: AppName
    kind: AppKind
    title: Title
    manifest: Cid
    asset: Asset
    takes_any_amount: bool

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        if APPS.get(state, self.app) is not None:
            raise NAME_TAKEN.failed(f"there is an app {self.app}", field="app")
        transferable_row(state, self.asset)
        native, units = chain_constants(state).native_asset, DEPOSIT_UNITS.read(state)
        if balance_of(state, sender, native) < units:
            raise NO_DEPOSIT.failed(f"{units} units of {native} are needed")
        debit(state, sender, native, units)
        fill_pot(state, DEPOSIT_POT, native, units)
        numbering = numbering_of(state)
        number = numbering.registration
        NUMBERING.put(state, replace(numbering, registration=number + 1))
        APPS.put(state, self._row(number, sender, units), self.app)
        DEVELOPED.put(state, Developed(), sender, self.app)
        context.emit(Registered(self.app, number, sender, self.kind, self.manifest, units))

    def _row(self, registration: int, developer: bytes, deposit_units: int) -> App:
        return App(
            registration=registration,
            developer=developer,
            kind=self.kind,
            title=self.title,
            manifest=self.manifest,
            versions=1,
            asset=self.asset,
            takes_any_amount=self.takes_any_amount,
            deposit_units=deposit_units,
            is_official=False,
            is_suspended=False,
            items=0,
            enabled=0,
            settled=0,
            fees=0,
        )


@apps.action(gas=6_000)
@record("apps.update")
class Update(Action):
    """As its developer, publish a new version of an app: its title, its page or manifest, and
    whether it takes any amount (T11)."""

    app: AppName
    title: Title
    manifest: Cid
    takes_any_amount: bool

    def apply(self, context: Context) -> None:
        row = own_app(context.state, context.sender, self.app)
        versions = row.versions + 1
        changed = replace(
            row,
            title=self.title,
            manifest=self.manifest,
            versions=versions,
            takes_any_amount=self.takes_any_amount,
        )
        APPS.put(context.state, changed, self.app)
        context.emit(Updated(self.app, versions, self.manifest))


@apps.action(gas=40_000)
@record("apps.withdraw")
class Withdraw(Action):
    """As its developer, withdraw an app with its items, and have the deposit back (T11). Nobody
    can pay in it any more; payments that were made can still be refunded."""

    app: AppName

    def apply(self, context: Context) -> None:
        state, row = context.state, own_app(context.state, context.sender, self.app)
        if row.is_suspended:
            raise IS_SUSPENDED.failed(field="app")
        for key, _ in list(ITEMS.scan(state, self.app, limit=MOST_ITEMS)):
            ITEMS.delete(state, *key)
        DEVELOPED.delete(state, row.developer, self.app)
        APPS.delete(state, self.app)
        native = chain_constants(state).native_asset
        drain_pot(state, DEPOSIT_POT, native, row.deposit_units)
        credit(state, row.developer, native, row.deposit_units)
        context.emit(Withdrawn(self.app, row.registration, row.deposit_units))
