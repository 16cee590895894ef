"""Assets come to be, and units of them: by proposals, and by an asset's gateway."""

from consensus.address import format_address
from consensus.kinds import AccountId, Amount, Asset
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.tokens.holding import asset_row, count_minted, credit, fill_pot
from vm.modules.tokens.tables import (
    ASSETS,
    BALANCES,
    AssetName,
    AssetRow,
    CommunityPot,
    Decimals,
    Memo,
    PositiveAmount,
    PotName,
    token,
)

ASSET_EXISTS = token.error("asset-exists", "An asset of this symbol exists already.")
NOT_THE_GATEWAY = token.error("not-the-gateway", "Only the asset's gateway can issue it.")


@token.event
@record("token.created")
class Created(Record):
    """An asset has come to be, of which nothing is issued yet."""

    asset: Asset
    cap: Amount
    gateway: AccountId | None


@token.event
@record("token.issued")
class Issued(Record):
    """An amount was created, for an account or for a pot."""

    account: AccountId | None
    pot: PotName | None
    asset: Asset
    amount: Amount
    memo: Memo


@token.event
@record("token.gateway_set")
class GatewaySet(Record):
    """From now on this account issues the asset as its gateway; null: none does."""

    asset: Asset
    gateway: AccountId | None


@token.action(gas=5_000, governed=True)
@record("token.create")
class Create(Action):
    """Create an asset, of which no more than `cap` is ever issued in all (P1): burning makes no
    room. `gateway` may issue it by itself, as for tokens of another chain that it keeps. One that
    is not tradable is in no order book and no trade (W1)."""

    asset: Asset
    name: AssetName
    decimals: Decimals
    cap: Amount
    transferable: bool
    tradable: bool
    gateway: AccountId | None

    @property
    def subject(self) -> str:
        return self.asset

    def in_words(self) -> str:
        whose = "" if self.gateway is None else f", issued by {format_address(self.gateway)}"
        return f"create the asset {self.asset} ({self.name}) of at most {self.cap} units{whose}"

    def apply(self, context: Context) -> None:
        if ASSETS.get(context.state, self.asset) is not None:
            raise ASSET_EXISTS.failed(f"{self.asset} exists already", field="asset")
        row = AssetRow(
            self.name,
            self.decimals,
            0,
            0,
            self.cap,
            self.transferable,
            self.tradable,
            self.gateway,
        )
        ASSETS.put(context.state, row, self.asset)
        context.emit(Created(self.asset, self.cap, self.gateway))


@token.action(gas=2_000, governed=True)
@record("token.set_gateway")
class SetGateway(Action):
    """Make an account the one that issues an asset as its gateway; null: nobody does."""

    asset: Asset
    gateway: AccountId | None

    @property
    def subject(self) -> str:
        return self.asset

    def in_words(self) -> str:
        if self.gateway is None:
            return f"let nobody issue {self.asset} as its gateway any more"
        return f"let {format_address(self.gateway)} issue {self.asset} as its gateway"

    def apply(self, context: Context) -> None:
        row = asset_row(context.state, self.asset)
        ASSETS.put(context.state, replace(row, gateway=self.gateway), self.asset)
        context.emit(GatewaySet(self.asset, self.gateway))


@token.action(gas=2_000, governed=True)
@record("token.issue")
class Issue(Action):
    """Create an amount of an asset for an account, up to the asset's cap."""

    to: AccountId
    asset: Asset
    amount: PositiveAmount
    memo: Memo

    @property
    def subject(self) -> str:
        return self.asset

    def in_words(self) -> str:
        return f"issue {self.amount} units of {self.asset} to {format_address(self.to)}"

    def apply(self, context: Context) -> None:
        count_minted(context.state, self.asset, self.amount)
        credit(context.state, self.to, self.asset, self.amount)
        context.emit(Issued(self.to, None, self.asset, self.amount, self.memo))


@token.action(gas=2_000, governed=True)
@record("token.issue_to_pot")
class IssueToPot(Action):
    """Create an amount of an asset in a community's pot, up to the asset's cap."""

    pot: CommunityPot
    asset: Asset
    amount: PositiveAmount
    memo: Memo

    @property
    def subject(self) -> str:
        return self.asset

    def in_words(self) -> str:
        return f"issue {self.amount} units of {self.asset} into the pot {self.pot}"

    def apply(self, context: Context) -> None:
        count_minted(context.state, self.asset, self.amount)
        fill_pot(context.state, self.pot, self.asset, self.amount)
        context.emit(Issued(None, self.pot, self.asset, self.amount, self.memo))


@token.action(gas=1_500)
@record("token.gateway_issue")
class GatewayIssue(Action):
    """Create an amount of an asset for an account, up to the asset's cap: the asset's gateway
    does so for what it was given elsewhere, which the memo names."""

    to: AccountId
    asset: Asset
    amount: PositiveAmount
    memo: Memo

    def apply(self, context: Context) -> None:
        if asset_row(context.state, self.asset).gateway != context.sender:
            raise NOT_THE_GATEWAY.failed(field="asset")
        count_minted(context.state, self.asset, self.amount)
        credit(context.state, self.to, self.asset, self.amount)
        context.emit(Issued(self.to, None, self.asset, self.amount, self.memo))

    def touches(self, sender: bytes) -> tuple[bytes, ...]:
        return (BALANCES.state_key(self.to, self.asset),)
