"""Opening: a caller pays in advance, for a provider of its choice or of the beacon's (P7)."""

from consensus.keys import is_public_key
from consensus.kinds import AccountId, Asset, Counter, PublicKey
from consensus.record import Record, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.draws import MOST_BLOCKS_BETWEEN, deciding_height
from vm.modules.sessions.matching import match, match_seed
from vm.modules.sessions.profiles import check_order, check_payable, leave_list
from vm.modules.sessions.tables import (
    ACCEPT_S,
    AGENDA,
    DRAWING,
    ESCROW_POT,
    NUMBERS,
    PROFILES,
    REQUESTS,
    SESSIONS,
    SIDES,
    SILENCE_S,
    UNKNOWN_SESSION,
    Minutes,
    Numbers,
    Price,
    Request,
    Session,
    Side,
    Wish,
    sessions,
)
from vm.modules.tokens import credit, debit, drain_pot, fill_pot
from vm.view import State

DRAWN_A_BLOCK = 16  # the rest is matched in the blocks that follow

OWN_SESSION = sessions.error("own-session", "An account has no session with itself.")
UNAVAILABLE = sessions.error("unavailable", "The provider is not available for sessions now.")
PRICE_CHANGED = sessions.error("price-changed", "The provider's price is another one.")
BAD_KEY = sessions.error("bad-key", "Tickets cannot be signed by this key: name a public key.")
NOT_THE_PROVIDER = sessions.error("not-the-provider", "Only the session's provider does this.")
ACCEPTED = sessions.error("accepted", "The provider has accepted the session already.")
TOO_LATE = sessions.error("too-late", "The time for this is over.")


@sessions.event
@record("sessions.requested")
class Requested(Record):
    """A caller's wishes are to be matched by the beacon of a later block."""

    session: Counter
    caller: AccountId
    wish: Wish


@sessions.event
@record("sessions.opened")
class Opened(Record):
    """A session waits for its provider to accept it."""

    session: Counter
    terms: Session


@sessions.event
@record("sessions.begun")
class Begun(Record):
    """A provider has accepted a session."""

    session: Counter
    provider_key: PublicKey
    due_ms: Counter


@sessions.event
@record("sessions.refunded")
class Refunded(Record):
    """A caller has its whole escrow back: nobody fitted, accepted in time, or showed a ticket."""

    session: Counter
    caller: AccountId


@sessions.action(gas=12_000)
@record("sessions.open")
class Open(Action):
    """Open a session with a provider at its price per minute, paying for the most minutes in
    advance (P7). `ticket_key` signs the caller's tickets."""

    provider: AccountId
    asset: Asset
    price: Price
    minutes: Minutes
    ticket_key: PublicKey

    def apply(self, context: Context) -> None:
        state, caller = context.state, context.sender
        if self.provider == caller:
            raise OWN_SESSION.failed(field="provider")
        profile = PROFILES.get(state, self.provider)
        if profile is None or not profile.is_available:
            raise UNAVAILABLE.failed(field="provider")
        check_payable(state, self.asset)
        if (self.asset, self.price) != (profile.asset, profile.price):
            raise PRICE_CHANGED.failed(
                f"the price is {profile.price} units of {profile.asset} now", field="price"
            )
        check_key(self.ticket_key, "ticket_key")
        debit(state, caller, self.asset, self.price * self.minutes)
        fill_pot(state, ESCROW_POT, self.asset, self.price * self.minutes)
        _begin(context, _next_number(state), self)


@sessions.action(gas=22_000)
@record("sessions.ask")
class Ask(Action):
    """Call whoever fits these wishes best, by the beacon of a block that nobody knows yet, paying
    in advance for the most minutes at the highest price (P7); what the match costs less returns."""

    wish: Wish
    minutes: Minutes
    ticket_key: PublicKey

    def apply(self, context: Context) -> None:
        state, caller = context.state, context.sender
        check_payable(state, self.wish.asset, "wish.asset")
        check_order(self.wish.interests, "wish.interests")
        check_key(self.ticket_key, "ticket_key")
        number, height = _next_number(state), deciding_height(context.block)
        request = Request(caller, self.wish, self.minutes, self.ticket_key, height)
        debit(state, caller, self.wish.asset, request.escrow)
        fill_pot(state, ESCROW_POT, self.wish.asset, request.escrow)
        REQUESTS.put(state, request, number)
        SIDES.put(state, Side(), caller, number)
        DRAWING.add(state, height, number)
        context.emit(Requested(number, caller, self.wish))


@sessions.action(gas=8_000)
@record("sessions.accept")
class Accept(Action):
    """Accept a session (P7), which takes its provider off the list of the available. `provider_key`
    countersigns tickets."""

    session: Counter
    provider_key: PublicKey

    def apply(self, context: Context) -> None:
        state, row = context.state, _waiting(context, self.session)
        check_key(self.provider_key, "provider_key")
        leave_list(state, context.sender)
        due_ms = context.block.time_ms + 1000 * (60 * row.minutes + SILENCE_S.read(state))
        put_due(
            state, self.session, row, replace(row, provider_key=self.provider_key, due_ms=due_ms)
        )
        context.emit(Begun(self.session, self.provider_key, due_ms))


@sessions.action(gas=5_000)
@record("sessions.decline")
class Decline(Action):
    """Do not take a session (P7): its escrow returns."""

    session: Counter

    def apply(self, context: Context) -> None:
        row = _waiting(context, self.session)
        AGENDA.remove(context.state, row.due_ms, self.session)
        refund(context, self.session, row)


@sessions.begin_block
def draw_requests(context: Context) -> None:
    """Match the requests of earlier blocks by this block's beacon, a bounded number a block."""
    state = context.state
    for _, number in DRAWING.take(state, context.block.height, limit=DRAWN_A_BLOCK):
        request = REQUESTS.get(state, number)
        if request is None:
            raise RuntimeError(f"the request {number} is listed and not there")
        REQUESTS.delete(state, number)
        wish = request.wish
        provider = match(state, request.caller, wish, match_seed(context.block.beacon, number))
        profile = None if provider is None else PROFILES.get(state, provider)
        kept = 0 if profile is None else profile.price * request.minutes
        drain_pot(state, ESCROW_POT, wish.asset, request.escrow - kept)
        credit(state, request.caller, wish.asset, request.escrow - kept)
        if provider is None or profile is None:
            SIDES.delete(state, request.caller, number)
            context.emit(Refunded(number, request.caller))
        else:
            terms = Open(provider, wish.asset, profile.price, request.minutes, request.ticket_key)
            _begin(context, number, terms, request.caller)


def draw_anew(state: State) -> None:
    """Let all requests be matched on a chain that goes on from another's state, whose heights begin
    anew, by a beacon that nobody knows yet."""
    for (number,), request in list(REQUESTS.every(state)):
        DRAWING.remove(state, request.height, number)
        DRAWING.add(state, MOST_BLOCKS_BETWEEN, number)
        REQUESTS.put(state, replace(request, height=MOST_BLOCKS_BETWEEN), number)


def _begin(context: Context, number: int, terms: Open, caller: bytes | None = None) -> None:
    state, due_ms = context.state, context.block.time_ms + 1000 * ACCEPT_S.read(context.state)
    row = Session(
        caller or context.sender,
        terms.provider,
        terms.asset,
        terms.price,
        terms.minutes,
        terms.ticket_key,
        None,
        None,
        due_ms,
    )
    SESSIONS.put(state, row, number)
    for side in row.sides:
        SIDES.put(state, Side(), side, number)
    AGENDA.add(state, due_ms, number)
    context.emit(Opened(number, row))


def session_in_time(context: Context, number: int) -> Session:
    """A session whose time is not over; raises ActionFailed."""
    row = SESSIONS.get(context.state, number)
    if row is None:
        raise UNKNOWN_SESSION.failed(field="session")
    if row.due_ms <= context.block.time_ms:  # it waits for its turn
        raise TOO_LATE.failed(field="session")
    return row


def _waiting(context: Context, number: int) -> Session:
    """A session that its provider, the sender, has not accepted; raises ActionFailed."""
    row = session_in_time(context, number)
    if context.sender != row.provider:
        raise NOT_THE_PROVIDER.failed(field="session")
    if row.provider_key is not None:
        raise ACCEPTED.failed(field="session")
    return row


def put_due(state: State, number: int, before: Session, after: Session) -> None:
    """Write a session that is due at another time now."""
    AGENDA.remove(state, before.due_ms, number)
    AGENDA.add(state, after.due_ms, number)
    SESSIONS.put(state, after, number)


def refund(context: Context, number: int, row: Session) -> None:
    """Give a caller everything back. What lists the session is the caller's of this to remove."""
    drain_pot(context.state, ESCROW_POT, row.asset, row.escrow)
    credit(context.state, row.caller, row.asset, row.escrow)
    end_session(context.state, number, row)
    context.emit(Refunded(number, row.caller))


def end_session(state: State, number: int, row: Session) -> None:
    """Forget a session, which its two sides list no longer."""
    SESSIONS.delete(state, number)
    for side in row.sides:
        SIDES.delete(state, side, number)


def check_key(key: bytes, field: str) -> None:
    """Raise ActionFailed unless signatures can be by this key."""
    if not is_public_key(key):
        raise BAD_KEY.failed(field=field)


def _next_number(state: State) -> int:
    row = NUMBERS.get(state)
    number = 0 if row is None else row.given
    NUMBERS.put(state, Numbers(number + 1))
    return number
