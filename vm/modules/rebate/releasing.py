"""Releasing: at a day's end the reserve lets out what the day's fees and activities are worth (P2).

For fees F (units of quote) at a price p (units of quote per whole token) that is
floor(F x 10^decimals x factor_ppm / (10^6 x p)) units, and the units for activities; no more than
the cap and what is left of the reserve. What is pre-issued unlocks with it (P3).
"""

from consensus.codec import UINT64_MAX
from consensus.kinds import Amount, Asset, Counter
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.chain import chain_constants
from vm.modules.economy import begins_day, today
from vm.modules.market import reference_price
from vm.modules.market.tables import whole_token
from vm.modules.rebate.tables import (
    DAYS,
    NOTHING,
    OWED_POT,
    RULES,
    TODAY,
    WHOLE,
    Day,
    FactorPpm,
    Rules,
    SharePpm,
    Sums,
    Today,
    Weights,
    rebate,
)
from vm.modules.tokens import PositiveAmount, asset_row, fill_pot
from vm.modules.vesting import RESERVES, ReserveName, release
from vm.view import View

OTHER_ASSET = rebate.error("other-asset", "The reserve must be of the native asset.")
NO_SUCH_RESERVE = rebate.error("no-reserve", "There is no such reserve.")
BY_PLAN = rebate.error("by-plan", "A reserve that a plan releases cannot be released by days too.")


@rebate.event
@record("rebate.rules_set")
class RulesSet(Record):
    """Days are released by these rules from now on."""

    rules: Rules


@rebate.event
@record("rebate.released")
class Released(Record):
    """A day is over: for these fees, at this price, so much was released of what was wanted."""

    day: Counter
    fees: Amount
    price: Amount
    wanted: Amount
    released: Amount


@rebate.action(gas=5_000, governed=True)
@record("rebate.set_rules")
class SetRules(Action):
    """Let a reserve release each day a part of what platform fees are worth to those who paid them
    and who earned them, and fixed amounts for what accounts take part in (P2). The day that is not
    over goes by these rules, too."""

    reserve: ReserveName
    quote: Asset
    factor_ppm: FactorPpm
    consumer_ppm: SharePpm
    weights: Weights
    cap: PositiveAmount

    @property
    def subject(self) -> str:
        return self.reserve

    def in_words(self) -> str:
        return (
            f"release from {self.reserve} each day {self.factor_ppm} ppm of what fees in "
            f"{self.quote} are worth, at most {self.cap} units"
        )

    def apply(self, context: Context) -> None:
        asset_row(context.state, self.quote, field="quote")
        reserve = RESERVES.get(context.state, self.reserve)
        if reserve is None:
            raise NO_SUCH_RESERVE.failed(field="reserve")
        if reserve.asset != chain_constants(context.state).native_asset:
            raise OTHER_ASSET.failed(field="reserve")
        if reserve.plan is not None:
            raise BY_PLAN.failed(field="reserve")
        rules = Rules(
            self.reserve, self.quote, self.factor_ppm, self.consumer_ppm, self.weights, self.cap
        )
        RULES.put(context.state, rules)
        context.emit(RulesSet(rules))


@rebate.begin_block
def close_day(context: Context) -> None:
    """Release for the day that is over, in the first block of the next one."""
    if not begins_day(context):
        return
    state, rules, total = context.state, RULES.get(context.state), TODAY.get(context.state)
    if rules is None or total is None or total.day >= today(state):
        return
    native = chain_constants(state).native_asset
    if total.sums == NOTHING:
        TODAY.put(state, replace(total, day=today(state)))
        return
    price = reference_price(state, native, rules.quote)
    if not price:
        return  # nothing can be said of what fees are worth: the day goes on
    price = max(price, _least_price(state, total.sums, rules.factor_ppm))
    wanted, released = release_for(state, rules, total, price)
    fresh = max(released - total.carried, 0)
    if fresh:
        release(state, rules.reserve, fresh)
        fill_pot(state, OWED_POT, native, fresh)
    day = Day(rules.factor_ppm, rules.consumer_ppm, price, wanted, released, total.sums, released)
    DAYS.put(state, day, total.day)
    TODAY.put(state, Today(today(state), NOTHING, total.carried + fresh - released))
    context.emit(Released(total.day, total.sums.paid, price, wanted, released))


def release_for(view: View, rules: Rules, total: Today, price: int) -> tuple[int, int]:
    """The units that a day's sums are worth at a price, and how many of these are released."""
    price = max(price, _least_price(view, total.sums, rules.factor_ppm))
    wanted = worth_of(view, total.sums.paid, rules.factor_ppm, price) + total.sums.activity
    return wanted, min(wanted, rules.cap, total.carried + _left(view, rules.reserve))


def worth_of(view: View, fees: int, factor_ppm: int, price: int) -> int:
    """The units that fees are worth at a price, times the factor, rounded down."""
    whole = whole_token(view, chain_constants(view).native_asset)
    return fees * whole * factor_ppm // (WHOLE * price)


def _least_price(view: View, sums: Sums, factor_ppm: int) -> int:
    """The lowest price at which what is wanted for a day is a number of units."""
    return worth_of(view, sums.paid, factor_ppm, UINT64_MAX - sums.activity) + 1


def _left(view: View, reserve: str) -> int:
    row = RESERVES.get(view, reserve)
    return 0 if row is None else row.units - row.released


def note_carried(context: Context, units: int) -> None:
    """What rounding has left of a day that all have got theirs of is released with the next one."""
    total = open_day(context.state)
    TODAY.put(context.state, replace(total, carried=total.carried + units))


def open_day(view: View) -> Today:
    """The day whose fees are being counted."""
    return TODAY.get(view) or Today(today(view), NOTHING, 0)
