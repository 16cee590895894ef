"""Filling: who is recommended for a period, by one of the balancing policies (T5).

The candidates are frozen when a period begins, and a later block's beacon fills the slots, so that
nobody can choose what it draws (`vm/modules/draws.py`).
"""

from collections.abc import Sequence

from consensus.address import parse_address
from consensus.cid import parse_cid
from consensus.hashing import sha256
from consensus.record import Record, record
from vm.context import Context
from vm.modules.content import VIDEOS, is_served, line_of
from vm.modules.draws import deciding_height, draw_seed, lot
from vm.modules.ranking.tables import (
    CANDIDATES,
    DRAFT,
    KINDS,
    PERIOD_BLOCKS,
    PLACES,
    POLICIES,
    POLICY,
    RESPONSES,
    SHOWN,
    SLOTS,
    SLOTS_SHOWN,
    VIDEO,
    Candidates,
    Draft,
    PolicyName,
    Shown,
    Slots,
    SubjectKind,
    Subjects,
    ranking,
)
from vm.view import View

RANK, ROTATION, RANDOM, HASH, LEAST_SHOWN, FASTEST_RESPONSE = POLICIES


@ranking.event
@record("ranking.filled")
class Filled(Record):
    """The recommendation slots of a kind are filled anew."""

    kind: SubjectKind
    policy: PolicyName
    subjects: Subjects


@ranking.begin_block
def fill_slots(context: Context) -> None:
    """Freeze the candidates of a period that begins, and fill the slots of one whose beacon is
    there."""
    state, block = context.state, context.block
    draft = DRAFT.get(state)
    if draft is not None and draft.height <= block.height:
        DRAFT.delete(state)
        for candidates in draft.candidates:
            _fill(context, draft.period, candidates)
    period, place = divmod(block.height, PERIOD_BLOCKS.read(state))
    if place == 0:
        found = tuple(Candidates(kind, _candidates(state, kind)) for kind in KINDS)
        found = tuple(each for each in found if each.subjects or SLOTS.get(state, each.kind))
        if found:
            DRAFT.put(state, Draft(period, deciding_height(block), found))


def seen_by(slots: Slots, viewer: bytes | None, count: int) -> tuple[str, ...]:
    """What of the slots an account sees: by the policy `hash` the candidates whose H(H(account) ‖
    subject) are smallest, which are others for each account and the same for one; else all."""
    subjects: Sequence[str] = slots.subjects
    if slots.policy == HASH and viewer is not None:
        seed = sha256(viewer)
        subjects = sorted(subjects, key=lambda subject: lot(seed, subject.encode()))
    return tuple(subjects[:count])


def _candidates(view: View, kind: str) -> tuple[str, ...]:
    """The highest of the ranking, without what was taken down."""
    places = PLACES.scan(view, kind, limit=CANDIDATES.read(view))
    found = (subject for (_, _, subject), _ in places)
    return tuple(each for each in found if kind != VIDEO or is_served(view, parse_cid(each)))


def _fill(context: Context, period: int, candidates: Candidates) -> None:
    state, kind, count = context.state, candidates.kind, SLOTS_SHOWN.read(context.state)
    policy = POLICIES[POLICY.read(state)]
    subjects = _ordered(context, policy, period, candidates)
    if policy != HASH:
        subjects = subjects[:count]
        for subject in subjects:
            SHOWN.put(state, Shown(_shown(state, kind, subject) + 1), kind, subject)
    SLOTS.put(state, Slots(subjects, policy, period, context.block.height), kind)
    context.emit(Filled(kind, policy, subjects))


def _ordered(context: Context, policy: str, period: int, candidates: Candidates) -> tuple[str, ...]:
    """The candidates, the first to be recommended first; what is equal stays in order of rank."""
    state, kind, subjects = context.state, candidates.kind, candidates.subjects
    if policy == ROTATION and subjects:
        start = period * SLOTS_SHOWN.read(state) % len(subjects)
        return subjects[start:] + subjects[:start]
    if policy == RANDOM:
        seed = draw_seed("ranking.slots", context.block.beacon, kind, period)
        return tuple(sorted(subjects, key=lambda subject: lot(seed, subject.encode())))
    if policy == LEAST_SHOWN:
        return tuple(sorted(subjects, key=lambda subject: _shown(state, kind, subject)))
    if policy == FASTEST_RESPONSE:
        return tuple(sorted(subjects, key=lambda subject: _waits(state, kind, subject)))
    return subjects


def _shown(view: View, kind: str, subject: str) -> int:
    row = SHOWN.get(view, kind, subject)
    return 0 if row is None else row.periods


def _waits(view: View, kind: str, subject: str) -> tuple[bool, int]:
    """How long a subject's owner lets buyers wait; who never answered any comes last."""
    row = RESPONSES.get(view, _owner_of(view, kind, subject))
    return (True, 0) if row is None else (False, row.mean_ms)


def _owner_of(view: View, kind: str, subject: str) -> bytes:
    if kind != VIDEO:
        return parse_address(subject)
    video = VIDEOS.get(view, parse_cid(subject))
    if video is None:
        raise RuntimeError(f"{subject} is ranked and not published")
    return line_of(view, video).owner
