"""The part of a node's HTTP API that is about the order book, as commands use it.

GET  /v1/market                     PairsAnswer
GET  /v1/market/{pair}/book         BookAnswer; of a pair such as PALT-USDT
GET  /v1/market/{pair}/trades       TradesAnswer
GET  /v1/market/{pair}/price        PriceAnswer
GET  /v1/accounts/{address}/orders  OrdersAnswer
"""

from collections.abc import AsyncIterator

from consensus.address import format_address
from node.client_connection import Connection
from node.query.chain_view import Finality
from node.query.market_answers import (
    BookAnswer,
    OrderItem,
    OrdersAnswer,
    PairsAnswer,
    PriceAnswer,
    TradesAnswer,
)


class MarketClient(Connection):
    """Calls about pairs, prices and orders."""

    async def pairs(self, *, finality: Finality = Finality.FINAL) -> PairsAnswer:
        """All pairs."""
        return await self._get(PairsAnswer, "/v1/market", {"finality": finality.value})

    async def book(self, base: str, quote: str, *, levels: int, finality: Finality) -> BookAnswer:
        """The best prices of a pair; raises Missing."""
        query = {"finality": finality.value, "limit": levels}
        return await self._get(BookAnswer, f"/v1/market/{base}-{quote}/book", query)

    async def trades(self, base: str, quote: str, *, most: int, finality: Finality) -> TradesAnswer:
        """The newest trades of a pair; raises Missing."""
        query = {"finality": finality.value, "limit": most}
        return await self._get(TradesAnswer, f"/v1/market/{base}-{quote}/trades", query)

    async def price(self, base: str, quote: str, *, finality: Finality) -> PriceAnswer:
        """The reference price of a pair; raises Missing."""
        query = {"finality": finality.value}
        return await self._get(PriceAnswer, f"/v1/market/{base}-{quote}/price", query)

    def orders(self, account: bytes, *, finality: Finality) -> AsyncIterator[OrderItem]:
        """The open orders of an account."""
        path = f"/v1/accounts/{format_address(account)}/orders"
        return self._items(OrdersAnswer, path, {}, finality)
