"""Gathering: an account founds a fund on its terms, and members contribute until a time.

A share is a unit contributed. Nobody joins later, so that nobody buys into what others' shares have
earned, and shares only become fewer once the fund invests.
"""

from consensus.kinds import AccountId, Amount, Asset, Counter
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.chain import chain_constants
from vm.modules.fund.tables import (
    FOUNDING_UNITS,
    FUNDS,
    HELD_POT,
    JOINED,
    LONGEST_MS,
    MEMBERS,
    NUMBERING,
    SHORTEST_S,
    Fund,
    FundName,
    Joined,
    Member,
    Numbering,
    Terms,
    fund,
    fund_row,
)
from vm.modules.tokens import PositiveAmount, debit, fill_pot, transferable_row
from vm.view import State

ENDS_TOO_EARLY = fund.error("ends-too-early", "A fund takes contributions until later than now.")
ENDS_TOO_LATE = fund.error("ends-too-late", "A fund takes contributions for at most 31 days.")
TOO_SHORT = fund.error("too-short", "Votes and grace last `fund.shortest_s` seconds at least.")
TOO_LITTLE = fund.error("too-little", "The contribution is below the fund's least.")
OTHER_TERMS = fund.error("other-terms", "The fund of this number has other terms.")
GATHERED = fund.error("gathered", "The fund takes no contributions any more.")


@fund.event
@record("fund.founded")
class Founded(Record):
    """An account has founded a fund, which has this number."""

    fund: Counter
    founder: AccountId
    name: FundName
    asset: Asset


@fund.event
@record("fund.contributed")
class Contributed(Record):
    """An account has contributed so many units, and has as many shares for them."""

    fund: Counter
    account: AccountId
    units: Amount


@fund.action(gas=12_000)
@record("fund.found")
class Found(Action):
    """Found a fund on these terms, contribute the first units, and put up the deposit
    `fund.founding_units`, which comes back when the fund is wound up (K9)."""

    name: FundName
    terms: Terms
    units: PositiveAmount

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        _check(context, self.terms)
        if self.units < self.terms.least_units:
            raise TOO_LITTLE.failed(f"it is {self.terms.least_units} units", field="units")
        native, founding_units = chain_constants(state).native_asset, FOUNDING_UNITS.read(state)
        debit(state, sender, self.terms.asset, self.units, field="units")
        fill_pot(state, HELD_POT, self.terms.asset, self.units)
        debit(state, sender, native, founding_units)
        fill_pot(state, HELD_POT, native, founding_units)
        number = (NUMBERING.get(state) or Numbering(1)).fund
        NUMBERING.put(state, Numbering(number + 1))
        FUNDS.put(state, self._row(sender, founding_units), number)
        _join(state, number, sender, self.units)
        context.emit(Founded(number, sender, self.name, self.terms.asset))
        context.emit(Contributed(number, sender, self.units))

    def _row(self, founder: bytes, founding_units: int) -> Fund:
        return Fund(
            name=self.name,
            founder=founder,
            founding_units=founding_units,
            terms=self.terms,
            members=1,
            shares=self.units,
            liquid=self.units,
            returned=0,
            claimed=0,
            proposals=0,
            open=(),
        )


@fund.action(gas=6_000)
@record("fund.contribute")
class Contribute(Action):
    """Contribute units to a fund that has these terms, for as many shares (K9)."""

    fund: Counter
    terms: Terms
    units: PositiveAmount

    def apply(self, context: Context) -> None:
        state, sender, row = context.state, context.sender, fund_row(context.state, self.fund)
        if self.terms != row.terms:
            raise OTHER_TERMS.failed(field="terms")
        if context.block.time_ms >= row.terms.until_ms:
            raise GATHERED.failed(f"it did until {row.terms.until_ms} ms", field="fund")
        if self.units < row.terms.least_units:
            raise TOO_LITTLE.failed(f"it is {row.terms.least_units} units", field="units")
        debit(state, sender, row.terms.asset, self.units, field="units")
        fill_pot(state, HELD_POT, row.terms.asset, self.units)
        is_new = MEMBERS.get(state, self.fund, sender) is None
        grown = replace(
            row,
            members=row.members + is_new,
            shares=row.shares + self.units,
            liquid=row.liquid + self.units,
        )
        FUNDS.put(state, grown, self.fund)
        _join(state, self.fund, sender, self.units)
        context.emit(Contributed(self.fund, sender, self.units))


def _check(context: Context, terms: Terms) -> None:
    """Raise ActionFailed, naming the field, for terms on which no fund can be founded now."""
    now_ms, shortest_s = context.block.time_ms, SHORTEST_S.read(context.state)
    transferable_row(context.state, terms.asset, field="terms.asset")
    if terms.until_ms <= now_ms:
        raise ENDS_TOO_EARLY.failed(f"now it is {now_ms} ms", field="terms.until_ms")
    if terms.until_ms > now_ms + LONGEST_MS:
        raise ENDS_TOO_LATE.failed(field="terms.until_ms")
    for field, span in (("vote_s", terms.vote_s), ("grace_s", terms.grace_s)):
        if span < shortest_s:
            raise TOO_SHORT.failed(f"at least {shortest_s} seconds", field=f"terms.{field}")


def _join(state: State, number: int, account: bytes, units: int) -> None:
    row = MEMBERS.get(state, number, account)
    shares = units if row is None else row.shares + units
    MEMBERS.put(state, Member(shares, 0, ()), number, account)
    JOINED.put(state, Joined(), account, number)
