"""What a node answers about one-to-one sessions."""

from typing import Annotated

from consensus.kinds import AccountId, Counter, Digest
from consensus.record import AtMost, Record, part
from node.query.answers import MAX_PAGE, Cursor, Place
from vm.modules.ratings import Standing
from vm.modules.sessions import MOST_CANDIDATES, Fit, Profile, Request, Session


@part
class ProfileAnswer(Record):
    """What an account offers (null: nothing), and how the other sides of its sessions rate it."""

    provider: AccountId
    profile: Profile | None
    standing: Standing
    at: Place


@part
class SessionItem(Record):
    """A session on its way, by its number: `terms`, or the request of a caller whose wishes
    wait for the block that matches them. The other is null."""

    session: Counter
    terms: Session | None
    request: Request | None


@part
class SessionAnswer(Record):
    """A session on its way, and the block whose state it was read from."""

    item: SessionItem
    at: Place


@part
class SessionsAnswer(Record):
    """A page of the sessions of an account that are on their way, on either side, by number."""

    items: Annotated[tuple[SessionItem, ...], AtMost(MAX_PAGE)]
    next: Cursor | None
    at: Place


@part
class FitItem(Record):
    """A provider that fits, and how it is rated."""

    fit: Fit
    standing: Standing


@part
class MatchAnswer(Record):
    """Who would be matched by the block's beacon: all that fit, the match first, of the candidates
    that were looked at. The block that decides has another beacon, which draws between equals and,
    where more than `sessions.candidates` are available, which of them are looked at."""

    items: Annotated[tuple[FitItem, ...], AtMost(MOST_CANDIDATES)]
    candidates: Counter
    beacon: Digest
    at: Place
