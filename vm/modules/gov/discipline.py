"""Discipline: members who miss so many counted votes in a row are out (K7).

A vote counts if it was open for the body's window, and one at most counts in such a time: nobody
can be made to miss votes by a heap of short ones.
"""

from consensus.record import replace
from vm.context import Context
from vm.modules.gov.membership import ABSENT, body_named, can_spare, expel
from vm.modules.gov.polls import Poll
from vm.modules.gov.tables import BALLOTS, CENSUSES, MAX_MEMBERS, MEMBERS, ROLL


def note_absence(context: Context, poll: Poll) -> None:
    """Count a stage that closes for those who could have voted, and let the absent go."""
    state, now_ms, name = context.state, context.block.time_ms, poll.stage.body
    body, census = body_named(state, name), CENSUSES.get(state, name)
    window_ms = 1000 * body.window_s
    if body.kind != MEMBERS or not body.misses or census is None:
        return
    if now_ms < poll.tally.opened_ms + window_ms or now_ms < census.counted_ms + window_ms:
        return
    CENSUSES.put(state, replace(census, counted_ms=now_ms), name)
    for account in _absent(context, poll, body.misses):
        if can_spare(context, name):
            expel(context, name, account, reason=ABSENT, barred_s=body.barred_s)


def _absent(context: Context, poll: Poll, misses: int) -> list[bytes]:
    """Note who did not vote; those who have missed too many, in the order of ids."""
    state, name, absent = context.state, poll.stage.body, list[bytes]()
    for (_, account), member in ROLL.scan(state, name, limit=MAX_MEMBERS):
        ballot = BALLOTS.get(state, poll.number, poll.proposal.stage, account)
        if ballot is None and member.height <= poll.tally.height:
            missed = member.missed + 1
            ROLL.put(state, replace(member, missed=missed), name, account)
            if missed >= misses:
                absent.append(account)
    return absent


def note_presence(context: Context, poll: Poll, account: bytes) -> None:
    """A member that votes has missed none since, whether the stage will be counted or not."""
    member = ROLL.get(context.state, poll.stage.body, account)
    if member is not None and member.missed:
        ROLL.put(context.state, replace(member, missed=0), poll.stage.body, account)
