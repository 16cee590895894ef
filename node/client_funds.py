"""The part of a node's HTTP API that is about token funds, as commands use it.

GET  /v1/funds                       FundsAnswer
GET  /v1/funds/{fund}                FundAnswer
GET  /v1/funds/{fund}/members        FundMembersAnswer
GET  /v1/funds/{fund}/proposals      FundProposalsAnswer
GET  /v1/accounts/{address}/funds    OwnFundsAnswer
"""

from collections.abc import AsyncIterator

from consensus.address import format_address
from node.client_connection import Connection
from node.query.chain_view import Finality
from node.query.fund_answers import (
    FundAnswer,
    FundItem,
    FundMemberItem,
    FundMembersAnswer,
    FundProposalItem,
    FundProposalsAnswer,
    FundsAnswer,
    OwnFundItem,
    OwnFundsAnswer,
)


class FundClient(Connection):
    """Calls about token funds."""

    def funds(self, *, most: int, finality: Finality) -> AsyncIterator[FundItem]:
        """The funds, the oldest first, so many at most."""
        return self._items(FundsAnswer, "/v1/funds", {}, finality, most)

    async def fund(self, fund: int, *, finality: Finality) -> FundItem:
        """A fund; raises Refused."""
        path, query = f"/v1/funds/{fund}", {"finality": finality.value}
        return (await self._get(FundAnswer, path, query)).item

    def fund_members(
        self, fund: int, *, most: int, finality: Finality
    ) -> AsyncIterator[FundMemberItem]:
        """The members of a fund, by account, so many at most; raises Refused."""
        return self._items(FundMembersAnswer, f"/v1/funds/{fund}/members", {}, finality, most)

    def fund_proposals(
        self, fund: int, *, most: int, finality: Finality
    ) -> AsyncIterator[FundProposalItem]:
        """The proposals of a fund, the oldest first, so many at most; raises Refused."""
        return self._items(FundProposalsAnswer, f"/v1/funds/{fund}/proposals", {}, finality, most)

    def funds_of(
        self, account: bytes, *, most: int, finality: Finality
    ) -> AsyncIterator[OwnFundItem]:
        """The funds that an account is a member of, so many at most."""
        path = f"/v1/accounts/{format_address(account)}/funds"
        return self._items(OwnFundsAnswer, path, {}, finality, most)
