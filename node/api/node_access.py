"""What all endpoints share: the node's services, queries and the bounds on work for them."""

import json
from collections.abc import Callable
from typing import TypeVar

import trio
from starlette.responses import Response

from consensus.kinds import JsonObject
from consensus.record import Record
from genesis.file import parse_genesis
from node.light.answers import LightAnswers
from node.live.feed import Feeds
from node.loop_monitor import LoopMonitor
from node.metrics import Metrics
from node.query.block_queries import BlockQueries
from node.query.chain_view import ChainView, Finality, view_at
from node.services import Services

MAX_READING_THREADS = 2
MAX_REQUESTS = 64
MAX_STREAMS = 64

T = TypeVar("T")


class NodeAccess:
    """A node as its endpoints use it. `admin_token` lets in calls that change the node; on a
    `loopback` address they need none (node/api/admin.py)."""

    def __init__(
        self,
        services: Services,
        monitor: LoopMonitor,
        *,
        admin_token: str | None,
        loopback: bool,
    ) -> None:
        self.services = services
        self.admin_token = admin_token
        self.loopback = loopback
        self.blocks = BlockQueries(services.chain.clock)
        self.light = LightAnswers(services.chain, lambda: parse_genesis(services.genesis_file()))
        self.metrics = Metrics(services, monitor)
        self.feeds = Feeds()
        self.requests = trio.CapacityLimiter(MAX_REQUESTS)
        self.streams = trio.CapacityLimiter(MAX_STREAMS)
        self._threads = trio.CapacityLimiter(MAX_READING_THREADS)
        self._long_work = trio.CapacityLimiter(1)

    def view(self, finality: Finality) -> ChainView:
        """The chain now."""
        return view_at(self.services.chain, finality)

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Run a longer reading beside the node's loop, few at a time."""
        return await trio.to_thread.run_sync(work, limiter=self._threads)

    async def in_turn(self, work: Callable[[], T]) -> T:
        """Run what may take seconds beside the node's loop, one after the other, so that the
        threads for readings stay free."""
        return await trio.to_thread.run_sync(work, limiter=self._long_work)


def json_response(answer: Record | JsonObject, status: int = 200) -> Response:
    """A JSON answer."""
    form = answer.to_json() if isinstance(answer, Record) else answer
    body = json.dumps(form, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(body, status, media_type="application/json")
