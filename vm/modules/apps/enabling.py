"""Enabling: only who has enabled an app pays in it, and is charged by it within a limit a day."""

from consensus.kinds import AccountId, Amount
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.apps.tables import (
    APPS,
    ENABLINGS,
    NOT_ENABLED,
    AppName,
    Enabling,
    apps,
    enabling_of,
    open_app,
)


@apps.event
@record("apps.enabled")
class Enabled(Record):
    """An account has an app enabled, and lets it charge so many units a day."""

    app: AppName
    account: AccountId
    limit_units: Amount


@apps.event
@record("apps.disabled")
class Disabled(Record):
    """An account has an app enabled no more."""

    app: AppName
    account: AccountId


@apps.action(gas=3_000, free=True)
@record("apps.enable")
class Enable(Action):
    """Enable an app, or change the limit: how many units of its asset its developer may charge the
    sender on a day, 0: none (T11). What was charged today counts also against the new limit."""

    app: AppName
    limit_units: Amount

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        row = open_app(state, self.app)
        if enabling_of(state, sender, self.app, row) is None:
            APPS.put(state, replace(row, enabled=row.enabled + 1), self.app)
        ENABLINGS.put(state, Enabling(row.registration, self.limit_units), sender, self.app)
        context.emit(Enabled(self.app, sender, self.limit_units))

    def touches(self, sender: bytes) -> tuple[bytes, ...]:
        return (ENABLINGS.state_key(sender, self.app),)


@apps.action(gas=3_000, free=True)
@record("apps.disable")
class Disable(Action):
    """Disable an app, also one that is suspended or withdrawn: it charges the sender no more
    (T11)."""

    app: AppName

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        if ENABLINGS.get(state, sender, self.app) is None:
            raise NOT_ENABLED.failed(field="app")
        row = APPS.get(state, self.app)
        if row is not None and enabling_of(state, sender, self.app, row) is not None:
            APPS.put(state, replace(row, enabled=row.enabled - 1), self.app)
        ENABLINGS.delete(state, sender, self.app)
        context.emit(Disabled(self.app, sender))

    def touches(self, sender: bytes) -> tuple[bytes, ...]:
        return (ENABLINGS.state_key(sender, self.app),)
