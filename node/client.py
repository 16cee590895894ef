"""A node's HTTP API, as commands use it: typed calls and answers, and clear failures.

Every call raises, beside what it names: Unreachable (no node answers there), TimedOut, and
Refused with the code and field of the node's problem.

    GET  /v1/status                          StatusAnswer
    GET  /v1/blocks                          BlocksAnswer; newest first
    GET  /v1/blocks/{block}                  BlockAnswer, or its bytes with ?format=cbor
    GET  /v1/blocks/{block}/transactions     TransactionsAnswer
    POST /v1/transactions                    SubmittedAnswer (202)
    POST /v1/transactions/batch              BatchAnswer
    POST /v1/transactions/simulate           SimulationAnswer
    GET  /v1/transactions/{id}               TransactionAnswer
    GET  /v1/accounts/{address}              AccountAnswer; or by {@handle}
    GET  /v1/tables                          TablesAnswer
    GET  /v1/tables/{table}/rows             RowsAnswer; ?key=… for the rows under a first part
    GET  /v1/tables/{table}/rows/{key}       RowAnswer; key parts joined by "/"
    GET  /v1/producers                       ProducersAnswer
    GET  /v1/parameters                      ParametersAnswer
    GET  /v1/light/final                     bytes of a LightAnswer, as of the next four
    GET  /v1/light/rows                      ?key=…, in hex, up to 64 times
    GET  /v1/light/blocks/{height}
    GET  /v1/light/transactions/{id}
    GET  /v1/light/events/{height}/{index}
    GET  /v1/light/steps                     bytes of DynastySteps
    GET  /v1/light/anchors/{block_id}        bytes of a LightAnchor
    GET  /v1/videos                          VideosAnswer; ?owner=reel1…
    GET  /v1/videos/{cid}                    VideoAnswer
    GET  /v1/videos/{cid}/versions           VideosAnswer, the newest first
    GET  /v1/videos/{cid}/clips              VideosAnswer
    GET  /v1/spaces                          SpacesAnswer; ?owner=reel1…, ?channel=NAME
    GET  /v1/spaces/{space}                  SpaceAnswer
    GET  /v1/spaces/{space}/names            NamesAnswer
    GET  /v1/names/{space}/{name}            NameAnswer: the newest version
    GET  /v1/videos/{cid}/viewing            ViewingAnswer
    GET  /v1/videos/{cid}/purchases          PurchasesAnswer
    GET  /v1/accounts/{address}/viewing      AccessesAnswer
    GET  /v1/content/blocks/{cid}            bytes, from this node or its peers
    PUT  /v1/content/blocks/{cid}            StoredBlockAnswer
    GET  /v1/possession/{cid}                ProvidersAnswer
    GET  /v1/possession/providers/{address}  ProviderAnswer
    POST /v1/possession/{cid}/root           HashedAnswer
    GET  /v1/possession/{cid}/segments       SegmentsAnswer; ?index=…, up to 16 times
    GET  /v1/admin/store                     StoreAnswer
    GET  /v1/admin/store/pins                PinsAnswer
    GET  /v1/admin/store/pins/{cid}          RootAnswer
    PUT  /v1/admin/store/pins/{cid}          Pin
    DELETE /v1/admin/store/pins/{cid}        RootAnswer; ?kind=user or chain
    POST /v1/admin/store/collect             CollectedAnswer
    POST /v1/admin/store/verify              VerifiedAnswer
    POST /v1/content/{cid}/fetch             ContentFetchAnswer (202), as of the next
    GET  /v1/content/{cid}/fetch
    GET  /v1/finality                        FinalityAnswer
    GET  /v1/peers                           PeersAnswer, as of the next three
    POST /v1/admin/peers/ban                 PeerBan
    POST /v1/admin/peers/unban               PeerPardon
    POST /v1/admin/peers/add                 PeerAddition
    GET  /v1/admin/links                     LinkFaults, as of the next
    PUT  /v1/admin/links
    GET  /v1/modules                         ModulesAnswer
    GET  /v1/genesis                         bytes of the genesis file
    GET  /v1/events                          server-sent events (node/events.py)
    GET  /v1/openapi.json, /metrics, /livez, /readyz

`{block}` is a height or an id. State is read at the final block, or with ?finality=head at the
head. Lists take ?limit= and ?cursor=. Light answers and steps begin at ?dynasty=.
"""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from enum import Enum
from types import TracebackType
from typing import Self, TypeVar, cast
from urllib.parse import quote

import httpx
import trio

from consensus.address import format_address
from consensus.cid import Cid
from consensus.errors import Invalid
from consensus.light_answer import MAX_ANSWER_BYTES as MAX_LIGHT_ANSWER_BYTES
from consensus.record import Record
from consensus.segments import SegmentProof
from consensus.transaction import Transaction
from consensus.unixfs import MAX_CONTENT_BLOCK_BYTES
from node.client_failures import Missing, checked_url, clear_failures, refusal_of
from node.failure import Refused, TimedOut
from node.query.answers import (
    FINAL,
    PENDING,
    AccountAnswer,
    BatchAnswer,
    BatchResult,
    BlockAnswer,
    BlocksAnswer,
    ContentFetchAnswer,
    FinalityAnswer,
    FinalityItem,
    NameAnswer,
    NameItem,
    NamesAnswer,
    PeerItem,
    PeersAnswer,
    ProducersAnswer,
    ReadyAnswer,
    RowAnswer,
    RowItem,
    RowsAnswer,
    SimulationAnswer,
    SpaceAnswer,
    SpaceItem,
    SpacesAnswer,
    StatusAnswer,
    StoredBlockAnswer,
    SubmittedAnswer,
    TransactionAnswer,
    VideoAnswer,
    VideoItem,
    VideosAnswer,
)
from node.query.chain_view import Finality
from node.query.peer_forms import PeerAddition, PeerBan, PeerPardon
from node.query.possession_queries import (
    HashedAnswer,
    ProviderAnswer,
    ProvidersAnswer,
    SegmentsAnswer,
)
from node.query.store_forms import (
    CollectedAnswer,
    Collection,
    PinForm,
    PinsAnswer,
    RootAnswer,
    StoreAnswer,
    Verification,
    VerifiedAnswer,
)
from node.query.viewing_answers import (
    AccessesAnswer,
    AccessItem,
    PurchaseItem,
    PurchasesAnswer,
    ViewingAnswer,
)
from p2p.links import LinkFaults
from storage.content_pin import Pin, PinKind
from vm.forms import transaction_to_json

TIMEOUT_S = 15.0
FETCH_TIMEOUT_S = 60.0
HASH_TIMEOUT_S = 60.0
STORE_TIMEOUT_S = 600.0  # to walk all that is below a root
MAX_ANSWER_BYTES = 64 * 1024 * 1024
POLL_S = 0.2
ROWS_PER_PAGE = 500
ITEMS_PER_PAGE = 100
CBOR = "application/cbor"

A = TypeVar("A", bound=Record)
P = TypeVar(
    "P", RowsAnswer, VideosAnswer, SpacesAnswer, NamesAnswer, PurchasesAnswer, AccessesAnswer
)
Query = Mapping[str, str | int | Sequence[str]]


class Until(Enum):
    """What to wait for after a transaction is sent."""

    INCLUDED = "included"
    FINAL = "final"


class Client:
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

    # The node

    async def status(self) -> StatusAnswer:
        """The node and its chain."""
        return await self._get(StatusAnswer, "/v1/status")

    async def ready(self) -> ReadyAnswer:
        """Whether the node can serve, and why not."""
        return await self._get(ReadyAnswer, "/readyz", good=(200, 503))

    async def finality(self, after_height: int, limit: int = 500) -> tuple[FinalityItem, ...]:
        """The blocks above a height that became final on the node since it started."""
        query = {"after_height": after_height, "limit": limit}
        return (await self._get(FinalityAnswer, "/v1/finality", query)).items

    async def producers(self) -> ProducersAnswer:
        """The producer set of the newest block, and its schedule."""
        query = {"finality": Finality.HEAD.value}
        return await self._get(ProducersAnswer, "/v1/producers", query)

    async def peers(self) -> tuple[PeerItem, ...]:
        """The nodes that it is connected to."""
        return (await self.peers_and_bans()).items

    async def peers_and_bans(self) -> PeersAnswer:
        """Whom the node is connected to, whom it keeps out, and what waits for them."""
        return await self._get(PeersAnswer, "/v1/peers")

    async def ban_peer(self, ban: PeerBan) -> PeersAnswer:
        """Keep a node out; raises Refused (own-id)."""
        return await self._tell_of_peers("ban", ban)

    async def unban_peer(self, pardon: PeerPardon) -> PeersAnswer:
        """Let a node in again; raises Missing if it is not banned."""
        return await self._tell_of_peers("unban", pardon)

    async def add_peer(self, addition: PeerAddition) -> PeersAnswer:
        """Tell of a node that may be dialled; raises Refused (own-id, banned)."""
        return await self._tell_of_peers("add", addition)

    async def _tell_of_peers(self, what: str, form: Record) -> PeersAnswer:
        body, path = json.dumps(form.to_json()).encode(), f"/v1/admin/peers/{what}"
        return _read(PeersAnswer, await self._send("POST", path, body, "application/json"))

    async def set_link_faults(self, faults: LinkFaults) -> None:
        """Give its links other faults, if it is on loopback."""
        body = json.dumps(faults.to_json()).encode()
        _read(LinkFaults, await self._send("PUT", "/v1/admin/links", body, "application/json"))

    # Blocks and transactions

    async def blocks(
        self, *, limit: int = 20, cursor: str | None = None, finality: Finality = Finality.FINAL
    ) -> BlocksAnswer:
        """A page of blocks, newest first."""
        query = _page(limit, cursor, finality)
        return await self._get(BlocksAnswer, "/v1/blocks", query)

    async def block(self, block: str, *, finality: Finality = Finality.HEAD) -> BlockAnswer:
        """The block of this height or id; raises Refused (not-found)."""
        path = f"/v1/blocks/{quote(block, safe='')}"
        return await self._get(BlockAnswer, path, {"finality": finality.value})

    async def submit(self, transaction: bytes) -> bytes:
        """Send a transaction's encoding; returns its id."""
        answer = await self._send("POST", "/v1/transactions", transaction, CBOR)
        return _read(SubmittedAnswer, answer).id

    async def submit_batch(self, transactions: Sequence[bytes]) -> tuple[BatchResult, ...]:
        """Send up to 1,000 transactions; what became of each, in order."""
        body = json.dumps([data.hex() for data in transactions]).encode()
        answer = await self._send("POST", "/v1/transactions/batch", body, "application/json")
        return _read(BatchAnswer, answer).results

    async def simulate(self, transaction: Transaction) -> SimulationAnswer:
        """What it would do and cost in the next block; it need not be signed."""
        body = json.dumps(transaction_to_json(transaction)).encode()
        path = "/v1/transactions/simulate"
        return _read(SimulationAnswer, await self._send("POST", path, body, "application/json"))

    async def transaction(self, transaction_id: bytes) -> TransactionAnswer | None:
        """Where a transaction is; None if the node does not know it."""
        with suppress(Missing):
            return await self._get(TransactionAnswer, f"/v1/transactions/{transaction_id.hex()}")
        return None

    async def wait(
        self, transaction_id: bytes, until: Until, timeout_s: float
    ) -> TransactionAnswer:
        """The transaction once it is included or final; raises TimedOut."""
        with trio.move_on_after(timeout_s):
            while True:
                answer = await self.transaction(transaction_id)
                if answer is not None and _has_come(answer, until):
                    return answer
                await trio.sleep(POLL_S)
        raise TimedOut(
            f"transaction {transaction_id.hex()} is not {until.value} after {timeout_s:g} s; it "
            "may still become so: ask again with `reelect tx show`"
        )

    # State

    async def account(
        self, account: bytes, *, finality: Finality = Finality.FINAL
    ) -> AccountAnswer:
        """Balances and nonces of an account."""
        path = f"/v1/accounts/{format_address(account)}"
        return await self._get(AccountAnswer, path, {"finality": finality.value})

    async def row(
        self, table: str, *key: str, finality: Finality = Finality.FINAL
    ) -> RowAnswer | None:
        """The row under these key parts, each in its JSON spelling, or None."""
        spelled = "/".join(quote(part, safe="") for part in key)
        path = f"/v1/tables/{quote(table, safe='')}/rows/{spelled}"
        with suppress(Missing):
            return await self._get(RowAnswer, path, {"finality": finality.value})
        return None

    async def rows(
        self, table: str, *first_parts: str, finality: Finality = Finality.FINAL
    ) -> AsyncIterator[RowItem]:
        """All rows of a table, or those under the first key parts."""
        path = f"/v1/tables/{quote(table, safe='')}/rows"
        query = {"key": first_parts}
        async for page in self._pages(RowsAnswer, path, query, finality, ROWS_PER_PAGE):
            for item in page.items:
                yield item

    async def light(self, path: str, query: Query) -> bytes:
        """The bytes under a path of /v1/light; believe nothing in them but by what
        consensus/light_answer.py verifies. Raises Refused (not-yet-final, too-many-steps, pruned)
        and Missing."""
        return await self._bytes(f"/v1/light/{path}", query, max_bytes=MAX_LIGHT_ANSWER_BYTES)

    # Videos, spaces and names

    async def videos(
        self, owner: bytes | None = None, *, finality: Finality = Finality.FINAL
    ) -> AsyncIterator[VideoItem]:
        """All versions of published videos, or the first versions of one owner's."""
        named = {} if owner is None else {"owner": format_address(owner)}
        async for page in self._pages(VideosAnswer, "/v1/videos", named, finality):
            for item in page.items:
                yield item

    async def video(self, cid: Cid, *, finality: Finality = Finality.FINAL) -> VideoAnswer | None:
        """A version of a published video, or None."""
        query = {"finality": finality.value}
        with suppress(Missing):
            return await self._get(VideoAnswer, f"/v1/videos/{cid}", query)
        return None

    async def versions(
        self, cid: Cid, *, finality: Finality = Finality.FINAL
    ) -> AsyncIterator[VideoItem]:
        """All versions of a video, the newest first; raises Missing."""
        async for page in self._pages(VideosAnswer, f"/v1/videos/{cid}/versions", {}, finality):
            for item in page.items:
                yield item

    async def clips(
        self, cid: Cid, *, finality: Finality = Finality.FINAL
    ) -> AsyncIterator[VideoItem]:
        """The clips of a version of a video; raises Missing."""
        async for page in self._pages(VideosAnswer, f"/v1/videos/{cid}/clips", {}, finality):
            for item in page.items:
                yield item

    async def spaces(
        self,
        owner: bytes | None = None,
        channel: str | None = None,
        *,
        finality: Finality = Finality.FINAL,
    ) -> AsyncIterator[SpaceItem]:
        """All spaces, one owner's, or those in a channel."""
        named = {"channel": channel} if channel is not None else {}
        if owner is not None:
            named["owner"] = format_address(owner)
        async for page in self._pages(SpacesAnswer, "/v1/spaces", named, finality):
            for item in page.items:
                yield item

    async def space(self, name: str, *, finality: Finality = Finality.FINAL) -> SpaceAnswer:
        """A space; raises Missing."""
        return await self._get(SpaceAnswer, f"/v1/spaces/{name}", {"finality": finality.value})

    async def names(
        self, space: str, *, finality: Finality = Finality.FINAL
    ) -> AsyncIterator[NameItem]:
        """The names in a space; raises Missing."""
        async for page in self._pages(NamesAnswer, f"/v1/spaces/{space}/names", {}, finality):
            for item in page.items:
                yield item

    async def resolve(
        self, space: str, name: str, *, finality: Finality = Finality.FINAL
    ) -> NameAnswer:
        """What a name in a space stands for; raises Missing."""
        path, query = f"/v1/names/{space}/{name}", {"finality": finality.value}
        return await self._get(NameAnswer, path, query)

    # Viewing

    async def viewing(
        self, video: Cid, *, finality: Finality = Finality.FINAL
    ) -> ViewingAnswer | None:
        """How a video can be viewed; None if it is not published."""
        with suppress(Missing):
            query = {"finality": finality.value}
            return await self._get(ViewingAnswer, f"/v1/videos/{video}/viewing", query)
        return None

    async def purchases(self, video: Cid) -> AsyncIterator[PurchaseItem]:
        """The purchases of a video that are in escrow, as they are final."""
        path = f"/v1/videos/{video}/purchases"
        async for page in self._pages(PurchasesAnswer, path, {}, Finality.FINAL):
            for item in page.items:
                yield item

    async def accesses(
        self, account: bytes, *, finality: Finality = Finality.FINAL
    ) -> AsyncIterator[AccessItem]:
        """The videos that an account has bought or was granted."""
        path = f"/v1/accounts/{format_address(account)}/viewing"
        async for page in self._pages(AccessesAnswer, path, {}, finality):
            for item in page.items:
                yield item

    # Content

    async def upload_block(self, cid: Cid, data: bytes) -> None:
        """Put a content block into the node's store."""
        answer = await self._send(
            "PUT", f"/v1/content/blocks/{cid}", data, "application/octet-stream"
        )
        _read(StoredBlockAnswer, answer)

    async def has_block(self, cid: Cid) -> bool:
        """Whether the node itself stores a content block."""
        path, headers = f"/v1/content/blocks/{cid}", {"cache-control": "only-if-cached"}
        request = self._http.build_request("HEAD", path, headers=headers)
        with clear_failures(self.base_url):
            response = await self._http.send(request)
        if response.status_code not in (200, 412):
            raise refusal_of(response, response.content)
        return response.status_code == 200

    async def begin_fetch(self, root: Cid) -> ContentFetchAnswer:
        """Have the node fetch a whole file from its peers."""
        path = f"/v1/content/{root}/fetch"
        return _read(ContentFetchAnswer, await self._request("POST", path))

    async def content_fetch(self, root: Cid) -> ContentFetchAnswer:
        """How far the node's fetch of a file is; raises Refused (not-found)."""
        return await self._get(ContentFetchAnswer, f"/v1/content/{root}/fetch")

    async def fetch_block(self, cid: Cid, root: Cid | None = None) -> bytes:
        """A content block, of the file `root` if that is known, from the node or others, not
        verified here; raises Refused (not-found)."""
        return await self._bytes(
            f"/v1/content/blocks/{cid}",
            None if root is None else {"root": str(root)},
            max_bytes=MAX_CONTENT_BLOCK_BYTES,
            timeout_s=FETCH_TIMEOUT_S,
        )

    # Possession

    async def storage_providers(
        self, cid: Cid, *, finality: Finality = Finality.FINAL
    ) -> ProvidersAnswer:
        """Who pledges to hold a video; raises Missing if its segment root is not registered."""
        query = {"finality": finality.value}
        return await self._get(ProvidersAnswer, f"/v1/possession/{cid}", query)

    async def storage_pledges(
        self, provider: bytes, *, finality: Finality = Finality.FINAL
    ) -> ProviderAnswer:
        """What an account has done as a provider, and all that it pledges to hold (in `items`)."""
        path = f"/v1/possession/providers/{format_address(provider)}"
        answer = await self._get(ProviderAnswer, path, _page(500, None, finality))
        items = answer.items
        while answer.next is not None:
            answer = await self._get(ProviderAnswer, path, _page(500, answer.next, finality))
            items += answer.items
        return replace(answer, items=items)

    async def hash_segments(self, cid: Cid) -> HashedAnswer:
        """Let the node go on computing the segment root of a file that it stores; raises Missing
        for a file that it has not."""
        answer = await self._request("POST", f"/v1/possession/{cid}/root", timeout_s=HASH_TIMEOUT_S)
        return _read(HashedAnswer, answer)

    async def segments(self, cid: Cid, indexes: Sequence[int]) -> tuple[SegmentProof, ...]:
        """Segments of a file that the node stores, with their paths, not verified here."""
        query = {"index": [str(index) for index in indexes]}
        path = f"/v1/possession/{cid}/segments"
        return (await self._get(SegmentsAnswer, path, query)).proofs

    # The content store

    async def store(self) -> StoreAnswer:
        """How much content it has."""
        return await self._get(StoreAnswer, "/v1/admin/store")

    async def pins(self) -> AsyncIterator[Pin]:
        """All that is pinned."""
        cursor: str | None = None
        while True:
            query: dict[str, str | int] = {"limit": 100}
            if cursor is not None:
                query["cursor"] = cursor
            page = await self._get(PinsAnswer, "/v1/admin/store/pins", query)
            for item in page.items:
                yield item
            if (cursor := page.next) is None:
                return

    async def stored_root(self, cid: Cid) -> RootAnswer:
        """What holds a block, and what below it is missing."""
        path = f"/v1/admin/store/pins/{cid}"
        return _read(RootAnswer, await self._bytes(path, timeout_s=STORE_TIMEOUT_S))

    async def pin(self, cid: Cid, form: PinForm) -> Pin:
        """Pin what the node has whole; raises Refused (content-incomplete)."""
        body, path = json.dumps(form.to_json()).encode(), f"/v1/admin/store/pins/{cid}"
        headers = {"content-type": "application/json"}
        answer = await self._request(
            "PUT", path, body=body, headers=headers, timeout_s=STORE_TIMEOUT_S
        )
        return _read(Pin, answer)

    async def unpin(self, cid: Cid, kind: PinKind) -> RootAnswer:
        """Take a pin away; raises Missing if there is none."""
        path, query = f"/v1/admin/store/pins/{cid}", {"kind": kind.value}
        answer = await self._request("DELETE", path, query=query, timeout_s=STORE_TIMEOUT_S)
        return _read(RootAnswer, answer)

    async def collect(self, form: Collection) -> CollectedAnswer:
        """One step of a garbage collection."""
        body, path = json.dumps(form.to_json()).encode(), "/v1/admin/store/collect"
        return _read(CollectedAnswer, await self._send("POST", path, body, "application/json"))

    async def verify(self, form: Verification) -> VerifiedAnswer:
        """One step of a verification of the store."""
        body, path = json.dumps(form.to_json()).encode(), "/v1/admin/store/verify"
        return _read(VerifiedAnswer, await self._send("POST", path, body, "application/json"))

    # Requests

    async def _pages(
        self,
        answer: type[P],
        path: str,
        query: Query,
        finality: Finality,
        limit: int = ITEMS_PER_PAGE,
    ) -> AsyncIterator[P]:
        """All pages of a list."""
        cursor: str | None = None
        while True:
            page = await self._get(answer, path, {**_page(limit, cursor, finality), **query})
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
        return _read(answer, await self._request("GET", path, query=query, good=good))

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


def _page(limit: int, cursor: str | None, finality: Finality) -> dict[str, str | int]:
    query: dict[str, str | int] = {"limit": limit, "finality": finality.value}
    return query if cursor is None else {**query, "cursor": cursor}


def _has_come(answer: TransactionAnswer, until: Until) -> bool:
    return answer.state == FINAL or (until is Until.INCLUDED and answer.state != PENDING)


def _read(answer: type[A], content: bytes) -> A:
    try:
        return answer.from_json(json.loads(content))
    except (ValueError, RecursionError, Invalid) as error:
        raise Refused(
            f"the node's answer is not understood ({error}); is it of another release?",
            code="answer-not-understood",
        ) from error
