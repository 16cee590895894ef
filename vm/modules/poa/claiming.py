"""Claiming: an account takes what it has earned by being active, and its creators get theirs.

An account's reward w is divided by what it did at whose videos: a creator gets
floor(w x parts / (e x 10^6)), parts being the sum of weights times its part, and the account the
rest.
"""

from typing import Annotated

from consensus.kinds import AccountId, Amount, Counter
from consensus.record import AtMost, Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.activity import ACCOUNTS, Done
from vm.modules.chain import chain_constants
from vm.modules.poa.tables import DAYS, OWED_POT, Day, poa, reward_of
from vm.modules.tokens import credit, drain_pot
from vm.parameter import PARTS_PER_MILLION
from vm.view import View

MOST_DAYS = 31
DAY_GAS = 6_000

NOT_SHARED = poa.error(
    "not-shared", "The day is not over, has shared nothing, or can be claimed no more."
)
NOTHING_EARNED = poa.error(
    "nothing-earned", "The account has earned nothing that day, or has claimed it."
)


@poa.event
@record("poa.claimed")
class Claimed(Record):
    """An account has got its reward of a day, but for what its creators got."""

    account: AccountId
    day: Counter
    units: Amount
    to_creators: Amount


@poa.event
@record("poa.passed_on")
class PassedOn(Record):
    """A creator has got its part of what an account earned at its videos."""

    creator: AccountId
    account: AccountId
    day: Counter
    units: Amount


@poa.action(gas=1_000, free=True)
@record("poa.claim")
class Claim(Action):
    """Take what the sender has earned on days that are over; the creators at whose videos it did so
    get their parts (T8)."""

    days: Annotated[tuple[Counter, ...], AtMost(MOST_DAYS, 1)]

    def derived_gas(self, view: View) -> int:
        return DAY_GAS * len(self.days)

    def apply(self, context: Context) -> None:
        for i, number in enumerate(self.days):
            day = DAYS.get(context.state, number)
            if day is None:
                raise NOT_SHARED.failed(f"day {number}: {NOT_SHARED.sentence}", field=f"days[{i}]")
            done = ACCOUNTS.get(context.state, number, context.sender)
            if done is None or not done.e_ppm:
                raise NOTHING_EARNED.failed(
                    f"day {number}: {NOTHING_EARNED.sentence}", field=f"days[{i}]"
                )
            _pay(context, number, day, done)


def division_of(reward: int, done: Done) -> tuple[int, dict[bytes, int]]:
    """What of a reward the account gets that has done this, and what each of its creators (T8)."""
    to_creators = {
        due.creator: reward * due.parts // (done.e_ppm * PARTS_PER_MILLION) for due in done.dues
    }
    return reward - sum(to_creators.values()), to_creators


def _pay(context: Context, number: int, day: Day, done: Done) -> None:
    state, account = context.state, context.sender
    native, reward = chain_constants(state).native_asset, reward_of(day, done)
    units, to_creators = division_of(reward, done)
    drain_pot(state, OWED_POT, native, reward)
    credit(state, account, native, units)
    for creator, part in to_creators.items():
        if part:
            credit(state, creator, native, part)
            context.emit(PassedOn(creator, account, number, part))
    ACCOUNTS.delete(state, number, account)
    DAYS.put(state, replace(day, owed=day.owed - reward), number)
    context.emit(Claimed(account, number, units, reward - units))
