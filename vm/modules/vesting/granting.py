"""Grants: amounts for accounts, which unlock in a term or as a reserve is released.

An account gets what is unlocked when somebody claims it for it: nothing goes through all grants.
"""

from consensus.address import format_address
from consensus.kinds import AccountId, Amount, Asset
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.economy import today
from vm.modules.tokens import (
    CommunityPot,
    PositiveAmount,
    asset_row,
    credit,
    drain_pot,
    fill_pot,
    take_from_pot,
)
from vm.modules.vesting.reserving import reserve_row
from vm.modules.vesting.tables import (
    GRANTS,
    LOCKED_POT,
    Grant,
    GrantName,
    ReserveName,
    Term,
    vesting,
)
from vm.view import State, View

GRANT_EXISTS = vesting.error("grant-exists", "The account has a grant of this name already.")
ONE_SCHEDULE = vesting.error("one-schedule", "A grant has a term or follows a reserve, just one.")
BAD_TERM = vesting.error("bad-term", "A term starts before it ends, its cliff between these.")
NO_GRANT = vesting.error("no-grant", "The account has no grant of this name.")
NOTHING_UNLOCKED = vesting.error("nothing-unlocked", "Nothing has unlocked that is not claimed.")


@vesting.event
@record("vesting.granted")
class Granted(Record):
    """An amount was granted to an account."""

    account: AccountId
    grant: GrantName
    asset: Asset
    units: Amount


@vesting.event
@record("vesting.claimed")
class Claimed(Record):
    """An account has got what had unlocked of a grant."""

    account: AccountId
    grant: GrantName
    asset: Asset
    units: Amount


@vesting.event
@record("vesting.cancelled")
class Cancelled(Record):
    """A grant is over: the account has got what had unlocked, and the rest went back to a pot."""

    account: AccountId
    grant: GrantName
    asset: Asset
    units: Amount
    pot: CommunityPot
    returned: Amount


@vesting.action(gas=10_000, governed=True)
@record("vesting.give")
class Give(Action):
    """Grant an account an amount out of a community's pot, which unlocks in a term (T2), or as a
    reserve is released: always floor(units x released / all of the reserve) (P3)."""

    account: AccountId
    grant: GrantName
    pot: CommunityPot
    asset: Asset
    units: PositiveAmount
    term: Term | None
    reserve: ReserveName | None

    @property
    def subject(self) -> str:
        return self.pot

    def in_words(self) -> str:
        how = "in a term" if self.reserve is None else f"as the reserve {self.reserve} is released"
        return (
            f"grant {format_address(self.account)} {self.units} units of {self.asset} out of the "
            f"pot {self.pot}, as {self.grant}, which unlock {how}"
        )

    def apply(self, context: Context) -> None:
        row = Grant(self.asset, self.units, 0, self.term, self.reserve)
        give_grant(context.state, self.account, self.grant, row, self.pot)
        context.emit(Granted(self.account, self.grant, self.asset, self.units))


@vesting.action(gas=5_000, governed=True)
@record("vesting.cancel")
class Cancel(Action):
    """End a grant: the account gets what has unlocked, the rest goes back to a community's pot."""

    account: AccountId
    grant: GrantName
    pot: CommunityPot

    @property
    def subject(self) -> str:
        return self.pot

    def in_words(self) -> str:
        whose = format_address(self.account)
        return f"end the grant {self.grant} of {whose}; what is locked goes to the pot {self.pot}"

    def apply(self, context: Context) -> None:
        state, row = context.state, grant_row(context.state, self.account, self.grant)
        unlocked = unlocked_of(state, row) - row.claimed
        returned = row.units - row.claimed - unlocked
        drain_pot(state, LOCKED_POT, row.asset, unlocked + returned)
        credit(state, self.account, row.asset, unlocked)
        fill_pot(state, self.pot, row.asset, returned)
        GRANTS.delete(state, self.account, self.grant)
        context.emit(Cancelled(self.account, self.grant, row.asset, unlocked, self.pot, returned))


@vesting.action(gas=3_000)
@record("vesting.claim")
class Claim(Action):
    """Give an account what has unlocked of a grant of its; anybody may send this."""

    account: AccountId
    grant: GrantName

    def apply(self, context: Context) -> None:
        state, row = context.state, grant_row(context.state, self.account, self.grant)
        units = unlocked_of(state, row) - row.claimed
        if not units:
            raise NOTHING_UNLOCKED.failed(f"{row.claimed} of {row.units} are claimed")
        drain_pot(state, LOCKED_POT, row.asset, units)
        credit(state, self.account, row.asset, units)
        if row.claimed + units == row.units:
            GRANTS.delete(state, self.account, self.grant)
        else:
            left = replace(row, claimed=row.claimed + units)
            GRANTS.put(state, left, self.account, self.grant)
        context.emit(Claimed(self.account, self.grant, row.asset, units))

    def touches(self, sender: bytes) -> tuple[bytes, ...]:
        return (GRANTS.state_key(self.account, self.grant),)


def give_grant(state: State, account: bytes, name: str, row: Grant, pot: str) -> None:
    """Write a new grant, taken out of a pot; raises ActionFailed naming what cannot be."""
    asset_row(state, row.asset)
    if GRANTS.get(state, account, name) is not None:
        raise GRANT_EXISTS.failed(
            f"{format_address(account)} has a grant {name} already", field="grant"
        )
    if (row.term is None) == (row.reserve is None):
        raise ONE_SCHEDULE.failed(field="term")
    if row.reserve is not None:
        reserve_row(state, row.reserve)
    term = row.term
    if term is not None and not (
        term.start_day <= term.cliff_day <= term.end_day and term.start_day < term.end_day
    ):
        raise BAD_TERM.failed(field="term")
    take_from_pot(state, pot, row.asset, row.units, field="units")
    fill_pot(state, LOCKED_POT, row.asset, row.units)
    GRANTS.put(state, row, account, name)


def grant_row(view: View, account: bytes, name: str) -> Grant:
    """The account's grant of this name; raises ActionFailed if there is none."""
    row = GRANTS.get(view, account, name)
    if row is None:
        raise NO_GRANT.failed(f"{format_address(account)} has no grant {name}", field="grant")
    return row


def unlocked_of(view: View, row: Grant) -> int:
    """How much of a grant has unlocked, what was claimed included."""
    if row.reserve is not None:
        reserve = reserve_row(view, row.reserve)
        return row.units * reserve.released // reserve.units
    return 0 if row.term is None else unlocked_by_term(row.term, row.units, today(view))


def unlocked_by_term(term: Term, units: int, day: int) -> int:
    """How much of an amount has unlocked on a day, rounded down."""
    if day < term.cliff_day:
        return 0
    elapsed = min(day, term.end_day) - term.start_day
    return units * elapsed // (term.end_day - term.start_day)
