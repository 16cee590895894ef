"""What a node answers about ratings."""

from typing import Annotated

from consensus.kinds import AccountId, Counter
from consensus.record import AtMost, Record, part
from node.query.answers import MAX_PAGE, Cursor, Place
from vm.modules.ratings import Invitation, Standing


@part
class StandingAnswer(Record):
    """An account's public record: how the other sides of its sessions have rated it (P9)."""

    account: AccountId
    standing: Standing
    at: Place


@part
class InvitationItem(Record):
    """A session that an account may rate, or has rated, and its other side."""

    session: Counter
    invitation: Invitation


@part
class InvitationsAnswer(Record):
    """A page of the sessions whose time for rating is not over, by number."""

    items: Annotated[tuple[InvitationItem, ...], AtMost(MAX_PAGE)]
    next: Cursor | None
    at: Place
