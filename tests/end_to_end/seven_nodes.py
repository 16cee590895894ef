"""Seven real nodes whose producers change and whose nodes stop: the stages, and what is measured.

Used by the test that CI runs and, with the times of real life, by tests/live.
"""

import os
import random
import signal
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence, Set
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import trio

from consensus.block import Header
from consensus.hashing import ZERO_DIGEST
from consensus.producers import MAX_PRODUCERS
from consensus.transaction import Transaction
from node.client import Client, Until
from node.local.folder import LocalFolder
from node.local.network import LocalNetwork, running
from node.local.ports import node_ports
from node.local.process import NodeProcess
from node.local.run import now_ms, wait_until_ready
from node.local.setup import LocalChain, LocalWishes, choose_form, open_or_create
from node.query.answers import BlockSummary, FinalityItem, ProducersAnswer, StatusAnswer
from node.query.chain_view import Finality
from tests.end_to_end.commands import run
from vm.modules.producer import Stand

NODES = 7
SPARES = MAX_PRODUCERS
EPOCH_SLOTS = 63
STOPPED = 3
QUORUM = 5  # nodes of three seats each
# FINALITY: with at most f absent, finality resumes within 2n + 1 slots.
MAX_RECOVERY_SLOTS = 2 * MAX_PRODUCERS + 1
START_MS = 9000
# So many slots before and after a handover are looked at.
AROUND_SLOTS = 8
# With fewer slots left, the epoch might turn before the last command: two of them after another and
# one that looks, or a batch and one that looks.
COMMANDS_SLOTS = 30
BATCH_SLOTS = 20
MAX_FEE = 10_000_000
CHAIN_PAGE = 100

T = TypeVar("T")


@dataclass(frozen=True)
class Coming:
    """The set that takes over from the one of `dynasty` at the beginning of the epoch whose first
    slot is `turn`."""

    members: Set[str]
    dynasty: int
    turn: int


@dataclass(frozen=True)
class Change:
    """A change of the set. Times are those of all nodes, from the start of a block's slot until
    the node held it final: of the `limbo` blocks, which come between the handover block and the
    new dynasty, and of all others within AROUND_SLOTS. `empty_slots` had no block;
    `proved_slot` is that of the final block that a light client was shown afterwards, and
    `members` are the producers with seats then."""

    dynasty: int
    members: Set[str]
    handover_slot: int
    limbo_blocks: int
    limbo_ms: Sequence[int]
    other_ms: Sequence[int]
    empty_slots: int
    proved_slot: int

    def extra_slots(self, slot_ms: int) -> float:
        """By how many slots the median limbo block takes longer than the median other one."""
        return (statistics.median(self.limbo_ms) - statistics.median(self.other_ms)) / slot_ms


@dataclass(frozen=True)
class Outage:
    """Nodes that stood still for a while: the final heights of the others, soon after and just
    before they went on; and the slots from then until all nodes had made a later slot final."""

    stopped: Sequence[str]
    seconds: float
    final_heights: tuple[int, int]
    recovery_slots: int


@dataclass(frozen=True)
class Restart:
    """All nodes killed and started one by one, in this order; how long the starts took; and the
    slots from the start of the fifth until the first five had made a later slot final, and from
    the last start until all had."""

    order: Sequence[str]
    starts_s: float
    quorum_slots: int
    recovery_slots: int


@dataclass(frozen=True)
class SevenNodes:
    """A running network of seven nodes with as many spare producers as there are seats."""

    home: Path
    folder: LocalFolder
    chain: LocalChain
    network: LocalNetwork

    @property
    def slot_ms(self) -> int:
        """Milliseconds of a slot."""
        return self.network.clock.slot_ms

    def slot(self) -> int:
        """The clock's slot."""
        return self.network.clock.slot_at(now_ms())

    async def until_slot(self, slot: int) -> None:
        """Return when the slot begins."""
        await trio.sleep(max(0, self.network.clock.start_ms(slot) - now_ms()) / 1000)

    async def reelect(self, *arguments: str) -> dict[str, object]:
        """What a command says, run as people do, which succeeds."""
        settings = {"REELECT_CONFIG": str(self.folder.client_file)}
        return (await run(self.home, *arguments, "--json", **settings)).json

    async def of_each(
        self, ask: Callable[[Client], Awaitable[T]], nodes: Iterable[NodeProcess] | None = None
    ) -> list[T]:
        """The same of every node, asked at one time."""
        asked = list(self.network.nodes if nodes is None else nodes)
        found: dict[str, T] = {}

        async def ask_one(node: NodeProcess) -> None:
            async with Client(node.api) as client:
                found[node.name] = await ask(client)

        async with trio.open_nursery() as nursery:
            for node in asked:
                nursery.start_soon(ask_one, node)
        return [found[node.name] for node in asked]

    async def until_final(
        self,
        slot: int,
        nodes: Iterable[NodeProcess] | None = None,
        watch: Callable[[StatusAnswer], None] = lambda _: None,
    ) -> int:
        """Wait until the nodes have made this slot or a later one final; the slot by then."""
        while True:
            statuses = await self.of_each(Client.status, nodes)
            for status in statuses:
                watch(status)
            if all(status.final.slot >= slot for status in statuses):
                return self.slot()
            await trio.sleep(self.slot_ms / 4000)

    # Set changes

    async def replace_one(self) -> Coming:
        """Let a spare stand and a producer resign, in one epoch, by the commands that people
        use."""
        before, turn = await self._before(COMMANDS_SLOTS)
        for sent in await self._reelect_at_once(
            ("producer", "stand", "--from", "producer-21"),
            ("producer", "resign", "--from", "producer-0"),
        ):
            assert sent["state"] == "final"
        coming = (_members(before) | {"producer-21"}) - {"producer-0"}
        return await self._foreseen(Coming(coming, before.dynasty, turn))

    async def replace_all(self, slots: int = BATCH_SLOTS) -> Coming:
        """Let all stand who have no seat, and all resign who have, in one epoch that has so many
        slots left."""
        before, turn = await self._before(slots)
        members, names = _members(before), self.chain.accounts.of_producers()
        await self._send({name: name not in members for name in names})
        return await self._foreseen(Coming(set(names) - members, before.dynasty, turn))

    async def replace_all_in_an_outage(self, seconds: float) -> Outage:
        """All seats change while three nodes stand still, before the epoch turns and after: the
        handover block is one of those that wait to become final."""
        early = round(seconds * 500 / self.slot_ms)
        coming = await self.replace_all(early + BATCH_SLOTS)
        await self.until_slot(coming.turn - early)
        outage = await self.stop_three(seconds)
        assert self.slot() > coming.turn
        await self.until_final(self.slot() + 1)
        newest = await self._newest_set()
        assert newest.dynasty == coming.dynasty + 1
        assert _members(newest) == coming.members
        return outage

    async def _before(self, slots: int) -> tuple[ProducersAnswer, int]:
        """The set before a change, and the next epoch's first slot; waits for that epoch if fewer
        slots are left in this one."""
        if self._next_turn() - self.slot() < slots:
            await self.until_slot(self._next_turn() + 1)
        return await self._newest_set(), self._next_turn()

    async def _foreseen(self, coming: Coming) -> Coming:
        """Check that `reelect producer list` foresees the set, in time."""
        listed = await self.reelect("producer", "list")
        assert _names(listed, "elected") == coming.members
        assert self.slot() < coming.turn
        return coming

    async def _newest_set(self) -> ProducersAnswer:
        async with Client(self.network.nodes[0].api) as client:
            return await client.producers()

    def _next_turn(self) -> int:
        """The first slot of the next epoch."""
        return (self.slot() // EPOCH_SLOTS + 1) * EPOCH_SLOTS

    async def _send(self, wishes: Mapping[str, bool]) -> None:
        """Make these producers stand, or not; final when it returns."""
        async with Client(self.network.nodes[0].api) as client:
            until_height = (await client.status()).head.height + 100
            signed = []
            for name, stands in wishes.items():
                sender = self.chain.accounts.by_name()[name]
                made = Transaction(
                    chain=self.chain.genesis.chain,
                    sender=sender,
                    payer=None,
                    nonce=(await client.account(sender)).next_nonce,
                    valid_until_height=until_height,
                    fee_asset="REEL",
                    max_fee=MAX_FEE,
                    actions=(Stand(stands).pack(),),
                    signatures=(),
                )
                signed.append(made.signed(self.chain.accounts.key(sender)).encode())
            for result in await client.submit_batch(signed):
                assert result.id is not None, result.problem
                answer = await client.wait(result.id, Until.FINAL, 60)
                assert answer.receipt is not None
                assert answer.receipt.status == "ok"

    async def watch_change(self, coming: Coming) -> Change:
        """Watch the epoch turn and the set change; check that the set is the one that was to
        come, and that every block that was a node's head becomes final."""
        turn = coming.turn
        heads: dict[int, set[str]] = {}

        def watch(status: StatusAnswer) -> None:
            heads.setdefault(status.head.height, set()).add(str(status.head.id))

        await self.until_slot(turn - AROUND_SLOTS)
        await self.until_final(turn + AROUND_SLOTS, watch=watch)
        blocks = await self.final_blocks(turn - AROUND_SLOTS)
        for height in set(heads) & set(blocks):
            assert heads[height] == {str(blocks[height].id)}, f"another block at height {height}"
        change = await self._measure(turn, blocks)
        assert change.dynasty == coming.dynasty + 1
        assert change.members == coming.members
        return change

    async def final_blocks(self, first_slot: int) -> dict[int, BlockSummary]:
        """The final blocks from a slot on by height, which all nodes agree on."""
        lists = await self.of_each(partial(_final_blocks, first_slot=first_slot))
        common = min(max(found) for found in lists)
        first, *others = (
            {height: block for height, block in found.items() if height <= common}
            for found in lists
        )
        assert all(_ids(other) == _ids(first) for other in others)
        return first

    async def _measure(self, turn: int, blocks: Mapping[int, BlockSummary]) -> Change:
        seen = {height: item for height, item in blocks.items() if item.slot <= turn + AROUND_SLOTS}
        async with Client(self.network.nodes[0].api) as client:
            headers = {height: (await client.block(str(height))).header for height in seen}
        logs = await self.of_each(partial(_finality_ms, after_height=min(seen) - 1))
        assert all(set(seen) <= set(log) for log in logs)
        (handover,) = (header for header in headers.values() if _hands_over(header))
        limbo = [height for height, header in headers.items() if header.handover is not None]
        slots = [item.slot for item in seen.values()]
        listed, proved = await self._reelect_at_once(
            ("producer", "list"),
            ("light", "query", "account", "dev1", "--node", self.network.nodes[-1].api),
        )
        return Change(
            dynasty=headers[max(headers)].dynasty,
            members=_names(listed, "seat"),
            handover_slot=handover.slot,
            limbo_blocks=len(limbo),
            limbo_ms=[log[height] for log in logs for height in limbo],
            other_ms=[log[height] for log in logs for height in seen if height not in limbo],
            empty_slots=max(slots) - min(slots) + 1 - len(slots),
            proved_slot=proved["final"]["slot"],  # type: ignore[index]
        )

    async def _reelect_at_once(self, *commands: Sequence[str]) -> list[dict[str, object]]:
        """What several commands say that run beside each other."""
        found: dict[int, dict[str, object]] = {}

        async def run_one(place: int) -> None:
            found[place] = await self.reelect(*commands[place])

        async with trio.open_nursery() as nursery:
            for place in range(len(commands)):
                nursery.start_soon(run_one, place)
        return [found[place] for place in range(len(commands))]

    # Outages

    async def stop_three(self, seconds: float) -> Outage:
        """Stop three nodes for a while, as a machine does that sleeps, and let them go on."""
        chosen = random.sample(self.network.nodes, STOPPED)
        others = [node for node in self.network.nodes if node not in chosen]

        async def final_height() -> int:
            statuses = await self.of_each(Client.status, others)
            return max(status.final.height for status in statuses)

        try:
            for node in chosen:
                os.kill(node.pid, signal.SIGSTOP)
            stopped = trio.current_time()
            await trio.sleep(3 * self.slot_ms / 1000)  # votes that were sent still count
            soon = await final_height()
            await trio.sleep_until(stopped + seconds)
            late = await final_height()
        finally:
            for node in chosen:
                os.kill(node.pid, signal.SIGCONT)
        went_on = self.slot()
        recovered = await self.until_final(went_on)
        return Outage([node.name for node in chosen], seconds, (soon, late), recovered - went_on)

    async def kill_and_start_all(self) -> Restart:
        """Kill all nodes at once and start them one by one in any order."""
        nodes = self.network.nodes
        for node in nodes:
            node.kill()
        for node in nodes:
            await node.wait()
        order = random.sample(nodes, len(nodes))
        begun = time.monotonic()
        waited: list[int] = []

        async def wait_for_quorum() -> None:
            enough = self.slot()
            waited.append(await self.until_final(enough, order[:QUORUM]) - enough)

        async with trio.open_nursery() as nursery:
            for number, node in enumerate(order, start=1):
                await node.start()
                if number == QUORUM:
                    nursery.start_soon(wait_for_quorum)
            starts_s = time.monotonic() - begun
            last = self.slot()
            recovered = await self.until_final(last)
        return Restart([node.name for node in order], starts_s, waited[0], recovered - last)

    async def check_chain(self, dynasty: int) -> int:
        """Check that all nodes have one final chain without gaps, in this dynasty; its height."""
        blocks = await self.final_blocks(0)
        assert sorted(blocks) == list(range(max(blocks) + 1))
        answers = await self.of_each(Client.producers)
        assert {answer.dynasty for answer in answers} == {dynasty}
        return max(blocks)


@asynccontextmanager
async def seven_nodes(home: Path, slot_ms: int) -> AsyncIterator[SevenNodes]:
    """A new network in the folder `home`, ready; none of it runs afterwards."""
    folder = LocalFolder.at(home / "local")
    wishes = LocalWishes(nodes=NODES, slot_ms=slot_ms, epoch_slots=EPOCH_SLOTS, spare_seats=SPARES)
    with folder.owned():
        form = choose_form(folder, wishes)
        chain = await trio.to_thread.run_sync(
            open_or_create, folder, form, lambda _: now_ms() + START_MS
        )
        async with running(folder, chain, node_ports(NODES, 0)) as network:
            await wait_until_ready(network)
            yield SevenNodes(home, folder, chain, network)


def _hands_over(header: Header) -> bool:
    return header.next_set_hash != ZERO_DIGEST and header.handover is None


def _ids(blocks: Mapping[int, BlockSummary]) -> dict[int, str]:
    return {height: str(block.id) for height, block in blocks.items()}


def _members(answer: ProducersAnswer) -> set[str]:
    return {item.name for item in answer.items}


def _rows(answer: Mapping[str, object], field: str) -> list[dict[str, Any]]:
    found = answer[field]
    assert isinstance(found, list)
    return found


def _names(listed: Mapping[str, object], column: str) -> set[str]:
    """The producers for which a column of the list is true."""
    return {row["name"] for row in _rows(listed, "producers") if row[column]}


async def _final_blocks(client: Client, first_slot: int) -> dict[int, BlockSummary]:
    found: list[BlockSummary] = []
    cursor: str | None = None
    while True:
        page = await client.blocks(limit=CHAIN_PAGE, cursor=cursor, finality=Finality.FINAL)
        found += page.items
        cursor = page.next
        if cursor is None or page.items[-1].slot < first_slot:
            return {item.height: item for item in found if item.slot >= first_slot}


async def _finality_ms(client: Client, after_height: int) -> dict[int, int]:
    items: tuple[FinalityItem, ...] = await client.finality(after_height)
    return {item.height: item.finality_ms for item in items}
