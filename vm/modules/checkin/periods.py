"""Periods: they follow each other by days with blocks, and each one's airdrop is set at its end."""

from consensus.kinds import Amount, Counter
from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.chain import chain_constants
from vm.modules.checkin.tables import (
    AIRDROP_POT,
    CURRENT,
    PERIODS,
    RULES,
    Current,
    Period,
    PeriodDays,
    Rules,
    checkin,
)
from vm.modules.economy import begins_day, days_with_blocks
from vm.modules.pots import Ppm
from vm.modules.tokens import CommunityPot, drain_pot, fill_pot, pot_of
from vm.parameter import PARTS_PER_MILLION
from vm.view import View


@checkin.event
@record("checkin.rules_set")
class RulesSet(Record):
    """Accounts can check in by these rules from now on; null: they cannot."""

    rules: Rules | None


@checkin.event
@record("checkin.period_over")
class PeriodOver(Record):
    """A period is over: its airdrop is shared by what was locked for it."""

    period: Counter
    locked: Amount
    airdrop: Amount


@checkin.action(gas=3_000, governed=True)
@record("checkin.set_rules")
class SetRules(Action):
    """Let accounts check in from a height on (W4). The period that is open keeps its end."""

    from_height: Counter
    period_days: PeriodDays
    ppm: Ppm
    pot: CommunityPot

    @property
    def subject(self) -> str:
        return self.pot

    def in_words(self) -> str:
        return (
            f"share {self.ppm} ppm of the pot {self.pot} every {self.period_days} days among those "
            f"who check in from height {self.from_height} on"
        )

    def apply(self, context: Context) -> None:
        rules = Rules(self.from_height, self.period_days, self.ppm, self.pot)
        RULES.put(context.state, rules)
        context.emit(RulesSet(rules))


@checkin.action(gas=3_000, governed=True)
@record("checkin.stop")
class Stop(Action):
    """Let nobody check in any more (W4); what is locked for the open period gets its airdrop
    now."""

    def in_words(self) -> str:
        return "let nobody check in any more"

    def apply(self, context: Context) -> None:
        _end_period(context)
        RULES.delete(context.state)
        context.emit(RulesSet(None))


@checkin.begin_block
def begin_period(context: Context) -> None:
    """End the period whose days are over, in the first block of a day."""
    current = CURRENT.get(context.state) if begins_day(context) else None
    if current is not None and days_with_blocks(context.state) > current.over_on:
        _end_period(context)


def open_period(state: View, rules: Rules) -> Current:
    """The period that is open; one begins if none is."""
    current = CURRENT.get(state)
    if current is None:
        current = Current(0, 0, 0)
    if not current.over_on:
        over_on = days_with_blocks(state) - 1 + rules.period_days
        current = Current(current.number, over_on, 0)
    return current


def airdrop_of(view: View, rules: Rules) -> int:
    """The airdrop of a period that would end now (W4)."""
    held = pot_of(view, rules.pot, chain_constants(view).native_asset)
    return held * rules.ppm // PARTS_PER_MILLION


def _end_period(context: Context) -> None:
    """Share the airdrop of what is locked; without rules or anything locked there is none."""
    state, current, rules = context.state, CURRENT.get(context.state), RULES.get(context.state)
    if current is None or rules is None or not current.over_on:
        return
    native = chain_constants(state).native_asset
    if current.locked:
        airdrop = airdrop_of(state, rules)
        drain_pot(state, rules.pot, native, airdrop)
        fill_pot(state, AIRDROP_POT, native, airdrop)
        period = Period(current.locked, airdrop, current.locked, airdrop)
        PERIODS.put(state, period, current.number)
        context.emit(PeriodOver(current.number, current.locked, airdrop))
    CURRENT.put(state, Current(current.number + 1, 0, 0))
