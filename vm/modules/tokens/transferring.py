"""What a holder does with its own units: send them, or burn them."""

from consensus.kinds import AccountId, Amount, Asset
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.tokens.holding import asset_row, check_burnable, count_burned, credit, debit
from vm.modules.tokens.tables import BALANCES, AssetRow, Memo, PositiveAmount, token
from vm.view import View

NOT_TRANSFERABLE = token.error("not-transferable", "Accounts cannot send this asset to each other.")
NOT_TRADABLE = token.error("not-tradable", "This asset may not be traded.")


def transferable_row(view: View, asset: str, *, field: str = "asset") -> AssetRow:
    """The asset's row; raises ActionFailed, for the field that names it, if there is no such asset,
    or accounts cannot send it to each other."""
    row = asset_row(view, asset, field=field)
    if not row.transferable:
        raise NOT_TRANSFERABLE.failed(field=field)
    return row


def tradable_row(view: View, asset: str, *, field: str = "asset") -> AssetRow:
    """The asset's row; raises ActionFailed, for the field that names it, if there is no such asset,
    or it may not be exchanged for anything (W1)."""
    row = asset_row(view, asset, field=field)
    if not (row.tradable and row.transferable):
        raise NOT_TRADABLE.failed(f"{asset} may not be traded", field=field)
    return row


@token.event
@record("token.transferred")
class Transferred(Record):
    """An amount moved between two accounts."""

    source: AccountId
    to: AccountId
    asset: Asset
    amount: Amount
    memo: Memo


@token.event
@record("token.burned")
class Burned(Record):
    """An account has burned an amount of its own."""

    account: AccountId
    asset: Asset
    amount: Amount
    memo: Memo


@token.action(gas=1_000)
@record("token.transfer")
class Transfer(Action):
    """Send an amount of an asset to an account, with a memo for people to read."""

    to: AccountId
    asset: Asset
    amount: PositiveAmount
    memo: Memo

    def apply(self, context: Context) -> None:
        transferable_row(context.state, self.asset)
        debit(context.state, context.sender, self.asset, self.amount, field="amount")
        credit(context.state, self.to, self.asset, self.amount)
        context.emit(Transferred(context.sender, self.to, self.asset, self.amount, self.memo))

    def touches(self, sender: bytes) -> tuple[bytes, ...]:
        return tuple(BALANCES.state_key(account, self.asset) for account in (sender, self.to))


@token.action(gas=1_000)
@record("token.burn")
class Burn(Action):
    """Burn an amount of the sender's own for ever, with a memo for people to read: so a gateway
    takes back what it has redeemed elsewhere."""

    asset: Asset
    amount: PositiveAmount
    memo: Memo

    def apply(self, context: Context) -> None:
        check_burnable(context.state, self.asset)
        debit(context.state, context.sender, self.asset, self.amount, field="amount")
        count_burned(context.state, self.asset, self.amount)
        context.emit(Burned(context.sender, self.asset, self.amount, self.memo))

    def touches(self, sender: bytes) -> tuple[bytes, ...]:
        return (BALANCES.state_key(sender, self.asset),)
