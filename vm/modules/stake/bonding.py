"""Bonding: tokens are put at stake, and given back some time after they are wanted back."""

from consensus.kinds import AccountId, Amount, Counter
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.chain import chain_constants
from vm.modules.producer import change_votes
from vm.modules.stake.releasing import hold_back
from vm.modules.stake.tables import (
    BONDED,
    BONDS,
    MAX_CHOICES,
    MAX_RELEASING,
    RELEASING,
    Bonded,
    stake,
)
from vm.modules.tokens import PositiveAmount, debit, drain_pot, fill_pot
from vm.view import State, View

CHOICE_GAS = 300  # a vote's: a choice moves two rows of the ranking and one of votes

TOO_MANY_RELEASES = stake.error(
    "too-many-releases", "So many amounts are coming back to the account: wait for the next."
)
TOO_LITTLE = stake.error("too-little-bonded", "The account has bonded less than the amount.")


@stake.event
@record("stake.bonded")
class BondedMore(Record):
    """An account has bonded an amount; `units` is what it has bonded in all."""

    account: AccountId
    amount: Amount
    units: Amount


@stake.event
@record("stake.unbonded")
class Unbonded(Record):
    """An account wants an amount back, which it gets at a time (ms from the Unix epoch); `units`
    remain bonded."""

    account: AccountId
    amount: Amount
    units: Amount
    time_ms: Counter


@stake.action(gas=2_000)
@record("stake.bond")
class Bond(Action):
    """Bond an amount of the native asset: it counts for the producers that the account approves,
    and cannot be spent."""

    amount: PositiveAmount

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        asset = chain_constants(state).native_asset
        debit(state, sender, asset, self.amount)
        fill_pot(state, BONDED, asset, self.amount)
        units = change_bond(state, sender, self.amount)
        context.emit(BondedMore(sender, self.amount, units))

    def derived_gas(self, view: View) -> int:
        return choices_gas(view)


@stake.action(gas=3_000)
@record("stake.unbond")
class Unbond(Action):
    """Take an amount out of the bond: it counts no longer, and comes back by itself once the
    chain's unbonding time is over."""

    amount: PositiveAmount

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        held = BONDS.get(state, sender)
        if held is None or held.units < self.amount:
            units = 0 if held is None else held.units
            raise TOO_LITTLE.failed(f"{units} are bonded, not {self.amount}", field="amount")
        if len(list(RELEASING.scan(state, sender, limit=MAX_RELEASING))) == MAX_RELEASING:
            raise TOO_MANY_RELEASES.failed(f"{MAX_RELEASING} amounts are coming back already")
        asset = chain_constants(state).native_asset
        drain_pot(state, BONDED, asset, self.amount)
        time_ms = hold_back(context, sender, self.amount)
        units = change_bond(state, sender, -self.amount)
        context.emit(Unbonded(sender, self.amount, units, time_ms))

    def derived_gas(self, view: View) -> int:
        return choices_gas(view)


def choices_gas(view: View) -> int:
    """What it costs to move the votes for as many producers as may be approved."""
    return CHOICE_GAS * MAX_CHOICES.read(view)


def change_bond(state: State, account: bytes, change: int) -> int:
    """Count so much more or less in an account's bond and for whom it approves; what is bonded
    then. An account with nothing bonded approves nobody."""
    row = BONDS.get(state, account) or Bonded(0, ())
    units = row.units + change
    for producer in row.approved:
        change_votes(state, producer, change)
    if units:
        BONDS.put(state, Bonded(units, row.approved), account)
    else:
        BONDS.delete(state, account)
    return units
