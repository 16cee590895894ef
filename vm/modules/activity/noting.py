"""Noting: what counts as it happens. Modules call `note` where something is done, `note_post` for
a publication, `note_online` and `note_viewers` for what receipts and rooms report.

Only persons count (`personhood`), what they do at videos of their own does not, and no more of a
kind than the rules let count in a day. So parting one's doings among accounts gains nothing
without another person's attestation.
"""

from consensus.record import replace
from vm.context import Context
from vm.modules.activity.tables import (
    ACCOUNTS,
    CREATOR_PPM,
    CURRENT,
    DAYS,
    DIVISIONS,
    MOST_CREATOR_PPM,
    MOST_CREATORS,
    MOST_ONLINE_S,
    MOST_VIEWERS,
    NOTHING_DONE,
    RULES,
    Day,
    Done,
    Due,
    Totals,
    root_of,
    totals_of,
)
from vm.modules.activity_kind import ActivityKind
from vm.modules.personhood import is_person
from vm.modules.poc import contribute, note_creation
from vm.view import State, View


def note(
    context: Context,
    account: bytes,
    kind: ActivityKind,
    *,
    creator: bytes | None = None,
    space: str | None = None,
) -> bool:
    """Count that an account did something, at a video of this owner that is in this space (null:
    in none); whether it counts. What counts is a contribution to its creator, too."""
    state, rules, current = context.state, RULES.get(context.state), CURRENT.get(context.state)
    if rules is None or current is None or account == creator or not is_person(state, account):
        return False
    valid, before = rules.kinds.of(kind), _done(state, current.day, account)
    if not valid.weight_ppm or before.counts.of(kind) >= valid.most_a_day:
        return False
    dues = before.dues
    if creator is not None:
        parts = valid.weight_ppm * creator_ppm(state, space)
        added = _with_due(dues, creator, parts)
        if added is None:
            return False
        dues = added
    done = replace(
        before,
        counts=before.counts.plus_one(kind),
        e_ppm=before.e_ppm + valid.weight_ppm,
        dues=dues,
    )
    ACCOUNTS.put(state, done, current.day, account)
    _put_totals(state, current.day, _counted(totals_of(state, current.day), kind, before, done))
    if creator is not None:
        contribute(context, creator, account, kind)
    return True


def is_counting(view: View) -> bool:
    """Whether the chain counts activity: where it does not, callers need not look up whose video
    something was done at."""
    return RULES.get(view) is not None


def note_post(context: Context, account: bytes, channel: str | None) -> None:
    """Count a publication, in a channel if it has got a name in a space."""
    if note(context, account, ActivityKind.POST):
        note_creation(context, account, channel)


def note_online(context: Context, account: bytes, seconds: int) -> None:
    """Count that an account was online for so many seconds more, as far as a day's count."""
    state, current = context.state, CURRENT.get(context.state)
    if RULES.get(state) is None or current is None or not is_person(state, account):
        return
    before = _done(state, current.day, account)
    more = min(seconds, MOST_ONLINE_S.read(state) - before.online_s)
    if more <= 0:
        return
    ACCOUNTS.put(state, replace(before, online_s=before.online_s + more), current.day, account)
    totals = totals_of(state, current.day)
    accounts = totals.online_accounts + (not before.online_s)
    changed = replace(totals, online_accounts=accounts, online_s=totals.online_s + more)
    _put_totals(state, current.day, changed)


def note_viewers(context: Context, viewers: int) -> None:
    """Note how many a room reports to be watching at one time."""
    state, current = context.state, CURRENT.get(context.state)
    if RULES.get(state) is None or current is None:
        return
    totals, viewers = totals_of(state, current.day), min(viewers, MOST_VIEWERS)
    if viewers > totals.peak_viewers:
        _put_totals(state, current.day, replace(totals, peak_viewers=viewers))


def creator_ppm(view: View, space: str | None) -> int:
    """What a video's owner gets of the reward earned at it, if it is in this space (T8)."""
    row = None if space is None else DIVISIONS.get(view, space)
    wanted = CREATOR_PPM.read(view) if row is None else row.creator_ppm
    return min(wanted, MOST_CREATOR_PPM.read(view))


def _done(view: View, day: int, account: bytes) -> Done:
    return ACCOUNTS.get(view, day, account) or NOTHING_DONE


def _with_due(dues: tuple[Due, ...], creator: bytes, parts: int) -> tuple[Due, ...] | None:
    """The dues with these parts for a creator; None if there would be too many creators."""
    if not parts:
        return dues
    before = {due.creator: due.parts for due in dues}
    if creator not in before and len(before) == MOST_CREATORS:
        return None
    before[creator] = before.get(creator, 0) + parts
    return tuple(Due(each, units) for each, units in before.items())


def _counted(totals: Totals, kind: ActivityKind, before: Done, done: Done) -> Totals:
    """The totals when an account did one more of a kind."""
    is_first = not before.counts.of(kind)
    return replace(
        totals,
        active_accounts=totals.active_accounts + (not before.e_ppm),
        counts=totals.counts.plus_one(kind),
        accounts=totals.accounts.plus_one(kind) if is_first else totals.accounts,
        roots=totals.roots + root_of(done.e_ppm) - root_of(before.e_ppm),
    )


def _put_totals(state: State, day: int, totals: Totals) -> None:
    DAYS.put(state, Day(totals, None), day)
