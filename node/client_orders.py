"""The part of a node's HTTP API that is about service orders and finances, as commands use it.

GET  /v1/orders/terms     OrderTermsAnswer
GET  /v1/finance/periods  PeriodsAnswer; ?before=…
"""

from consensus.kinds import JSON_INTEGER_MAX
from node.client_connection import Connection
from node.query.chain_view import Finality
from node.query.order_answers import OrderTermsAnswer, PeriodItem, PeriodsAnswer


class OrderClient(Connection):
    """Calls about service orders and finances."""

    async def order_terms(self, *, finality: Finality = Finality.FINAL) -> OrderTermsAnswer:
        """On which terms orders are placed; raises Missing where none are taken."""
        return await self._get(OrderTermsAnswer, "/v1/orders/terms", {"finality": finality.value})

    async def periods(self, *, most: int, finality: Finality) -> list[PeriodItem]:
        """The newest periods that are over, the newest first; at most so many."""
        found, before = list[PeriodItem](), JSON_INTEGER_MAX
        while len(found) < most:
            query = {"finality": finality.value, "before": before}
            page = await self._get(PeriodsAnswer, "/v1/finance/periods", query)
            found.extend(page.items)
            if page.before is None:
                break
            before = page.before
        return found[:most]
