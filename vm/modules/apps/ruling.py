"""Ruling: the community marks apps as official, and suspends apps."""

from consensus.address import format_address
from consensus.kinds import AccountId
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.apps.tables import APPS, AppName, apps, own_app

IS_OFFICIAL = apps.error("already-official", "The app is official, or not, already.")
IS_SUSPENDED = apps.error("already-suspended", "The app is suspended, or not, already.")


@apps.event
@record("apps.ruled")
class Ruled(Record):
    """Whether an app is official, and whether it is suspended, from now on."""

    app: AppName
    is_official: bool
    is_suspended: bool


@apps.action(gas=4_000, governed=True)
@record("apps.set_official")
class SetOfficial(Action):
    """Mark an app as official, or no longer (T11). Its developer is named, too: a name that was
    withdrawn meanwhile may be another's."""

    app: AppName
    developer: AccountId
    is_official: bool

    @property
    def subject(self) -> str:
        return self.app

    def in_words(self) -> str:
        how = "official" if self.is_official else "no longer official"
        return f"mark the app {self.app} of {format_address(self.developer)} as {how}"

    def apply(self, context: Context) -> None:
        row = own_app(context.state, self.developer, self.app)
        if row.is_official == self.is_official:
            raise IS_OFFICIAL.failed(field="is_official")
        APPS.put(context.state, replace(row, is_official=self.is_official), self.app)
        context.emit(Ruled(self.app, self.is_official, row.is_suspended))


@apps.action(gas=4_000, governed=True)
@record("apps.set_suspended")
class SetSuspended(Action):
    """Suspend an app, or let it go on: while it is suspended nobody can enable it or pay in it, and
    it cannot be withdrawn, but what was paid can be refunded (T11)."""

    app: AppName
    developer: AccountId
    is_suspended: bool

    @property
    def subject(self) -> str:
        return self.app

    def in_words(self) -> str:
        what = "suspend" if self.is_suspended else "suspend no longer"
        return f"{what} the app {self.app} of {format_address(self.developer)}"

    def apply(self, context: Context) -> None:
        row = own_app(context.state, self.developer, self.app)
        if row.is_suspended == self.is_suspended:
            raise IS_SUSPENDED.failed(field="is_suspended")
        APPS.put(context.state, replace(row, is_suspended=self.is_suspended), self.app)
        context.emit(Ruled(self.app, row.is_official, self.is_suspended))
