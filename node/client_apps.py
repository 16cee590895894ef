"""The part of a node's HTTP API that is about apps, as commands and apps in Python use it.

GET  /v1/apps                             AppsAnswer; ?kind=…&developer=…&official=true
GET  /v1/apps/{app}                       AppAnswer
GET  /v1/apps/{app}/items                 SoldItemsAnswer
GET  /v1/apps/{app}/payments              PaymentsAnswer
GET  /v1/accounts/{address}/apps          EnabledAnswer
GET  /v1/accounts/{address}/app-payments  PaymentsAnswer
"""

from collections.abc import AsyncIterator

from consensus.address import format_address
from node.client_connection import Connection
from node.query.app_answers import (
    AppAnswer,
    AppItem,
    AppsAnswer,
    EnabledAnswer,
    EnabledItem,
    PaymentItem,
    PaymentsAnswer,
    SoldItem,
    SoldItemsAnswer,
)
from node.query.chain_view import Finality


class AppClient(Connection):
    """Calls about apps."""

    def apps(
        self,
        *,
        kind: str | None = None,
        developer: bytes | None = None,
        official: bool = False,
        most: int | None = None,
        finality: Finality = Finality.FINAL,
    ) -> AsyncIterator[AppItem]:
        """The apps, by name: of a kind, of a developer, or the official ones only."""
        query = {"official": "true" if official else "false"}
        if kind is not None:
            query["kind"] = kind
        if developer is not None:
            query["developer"] = format_address(developer)
        return self._items(AppsAnswer, "/v1/apps", query, finality, most)

    async def app(self, name: str, *, finality: Finality = Finality.FINAL) -> AppItem:
        """An app; raises Missing."""
        answer = await self._get(AppAnswer, f"/v1/apps/{name}", {"finality": finality.value})
        return answer.item

    def app_items(
        self, name: str, *, finality: Finality = Finality.FINAL
    ) -> AsyncIterator[SoldItem]:
        """What is sold in an app; raises Missing."""
        return self._items(SoldItemsAnswer, f"/v1/apps/{name}/items", {}, finality)

    def app_payments(
        self, name: str, *, most: int | None = None, finality: Finality = Finality.FINAL
    ) -> AsyncIterator[PaymentItem]:
        """What was paid in an app and can still be refunded, the oldest first."""
        return self._items(PaymentsAnswer, f"/v1/apps/{name}/payments", {}, finality, most)

    def enabled_apps(
        self, account: bytes, *, finality: Finality = Finality.FINAL
    ) -> AsyncIterator[EnabledItem]:
        """The apps that an account has enabled."""
        path = f"/v1/accounts/{format_address(account)}/apps"
        return self._items(EnabledAnswer, path, {}, finality)

    def payments_in_apps(
        self, payer: bytes, *, most: int | None = None, finality: Finality = Finality.FINAL
    ) -> AsyncIterator[PaymentItem]:
        """What an account has paid in apps and can still be refunded, the oldest first."""
        path = f"/v1/accounts/{format_address(payer)}/app-payments"
        return self._items(PaymentsAnswer, path, {}, finality, most)
