"""The part of a node's HTTP API that is about content, as commands use it.

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
"""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

from consensus.address import format_address
from consensus.cid import Cid
from consensus.record import replace
from consensus.segments import SegmentProof
from consensus.unixfs import MAX_CONTENT_BLOCK_BYTES
from node.client_connection import Connection, page_query, read_answer
from node.client_failures import Missing, clear_failures, refusal_of
from node.query.answers import (
    ContentFetchAnswer,
    NameAnswer,
    NameItem,
    NamesAnswer,
    SpaceAnswer,
    SpaceItem,
    SpacesAnswer,
    StoredBlockAnswer,
    VideoAnswer,
    VideoItem,
    VideosAnswer,
)
from node.query.chain_view import Finality
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
from storage.content_pin import Pin, PinKind

FETCH_TIMEOUT_S = 60.0
HASH_TIMEOUT_S = 60.0
STORE_TIMEOUT_S = 600.0  # to walk all that is below a root


class ContentClient(Connection):
    """Calls about videos, what is stored of them, and who holds it."""

    # Videos, spaces and names

    def videos(
        self, owner: bytes | None = None, *, finality: Finality = Finality.FINAL
    ) -> AsyncIterator[VideoItem]:
        """All versions of published videos, or the first versions of one owner's."""
        named = {} if owner is None else {"owner": format_address(owner)}
        return self._items(VideosAnswer, "/v1/videos", named, finality)

    async def video(self, cid: Cid, *, finality: Finality = Finality.FINAL) -> VideoAnswer | None:
        """A version of a published video, or None."""
        query = {"finality": finality.value}
        with suppress(Missing):
            return await self._get(VideoAnswer, f"/v1/videos/{cid}", query)
        return None

    def versions(
        self, cid: Cid, *, finality: Finality = Finality.FINAL
    ) -> AsyncIterator[VideoItem]:
        """All versions of a video, the newest first; raises Missing."""
        return self._items(VideosAnswer, f"/v1/videos/{cid}/versions", {}, finality)

    def clips(self, cid: Cid, *, finality: Finality = Finality.FINAL) -> AsyncIterator[VideoItem]:
        """The clips of a version of a video; raises Missing."""
        return self._items(VideosAnswer, f"/v1/videos/{cid}/clips", {}, finality)

    def spaces(
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
        return self._items(SpacesAnswer, "/v1/spaces", named, finality)

    async def space(self, name: str, *, finality: Finality = Finality.FINAL) -> SpaceAnswer:
        """A space; raises Missing."""
        return await self._get(SpaceAnswer, f"/v1/spaces/{name}", {"finality": finality.value})

    def names(self, space: str, *, finality: Finality = Finality.FINAL) -> AsyncIterator[NameItem]:
        """The names in a space; raises Missing."""
        return self._items(NamesAnswer, f"/v1/spaces/{space}/names", {}, finality)

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

    def purchases(self, video: Cid) -> AsyncIterator[PurchaseItem]:
        """The purchases of a video that are in escrow, as they are final."""
        path = f"/v1/videos/{video}/purchases"
        return self._items(PurchasesAnswer, path, {}, Finality.FINAL)

    def accesses(
        self, account: bytes, *, finality: Finality = Finality.FINAL
    ) -> AsyncIterator[AccessItem]:
        """The videos that an account has bought or was granted."""
        path = f"/v1/accounts/{format_address(account)}/viewing"
        return self._items(AccessesAnswer, path, {}, finality)

    # Content

    async def upload_block(self, cid: Cid, data: bytes) -> None:
        """Put a content block into the node's store."""
        answer = await self._send(
            "PUT", f"/v1/content/blocks/{cid}", data, "application/octet-stream"
        )
        read_answer(StoredBlockAnswer, answer)

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
        return read_answer(ContentFetchAnswer, await self._request("POST", path))

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
        answer = await self._get(ProviderAnswer, path, page_query(500, None, finality))
        items = answer.items
        while answer.next is not None:
            answer = await self._get(ProviderAnswer, path, page_query(500, answer.next, finality))
            items += answer.items
        return replace(answer, items=items)

    async def hash_segments(self, cid: Cid) -> HashedAnswer:
        """Let the node go on computing the segment root of a file that it stores; raises Missing
        for a file that it has not."""
        answer = await self._request("POST", f"/v1/possession/{cid}/root", timeout_s=HASH_TIMEOUT_S)
        return read_answer(HashedAnswer, answer)

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
        return read_answer(RootAnswer, await self._bytes(path, timeout_s=STORE_TIMEOUT_S))

    async def pin(self, cid: Cid, form: PinForm) -> Pin:
        """Pin what the node has whole; raises Refused (content-incomplete)."""
        body, path = json.dumps(form.to_json()).encode(), f"/v1/admin/store/pins/{cid}"
        headers = {"content-type": "application/json"}
        answer = await self._request(
            "PUT", path, body=body, headers=headers, timeout_s=STORE_TIMEOUT_S
        )
        return read_answer(Pin, answer)

    async def unpin(self, cid: Cid, kind: PinKind) -> RootAnswer:
        """Take a pin away; raises Missing if there is none."""
        path, query = f"/v1/admin/store/pins/{cid}", {"kind": kind.value}
        answer = await self._request("DELETE", path, query=query, timeout_s=STORE_TIMEOUT_S)
        return read_answer(RootAnswer, answer)

    async def collect(self, form: Collection) -> CollectedAnswer:
        """One step of a garbage collection."""
        body, path = json.dumps(form.to_json()).encode(), "/v1/admin/store/collect"
        return read_answer(
            CollectedAnswer, await self._send("POST", path, body, "application/json")
        )

    async def verify(self, form: Verification) -> VerifiedAnswer:
        """One step of a verification of the store."""
        body, path = json.dumps(form.to_json()).encode(), "/v1/admin/store/verify"
        return read_answer(VerifiedAnswer, await self._send("POST", path, body, "application/json"))
