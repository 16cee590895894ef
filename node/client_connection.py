"""A connection to one node's HTTP API: requests, pages of lists, and clear failures."""

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Self, TypeVar, cast

import httpx
import trio

from consensus.errors import Invalid
from consensus.record import Record
from node.client_failures import checked_url, clear_failures, refusal_of
from node.failure import Refused
from node.query.answers import (
    NamesAnswer,
    RowsAnswer,
    SpacesAnswer,
    VideosAnswer,
)
from node.query.chain_view import Finality
from node.query.economy_answers import RevenueAnswer
from node.query.gift_answers import GiftsAnswer
from node.query.market_answers import OrdersAnswer
from node.query.ranking_answers import RankingAnswer, RoomsAnswer
from node.query.rating_answers import InvitationsAnswer
from node.query.session_answers import SessionsAnswer
from node.query.viewing_answers import (
    AccessesAnswer,
    PurchasesAnswer,
)

TIMEOUT_S = 15.0
MAX_ANSWER_BYTES = 64 * 1024 * 1024
ITEMS_PER_PAGE = 100

A = TypeVar("A", bound=Record)
P = TypeVar(
    "P",
    RowsAnswer,
    VideosAnswer,
    SpacesAnswer,
    NamesAnswer,
    PurchasesAnswer,
    AccessesAnswer,
    OrdersAnswer,
    SessionsAnswer,
    InvitationsAnswer,
    RevenueAnswer,
    GiftsAnswer,
    RankingAnswer,
    RoomsAnswer,
)
Query = Mapping[str, str | int | Sequence[str]]


class Connection:
    """A connection to one node's API; use it in `async with`.

    `token` is the node's admin token, needed for some calls to nodes elsewhere. Raises Usage
    for an address that is not http://host:port.
    """

    def __init__(
        self,
        base_url: str,
        *,
        token: str | None = None,
        timeout_s: float = TIMEOUT_S,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.base_url = checked_url(base_url)
        self._timeout_s = timeout_s
        headers = {"accept-encoding": "identity"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        self._http = httpx.AsyncClient(
            base_url=self.base_url,
            headers=headers,
            timeout=httpx.Timeout(timeout_s),
            transport=transport,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Give up the connections."""
        await self._http.aclose()

    # Requests

    async def _pages(
        self,
        answer: type[P],
        path: str,
        query: Query,
        finality: Finality,
        limit: int = ITEMS_PER_PAGE,
    ) -> AsyncGenerator[P, None]:
        """All pages of a list; who does not read them to the end closes the generator."""
        cursor: str | None = None
        while True:
            page = await self._get(answer, path, {**page_query(limit, cursor, finality), **query})
            yield page
            if (cursor := page.next) is None:
                return

    async def _get(
        self,
        answer: type[A],
        path: str,
        query: Query | None = None,
        *,
        good: tuple[int, ...] = (200,),
    ) -> A:
        return read_answer(answer, await self._request("GET", path, query=query, good=good))

    async def _bytes(
        self,
        path: str,
        query: Query | None = None,
        *,
        max_bytes: int = MAX_ANSWER_BYTES,
        timeout_s: float | None = None,
    ) -> bytes:
        return await self._request(
            "GET", path, query=query, max_bytes=max_bytes, timeout_s=timeout_s
        )

    async def _send(self, method: str, path: str, body: bytes, media_type: str) -> bytes:
        headers = {"content-type": media_type}
        return await self._request(method, path, body=body, headers=headers)

    async def _request(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        good: tuple[int, ...] = (200, 201, 202),
        max_bytes: int = MAX_ANSWER_BYTES,
        timeout_s: float | None = None,
    ) -> bytes:
        request = self._http.build_request(
            method,
            path,
            params=query,
            content=body,
            headers=headers,
            timeout=httpx.Timeout(timeout_s or self._timeout_s),
        )
        with clear_failures(self.base_url):
            response = await self._http.send(request, stream=True)
            try:
                content = await self._content(response, max_bytes)
            finally:
                with trio.CancelScope(shield=True):
                    await response.aclose()
        if response.status_code not in good:
            raise refusal_of(response, content)
        return content

    async def _content(self, response: httpx.Response, max_bytes: int) -> bytes:
        if "content-encoding" in response.headers:  # a few bytes could become very many
            raise Refused(
                f"the node at {self.base_url} sends what was not asked for: a compressed answer",
                code="answer-not-understood",
            )
        received = bytearray()
        generator = cast(AsyncGenerator[bytes, None], response.aiter_bytes())
        async with aclosing(generator) as pieces:
            async for piece in pieces:
                received += piece
                if len(received) > max_bytes:
                    raise Refused(
                        f"the node at {self.base_url} sends more than {max_bytes} bytes",
                        code="answer-too-large",
                    )
        return bytes(received)


def page_query(limit: int, cursor: str | None, finality: Finality) -> dict[str, str | int]:
    """What asks for a page of a list."""
    query: dict[str, str | int] = {"limit": limit, "finality": finality.value}
    return query if cursor is None else {**query, "cursor": cursor}


def read_answer(answer: type[A], content: bytes) -> A:
    """A node's answer, read; raises Refused if it is none of these."""
    try:
        return answer.from_json(json.loads(content))
    except (ValueError, RecursionError, Invalid) as error:
        raise Refused(
            f"the node's answer is not understood ({error}); is it of another release?",
            code="answer-not-understood",
        ) from error
