"""Referral: who has led somebody to content gets a part of what is spent there, by the terms of its
creator (T6)."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated

from consensus.codec import UINT64_MAX
from consensus.kinds import AccountId, Amount, Asset, Counter, Uint
from consensus.record import AtMost, Record, record
from vm.context import Context
from vm.declare import Action, Module
from vm.modules.account import SENDERS
from vm.modules.tokens import credit
from vm.parameter import PARTS_PER_MILLION
from vm.table import Table
from vm.view import View

referral = Module(
    "referral", "What sharers and distribution teams get of what is spent through their links."
)

MOST_TEAMS = 16

ReferralPpm = Annotated[int, Uint(PARTS_PER_MILLION)]
Teams = Annotated[tuple[AccountId, ...], AtMost(MOST_TEAMS)]


@record("referral.terms")
class Terms(Record):
    """What part (ppm) of what a creator earns through a share link goes to who shared it: to any
    single sharer, and to the distribution teams registered here, in order of ids."""

    sharer_ppm: ReferralPpm
    team_ppm: ReferralPpm
    teams: Teams

    def ppm(self, referrer: bytes | None) -> int:
        """The part that a referrer gets."""
        if referrer is None:
            return 0
        return self.team_ppm if referrer in self.teams else self.sharer_ppm


@record("referral.brought")
class Brought(Record):
    """What was spent through an account's links: how often, how much, of which it earned so many
    units. The amounts stay at 2^64 - 1 once they have reached it."""

    payments: Counter
    units: Amount
    earned: Amount


TERMS: Table[Terms, bytes] = referral.table(Terms, creator=AccountId)
BROUGHT: Table[Brought, bytes, str] = referral.table(Brought, referrer=AccountId, asset=Asset)

NO_TERMS = Terms(0, 0, ())

TEAMS_UNORDERED = referral.error(
    "teams-unordered", "Teams are named in the order of ids, each once."
)
OWN_TEAM = referral.error("own-team", "A creator is no distribution team of its own.")
BAD_REFERRER = referral.error(
    "bad-referrer", "Who leads somebody to content is neither who pays nor who is paid."
)
UNKNOWN_REFERRER = referral.error(
    "unknown-referrer", "No account that ever sent a transaction has this id."
)


@referral.event
@record("referral.terms_set")
class TermsSet(Record):
    """A creator shares what it earns by these terms from now on."""

    creator: AccountId
    terms: Terms


@referral.event
@record("referral.referred")
class Referred(Record):
    """Somebody spent so much through an account's link, of which that account earned so much."""

    referrer: AccountId
    payer: AccountId
    creator: AccountId
    asset: Asset
    units: Amount
    earned: Amount


@referral.action(gas=4_000)
@record("referral.set_terms")
class SetTerms(Action):
    """Set what part of the gifts and tips that come through a share link goes to who shared it:
    `sharer_ppm` to any single sharer, `team_ppm` to these distribution teams, which this
    registers (T6). What a video's price shares is in its offer."""

    sharer_ppm: ReferralPpm
    team_ppm: ReferralPpm
    teams: Teams

    def apply(self, context: Context) -> None:
        check_teams(self.teams)
        if context.sender in self.teams:
            raise OWN_TEAM.failed(field="teams")
        terms = Terms(self.sharer_ppm, self.team_ppm, self.teams)
        if terms == NO_TERMS:
            TERMS.delete(context.state, context.sender)
        else:
            TERMS.put(context.state, terms, context.sender)
        context.emit(TermsSet(context.sender, terms))


def check_teams(teams: tuple[bytes, ...]) -> None:
    """Raise ActionFailed (`teams`) unless these are in order, each once."""
    if any(low >= high for low, high in pairwise(teams)):
        raise TEAMS_UNORDERED.failed(field="teams")


def terms_of(view: View, creator: bytes) -> Terms:
    """The terms of a creator: nothing for anybody if it has set none."""
    return TERMS.get(view, creator) or NO_TERMS


def check_referrer(view: View, referrer: bytes | None, *, payer: bytes, creator: bytes) -> None:
    """Raise ActionFailed (`referrer`) for one who pays or is paid, or whom the chain does not know:
    units would go to an account that a slip of the pen has made."""
    if referrer is None:
        return
    if referrer in (payer, creator):
        raise BAD_REFERRER.failed(field="referrer")
    if SENDERS.get(view, referrer) is None:
        raise UNKNOWN_REFERRER.failed(field="referrer")


def pay_creator(
    context: Context,
    *,
    payer: bytes,
    creator: bytes,
    asset: str,
    amount: int,
    referrer: bytes | None,
    ppm: int,
) -> int:
    """Give a creator what is left of a payment after the platform's fee, but for the referrer's
    part of it, rounded down, which the referrer gets (T6); returns that part. The amount was taken
    from the payer before."""
    part = 0 if referrer is None else amount * ppm // PARTS_PER_MILLION
    credit(context.state, creator, asset, amount - part)
    if referrer is not None:
        credit(context.state, referrer, asset, part)
        before = BROUGHT.get(context.state, referrer, asset) or Brought(0, 0, 0)
        after = Brought(
            before.payments + 1,
            min(before.units + amount, UINT64_MAX),
            min(before.earned + part, UINT64_MAX),
        )
        BROUGHT.put(context.state, after, referrer, asset)
        context.emit(Referred(referrer, payer, creator, asset, amount, part))
    return part


@referral.invariant
def teams_are_ordered(view: View) -> Iterator[str]:
    """Teams are in order, each once, and none is the creator itself."""
    for (creator,), row in TERMS.every(view):
        if any(low >= high for low, high in pairwise(row.teams)) or creator in row.teams:
            yield f"the teams of {creator.hex()} are not in order, each once and another account"
