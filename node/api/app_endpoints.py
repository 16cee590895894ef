"""Endpoints about apps: the registry, what is sold and paid in them, and who has enabled what."""

from starlette.responses import Response

from node.api.endpoint import Call, Endpoint, json_answer
from node.api.node_access import json_response
from node.api.paging import paged, paged_of_account
from node.api.parameters import (
    ACCOUNT,
    APP,
    APP_DEVELOPER,
    APP_KIND,
    CURSOR,
    FINALITY,
    OFFICIAL,
    limit,
)
from node.query import app_queries
from node.query.app_answers import (
    AppAnswer,
    AppsAnswer,
    EnabledAnswer,
    PaymentsAnswer,
    SoldItemsAnswer,
)
from vm.modules.apps import App

LIMIT = limit(100)


async def _apps(call: Call) -> Response:
    kind, developer = call.value(APP_KIND), call.value(APP_DEVELOPER)
    only_official = call.value(OFFICIAL)

    def is_wanted(row: App) -> bool:
        is_one = kind in (None, row.kind) and developer in (None, row.developer)
        return is_one and (row.is_official or not only_official)

    return await paged(call, LIMIT, app_queries.apps, is_wanted)


async def _app(call: Call) -> Response:
    view = call.node.view(call.value(FINALITY))
    return json_response(app_queries.app(view, call.value(APP)))


async def _items(call: Call) -> Response:
    return await paged(call, LIMIT, app_queries.items, call.value(APP))


async def _payments(call: Call) -> Response:
    return await paged(call, LIMIT, app_queries.payments, call.value(APP))


async def _enabled(call: Call) -> Response:
    return await paged_of_account(call, LIMIT, app_queries.enabled)


async def _payments_of(call: Call) -> Response:
    return await paged_of_account(call, LIMIT, app_queries.payments_of)


ENDPOINTS = (
    Endpoint(
        "GET",
        "/v1/apps",
        "listApps",
        "The apps: what each is, whose, how many have it enabled, and what the platform got.",
        _apps,
        json_answer(AppsAnswer),
        params=(APP_KIND, APP_DEVELOPER, OFFICIAL, FINALITY, LIMIT, CURSOR),
    ),
    Endpoint(
        "GET",
        "/v1/apps/{app}",
        "getApp",
        "An app, and the platform's part of what is paid in it.",
        _app,
        json_answer(AppAnswer),
        params=(APP, FINALITY),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/apps/{app}/items",
        "listAppItems",
        "What is sold in an app, and for how much.",
        _items,
        json_answer(SoldItemsAnswer),
        params=(APP, FINALITY, LIMIT, CURSOR),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/apps/{app}/payments",
        "listAppPayments",
        "What was paid in an app and can still be refunded, the oldest first.",
        _payments,
        json_answer(PaymentsAnswer),
        params=(APP, FINALITY, LIMIT, CURSOR),
    ),
    Endpoint(
        "GET",
        "/v1/accounts/{address}/apps",
        "listEnabledApps",
        "The apps that an account has enabled, with the limit of each and what was charged today.",
        _enabled,
        json_answer(EnabledAnswer),
        params=(ACCOUNT, FINALITY, LIMIT, CURSOR),
        problems=(404,),
    ),
    Endpoint(
        "GET",
        "/v1/accounts/{address}/app-payments",
        "listPaymentsInApps",
        "What an account has paid in apps and can still be refunded, the oldest first.",
        _payments_of,
        json_answer(PaymentsAnswer),
        params=(ACCOUNT, FINALITY, LIMIT, CURSOR),
        problems=(404,),
    ),
)
