"""What accounts and pots hold: taken from one place, given to another, made or burned."""

from consensus.record import replace
from vm.modules.tokens.tables import (
    ABOVE_CAP,
    ASSETS,
    BALANCES,
    BURNS_AFTER_CAP,
    INSUFFICIENT,
    ISSUED_IN_FULL,
    POT_TOO_SMALL,
    POTS,
    UNKNOWN_ASSET,
    AssetRow,
    Balance,
    Pot,
)
from vm.view import State, View


def asset_row(view: View, asset: str, *, field: str = "asset") -> AssetRow:
    """The asset's row; raises ActionFailed, for the field that names it, if there is no such
    asset."""
    row = ASSETS.get(view, asset)
    if row is None:
        raise UNKNOWN_ASSET.failed(f"no asset {asset} exists here", field=field)
    return row


def balance_of(view: View, account: bytes, asset: str) -> int:
    """What the account holds."""
    row = BALANCES.get(view, account, asset)
    return 0 if row is None else row.amount


def debit(state: State, account: bytes, asset: str, amount: int, *, field: str = "") -> None:
    """Take an amount from an account; raises ActionFailed, for the action's field that says how
    much if one does, if it holds less."""
    held = balance_of(state, account, asset)
    if held < amount:
        raise INSUFFICIENT.failed(f"it has {held} units of {asset}, not {amount}", field=field)
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
    elif amount:
        POTS.put(state, Pot(held - amount), pot, asset)


def take_from_pot(state: State, pot: str, asset: str, amount: int, *, field: str = "") -> None:
    """Take an amount out of a pot; raises ActionFailed, as `debit` does, if it holds less."""
    held = pot_of(state, pot, asset)
    if held < amount:
        raise POT_TOO_SMALL.failed(
            f"{pot} holds {held} units of {asset}, not {amount}", field=field
        )
    drain_pot(state, pot, asset, amount)


def mint(state: State, account: bytes, asset: str, amount: int) -> None:
    """Create an amount for an account; raises ActionFailed above the asset's cap."""
    count_minted(state, asset, amount)
    credit(state, account, asset, amount)


def count_minted(state: State, asset: str, amount: int) -> None:
    """Record that an amount is created, for the caller to put somewhere; raises ActionFailed
    above the asset's cap, for which burning makes no room (P1, K1)."""
    row = asset_row(state, asset)
    minted = row.minted + amount
    if minted > row.cap:
        raise ABOVE_CAP.failed(
            f"{minted} {asset} minted would exceed the cap {row.cap}", field="amount"
        )
    ASSETS.put(state, replace(row, minted=minted), asset)


def check_burnable(view: View, asset: str) -> None:
    """Raise ActionFailed (`asset`) if there is no such asset, or if it was issued up to its cap and
    is burned no more (K4)."""
    row = asset_row(view, asset)
    if row.minted == row.cap and not BURNS_AFTER_CAP.read(view):
        raise ISSUED_IN_FULL.failed(field="asset")


def count_burned(state: State, asset: str, amount: int) -> None:
    """Record that an amount, taken elsewhere, is gone for ever."""
    if amount:
        row = asset_row(state, asset)
        ASSETS.put(state, replace(row, burned=row.burned + amount), asset)
