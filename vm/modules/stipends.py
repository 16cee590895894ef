"""Stipends: so much a month, held for each recipient from the start, and released month by month to
those who meet that month's assessment (K1).

What a recipient is to get is taken from the community's pot when it is enlisted, so that nothing
that is promised can be spent. Months are of 30 days from then on. A month that is over is released,
deferred or dropped by a proposal; what is deferred is decided on again, what is dropped goes to
another pot at once, and nothing is lost or left undecided by time alone.
"""

from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from typing import Annotated

from consensus.kinds import AccountId, Amount, Asset, Counter, Text, Uint
from consensus.record import AtMost, Record, record, replace
from vm.context import Context
from vm.declare import Action, Module
from vm.modules.economy import today
from vm.modules.tokens import (
    CommunityPot,
    PositiveAmount,
    asset_row,
    credit,
    drain_pot,
    fill_pot,
    pot_of,
    take_from_pot,
)
from vm.table import Table
from vm.view import State, View

stipends = Module("stipends", "So much a month, released to those who meet its assessment.")

HELD_POT = "stipends.held"
MONTH_DAYS = 30
MOST_MONTHS = 24
MOST_NAMED = 64  # of each kind in one action; a proposal has 8 actions, for 500 recipients

ProgrammeName = Annotated[str, Text(32, 1, "[a-z][a-z0-9-]*")]
Months = Annotated[int, Uint(MOST_MONTHS, 1)]
PENDING, RELEASED, DEFERRED, DROPPED = "pending", "released", "deferred", "dropped"
Outcome = Annotated[str, Text(8, 1, f"{PENDING}|{RELEASED}|{DEFERRED}|{DROPPED}")]
Accounts = Annotated[tuple[AccountId, ...], AtMost(MOST_NAMED)]
UNDECIDED = (PENDING, DEFERRED)


@record("stipends.programme")
class Programme(Record):
    """What each of its recipients gets a month for how many months, of what asset, from which pot,
    and to which pot goes what is dropped."""

    asset: Asset
    units: PositiveAmount
    months: Months
    pot: CommunityPot
    dropped_to: CommunityPot


@record("stipends.recipient")
class Recipient(Record):
    """The day on which a recipient's first month began, what was decided on each of its months, and
    the units that are released and not yet claimed."""

    from_day: Counter
    months: Annotated[tuple[Outcome, ...], AtMost(MOST_MONTHS, 1)]
    claimable: Amount

    def over_on(self, month: int) -> int:
        """The day on which a month, counted from 1, is over."""
        return self.from_day + MONTH_DAYS * month


PROGRAMMES: Table[Programme, str] = stipends.table(Programme, programme=ProgrammeName)
RECIPIENTS: Table[Recipient, str, bytes] = stipends.table(
    Recipient, programme=ProgrammeName, account=AccountId
)

EXISTS = stipends.error("programme-exists", "There is a programme of this name.")
UNKNOWN = stipends.error("unknown-programme", "There is no such programme.")
TWICE = stipends.error("named-twice", "An account is named twice.")
LISTED = stipends.error("already-enlisted", "The account is a recipient already.")
NOT_LISTED = stipends.error("not-enlisted", "The account is no recipient of the programme.")
NO_MONTH = stipends.error("no-such-month", "The programme does not have so many months.")
NOT_OVER = stipends.error("month-not-over", "The recipient's month is not over yet.")
DECIDED = stipends.error("already-decided", "The month was released or dropped already.")
NOTHING = stipends.error("nothing-released", "Nothing is released that was not claimed.")


@stipends.event
@record("stipends.opened")
class Opened(Record):
    """Recipients can be enlisted for this programme from now on."""

    programme: ProgrammeName
    terms: Programme


@stipends.event
@record("stipends.enlisted")
class Enlisted(Record):
    """An account's first month begins today, and what it can get is held for it."""

    programme: ProgrammeName
    account: AccountId


@stipends.event
@record("stipends.assessed")
class Assessed(Record):
    """What was decided on a recipient's month, counted from 1."""

    programme: ProgrammeName
    account: AccountId
    month: Counter
    outcome: Outcome


@stipends.event
@record("stipends.claimed")
class Claimed(Record):
    """A recipient has taken what was released to it."""

    programme: ProgrammeName
    account: AccountId
    units: Amount


@stipends.action(gas=3_000, governed=True)
@record("stipends.open")
class Open(Action):
    """Open a programme: so many units a month for so many months to each whom a proposal enlists,
    out of a pot; what is dropped goes to another one (K1)."""

    programme: ProgrammeName
    asset: Asset
    units: PositiveAmount
    months: Months
    pot: CommunityPot
    dropped_to: CommunityPot

    @property
    def subject(self) -> str:
        return self.pot

    def in_words(self) -> str:
        return (
            f"pay recipients of {self.programme} {self.units} units of {self.asset} a month from "
            f"the pot {self.pot}, for {self.months} months that are assessed"
        )

    def apply(self, context: Context) -> None:
        state = context.state
        if PROGRAMMES.get(state, self.programme) is not None:
            raise EXISTS.failed(f"there is a programme {self.programme}", field="programme")
        asset_row(state, self.asset)
        terms = Programme(self.asset, self.units, self.months, self.pot, self.dropped_to)
        PROGRAMMES.put(state, terms, self.programme)
        context.emit(Opened(self.programme, terms))


@stipends.action(gas=20_000, governed=True)
@record("stipends.enlist")
class Enlist(Action):
    """Make accounts recipients of a programme from today on: what each can get in all its months is
    taken from the programme's pot and held for it (K1)."""

    programme: ProgrammeName
    accounts: Annotated[tuple[AccountId, ...], AtMost(MOST_NAMED, 1)]

    @property
    def subject(self) -> str:
        return self.programme

    def in_words(self) -> str:
        return f"enlist {len(self.accounts)} recipients of {self.programme}"

    def apply(self, context: Context) -> None:
        state, terms = context.state, programme_named(context.state, self.programme)
        row = Recipient(today(state), (PENDING,) * terms.months, 0)
        _move(state, terms, terms.pot, HELD_POT, len(self.accounts) * terms.months)
        for i, account in enumerate(self.accounts):
            if RECIPIENTS.get(state, self.programme, account) is not None:
                raise LISTED.failed(field=f"accounts[{i}]")
            RECIPIENTS.put(state, row, self.programme, account)
            context.emit(Enlisted(self.programme, account))


@stipends.action(gas=20_000, governed=True)
@record("stipends.assess")
class Assess(Action):
    """Decide on a month, counted from 1, of recipients for whom it is over: its pay is released to
    them, deferred until it is decided on again, or dropped (K1)."""

    programme: ProgrammeName
    month: Months
    released: Accounts
    deferred: Accounts
    dropped: Accounts

    @property
    def subject(self) -> str:
        return self.programme

    def in_words(self) -> str:
        return (
            f"for month {self.month} of {self.programme} release the pay of {len(self.released)} "
            f"recipients, defer that of {len(self.deferred)}, and drop that of {len(self.dropped)}"
        )

    def apply(self, context: Context) -> None:
        state, terms = context.state, programme_named(context.state, self.programme)
        if self.month > terms.months:
            raise NO_MONTH.failed(f"{self.programme} has {terms.months} months", field="month")
        named = (*self.released, *self.deferred, *self.dropped)
        if len(set(named)) < len(named):
            raise TWICE.failed(field=_field_of_twice(self))
        self._decide_all(context, RELEASED, self.released, terms.units)
        self._decide_all(context, DEFERRED, self.deferred, 0)
        self._decide_all(context, DROPPED, self.dropped, 0)
        _move(state, terms, HELD_POT, terms.dropped_to, len(self.dropped))

    def _decide_all(
        self, context: Context, outcome: str, accounts: Sequence[bytes], units: int
    ) -> None:
        """Decide on the month of each, who can claim so many units more."""
        state, month = context.state, self.month
        for i, account in enumerate(accounts):
            field = f"{outcome}[{i}]"
            row = _recipient(state, self.programme, account, field)
            if row.months[month - 1] not in UNDECIDED:
                raise DECIDED.failed(f"month {month} was {row.months[month - 1]}", field=field)
            if not is_due(row, month, today(state)):
                raise NOT_OVER.failed(f"it is over on day {row.over_on(month)}", field=field)
            months = (*row.months[: month - 1], outcome, *row.months[month:])
            decided = Recipient(row.from_day, months, row.claimable + units)
            RECIPIENTS.put(state, decided, self.programme, account)
            context.emit(Assessed(self.programme, account, month, outcome))


@stipends.action(gas=20_000, governed=True)
@record("stipends.remove")
class Remove(Action):
    """Let accounts be recipients no longer: all their months that are not decided are dropped, also
    those to come; what is released can still be claimed (K1)."""

    programme: ProgrammeName
    accounts: Annotated[tuple[AccountId, ...], AtMost(MOST_NAMED, 1)]

    @property
    def subject(self) -> str:
        return self.programme

    def in_words(self) -> str:
        return f"drop all undecided pay of {len(self.accounts)} recipients of {self.programme}"

    def apply(self, context: Context) -> None:
        state, terms = context.state, programme_named(context.state, self.programme)
        for i, account in enumerate(self.accounts):
            row = _recipient(state, self.programme, account, f"accounts[{i}]")
            undecided = [n for n, outcome in enumerate(row.months, 1) if outcome in UNDECIDED]
            if not undecided:
                raise DECIDED.failed(field=f"accounts[{i}]")
            months = tuple(DROPPED if each in UNDECIDED else each for each in row.months)
            RECIPIENTS.put(state, replace(row, months=months), self.programme, account)
            _move(state, terms, HELD_POT, terms.dropped_to, len(undecided))
            for month in undecided:
                context.emit(Assessed(self.programme, account, month, DROPPED))


@stipends.action(gas=4_000, free=True)
@record("stipends.claim")
class Claim(Action):
    """Take what a programme has released to one (K1)."""

    programme: ProgrammeName

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        terms = programme_named(state, self.programme)
        row = _recipient(state, self.programme, sender, "programme")
        if not row.claimable:
            raise NOTHING.failed(field="programme")
        drain_pot(state, HELD_POT, terms.asset, row.claimable)
        credit(state, sender, terms.asset, row.claimable)
        RECIPIENTS.put(state, replace(row, claimable=0), self.programme, sender)
        context.emit(Claimed(self.programme, sender, row.claimable))


def programme_named(view: View, name: str) -> Programme:
    """The programme; raises ActionFailed (`programme`) if there is none of this name."""
    found = PROGRAMMES.get(view, name)
    if found is None:
        raise UNKNOWN.failed(f"there is no programme {name}", field="programme")
    return found


def is_due(row: Recipient, month: int, day: int) -> bool:
    """Whether a month of a recipient, counted from 1, is over on this day and waits for a
    decision."""
    return row.months[month - 1] in UNDECIDED and day >= row.over_on(month)


def _recipient(view: View, programme: str, account: bytes, field: str) -> Recipient:
    row = RECIPIENTS.get(view, programme, account)
    if row is None:
        raise NOT_LISTED.failed(field=field)
    return row


def _field_of_twice(action: Assess) -> str:
    """The list in which an account stands that was named before."""
    for name, accounts in (("released", action.released), ("deferred", action.deferred)):
        if len(set(accounts)) < len(accounts):
            return name
    return "deferred" if set(action.released) & set(action.deferred) else "dropped"


def _move(state: State, terms: Programme, source: str, target: str, months: int) -> None:
    """Move so many months' pay from one pot to another; raises ActionFailed (`programme`) if there
    is less."""
    if months:
        units = months * terms.units
        take_from_pot(state, source, terms.asset, units, field="programme")
        fill_pot(state, target, terms.asset, units)


@stipends.invariant
def held_for_recipients(view: View) -> Iterator[str]:
    """What is held is what recipients have not been denied and have not claimed."""
    held: Tally[str] = Tally()
    for (name, account), row in RECIPIENTS.every(view):
        terms = PROGRAMMES.get(view, name)
        if terms is None or len(row.months) != terms.months:
            yield f"{account.hex()} is a recipient of {name}, which has other months or is none"
            continue
        held[terms.asset] += row.claimable + terms.units * _undecided(row.months)
    for asset in {terms.asset for _, terms in PROGRAMMES.every(view)}:
        if pot_of(view, HELD_POT, asset) != held[asset]:
            yield f"{held[asset]} units of {asset} are held for recipients, the pot says otherwise"


def _undecided(months: Sequence[str]) -> int:
    return sum(outcome in UNDECIDED for outcome in months)
