"""Settling: the highest ticket shown says what a session costs (P7)."""

from consensus.keys import verifies
from consensus.kinds import AccountId, Amount, Counter, Signature
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.ratings import invite
from vm.modules.rebate import CALL, collect, note_activity
from vm.modules.sessions.opening import end_session, put_due, refund, session_in_time
from vm.modules.sessions.tables import (
    AGENDA,
    CHALLENGE_S,
    ESCROW_POT,
    FEE_PPM,
    MIN_SECONDS,
    SESSIONS,
    Seconds,
    Session,
    Ticket,
    sessions,
)
from vm.modules.tokens import credit, drain_pot

DUE_A_BLOCK = 256  # the rest is closed in the blocks that follow

NOT_A_SIDE = sessions.error("not-a-side", "Only the session's caller and provider settle it.")
NOT_ACCEPTED = sessions.error("not-accepted", "The provider has not accepted the session.")
BAD_TICKET = sessions.error(
    "bad-ticket", "The key named for it has not signed this ticket of this session and chain."
)
TOO_LONG = sessions.error(
    "too-long", "The ticket is for more than the most minutes of the session."
)
NOT_HIGHER = sessions.error("not-higher", "A ticket as high was shown already: show a higher one.")


@sessions.event
@record("sessions.shown")
class Shown(Record):
    """One side has shown a ticket; a higher one can be shown until `due_ms` (ms from the Unix
    epoch)."""

    session: Counter
    seconds: Seconds
    due_ms: Counter


@sessions.event
@record("sessions.settled")
class Settled(Record):
    """A session is paid: `fee` of the charge is the platform's, the rest the provider's; what is
    left of the escrow has returned to the caller."""

    session: Counter
    caller: AccountId
    provider: AccountId
    seconds: Seconds
    charge: Amount
    fee: Amount


@sessions.action(gas=12_000)
@record("sessions.settle")
class Settle(Action):
    """Show the highest ticket of a session, signed by the caller's ticket key (P7). Either side may
    show a higher one until the challenge window, which the first begins, is over. Only what both
    keys have signed as the last ticket settles at once, as neither side has a higher one then."""

    session: Counter
    seconds: Seconds
    is_last: bool
    caller_signature: Signature
    provider_signature: Signature | None

    @property
    def ends_it(self) -> bool:
        """Whether both sides say that this is the last ticket."""
        return self.is_last and self.provider_signature is not None

    def apply(self, context: Context) -> None:
        state, row = context.state, session_in_time(context, self.session)
        if context.sender not in (row.caller, row.provider):
            raise NOT_A_SIDE.failed(field="session")
        if row.provider_key is None:
            raise NOT_ACCEPTED.failed(field="session")
        if self.seconds > 60 * row.minutes:
            raise TOO_LONG.failed(f"{60 * row.minutes} seconds are paid for", field="seconds")
        shown_s = -1 if row.seconds is None else row.seconds
        if self.seconds < shown_s or (self.seconds == shown_s and not self.ends_it):
            raise NOT_HIGHER.failed(f"{row.seconds} seconds were shown", field="seconds")
        ticket = Ticket(context.block.chain, self.session, self.seconds, self.is_last).encode()
        if not verifies(row.ticket_key, ticket, self.caller_signature):
            raise BAD_TICKET.failed(field="caller_signature")
        countersigned = self.provider_signature
        if countersigned is not None and not verifies(row.provider_key, ticket, countersigned):
            raise BAD_TICKET.failed(field="provider_signature")
        if self.ends_it:
            AGENDA.remove(state, row.due_ms, self.session)
            pay(context, self.session, row, self.seconds)
            return
        shown = replace(row, seconds=self.seconds)
        if row.seconds is None:
            due_ms = context.block.time_ms + 1000 * CHALLENGE_S.read(state)
            shown = replace(shown, due_ms=due_ms)
        put_due(state, self.session, row, shown)
        context.emit(Shown(self.session, self.seconds, shown.due_ms))


@sessions.begin_block
def close_due(context: Context) -> None:
    """Close the sessions that are due, a bounded number a block: those with a ticket are paid, the
    escrow of the others returns."""
    for _, number in AGENDA.take(context.state, context.block.time_ms, limit=DUE_A_BLOCK):
        row = SESSIONS.get(context.state, number)
        if row is None:
            raise RuntimeError(f"the session {number} is listed and not there")
        if row.seconds is None:
            refund(context, number, row)
        else:
            pay(context, number, row, row.seconds)


def pay(context: Context, number: int, row: Session, seconds: int) -> None:
    """Pay a session of so many seconds. What lists it is the caller's of this to remove."""
    state, charge = context.state, row.charge(seconds)
    drain_pot(state, ESCROW_POT, row.asset, row.escrow)
    fee = collect(
        context,
        source=sessions.name,
        payer=row.caller,
        provider=row.provider,
        asset=row.asset,
        gross=charge,
        fee_ppm=FEE_PPM.read(state),
    )
    credit(state, row.provider, row.asset, charge - fee)
    credit(state, row.caller, row.asset, row.escrow - charge)
    end_session(state, number, row)
    if seconds >= MIN_SECONDS.read(state):
        note_activity(context, row.caller, CALL)
        note_activity(context, row.provider, CALL)
        invite(context, number, row.caller, row.provider)
    context.emit(Settled(number, row.caller, row.provider, seconds, charge, fee))
