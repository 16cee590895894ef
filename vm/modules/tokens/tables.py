"""The module `token`: its rows, and what must hold between them. Amounts are in an asset's
smallest unit.

Value is conserved: for each asset, balances + pots + burned == minted after every block.
"""

from collections import Counter as Tally
from collections.abc import Iterator
from typing import Annotated

from consensus.codec import UINT64_MAX
from consensus.kinds import AccountId, Amount, Asset, Text, Uint
from consensus.record import Record, record
from vm.declare import Module
from vm.table import Table
from vm.view import View

token = Module("token", "Assets, balances, pots and transfers.")

BURNS_AFTER_CAP = token.parameter(
    "burns_after_cap",
    default=1,
    minimum=0,
    maximum=1,
    unit="0 or 1",
    sentence="Whether an asset that was issued up to its cap can still be burned, by who holds it "
    "and out of pots by proposal: 0: its stock is constant then (K4).",
)

PositiveAmount = Annotated[int, Uint(UINT64_MAX, 1)]
Memo = Annotated[str, Text(256)]
AssetName = Annotated[str, Text(64, 1)]
Decimals = Annotated[int, Uint(18)]
PotName = Annotated[str, Text(64, 1, r"[a-z][a-z0-9_.]*")]
# A pot with a dot in its name is kept by the module before the dot, which alone takes from it.
CommunityPot = Annotated[str, Text(64, 1, r"[a-z][a-z0-9_]*")]


@record("token.asset")
class AssetRow(Record):
    """An asset: its name, decimals, how much was ever minted and burned, and the most that may
    ever be minted; whether accounts may send it to each other, and whether it may be traded on
    the order book, over the counter or across chains; and the account that issues it, its
    gateway, if it has one."""

    name: AssetName
    decimals: Decimals
    minted: Amount
    burned: Amount
    cap: Amount
    transferable: bool
    tradable: bool
    gateway: AccountId | None


@record("token.balance")
class Balance(Record):
    """What an account holds of an asset."""

    amount: Amount


@record("token.pot")
class Pot(Record):
    """What a named pot, which belongs to no account, holds of an asset. A pot with a dot in its
    name is kept by the module before the dot; others are the community's, for proposals to pay
    from."""

    amount: Amount


ASSETS: Table[AssetRow, str] = token.table(AssetRow, asset=Asset)
BALANCES: Table[Balance, bytes, str] = token.table(Balance, account=AccountId, asset=Asset)
POTS: Table[Pot, str, str] = token.table(Pot, pot=PotName, asset=Asset)

UNKNOWN_ASSET = token.error("unknown-asset", "No such asset exists on this chain.")
INSUFFICIENT = token.error("insufficient-balance", "The account holds less than the amount.")
POT_TOO_SMALL = token.error("insufficient-pot", "The pot holds less than the amount.")
ISSUED_IN_FULL = token.error(
    "issued-in-full", "The asset was issued up to its cap, and is burned no more."
)
ABOVE_CAP = token.error("above-cap", "More would be minted than the asset's cap allows.")


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
