"""Taking part: an account locks an amount for a period and claims it back with its share.

A share is floor(airdrop x units / all that was locked): nothing goes through all who took part.
What rounding leaves goes back to the pot with the last claim. Sharing by what is locked, many
accounts of one person get no more than one.
"""

from consensus.kinds import AccountId, Amount, Counter
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.chain import chain_constants
from vm.modules.checkin.periods import open_period
from vm.modules.checkin.tables import (
    AIRDROP_POT,
    CURRENT,
    ENTRIES,
    LOCKED_POT,
    PAST,
    PAST_KEPT,
    PERIODS,
    RULES,
    Entry,
    Past,
    Rules,
    Settled,
    checkin,
)
from vm.modules.tokens import PositiveAmount, credit, debit, drain_pot, fill_pot
from vm.view import State, View

OFF = checkin.error("off", "Nobody can check in yet.")
CHECKED_IN = checkin.error("checked-in", "The account has checked in for this period already.")
NOTHING_LOCKED = checkin.error("nothing-locked", "The account has locked nothing.")
NOT_OVER = checkin.error("not-over", "The period that the account checked in for is not over.")


@checkin.event
@record("checkin.checked_in")
class CheckedIn(Record):
    """An account has checked in for a period."""

    account: AccountId
    period: Counter
    units: Amount


@checkin.event
@record("checkin.claimed")
class Claimed(Record):
    """An account has got back what it had locked for a period, and its share of the airdrop."""

    account: AccountId
    period: Counter
    units: Amount
    share: Amount


@checkin.action(gas=5_000, free=True)
@record("checkin.check_in")
class CheckIn(Action):
    """Lock an amount of the native asset for the period that is open (W4). What is locked for an
    earlier one comes back first, with its share."""

    units: PositiveAmount

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        rules = RULES.get(state)
        if rules is None or context.block.height < rules.from_height:
            raise OFF.failed()
        if ENTRIES.get(state, sender) is not None:
            if not _is_over(state, sender):
                raise CHECKED_IN.failed()
            _settle(context, sender, rules)
        native = chain_constants(state).native_asset
        debit(state, sender, native, self.units, field="units")
        fill_pot(state, LOCKED_POT, native, self.units)
        current = open_period(state, rules)
        CURRENT.put(state, replace(current, locked=current.locked + self.units))
        ENTRIES.put(state, Entry(current.number, self.units), sender)
        context.emit(CheckedIn(sender, current.number, self.units))


@checkin.action(gas=5_000, free=True)
@record("checkin.claim")
class Claim(Action):
    """Get back what the sender has locked for a period that is over, with its share (W4)."""

    def apply(self, context: Context) -> None:
        if ENTRIES.get(context.state, context.sender) is None:
            raise NOTHING_LOCKED.failed()
        if not _is_over(context.state, context.sender):
            raise NOT_OVER.failed()
        _settle(context, context.sender, RULES.get(context.state))


def share_of(view: View, account: bytes) -> int | None:
    """What an account's lock has earned; None if it has none, or its period is not over."""
    entry = ENTRIES.get(view, account)
    period = None if entry is None else PERIODS.get(view, entry.period)
    if entry is None or period is None:
        return None
    return period.airdrop * entry.units // period.locked


def _is_over(view: View, account: bytes) -> bool:
    return share_of(view, account) is not None


def _settle(context: Context, account: bytes, rules: Rules | None) -> None:
    """Give an account what its period, which is over, owes it."""
    state, entry = context.state, ENTRIES.get(context.state, account)
    period = None if entry is None else PERIODS.get(state, entry.period)
    if entry is None or period is None:
        raise RuntimeError(f"{account.hex()} has nothing to settle")
    native = chain_constants(state).native_asset
    share = period.airdrop * entry.units // period.locked
    drain_pot(state, LOCKED_POT, native, entry.units)
    drain_pot(state, AIRDROP_POT, native, share)
    credit(state, account, native, entry.units + share)
    ENTRIES.delete(state, account)
    _remember(state, account, Settled(entry.period, entry.units, share))
    left = replace(
        period,
        locked_left=period.locked_left - entry.units,
        airdrop_left=period.airdrop_left - share,
    )
    if left.locked_left:
        PERIODS.put(state, left, entry.period)
    else:
        PERIODS.delete(state, entry.period)
        _give_back(state, rules, native, left.airdrop_left)
    context.emit(Claimed(account, entry.period, entry.units, share))


def _remember(state: State, account: bytes, settled: Settled) -> None:
    row = PAST.get(state, account)
    kept = () if row is None else row.periods[1 - PAST_KEPT :]
    PAST.put(state, Past((*kept, settled)), account)


def _give_back(state: State, rules: Rules | None, native: str, dust: int) -> None:
    """Return what rounding has left to the pot that it came from, or the treasury if there are no
    rules any more."""
    drain_pot(state, AIRDROP_POT, native, dust)
    fill_pot(state, "treasury" if rules is None else rules.pot, native, dust)
