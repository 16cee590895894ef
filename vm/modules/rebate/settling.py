"""Settling: an account gets its part of a day that is over, when it is next touched or claims it.

A payer's fees are worth floor(fees x 10^decimals x factor / price), of which it gets its share,
rounded down; a provider's fees are worth as much, of which it gets the rest. If less was released
than was wanted, all get the same part of each of theirs, rounded down.
"""

from consensus.kinds import AccountId, Counter
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.chain import chain_constants
from vm.modules.market.tables import whole_token
from vm.modules.rebate.releasing import note_carried, worth_of
from vm.modules.rebate.tables import (
    ACCRUALS,
    DAYS,
    NO_CANDY,
    NOTHING,
    OWED_POT,
    RECEIVED,
    WHOLE,
    Candy,
    Day,
    Received,
    Sums,
    rebate,
)
from vm.modules.tokens import credit, drain_pot
from vm.view import View

NOTHING_OWED = rebate.error("nothing-owed", "Nothing is owed to the account of a day that is over.")


@rebate.event
@record("rebate.paid")
class Paid(Record):
    """An account has got its part of a day's release."""

    account: AccountId
    day: Counter
    candy: Candy


@rebate.action(gas=4_000, free=True)
@record("rebate.claim")
class Claim(Action):
    """Get the sender's part of the release of a day that is over (P2)."""

    def apply(self, context: Context) -> None:
        if not settle(context, context.sender):
            raise NOTHING_OWED.failed()


def owed_to(view: View, account: bytes) -> Candy:
    """What an account gets when it is next settled."""
    row = ACCRUALS.get(view, account)
    day = None if row is None else DAYS.get(view, row.day)
    return NO_CANDY if row is None or day is None else _part(view, day, row.sums)


def received_by(view: View, account: bytes) -> Candy:
    """What an account has ever got."""
    row = RECEIVED.get(view, account)
    return NO_CANDY if row is None else row.candy


def settle(context: Context, account: bytes) -> bool:
    """Give an account its part of the day that it has accrued something of, if that is over;
    whether it was."""
    state, row = context.state, ACCRUALS.get(context.state, account)
    day = None if row is None or row.sums == NOTHING else DAYS.get(state, row.day)
    if row is None or day is None:
        return False
    candy = _part(state, day, row.sums)
    native = chain_constants(state).native_asset
    drain_pot(state, OWED_POT, native, candy.units)
    credit(state, account, native, candy.units)
    RECEIVED.put(state, Received(received_by(state, account).plus(candy)), account)
    ACCRUALS.delete(state, account)
    context.emit(Paid(account, row.day, candy))
    left, owed = day.left.minus(row.sums), day.owed - candy.units
    if left == NOTHING:
        DAYS.delete(state, row.day)
        note_carried(context, owed)
    else:
        rest = Day(
            day.factor_ppm, day.consumer_ppm, day.price, day.wanted, day.released, left, owed
        )
        DAYS.put(state, rest, row.day)
    return True


def _part(view: View, day: Day, sums: Sums) -> Candy:
    worth = worth_of(view, sums.paid, day.factor_ppm, day.price)
    whole = whole_token(view, chain_constants(view).native_asset)
    earned = sums.earned * whole * day.factor_ppm * (WHOLE - day.consumer_ppm)
    consumer = worth * day.consumer_ppm // WHOLE
    provider = earned // (WHOLE * WHOLE * day.price)
    parts = (consumer, provider, sums.activity)
    if day.released != day.wanted:
        return Candy(*(units * day.released // day.wanted for units in parts))
    return Candy(*parts)
