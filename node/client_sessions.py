"""The part of a node's HTTP API that is about sessions and their ratings, as commands use it.

GET  /v1/accounts/{address}/profile                ProfileAnswer
GET  /v1/sessions/match/{kind}/{language}/{asset}  MatchAnswer
GET  /v1/sessions/{session}                        SessionAnswer
GET  /v1/accounts/{address}/sessions               SessionsAnswer
GET  /v1/accounts/{address}/standing               StandingAnswer
GET  /v1/accounts/{address}/invitations            InvitationsAnswer
"""

from collections.abc import AsyncIterator

from consensus.address import format_address
from node.client_connection import Connection, Query
from node.query.chain_view import Finality
from node.query.rating_answers import InvitationItem, InvitationsAnswer, StandingAnswer
from node.query.session_answers import (
    MatchAnswer,
    ProfileAnswer,
    SessionAnswer,
    SessionItem,
    SessionsAnswer,
)
from vm.modules.sessions import Wish


class SessionClient(Connection):
    """Calls about profiles, sessions and ratings."""

    async def profile(self, account: bytes, *, finality: Finality) -> ProfileAnswer:
        """What an account offers."""
        path = f"/v1/accounts/{format_address(account)}/profile"
        return await self._get(ProfileAnswer, path, {"finality": finality.value})

    async def match(self, wish: Wish, caller: bytes | None, *, finality: Finality) -> MatchAnswer:
        """Who fits a wish, the best first."""
        query: Query = {"finality": finality.value, "interest": wish.interests}
        query = {**query, "most_price": wish.most_price}
        if caller is not None:
            query = {**query, "caller": format_address(caller)}
        path = f"/v1/sessions/match/{wish.kind}/{wish.language}/{wish.asset}"
        return await self._get(MatchAnswer, path, query)

    async def session(self, number: int, *, finality: Finality) -> SessionItem:
        """A session on its way; raises Missing, and Refused (session-over)."""
        query = {"finality": finality.value}
        return (await self._get(SessionAnswer, f"/v1/sessions/{number}", query)).item

    def sessions(self, account: bytes, *, finality: Finality) -> AsyncIterator[SessionItem]:
        """The sessions of an account on their way."""
        path = f"/v1/accounts/{format_address(account)}/sessions"
        return self._items(SessionsAnswer, path, {}, finality)

    async def standing(self, account: bytes, *, finality: Finality) -> StandingAnswer:
        """How an account is rated."""
        path = f"/v1/accounts/{format_address(account)}/standing"
        return await self._get(StandingAnswer, path, {"finality": finality.value})

    def invitations(self, account: bytes, *, finality: Finality) -> AsyncIterator[InvitationItem]:
        """What an account may rate or has rated."""
        path = f"/v1/accounts/{format_address(account)}/invitations"
        return self._items(InvitationsAnswer, path, {}, finality)
