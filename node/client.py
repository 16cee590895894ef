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
head. Lists take ?limit= and ?cursor=. Light answers and steps begin at ?dynasty=."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, suppress
from enum import Enum
from urllib.parse import quote

import trio

from consensus.address import format_address
from consensus.block import Block
from consensus.codec import encode
from consensus.errors import Invalid
from consensus.light_answer import MAX_ANSWER_BYTES as MAX_LIGHT_ANSWER_BYTES
from consensus.record import Record
from consensus.transaction import Transaction, transaction_id
from node.client_activity import ActivityClient
from node.client_apps import AppClient
from node.client_connection import Query, page_query, read_answer
from node.client_content import ContentClient
from node.client_economy import EconomyClient
from node.client_failures import Missing
from node.client_funds import FundClient
from node.client_mail import MailClient
from node.client_market import MarketClient
from node.client_orders import OrderClient
from node.client_participation import ParticipationClient
from node.client_sessions import SessionClient
from node.client_shop import ShopClient
from node.client_statistics import StatisticsClient
from node.failure import Refused, TimedOut
from node.query.answers import (
    FINAL,
    PENDING,
    AccountAnswer,
    BatchAnswer,
    BatchResult,
    BlockAnswer,
    BlocksAnswer,
    FinalityAnswer,
    FinalityItem,
    PeerItem,
    PeersAnswer,
    ProducersAnswer,
    ReadyAnswer,
    RowAnswer,
    RowItem,
    RowsAnswer,
    SimulationAnswer,
    StatusAnswer,
    SubmittedAnswer,
    TransactionAnswer,
)
from node.query.chain_view import Finality
from node.query.peer_forms import PeerAddition, PeerBan, PeerPardon
from p2p.links import LinkFaults
from vm.forms import transaction_to_json

POLL_S = 0.2
ROWS_PER_PAGE = 500
CBOR = "application/cbor"


class Until(Enum):
    """What to wait for after a transaction is sent."""

    INCLUDED = "included"
    FINAL = "final"


class Client(
    ActivityClient,
    AppClient,
    ContentClient,
    EconomyClient,
    FundClient,
    MailClient,
    MarketClient,
    OrderClient,
    ParticipationClient,
    SessionClient,
    ShopClient,
    StatisticsClient,
):
    """A connection to one node's API; use it in `async with`.

    `token` is the node's admin token, needed for some calls to nodes elsewhere. Raises Usage
    for an address that is not http://host:port.
    """

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
        return read_answer(PeersAnswer, await self._send("POST", path, body, "application/json"))

    async def set_link_faults(self, faults: LinkFaults) -> None:
        """Give its links other faults, if it is on loopback."""
        body = json.dumps(faults.to_json()).encode()
        read_answer(
            LinkFaults, await self._send("PUT", "/v1/admin/links", body, "application/json")
        )

    # Blocks and transactions

    async def blocks(
        self, *, limit: int = 20, cursor: str | None = None, finality: Finality = Finality.FINAL
    ) -> BlocksAnswer:
        """A page of blocks, newest first."""
        query = page_query(limit, cursor, finality)
        return await self._get(BlocksAnswer, "/v1/blocks", query)

    async def block(self, block: str, *, finality: Finality = Finality.HEAD) -> BlockAnswer:
        """The block of this height or id; raises Refused (not-found)."""
        path = f"/v1/blocks/{quote(block, safe='')}"
        return await self._get(BlockAnswer, path, {"finality": finality.value})

    async def transaction_ids(self, height: int) -> list[bytes]:
        """The ids of the transactions in the final block of this height, computed from its bytes;
        raises Missing."""
        query = {"format": "cbor", "finality": Finality.FINAL.value}
        data = await self._bytes(f"/v1/blocks/{height}", query)
        try:
            block = Block.decode(data)
        except Invalid as error:
            raise Refused(f"block {height}: {error}", code="answer-not-understood") from error
        return [transaction_id(each.encode()) for each in block.body.transactions]

    async def submit(self, transaction: bytes) -> bytes:
        """Send a transaction's encoding; returns its id."""
        answer = await self._send("POST", "/v1/transactions", transaction, CBOR)
        return read_answer(SubmittedAnswer, answer).id

    async def submit_batch(self, transactions: Sequence[bytes]) -> tuple[BatchResult, ...]:
        """Send up to 1,000 transactions; what became of each, in order."""
        answer = await self._send(
            "POST", "/v1/transactions/batch", encode(list(transactions)), CBOR
        )
        return read_answer(BatchAnswer, answer).results

    async def simulate(self, transaction: Transaction) -> SimulationAnswer:
        """What it would do and cost in the next block; it need not be signed."""
        body = json.dumps(transaction_to_json(transaction)).encode()
        path = "/v1/transactions/simulate"
        return read_answer(
            SimulationAnswer, await self._send("POST", path, body, "application/json")
        )

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
        """All rows of a table, or those under the first key parts. While they are read the state
        may move on."""
        async for page in self.row_pages(table, *first_parts, finality=finality):
            for item in page.items:
                yield item

    async def row_pages(
        self, table: str, *first_parts: str, finality: Finality = Finality.FINAL
    ) -> AsyncIterator[RowsAnswer]:
        """`rows` page by page, each of which says the block whose state it is from."""
        path = f"/v1/tables/{quote(table, safe='')}/rows"
        query = {"key": first_parts}
        async for page in self._pages(RowsAnswer, path, query, finality, ROWS_PER_PAGE):
            yield page

    async def first_rows(
        self,
        table: str,
        *first_parts: str,
        most: int,
        wanted: Callable[[RowItem], bool] = lambda _: True,
        finality: Finality = Finality.FINAL,
    ) -> list[RowItem]:
        """The first rows of a table, or of those under the first key parts, that are wanted; so
        many at most, and no page is read after the last of them."""
        path = f"/v1/tables/{quote(table, safe='')}/rows"
        query, found = {"key": first_parts}, list[RowItem]()
        size = min(most, ROWS_PER_PAGE)
        async with aclosing(self._pages(RowsAnswer, path, query, finality, size)) as pages:
            async for page in pages:
                found += filter(wanted, page.items)
                if len(found) >= most:
                    break
        return found[:most]

    async def light(self, path: str, query: Query) -> bytes:
        """The bytes under a path of /v1/light; believe nothing in them but by what
        consensus/light_answer.py verifies. Raises Refused (not-yet-final, too-many-steps, pruned)
        and Missing."""
        return await self._bytes(f"/v1/light/{path}", query, max_bytes=MAX_LIGHT_ANSWER_BYTES)


def _has_come(answer: TransactionAnswer, until: Until) -> bool:
    return answer.state == FINAL or (until is Until.INCLUDED and answer.state != PENDING)
