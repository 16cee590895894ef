"""Pledging: an account puts units at stake for holding a video, and takes them back."""

from consensus.cid import Cid
from consensus.kinds import AccountId, Amount
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.chain import chain_constants
from vm.modules.content import is_served
from vm.modules.possession.settling import (
    count_mib,
    forfeit_earned,
    give_back,
    put_pledge,
)
from vm.modules.possession.tables import (
    AGENDA,
    LEAST_PERIODS,
    MAX_PROVIDERS,
    PERIOD_BLOCKS,
    PLEDGE_MIB_UNITS,
    PLEDGED_POT,
    PLEDGES,
    PROVIDED,
    ROOTS,
    STALL,
    Periods,
    Pledge,
    Provided,
    begun_mib,
    earnings_of,
    pledge_row,
    possession,
    root_row,
)
from vm.modules.tokens import debit, fill_pot
from vm.view import State

PLEDGE_EXISTS = possession.error("pledge-exists", "The account pledges for this video already.")
TAKEN_DOWN = possession.error("taken-down", "Nodes do not serve this video: none is to hold it.")
TERM_TOO_SHORT = possession.error("term-too-short", "A pledge stands for more challenges.")
TOO_MANY_PROVIDERS = possession.error(
    "too-many-providers", "As many as may pledge for this video do so already."
)
TERM_NOT_OVER = possession.error("term-not-over", "The pledge's term is not over.")
CHALLENGE_OPEN = possession.error(
    "challenge-open", "A challenge is open: answer it, or wait until it is over."
)


@possession.event
@record("possession.pledged")
class Pledged(Record):
    """An account pledges to hold a video, for so many challenges at least."""

    cid: Cid
    provider: AccountId
    units: Amount
    periods: Periods


@possession.event
@record("possession.withdrawn")
class Withdrawn(Record):
    """A pledge is over, and its provider has back what was left of it; what it had earned since its
    last proof went back to the storage pot."""

    cid: Cid
    provider: AccountId
    units: Amount
    forfeited: Amount


@possession.action(gas=8_000)
@record("possession.pledge_for")
class PledgeFor(Action):
    """Pledge to hold a video, for so many challenges at least: native units for each begun MiB are
    locked, and earn as long as each challenge is answered. Compare the registered root with that of
    the content before: who pledges for a false root cannot answer (T12)."""

    cid: Cid
    periods: Periods

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        root = root_row(state, self.cid)
        if not is_served(state, self.cid):
            raise TAKEN_DOWN.failed(f"{self.cid} was taken down", field="cid")
        if PLEDGES.get(state, self.cid, sender) is not None:
            raise PLEDGE_EXISTS.failed(field="cid")
        least = LEAST_PERIODS.read(state)
        if self.periods < least:
            raise TERM_TOO_SHORT.failed(f"{least} challenges at least", field="periods")
        if root.providers >= MAX_PROVIDERS.read(state):
            raise TOO_MANY_PROVIDERS.failed(f"{root.providers} do already", field="cid")
        mib, asset = begun_mib(root.size_bytes), chain_constants(state).native_asset
        units = mib * PLEDGE_MIB_UNITS.read(state)
        debit(state, sender, asset, units)
        fill_pot(state, PLEDGED_POT, asset, units)
        settled = earnings_of(state).mib_units
        due_height = context.block.height + PERIOD_BLOCKS.read(state)
        pledge = Pledge(units, units, mib, self.periods, 0, 0, settled, due_height, None)
        put_pledge(state, self.cid, sender, pledge)
        PROVIDED.put(state, Provided(), sender, self.cid)
        ROOTS.put(state, replace(root, providers=root.providers + 1), self.cid)
        count_mib(state, mib)
        context.emit(Pledged(self.cid, sender, units, self.periods))


@possession.action(gas=5_000)
@record("possession.withdraw")
class Withdraw(Action):
    """End a pledge of one's own whose term is over and that has no open challenge: what is left of
    it comes back at once, but not what it has earned since its last proof."""

    cid: Cid

    def apply(self, context: Context) -> None:
        state, sender = context.state, context.sender
        pledge = pledge_row(state, self.cid, sender)
        if pledge.challenge is not None:
            raise CHALLENGE_OPEN.failed(
                f"challenge {pledge.period} is open until height {pledge.due_height}", field="cid"
            )
        if pledge.period < pledge.term:
            raise TERM_NOT_OVER.failed(
                f"{pledge.term - pledge.period} challenges are still to come", field="cid"
            )
        AGENDA.remove(state, pledge.due_height, self.cid, sender)
        forfeited, settled = forfeit_earned(state, pledge)
        give_back(state, self.cid, sender, settled)
        context.emit(Withdrawn(self.cid, sender, pledge.units, forfeited))

    def touches(self, sender: bytes) -> tuple[bytes, ...]:
        return (PLEDGES.state_key(self.cid, sender),)


def begin_anew(state: State) -> None:
    """Let all pledges wait for their next challenge on a chain that goes on from another's state,
    whose heights begin anew."""
    STALL.delete(state)
    due_height = PERIOD_BLOCKS.read(state)
    for (cid, provider), pledge in list(PLEDGES.every(state)):
        AGENDA.remove(state, pledge.due_height, cid, provider)
        put_pledge(state, cid, provider, replace(pledge, due_height=due_height, challenge=None))
