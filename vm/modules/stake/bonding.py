"""Bonding: tokens are put at stake, and given back some time after they are wanted back."""

from consensus.kinds import AccountId, Amount, Counter
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.chain import chain_constants
from vm.modules.mana import MANA, note_bonded
from vm.modules.producer import BONDED_POT, change_votes
from vm.modules.stake.locking import LOCKED, locked_of
from vm.modules.stake.releasing import hold_back
from vm.modules.stake.tables import BONDS, MOST_CHOICES, Bonded, stake
from vm.modules.tokens import PositiveAmount, debit, drain_pot, fill_pot

# A change counts for as many producers as an account can ever approve: its votes, its place in the
# ranking and how it shares its rewards.
CHOICES_GAS = 400 * MOST_CHOICES

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


@stake.action(gas=2_000 + CHOICES_GAS)
@record("stake.bond")
class Bond(Action):
    """Bond an amount of the native asset: it counts for the producers that the account approves,
    and cannot be spent."""

    amount: PositiveAmount

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        asset = chain_constants(state).native_asset
        debit(state, sender, asset, self.amount, field="amount")
        fill_pot(state, BONDED_POT, asset, self.amount)
        units = change_bond(context, sender, self.amount)
        context.emit(BondedMore(sender, self.amount, units))

    def touches(self, sender: bytes) -> tuple[bytes, ...]:
        return (BONDS.state_key(sender), MANA.state_key(sender))


@stake.action(gas=5_000 + CHOICES_GAS, free=True)
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
        locked = locked_of(state, sender, context.block.time_ms)
        if held.units - self.amount < locked:
            raise LOCKED.failed(f"{locked} units have voted on what is still open", field="amount")
        asset = chain_constants(state).native_asset
        time_ms = hold_back(context, sender, self.amount)
        drain_pot(state, BONDED_POT, asset, self.amount)
        units = change_bond(context, sender, -self.amount)
        context.emit(Unbonded(sender, self.amount, units, time_ms))

    def touches(self, sender: bytes) -> tuple[bytes, ...]:
        return (BONDS.state_key(sender), MANA.state_key(sender))


def change_bond(context: Context, account: bytes, change: int) -> int:
    """Count so much more or less in an account's bond, in its mana and for whom it approves; what
    is bonded then. An account with nothing bonded approves nobody."""
    state = context.state
    row = BONDS.get(state, account)
    before, approved = (0, ()) if row is None else (row.units, row.approved)
    units = before + change
    for producer in approved:
        change_votes(state, producer, change)
    if units:
        BONDS.put(state, Bonded(units, approved), account)
    else:
        BONDS.delete(state, account)
    note_bonded(state, account, units, context.block.time_ms)
    return units
