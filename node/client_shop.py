"""The part of a node's HTTP API that is about what is for sale, as commands use it.

GET  /v1/auctions                     AuctionsAnswer; ?place=…&past=true
GET  /v1/auctions/{auction}           AuctionAnswer
GET  /v1/auctions/{auction}/bids      BidsAnswer
GET  /v1/slots                        AuctionsAnswer; ?place=…
GET  /v1/offers                       OffersAnswer; ?status=…&provider=…
GET  /v1/offers/{offer}               OfferAnswer
GET  /v1/offers/{offer}/vouchers      VouchersAnswer
GET  /v1/accounts/{address}/vouchers  VouchersAnswer
GET  /v1/vouchers/{voucher}           VoucherAnswer
"""

from collections.abc import AsyncIterator

from consensus.address import format_address
from node.client_connection import Connection
from node.query.chain_view import Finality
from node.query.shop_answers import (
    AuctionAnswer,
    AuctionItem,
    AuctionsAnswer,
    BidsAnswer,
    GivenItem,
    OfferAnswer,
    OfferItem,
    OffersAnswer,
    VoucherAnswer,
    VoucherItem,
    VouchersAnswer,
)


class ShopClient(Connection):
    """Calls about auctions, offers and vouchers."""

    def auctions(
        self, place: str | None, *, past: bool, finality: Finality
    ) -> AsyncIterator[AuctionItem]:
        """The auctions, of this place if one is named, and also past ones or not."""
        query = {"past": "true" if past else "false"} | _place(place)
        return self._items(AuctionsAnswer, "/v1/auctions", query, finality)

    async def auction(self, auction: int, *, finality: Finality) -> AuctionItem:
        """An auction; raises Refused."""
        path, query = f"/v1/auctions/{auction}", {"finality": finality.value}
        return (await self._get(AuctionAnswer, path, query)).item

    def bids(self, auction: int, *, finality: Finality) -> AsyncIterator[GivenItem]:
        """Who has put how much into which bid; raises Refused."""
        path = f"/v1/auctions/{auction}/bids"
        return self._items(BidsAnswer, path, {}, finality)

    def auction_slots(self, place: str | None, *, finality: Finality) -> AsyncIterator[AuctionItem]:
        """The slots of a place, or of all, that are not over."""
        return self._items(AuctionsAnswer, "/v1/slots", _place(place), finality)

    def offers(
        self, status: str | None, provider: bytes | None, *, finality: Finality
    ) -> AsyncIterator[OfferItem]:
        """The offers of a status and a provider, or of any."""
        query = {} if status is None else {"status": status}
        if provider is not None:
            query["provider"] = format_address(provider)
        return self._items(OffersAnswer, "/v1/offers", query, finality)

    async def offer(self, offer: int, *, finality: Finality) -> OfferItem:
        """An offer; raises Refused."""
        path, query = f"/v1/offers/{offer}", {"finality": finality.value}
        return (await self._get(OfferAnswer, path, query)).item

    def vouchers_of_offer(
        self, offer: int, *, most: int, finality: Finality
    ) -> AsyncIterator[VoucherItem]:
        """The vouchers of an offer, the oldest first, so many at most; raises Refused."""
        path = f"/v1/offers/{offer}/vouchers"
        return self._items(VouchersAnswer, path, {}, finality, most)

    def vouchers(
        self, holder: bytes, *, most: int, finality: Finality
    ) -> AsyncIterator[VoucherItem]:
        """The vouchers that an account holds, the oldest first, so many at most."""
        path = f"/v1/accounts/{format_address(holder)}/vouchers"
        return self._items(VouchersAnswer, path, {}, finality, most)

    async def voucher(self, voucher: int, *, finality: Finality) -> VoucherItem:
        """A voucher; raises Refused."""
        path, query = f"/v1/vouchers/{voucher}", {"finality": finality.value}
        return (await self._get(VoucherAnswer, path, query)).item


def _place(place: str | None) -> dict[str, str]:
    return {} if place is None else {"place": place}
