"""What counts as an account's holding of an asset: its balance, and what modules keep for it.

That is what is bonded and what its open orders hold. What pots hold otherwise, as a reserve, what
is vested and not unlocked, or the escrow of a contract, is nobody's holding and earns nothing (P4).
"""

from collections import defaultdict

from vm.modules.chain import chain_constants
from vm.modules.market import ESCROW_POT, ESCROWED, escrowed_of
from vm.modules.producer import BONDED_POT
from vm.modules.stake import BONDS, UNBONDING, UNBONDING_POT
from vm.modules.stake.releasing import releases_of
from vm.modules.tokens import ASSETS, BALANCES, POTS, balance_of
from vm.view import State, View

# What these hold counts for those who bonded it, or placed an order.
HOLDERS_POTS = (BONDED_POT, UNBONDING_POT, ESCROW_POT)


def holding(view: View, account: bytes, asset: str) -> int:
    """How many units of an asset count as the account's own."""
    units = balance_of(view, account, asset) + escrowed_of(view, account, asset)
    if asset != chain_constants(view).native_asset:
        return units
    bond = BONDS.get(view, account)
    bonded = 0 if bond is None else bond.units
    return units + bonded + sum(release.units for release in releases_of(view, account))


def changed_holders(state: State) -> dict[str, set[bytes]]:
    """By asset, the accounts whose holding of it may have changed in this block."""
    found: dict[str, set[bytes]] = defaultdict(set)
    for account, asset in (*BALANCES.written(state), *ESCROWED.written(state)):
        found[asset].add(account)
    native = found[chain_constants(state).native_asset]
    for table in (BONDS, UNBONDING):
        native.update(account for (account,) in table.written(state))
    return found


def circulating(view: View, asset: str) -> int:
    """The units of an asset that are anybody's holding: all that there are, but what pots hold for
    nobody. It reads every pot; the caller sees to it that they are few."""
    row = ASSETS.get(view, asset)
    if row is None:
        return 0
    in_pots = sum(
        pot.amount
        for (name, held), pot in POTS.every(view)
        if held == asset and name not in HOLDERS_POTS
    )
    return row.minted - row.burned - in_pots


def holders(view: View, asset: str) -> set[bytes]:
    """All accounts with a holding of an asset: for checks, not for transactions."""
    rows = (*BALANCES.every(view), *ESCROWED.every(view))
    found = {account for (account, held), _ in rows if held == asset}
    if asset == chain_constants(view).native_asset:
        for table in (BONDS, UNBONDING):
            found |= {account for (account,), _ in table.every(view)}
    return found
