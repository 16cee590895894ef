"""The module `sessions`: its rows, and what must hold between them (P7)."""

from collections import Counter as Tally
from collections.abc import Iterator
from typing import Annotated

from consensus.kinds import AccountId, Asset, Counter, Digest, PublicKey, Text, Uint
from consensus.record import AtMost, Record, part, record
from vm.declare import Module
from vm.modules.agenda import HEIGHT, Agenda
from vm.modules.tokens import POTS
from vm.parameter import PARTS_PER_MILLION
from vm.table import KeyPart, Table
from vm.view import View

sessions = Module(
    "sessions",
    "Sessions between two accounts, matched, paid in advance, metered by signed tickets.",
)

ESCROW_POT = "sessions.escrow"
MOST_MINUTES = 24 * 60
MOST_WAIT_S = 30 * 24 * 3600

MOST_LANGUAGES = 8
MOST_INTERESTS = 16
MOST_PRICE = 10**15  # times MOST_MINUTES it is an Amount
MOST_CANDIDATES = 256

KIND_TEXT = Text(5, 5, "audio|video")
LANGUAGE_TEXT = Text(12, 2, "[a-z]{2,3}(-[A-Za-z0-9]{2,8})?")
INTEREST_TEXT = Text(24, 1, "[a-z0-9]+(-[a-z0-9]+)*")
Kind = Annotated[str, KIND_TEXT]
Language = Annotated[str, LANGUAGE_TEXT]
Interest = Annotated[str, INTEREST_TEXT]
Languages = Annotated[tuple[Language, ...], AtMost(MOST_LANGUAGES, 1)]
Interests = Annotated[tuple[Interest, ...], AtMost(MOST_INTERESTS)]
Price = Annotated[int, Uint(MOST_PRICE, 1)]
Minutes = Annotated[int, Uint(MOST_MINUTES, 1)]
Seconds = Annotated[int, Uint(60 * MOST_MINUTES)]

FEE_PPM = sessions.parameter(
    "fee_ppm",
    default=200_000,
    minimum=0,
    maximum=PARTS_PER_MILLION,
    unit="ppm",
    sentence="The platform's part of what a session costs (P4, P7).",
)
CANDIDATES = sessions.parameter(
    "candidates",
    default=64,
    minimum=1,
    maximum=MOST_CANDIDATES,
    unit="profiles",
    sentence="How many available providers of a kind and language a match looks at (P7).",
)
ACCEPT_S = sessions.parameter(
    "accept_s",
    default=120,
    minimum=10,
    maximum=MOST_WAIT_S,
    unit="seconds",
    sentence="How long a provider has to accept a session; then its escrow returns (P7).",
)
SILENCE_S = sessions.parameter(
    "silence_s",
    default=24 * 3600,
    minimum=10,
    maximum=MOST_WAIT_S,
    unit="seconds",
    sentence="How long after its most minutes a session without a ticket is closed (P7).",
)
CHALLENGE_S = sessions.parameter(
    "challenge_s",
    default=3600,
    minimum=10,
    maximum=MOST_WAIT_S,
    unit="seconds",
    sentence="How long either side can show a higher ticket than the first one shown (P7).",
)
MIN_SECONDS = sessions.parameter(
    "min_seconds",
    default=60,
    minimum=1,
    maximum=3600,
    unit="seconds",
    sentence="How long a session must be to count as taken part in, and to be rated (P2, P9).",
)


@record("sessions.payable")
class Payable(Record):
    """An asset in which sessions may be paid."""


@record("sessions.profile")
class Profile(Record):
    """What a provider offers (P7): its price is per minute."""

    kind: Kind
    languages: Languages
    interests: Interests
    asset: Asset
    price: Price
    is_available: bool


@record("sessions.listed")
class Listed(Record):
    """Lists the available providers by kind and language."""


@part
class Wish(Record):
    """What a caller looks for (P7), at `most_price` per minute."""

    kind: Kind
    language: Language
    interests: Interests
    asset: Asset
    most_price: Price


@record("sessions.request")
class Request(Record):
    """Wishes that the beacon of the first block of this height or above matches; the escrow is for
    the highest price."""

    caller: AccountId
    wish: Wish
    minutes: Minutes
    ticket_key: PublicKey
    height: Counter

    @property
    def escrow(self) -> int:
        """What was taken from the caller."""
        return self.wish.most_price * self.minutes


@record("sessions.session")
class Session(Record):
    """A session on its way. `provider_key` is null until the provider has accepted, `seconds` until
    one side has shown a ticket. What comes next is due at `due_ms` (ms from the Unix epoch)."""

    caller: AccountId
    provider: AccountId
    asset: Asset
    price: Price
    minutes: Minutes
    ticket_key: PublicKey
    provider_key: PublicKey | None
    seconds: Seconds | None
    due_ms: Counter

    @property
    def escrow(self) -> int:
        """What was taken from the caller."""
        return self.price * self.minutes

    @property
    def sides(self) -> tuple[bytes, bytes]:
        """Its caller and its provider."""
        return self.caller, self.provider

    def charge(self, seconds: int) -> int:
        """What so many seconds cost, rounded down."""
        return seconds * self.price // 60


@record("sessions.side")
class Side(Record):
    """Lists the sessions and requests of an account, on either side."""


@record("sessions.ticket")
class Ticket(Record):
    """What is signed (P7): that a session of a chain has lasted so many seconds in all, and whether
    no higher ticket follows. `chain` is the digest of the genesis header."""

    chain: Digest
    session: Counter
    seconds: Seconds
    is_last: bool


@record("sessions.numbers")
class Numbers(Record):
    """How many sessions and requests there ever were: the number of the next."""

    given: Counter


@record("sessions.due")
class Due(Record):
    """Lists the sessions in the order of the times when they are due."""


@record("sessions.draw")
class Draw(Record):
    """Lists the requests in the order of the heights whose beacon matches them."""


PAYABLE: Table[Payable, str] = sessions.table(Payable, asset=Asset)
PROFILES: Table[Profile, bytes] = sessions.table(Profile, provider=AccountId)
LISTED: Table[Listed, str, str, bytes] = sessions.table(
    Listed, kind=Kind, language=Language, provider=AccountId
)
REQUESTS: Table[Request, int] = sessions.table(Request, session=Counter)
SESSIONS: Table[Session, int] = sessions.table(Session, session=Counter)
SIDES: Table[Side, bytes, int] = sessions.table(Side, account=AccountId, session=Counter)
NUMBERS: Table[Numbers] = sessions.table(Numbers)
DUE: Table[Due, int, int] = sessions.table(Due, time_ms=Counter, session=Counter)
DRAWS: Table[Draw, int, int] = sessions.table(Draw, height=Counter, session=Counter)
AGENDA: Agenda[int] = Agenda(DUE, Due())
DRAWING: Agenda[int] = Agenda(DRAWS, Draw(), HEIGHT)

UNKNOWN_SESSION = sessions.error("unknown-session", "No session of this number is on its way.")


@sessions.invariant
def escrow_is_kept(view: View) -> Iterator[str]:
    """The pot holds the escrow of all requests and sessions, which are listed when due."""
    escrow: Tally[str] = Tally()
    due: set[tuple[KeyPart, ...]] = set()
    draws: set[tuple[KeyPart, ...]] = set()
    for (number,), session in SESSIONS.every(view):
        escrow[session.asset] += session.escrow
        due.add((session.due_ms, number))
    for (number,), request in REQUESTS.every(view):
        escrow[request.wish.asset] += request.escrow
        draws.add((request.height, number))
    held = {asset: row.amount for (pot, asset), row in POTS.every(view) if pot == ESCROW_POT}
    if held != dict(escrow):
        yield f"the pot {ESCROW_POT} holds {held}, the sessions say {dict(escrow)}"
    yield from AGENDA.disagreements(view, due)
    yield from DRAWING.disagreements(view, draws)


@sessions.invariant
def both_sides_list_a_session(view: View) -> Iterator[str]:
    """Each session is listed by its two sides, each request by its caller, and nothing else."""
    wanted = {(side, number) for (number,), row in SESSIONS.every(view) for side in row.sides}
    wanted |= {(row.caller, number) for (number,), row in REQUESTS.every(view)}
    if wanted != {key for key, _ in SIDES.every(view)}:
        yield "the lists of the accounts' sessions are not those of the sessions"


@sessions.invariant
def the_available_are_listed(view: View) -> Iterator[str]:
    """Who is available is listed under its kind and each of its languages, nobody else."""
    wanted = {
        (profile.kind, language, provider)
        for (provider,), profile in PROFILES.every(view)
        if profile.is_available
        for language in profile.languages
    }
    if wanted != {key for key, _ in LISTED.every(view)}:
        yield "the list of available providers is not that of their profiles"
