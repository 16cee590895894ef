"""Assets, balances and transfers. Amounts are in an asset's smallest unit.

Value is conserved: for each asset, balances + pots + burned == minted after every block.
"""

from collections import Counter as Tally
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

from consensus.codec import UINT64_MAX
from consensus.kinds import AccountId, Amount, Asset, Text, Uint
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action, Module
from vm.table import Table
from vm.view import State, View

token = Module("token", "Assets, balances and transfers.")

PositiveAmount = Annotated[int, Uint(UINT64_MAX, 1)]
Memo = Annotated[str, Text(256)]
PotName = Annotated[str, Text(64, 1, r"[a-z][a-z0-9_.]*")]


@record("token.asset")
class AssetRow(Record):
    """An asset: its name, decimals, how much was ever minted and burned, and the most that may
    ever be minted."""

    name: Annotated[str, Text(64, 1)]
    decimals: Annotated[int, Uint(18)]
    minted: Amount
    burned: Amount
    cap: Amount


@record("token.balance")
class Balance(Record):
    """What an account holds of an asset."""

    amount: Amount


@record("token.pot")
class Pot(Record):
    """What a named pot, which belongs to no account, holds of an asset."""

    amount: Amount


ASSETS: Table[AssetRow, str] = token.table(AssetRow, asset=Asset)
BALANCES: Table[Balance, bytes, str] = token.table(Balance, account=AccountId, asset=Asset)
POTS: Table[Pot, str, str] = token.table(Pot, pot=PotName, asset=Asset)

UNKNOWN_ASSET = token.error("unknown-asset", "No such asset exists on this chain.")
INSUFFICIENT = token.error("insufficient-balance", "The account holds less than the amount.")
ABOVE_CAP = token.error("above-cap", "More would be minted than the asset's cap allows.")


@token.event
@record("token.transferred")
class Transferred(Record):
    """An amount moved between two accounts."""

    source: AccountId
    to: AccountId
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
        asset_row(context.state, self.asset)
        debit(context.state, context.sender, self.asset, self.amount)
        credit(context.state, self.to, self.asset, self.amount)
        context.emit(Transferred(context.sender, self.to, self.asset, self.amount, self.memo))

    def touches(self, sender: bytes) -> tuple[bytes, ...]:
        return tuple(BALANCES.state_key(account, self.asset) for account in (sender, self.to))


def asset_row(view: View, asset: str) -> AssetRow:
    """The asset's row; raises ActionFailed if there is no such asset."""
    row = ASSETS.get(view, asset)
    if row is None:
        raise UNKNOWN_ASSET.failed(f"no asset {asset} exists here", field="asset")
    return row


def balance_of(view: View, account: bytes, asset: str) -> int:
    """What the account holds."""
    row = BALANCES.get(view, account, asset)
    return 0 if row is None else row.amount


def debit(state: State, account: bytes, asset: str, amount: int) -> None:
    """Take an amount from an account; raises ActionFailed if it holds less."""
    held = balance_of(state, account, asset)
    if held < amount:
        raise INSUFFICIENT.failed(f"holds {held} {asset}, not {amount}", field="amount")
    if held == amount:
        BALANCES.delete(state, account, asset)
    else:
        BALANCES.put(state, Balance(held - amount), account, asset)


def credit(state: State, account: bytes, asset: str, amount: int) -> None:
    """Give an account an amount that was taken or minted elsewhere; it cannot overflow, as no
    more than 2^64 - 1 units of an asset are ever minted."""
    if amount:
        held = balance_of(state, account, asset)
        BALANCES.put(state, Balance(held + amount), account, asset)


def pot_of(view: View, pot: str, asset: str) -> int:
    """What a pot holds."""
    row = POTS.get(view, pot, asset)
    return 0 if row is None else row.amount


def fill_pot(state: State, pot: str, asset: str, amount: int) -> None:
    """Put an amount that was taken or minted elsewhere into a pot."""
    if amount:
        POTS.put(state, Pot(pot_of(state, pot, asset) + amount), pot, asset)


def drain_pot(state: State, pot: str, asset: str, amount: int) -> None:
    """Take an amount out of a pot, which must hold it."""
    held = pot_of(state, pot, asset)
    if held < amount:
        raise RuntimeError(f"the pot {pot} holds {held} {asset}, not {amount}")
    if held == amount:
        POTS.delete(state, pot, asset)
    else:
        POTS.put(state, Pot(held - amount), pot, asset)


def count_minted(state: State, asset: str, amount: int) -> None:
    """Record that an amount has come into being, which is the caller's to put somewhere; raises
    ActionFailed above the asset's cap."""
    row = asset_row(state, asset)
    minted = row.minted + amount
    if minted > row.cap:
        raise ABOVE_CAP.failed(f"{minted} {asset} minted would exceed the cap {row.cap}")
    ASSETS.put(state, replace(row, minted=minted), asset)


def mint(state: State, account: bytes, asset: str, amount: int) -> None:
    """Create an amount for an account; raises ActionFailed above the asset's cap."""
    count_minted(state, asset, amount)
    credit(state, account, asset, amount)


def count_burned(state: State, asset: str, amount: int) -> None:
    """Record that an amount, taken elsewhere, is gone for ever."""
    if amount:
        row = asset_row(state, asset)
        ASSETS.put(state, replace(row, burned=row.burned + amount), asset)


@token.invariant
def conserved(view: View) -> Iterator[str]:
    """For each asset, balances + pots + burned == minted <= cap."""
    held: Tally[str] = Tally()
    for (_, asset), balance in BALANCES.every(view):
        held[asset] += balance.amount
    for (_, asset), pot in POTS.every(view):
        held[asset] += pot.amount
    for (asset,), row in ASSETS.every(view):
        total = held.pop(asset, 0) + row.burned
        if total != row.minted:
            yield f"{asset}: {total} held or burned, {row.minted} minted"
        if row.minted > row.cap:
            yield f"{asset}: {row.minted} minted above the cap {row.cap}"
    for asset, amount in sorted(held.items()):
        yield f"{asset}: {amount} held of an asset that does not exist"
