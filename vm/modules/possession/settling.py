"""Settling: what pledges earn, in equal parts for each MiB, and what becomes of it.

In the first block of a day each MiB of all pledges earns the same whole number of units out of the
storage pot; what the division leaves stays there. A pledge gets what it has earned since its last
settling when it keeps a challenge; when it misses one, the storage pot gets it back. So the work
is one step a day, whatever the number of pledges.
"""

from consensus.cid import Cid
from consensus.codec import UINT64_MAX
from consensus.kinds import JSON_INTEGER_MAX, AccountId, Amount
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.chain import chain_constants
from vm.modules.economy import begins_day
from vm.modules.possession.tables import (
    AGENDA,
    DAY_UNITS,
    EARNINGS,
    MIB_DAY_UNITS,
    OWED_POT,
    PLEDGED_POT,
    PLEDGES,
    PROVIDED,
    PROVIDERS,
    ROOTS,
    STORAGE_POT,
    Pledge,
    Provider,
    earnings_of,
    possession,
    root_row,
)
from vm.modules.tokens import PositiveAmount, credit, debit, drain_pot, fill_pot, pot_of
from vm.view import State, View


@possession.event
@record("possession.accrued")
class Accrued(Record):
    """Each of so many MiB has earned an amount for a day."""

    mib: Amount
    mib_units: Amount


@possession.event
@record("possession.funded")
class Funded(Record):
    """An account has given an amount to the storage pot."""

    account: AccountId
    units: Amount


@possession.action(gas=1_500)
@record("possession.fund")
class Fund(Action):
    """Give native units of one's own to the storage pot, out of which pledges earn."""

    units: PositiveAmount

    def apply(self, context: Context) -> None:
        state, asset = context.state, chain_constants(context.state).native_asset
        debit(state, context.sender, asset, self.units, field="units")
        fill_pot(state, STORAGE_POT, asset, self.units)
        context.emit(Funded(context.sender, self.units))


def accrue(context: Context) -> None:
    """Let all pledges earn for a day, in the first block of it: never more than the storage pot
    holds, nor than the parameters allow in all and for a MiB."""
    if not begins_day(context):
        return
    state, row = context.state, earnings_of(context.state)
    if not row.mib:
        return
    asset = chain_constants(state).native_asset
    payable = min(pot_of(state, STORAGE_POT, asset), DAY_UNITS.read(state))
    each = min(payable // row.mib, MIB_DAY_UNITS.read(state))
    if each:
        drain_pot(state, STORAGE_POT, asset, each * row.mib)
        fill_pot(state, OWED_POT, asset, each * row.mib)
        EARNINGS.put(state, replace(row, mib_units=row.mib_units + each))
        context.emit(Accrued(row.mib, each))


def unsettled_of(view: View, pledge: Pledge) -> int:
    """What a pledge has earned since it was last settled."""
    return pledge.mib * (earnings_of(view).mib_units - pledge.settled)


def take_earned(state: State, pledge: Pledge) -> tuple[int, Pledge]:
    """What a pledge has earned since it was last settled, taken for the caller to put somewhere,
    and the pledge settled."""
    units = unsettled_of(state, pledge)
    drain_pot(state, OWED_POT, chain_constants(state).native_asset, units)
    return units, replace(pledge, settled=earnings_of(state).mib_units)


def forfeit_earned(state: State, pledge: Pledge) -> tuple[int, Pledge]:
    """Give what a pledge has earned since it was last settled back to the storage pot: how much,
    and the pledge settled."""
    units, settled = take_earned(state, pledge)
    fill_pot(state, STORAGE_POT, chain_constants(state).native_asset, units)
    return units, settled


def count_mib(state: State, change: int) -> None:
    """So many MiB more or less earn from now on."""
    row = earnings_of(state)
    EARNINGS.put(state, replace(row, mib=row.mib + change))


def put_pledge(state: State, cid: Cid, provider: bytes, pledge: Pledge) -> None:
    """Write a pledge that is not on the agenda, and list what falls due."""
    PLEDGES.put(state, pledge, cid, provider)
    AGENDA.add(state, pledge.due_height, cid, provider)


def give_back(state: State, cid: Cid, provider: bytes, pledge: Pledge) -> None:
    """End a pledge that is settled and not on the agenda: what is left of it is its provider's."""
    asset, root = chain_constants(state).native_asset, root_row(state, cid)
    drain_pot(state, PLEDGED_POT, asset, pledge.units)
    credit(state, provider, asset, pledge.units)
    count_mib(state, -pledge.mib)
    ROOTS.put(state, replace(root, providers=root.providers - 1), cid)
    PLEDGES.delete(state, cid, provider)
    PROVIDED.delete(state, provider, cid)


def provider_of(view: View, account: bytes) -> Provider:
    """What an account has done as a provider."""
    return PROVIDERS.get(view, account) or Provider(0, 0, 0, 0, 0)


def count_done(state: State, account: bytes, done: Provider) -> None:
    """Add to what an account has done as a provider."""
    row = provider_of(state, account)
    PROVIDERS.put(
        state,
        Provider(
            min(row.kept + done.kept, JSON_INTEGER_MAX),
            min(row.missed + done.missed, JSON_INTEGER_MAX),
            min(row.ended + done.ended, JSON_INTEGER_MAX),
            min(row.earned + done.earned, UINT64_MAX),
            min(row.lost + done.lost, UINT64_MAX),
        ),
        account,
    )
