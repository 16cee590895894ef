"""Answers about ratings. Any thread may call."""

from typing import cast

from node.events import place_of
from node.query.chain_view import ChainView
from node.query.rating_answers import InvitationItem, InvitationsAnswer, StandingAnswer
from node.query.state_queries import scan
from vm.modules.ratings import INVITATIONS, Invitation, standing_of_account


def standing(view: ChainView, account: bytes) -> StandingAnswer:
    """An account's public record; who was never rated has one of zeros."""
    return StandingAnswer(account, standing_of_account(view.state, account), place_of(view.block))


def invitations(
    view: ChainView, account: bytes, limit: int, cursor: str | None
) -> InvitationsAnswer:
    """What an account may rate or has rated; raises InvalidEncoding (`cursor`)."""
    found, following = scan(view, INVITATIONS.prefix(account), limit, cursor)
    items = tuple(
        InvitationItem(cast(int, INVITATIONS.key_parts(key)[1]), Invitation.decode(value))
        for key, value in found
    )
    return InvitationsAnswer(items, following, place_of(view.block))
