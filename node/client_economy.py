"""The part of a node's HTTP API that is about the community's economy, as commands use it.

GET  /v1/economy                    EconomyAnswer
GET  /v1/revenue                    RevenueAnswer; ?from_day=…
GET  /v1/rebate                     RebateAnswer
GET  /v1/accounts/{address}/rebate  AccountRebateAnswer
GET  /v1/gifts                      GiftsAnswer
GET  /v1/gifts/{gift}               GiftAnswer
GET  /v1/givings                    GivingsAnswer
GET  /v1/ranking/{kind}             RankingAnswer
GET  /v1/ranking/{kind}/slots       SlotsAnswer; ?viewer=…
GET  /v1/live                       RoomsAnswer
GET  /v1/accounts/{address}/live    LiveAnswer
POST /v1/admin/live/{address}       FeedAnswer
"""

import json
from collections.abc import AsyncIterator

from consensus.address import format_address
from node.client_connection import Connection, read_answer
from node.query.chain_view import Finality
from node.query.economy_answers import (
    AccountRebateAnswer,
    EconomyAnswer,
    RebateAnswer,
    RevenueAnswer,
)
from node.query.feed_forms import FeedAnswer, FeedSegment
from node.query.gift_answers import GiftAnswer, GiftItem, GiftsAnswer, GivingsAnswer
from node.query.ranking_answers import (
    LiveAnswer,
    RankingAnswer,
    RankingItem,
    RoomItem,
    RoomsAnswer,
    SlotsAnswer,
)


class EconomyClient(Connection):
    """Calls about days, revenue, rewards, gifts, the ranking and live rooms."""

    async def economy(self, *, finality: Finality = Finality.FINAL) -> EconomyAnswer:
        """The day, assets and reserves."""
        return await self._get(EconomyAnswer, "/v1/economy", {"finality": finality.value})

    async def revenue(self, from_day: int, *, finality: Finality) -> AsyncIterator[RevenueAnswer]:
        """The platform's accounts of a day and those after it, page by page, one at least."""
        query = {"from_day": from_day}
        async for page in self._pages(RevenueAnswer, "/v1/revenue", query, finality):
            yield page

    async def rebate(self, *, finality: Finality = Finality.FINAL) -> RebateAnswer:
        """How consumption is rewarded; raises Missing where it is not."""
        return await self._get(RebateAnswer, "/v1/rebate", {"finality": finality.value})

    async def account_rebate(
        self, account: bytes, *, finality: Finality = Finality.FINAL
    ) -> AccountRebateAnswer:
        """What an account is due, and has got."""
        path = f"/v1/accounts/{format_address(account)}/rebate"
        return await self._get(AccountRebateAnswer, path, {"finality": finality.value})

    def gifts(self, *, finality: Finality = Finality.FINAL) -> AsyncIterator[GiftItem]:
        """The catalogue."""
        return self._items(GiftsAnswer, "/v1/gifts", {}, finality)

    async def gift(self, name: str, *, finality: Finality = Finality.FINAL) -> GiftAnswer:
        """A gift of the catalogue; raises Missing."""
        return await self._get(GiftAnswer, f"/v1/gifts/{name}", {"finality": finality.value})

    async def givings(self, *, most: int, finality: Finality) -> GivingsAnswer:
        """Who gave what to whom, the newest first."""
        query = {"finality": finality.value, "limit": most}
        return await self._get(GivingsAnswer, "/v1/givings", query)

    def ranking(self, kind: str, *, most: int, finality: Finality) -> AsyncIterator[RankingItem]:
        """The highest scores of a kind, so many at most."""
        return self._items(RankingAnswer, f"/v1/ranking/{kind}", {}, finality, most)

    async def slots(self, kind: str, viewer: bytes | None, *, finality: Finality) -> SlotsAnswer:
        """What is recommended, to this viewer if one is named."""
        query = {"finality": finality.value}
        if viewer is not None:
            query["viewer"] = format_address(viewer)
        return await self._get(SlotsAnswer, f"/v1/ranking/{kind}/slots", query)

    def rooms(self, *, finality: Finality) -> AsyncIterator[RoomItem]:
        """The open live rooms."""
        return self._items(RoomsAnswer, "/v1/live", {}, finality)

    async def live(self, owner: bytes, *, finality: Finality) -> LiveAnswer:
        """An account's live room and packets."""
        path = f"/v1/accounts/{format_address(owner)}/live"
        return await self._get(LiveAnswer, path, {"finality": finality.value})

    async def add_segment(self, owner: bytes, form: FeedSegment) -> FeedAnswer:
        """Have the node stream the next segment of an account's open live room; raises Refused
        (live.not-open)."""
        body, path = json.dumps(form.to_json()).encode(), f"/v1/admin/live/{format_address(owner)}"
        return read_answer(FeedAnswer, await self._send("POST", path, body, "application/json"))
