"""View receipts: viewers sign what they have seen; anyone submits receipts in batches (T4).

A receipt names its chain, video, viewer and day, so that it counts once: what has counted is kept
until the day after, when receipts of its day cannot be shown any more.
"""

from typing import Annotated

from consensus.cid import Cid
from consensus.keys import verifies
from consensus.kinds import AccountId, Counter, Digest, PublicKey, Signature
from consensus.record import AtMost, Record, part, record, replace
from vm.context import Context
from vm.declare import Action
from vm.modules.account import authority_of
from vm.modules.activity import ActivityKind
from vm.modules.content import note_at, owner_of
from vm.modules.economy import CLOCK, economy_constants
from vm.modules.personhood import is_person
from vm.modules.social.tables import (
    AGENDA,
    COUNTS,
    SEEN,
    VIEWERS,
    VIEWS_A_DAY,
    Viewer,
    check_video,
    counts_of,
    social,
)
from vm.view import View

MOST_RECEIPTS = 64
FORGOTTEN_A_BLOCK = 256
RECEIPT_GAS = 4_000

FORGED = social.error(
    "forged-receipt",
    "No key that may act for the viewer alone has signed this receipt for this chain.",
)
NOTHING_COUNTS = social.error(
    "nothing-counts",
    "No view of the batch counts: each is of a person, not its own video's owner, of today or "
    "yesterday, new, and within the day's limit.",
)


@record("social.view_receipt")
class ViewReceipt(Record):
    """What a viewer signs (T4): that it has seen a video on a day of a chain. `chain` is the digest
    of the genesis header."""

    chain: Digest
    video: Cid
    viewer: AccountId
    day: Counter


@part
class SignedView(Record):
    """A view, and the signature of its receipt by one of the viewer's keys."""

    video: Cid
    viewer: AccountId
    day: Counter
    key: PublicKey
    signature: Signature


@social.event
@record("social.viewed")
class Viewed(Record):
    """A view of a person has counted; with it the video has had so many."""

    video: Cid
    viewer: AccountId
    day: Counter
    views: Counter


@social.action(gas=2_000, free=True)
@record("social.count_views")
class CountViews(Action):
    """Show view receipts, each signed by its viewer with a key that may act for it alone (T4).
    What does not count is passed over: a view that has counted, of another day than today and
    yesterday, of who is no person or owns the video, and what is above the day's limit."""

    views: Annotated[tuple[SignedView, ...], AtMost(MOST_RECEIPTS, 1)]

    def derived_gas(self, view: View) -> int:
        return RECEIPT_GAS * len(self.views)

    def apply(self, context: Context) -> None:
        counted = 0
        for place, each in enumerate(self.views):
            field = f"views[{place}]"
            check_video(context.state, each.video, field=f"{field}.video")
            until_ms = _until_ms(context.state, each.day)
            if until_ms is None or not _counts(context.state, each, until_ms):
                continue
            _check_signature(context, each, f"{field}.signature")
            _count(context, each, until_ms)
            counted += 1
        if not counted:
            raise NOTHING_COUNTS.failed(field="views")


@social.begin_block
def forget_seen(context: Context) -> None:
    """Forget views whose receipts cannot be shown any more, a bounded number a block. The agenda's
    entries are the rows themselves."""
    AGENDA.take(context.state, context.block.time_ms, limit=FORGOTTEN_A_BLOCK)


def _until_ms(view: View, day: int) -> int | None:
    """Until when receipts of a day can be shown, the end of the day after it; None if they cannot
    now."""
    clock = CLOCK.get(view)
    if clock is None or not clock.day - 1 <= day <= clock.day:
        return None
    return clock.over_ms + (day + 1 - clock.day) * 1000 * economy_constants(view).day_s


def _counts(view: View, each: SignedView, until_ms: int) -> bool:
    if SEEN.get(view, until_ms, each.viewer, each.video) is not None:
        return False
    if not is_person(view, each.viewer) or owner_of(view, each.video) == each.viewer:
        return False
    row = _viewer(view, each.viewer)
    views = row.views if each.day == row.day else row.views_before
    return views < VIEWS_A_DAY.read(view)


def _check_signature(context: Context, each: SignedView, field: str) -> None:
    receipt = ViewReceipt(context.block.chain, each.video, each.viewer, each.day).encode()
    authority = authority_of(context.state, each.viewer)
    if not authority.is_met_by({each.key}) or not verifies(each.key, receipt, each.signature):
        raise FORGED.failed(field=field)


def _count(context: Context, each: SignedView, until_ms: int) -> None:
    state, row = context.state, _viewer(context.state, each.viewer)
    if each.day == row.day:
        row = replace(row, views=row.views + 1)
    else:
        row = replace(row, views_before=row.views_before + 1)
    VIEWERS.put(state, row, each.viewer)
    AGENDA.add(state, until_ms, each.viewer, each.video)
    counts = counts_of(state, each.video)
    counts = replace(counts, views=counts.views + 1)
    COUNTS.put(state, counts, each.video)
    context.emit(Viewed(each.video, each.viewer, each.day, counts.views))
    note_at(context, each.viewer, each.video, ActivityKind.PLAY)


def _viewer(view: View, viewer: bytes) -> Viewer:
    """The viewer's row as of today."""
    clock, row = CLOCK.get(view), VIEWERS.get(view, viewer)
    today = 0 if clock is None else clock.day
    if row is None or row.day < today - 1:
        return Viewer(today, 0, 0)
    return row if row.day == today else Viewer(today, 0, row.views)
