"""The part of a node's HTTP API that is about activity and the rewards for it.

GET  /v1/activity                     ActivityAnswer
GET  /v1/activity/days                ActivityDaysAnswer
GET  /v1/accounts/{address}/activity  AccountActivityAnswer
GET  /v1/poc                          PairingAnswer
GET  /v1/poc/standings                StandingsAnswer
"""

from collections.abc import AsyncIterator

from consensus.address import format_address
from node.client_connection import Connection
from node.query.activity_answers import (
    AccountActivityAnswer,
    ActivityAnswer,
    ActivityDay,
    ActivityDaysAnswer,
    PairingAnswer,
    StandingItem,
    StandingsAnswer,
)
from node.query.chain_view import Finality


class ActivityClient(Connection):
    """Calls about activity and rewards for it."""

    async def activity(self, *, finality: Finality) -> ActivityAnswer:
        """How activity counts, and what has today; raises Missing where it does not."""
        return await self._get(ActivityAnswer, "/v1/activity", {"finality": finality.value})

    def activity_days(self, *, finality: Finality) -> AsyncIterator[ActivityDay]:
        """The days that are kept, in order."""
        return self._items(ActivityDaysAnswer, "/v1/activity/days", {}, finality)

    async def account_activity(
        self, account: bytes, *, finality: Finality
    ) -> AccountActivityAnswer:
        """What an account has done and can claim, and how it stands as a creator."""
        path = f"/v1/accounts/{format_address(account)}/activity"
        return await self._get(AccountActivityAnswer, path, {"finality": finality.value})

    async def pairing(self, *, finality: Finality) -> PairingAnswer:
        """How creators are paired; raises Missing where they are not."""
        return await self._get(PairingAnswer, "/v1/poc", {"finality": finality.value})

    def standings(self, *, finality: Finality) -> AsyncIterator[StandingItem]:
        """Creators by rank."""
        return self._items(StandingsAnswer, "/v1/poc/standings", {}, finality)
