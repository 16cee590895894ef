"""Membership: who is in a body, how one comes in, leaves, and is replaced at once by the next
alternate (K5, K7, K8)."""

from typing import Annotated

from consensus.errors import ActionFailed
from consensus.kinds import AccountId, Counter, Text
from consensus.record import Record, record
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
    row = CENSUSES.get(view, name)
    return 0 if row is None else row.size


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
    if present is None and size_of(state, name) >= body.cap:
        raise FULL.failed(f"{name} has {body.cap} members at most", field="body")
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
    _fill_vacancy(context, name)


def can_spare(context: Context, name: str) -> bool:
    """Whether a member can go without leaving the body with fewer than it needs."""
    body = body_named(context.state, name)
    if size_of(context.state, name) > body.least:
        return True
    return any(_can_follow(context, name, each) for each in alternates_of(context.state, name))


def alternates_of(view: View, name: str) -> tuple[bytes, ...]:
    """Who fills the body's vacancies, the next first."""
    row = ALTERNATES.get(view, name)
    return () if row is None else row.accounts


def _can_follow(context: Context, name: str, account: bytes) -> bool:
    if is_member(context.state, name, account):
        return False
    try:
        check_eligible(context, name, account)
    except ActionFailed:
        return False
    return True


def _fill_vacancy(context: Context, name: str) -> None:
    """Admit the first alternate that can be a member now; those before it are passed over, and
    alternates no longer."""
    left = alternates_of(context.state, name)
    while left:
        following, left = left[0], left[1:]
        if _can_follow(context, name, following):
            admit(context, name, following)
            break
    if left:
        ALTERNATES.put(context.state, Alternates(left), name)
    else:
        ALTERNATES.delete(context.state, name)


def _resize(state: State, name: str, change: int) -> None:
    census = CENSUSES.get(state, name) or Census(0, 0)
    CENSUSES.put(state, Census(census.size + change, census.counted_ms), name)


@gov.begin_block
def end_terms(context: Context) -> None:
    """Let the members go whose term is over, a bounded number a block."""
    for _, name, account in AGENDA.take(context.state, context.block.time_ms, limit=TERMS_A_BLOCK):
        expel(context, name, account, reason=EXPIRED, barred_s=0)
