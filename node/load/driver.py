"""The driver of a load: it sends what is due to each node, and follows what becomes final."""

from collections.abc import Callable, Sequence

import trio

from node.client import Client
from node.failure import Failure, Refused
from node.load.offers import Lane, Offer
from node.load.outcome import Outcome
from node.query.answers import PROBLEM_PREFIX

MAX_BATCH = 500
LEAST_PAUSE_S = 0.02  # between two batches for a node, so that they are worth their way
RETRY_S = 1.0  # after a node could not take all: what its Retry-After says
FOLLOW_S = 0.1
# What a node may take later; whatever else it refuses it will not take at all.
BUSY = ("mempool-full", "node-busy", "nonce-too-high", "too-many-requests")


class Driver:
    """A load on its way: `clients` are the nodes, each with its lane; what is final is read from
    the first. `seconds` is for how long offers are due."""

    def __init__(self, clients: Sequence[Client], offers: Sequence[Offer], seconds: float) -> None:
        self.outcome = Outcome(offered=len(offers))
        self._clients = clients
        count = len(clients)
        self._lanes = [Lane(offers[place::count]) for place in range(count)]
        self._seconds = seconds
        self._begun = 0.0
        self._is_sent = False

    async def run(self, drain_s: float, tell: Callable[[Outcome], None]) -> None:
        """Send all offers, then wait until what was accepted is final, so long at most. `tell` is
        called now and then. Cancelled, it leaves the outcome as it is so far."""
        final = (await self._clients[0].status()).final.height
        self._begun = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._follow, final, tell)
            async with trio.open_nursery() as sending:
                for client, lane in zip(self._clients, self._lanes, strict=True):
                    sending.start_soon(self._feed, client, lane)
            self._is_sent = True
            nursery.cancel_scope.deadline = trio.current_time() + drain_s

    def _now_s(self) -> float:
        return trio.current_time() - self._begun

    async def _feed(self, client: Client, lane: Lane) -> None:
        """Send a lane's offers until none is left, or the time of offers is over: who was not
        taken by then is not tried for longer than once more."""
        end_s = self._seconds + RETRY_S
        while (due_s := lane.next_due_s) is not None and self._now_s() < end_s:
            offers = lane.take(self._now_s(), MAX_BATCH)
            if not offers:
                await trio.sleep(max(due_s - self._now_s(), LEAST_PAUSE_S))
            elif not await self._send(client, lane, offers):
                await trio.sleep(RETRY_S)
            else:
                await trio.sleep(LEAST_PAUSE_S)

    async def _send(self, client: Client, lane: Lane, offers: Sequence[Offer]) -> bool:
        """Send a batch; whether the node took all that it ever will."""
        try:
            results = await client.submit_batch([offer.data for offer in offers])
        except Failure as failure:
            codes = [failure.code if isinstance(failure, Refused) else "no-answer"] * len(offers)
        else:
            codes = ["" if each.problem is None else _code(each.problem) for each in results]
        took_all = True
        for offer, code in zip(offers, codes, strict=True):
            if not code:
                self.outcome.accept(offer)
                continue
            self.outcome.refuse(code)
            if code in BUSY or code == "no-answer":
                lane.give_back(offer)
                took_all = False
        return took_all

    async def _follow(self, height: int, tell: Callable[[Outcome], None]) -> None:
        """Note what is final above this height, until all that was accepted is."""
        client = self._clients[0]
        while not self._is_sent or self.outcome.waiting:
            try:
                final = (await client.status()).final.height
                while height < final:
                    ids = await client.transaction_ids(height + 1)
                    height += 1
                    self.outcome.settle(ids, self._now_s(), self._seconds)
            except Failure as failure:
                self.outcome.refuse(failure.code)
            tell(self.outcome)
            await trio.sleep(FOLLOW_S)


def _code(problem: object) -> str:
    kind = problem.get("type") if isinstance(problem, dict) else None
    return str(kind).removeprefix(PROBLEM_PREFIX)
