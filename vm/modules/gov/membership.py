"""Membership: who is in a body, how one comes in, leaves, and is replaced at once by the next
alternate (K5, K7, K8)."""

from typing import Annotated

from consensus.errors import ActionFailed
from consensus.kinds import AccountId, Counter, Text
from consensus.record import Record, record, replace
from vm.context import Context
from vm.modules.agenda import Agenda
from vm.modules.gov.tables import (
    ALTERNATES,
    BARRED,
    BODIES,
    CENSUSES,
    MEMBERS,
    ROLL,
    TERMS,
    Alternates,
    Barred,
    Body,
    BodyName,
    Census,
    Member,
    Term,
    gov,
)
from vm.modules.producer import appoint, dismiss, may_hold_seat
from vm.view import State, View

TERMS_A_BLOCK = 64
AGENDA: Agenda[str, bytes] = Agenda(TERMS, Term())

UNKNOWN_BODY = gov.error("unknown-body", "There is no such body.")
NO_MEMBERS = gov.error("no-members", "Nobody is admitted to this body: it has no list of members.")
ALREADY_MEMBER = gov.error("already-member", "The account is a member already.")
NOT_MEMBER = gov.error("not-member", "The account is no member of the body.")
FULL = gov.error("body-full", "The body has as many members as it can have.")
TOO_FEW = gov.error("too-few-members", "The body would have fewer members than it needs.")
IS_BARRED = gov.error("barred", "The account cannot be a member of this body yet.")
NOT_DRAWN = gov.error("not-drawn", "The account is no member of the body that this one draws from.")
NO_PRODUCER = gov.error(
    "no-producer", "Members of this body hold producers' seats: register first."
)

EXPIRED, DISMISSED, ABSENT, REPLACED = "expired", "dismissed", "absent", "replaced"
Reason = Annotated[str, Text(16, 1, "[a-z]+")]


@gov.event
@record("gov.admitted")
class Admitted(Record):
    """An account is a member of a body from now on, until a time (ms from the Unix epoch; 0: for
    good)."""

    body: BodyName
    account: AccountId
    until_ms: Counter


@gov.event
@record("gov.left")
class Left(Record):
    """An account is no member any more: its term has expired, it was dismissed, absent from so
    many votes in a row, or replaced by an election. It is barred until a time (ms from the Unix
    epoch; 0: it is not)."""

    body: BodyName
    account: AccountId
    reason: Reason
    barred_until_ms: Counter


def body_named(view: View, name: str) -> Body:
    """The body; raises ActionFailed (`body`) if there is none of this name."""
    body = BODIES.get(view, name)
    if body is None:
        raise UNKNOWN_BODY.failed(f"there is no body {name}", field="body")
    return body


def size_of(view: View, name: str) -> int:
    """How many members a body has."""
    return _census(view, name).size


def places_left(view: View, name: str) -> int:
    """How many more can be admitted; places that wait for alternates are not among them."""
    body, census = body_named(view, name), _census(view, name)
    return body.cap - census.size - _vacant(view, name)


def is_member(view: View, name: str, account: bytes) -> bool:
    """Whether the account is a member of a body of members."""
    return ROLL.get(view, name, account) is not None


def admit(context: Context, name: str, account: bytes) -> None:
    """Make an account a member, or begin its term anew; raises ActionFailed if it cannot be one."""
    state, body = context.state, body_named(context.state, name)
    check_eligible(context, name, account)
    present = ROLL.get(state, name, account)
    if present is not None and not body.term_s:
        raise ALREADY_MEMBER.failed(field="account")
    if present is None and places_left(state, name) <= 0:
        raise FULL.failed(
            f"{name} has {body.cap} members at most, and places that were left are the alternates'",
            field="body",
        )
    _enter(context, name, account)


def _enter(context: Context, name: str, account: bytes) -> None:
    state = context.state
    until_ms = enroll(
        state, name, account, height=context.block.height, now_ms=context.block.time_ms
    )
    context.emit(Admitted(name, account, until_ms))


def enroll(state: State, name: str, account: bytes, *, height: int, now_ms: int) -> int:
    """Write a member that may be one, whose term begins now; when that ends (0: never)."""
    body, present = body_named(state, name), ROLL.get(state, name, account)
    until_ms = now_ms + 1000 * body.term_s if body.term_s else 0
    if present is None:
        _resize(state, name, 1)
        present = Member(height, until_ms, 0)
        if body.seats:
            appoint(state, account)
    elif present.until_ms:
        AGENDA.remove(state, present.until_ms, name, account)
    ROLL.put(state, Member(present.height, until_ms, present.missed), name, account)
    if until_ms:
        AGENDA.add(state, until_ms, name, account)
    return until_ms


def check_eligible(context: Context, name: str, account: bytes) -> None:
    """Raise ActionFailed (`account`) for who cannot be a member of this body now."""
    state, body = context.state, body_named(context.state, name)
    if body.kind != MEMBERS:
        raise NO_MEMBERS.failed(field="body")
    barred = BARRED.get(state, name, account)
    if barred is not None and barred.until_ms > context.block.time_ms:
        raise IS_BARRED.failed(f"barred until {barred.until_ms} ms", field="account")
    if body.drawn_from is not None and not is_member(state, body.drawn_from, account):
        raise NOT_DRAWN.failed(f"{name} draws from {body.drawn_from}", field="account")
    if body.seats and not may_hold_seat(state, account):
        raise NO_PRODUCER.failed(field="account")


def expel(context: Context, name: str, account: bytes, *, reason: str, barred_s: int) -> None:
    """Take a member out of its body, for so long; the next alternate comes in at once.

    Raises ActionFailed for who is no member. That enough are left is the caller's to check.
    """
    state, body = context.state, body_named(context.state, name)
    member = ROLL.get(state, name, account)
    if member is None:
        raise NOT_MEMBER.failed(field="account")
    ROLL.delete(state, name, account)
    if member.until_ms:
        AGENDA.remove(state, member.until_ms, name, account)
    _resize(state, name, -1)
    if body.seats:
        dismiss(state, account)
    barred_until_ms = context.block.time_ms + 1000 * barred_s if barred_s else 0
    if barred_until_ms:
        BARRED.put(state, Barred(barred_until_ms), name, account)
    context.emit(Left(name, account, reason, barred_until_ms))
    if body.alternates:
        _leave_vacant(state, name, 1)
    fill_vacancies(context, name)


def can_spare(context: Context, name: str) -> bool:
    """Whether a member can go without leaving the body with fewer than it needs."""
    body = body_named(context.state, name)
    if size_of(context.state, name) > body.least:
        return True
    return can_be_replaced(context, name)


def alternates_of(view: View, name: str) -> tuple[bytes, ...]:
    """Who fills the body's vacancies, the next first."""
    row = ALTERNATES.get(view, name)
    return () if row is None else row.accounts


def can_be_replaced(context: Context, name: str) -> bool:
    """Whether an alternate can step in now."""
    return any(_can_follow(context, name, each) for each in alternates_of(context.state, name))


def check_alternate(context: Context, name: str, account: bytes) -> None:
    """Raise ActionFailed (`account`) for who cannot be an alternate of this body now."""
    check_eligible(context, name, account)
    source = body_named(context.state, name).alternates_from
    if source is not None and not is_member(context.state, source, account):
        raise NOT_DRAWN.failed(f"alternates of {name} come from {source}", field="account")


def _can_follow(context: Context, name: str, account: bytes) -> bool:
    if is_member(context.state, name, account):
        return False
    try:
        check_alternate(context, name, account)
    except ActionFailed:
        return False
    return True


def fill_vacancies(context: Context, name: str) -> None:
    """Admit to the places that wait for alternates the first of these who can be members now;
    those before them are passed over, and alternates no longer (K8)."""
    state, left = context.state, alternates_of(context.state, name)
    while left and _vacant(state, name):
        following, left = left[0], left[1:]
        if _can_follow(context, name, following):
            _leave_vacant(state, name, -1)
            _enter(context, name, following)
    name_alternates(state, name, left)


def name_alternates(state: State, name: str, accounts: tuple[bytes, ...]) -> None:
    """Write who fills the body's vacancies from now on, the next first."""
    if accounts:
        ALTERNATES.put(state, Alternates(accounts), name)
    else:
        ALTERNATES.delete(state, name)


def forget_vacancies(state: State, name: str) -> None:
    """Let no place wait for alternates: all are free again."""
    CENSUSES.put(state, replace(_census(state, name), vacant=0), name)


def _vacant(view: View, name: str) -> int:
    """How many places wait for alternates; none do that the body has no room for any more."""
    body, census = body_named(view, name), _census(view, name)
    return max(0, min(census.vacant, body.cap - census.size))


def _leave_vacant(state: State, name: str, change: int) -> None:
    vacant = _vacant(state, name) + change
    CENSUSES.put(state, replace(_census(state, name), vacant=vacant), name)


def _resize(state: State, name: str, change: int) -> None:
    census = _census(state, name)
    CENSUSES.put(state, replace(census, size=census.size + change), name)


def _census(view: View, name: str) -> Census:
    return CENSUSES.get(view, name) or Census(0, 0, 0)


@gov.begin_block
def end_terms(context: Context) -> None:
    """Let the members go whose term is over, a bounded number a block."""
    for _, name, account in AGENDA.take(context.state, context.block.time_ms, limit=TERMS_A_BLOCK):
        expel(context, name, account, reason=EXPIRED, barred_s=0)
