"""A soak from its first node's start to its report."""

import os
import random
import re
import signal
import sys
import time
from functools import partial
from pathlib import Path

import httpx
import trio

from node.client import Client
from node.local.folder import LocalFolder
from node.local.network import running
from node.local.ports import node_ports
from node.local.run import now_ms, wait_until_ready
from node.local.setup import LocalChain, LocalWishes, choose_form, open_or_create
from node.query.chain_view import Finality
from tests.soak.faults import KILL, PAUSE, Faults
from tests.soak.finality import FinalityWatch
from tests.soak.fleet import Fleet, fleet_of
from tests.soak.logs import read_logs
from tests.soak.report import Ending, Soak, Wishes
from tests.soak.transfers import Load

START_MS, START_MS_PER_NODE = 3_000, 2_000  # of one processor
BLOCKS_PAGE = 100
WATCH_S, STATUS_S = 1.0, 5.0
TELL_S = 15.0
SETTLE_S = 120.0
_HANDLER_FAULTS = re.compile(r'^reelect_p2p_incidents_total\{incident="faults"\} (\S+)$', re.M)


def tell(text: str) -> None:
    """Progress, for people."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


class Soaking:
    """A network that runs, its load, and what disturbs and watches it."""

    def __init__(self, wishes: Wishes, fleet: Fleet, chain: LocalChain) -> None:
        chance = random.Random(wishes.seed)
        self.load = Load(fleet, chain, wishes.tx_per_s, random.Random(chance.random()))
        self.faults = Faults(fleet, wishes.fault_s, random.Random(chance.random()))
        self.finality = FinalityWatch()
        self.interrupted = False
        self._wishes = wishes
        self._fleet = fleet
        self._begun = time.monotonic()
        self._first_slot = self._slot()

    async def run(self) -> None:
        """Load and disturb for as long as is wished or until a signal; then let the network come
        to rest."""
        async with trio.open_nursery() as watching:
            watching.start_soon(self._watch)
            watching.start_soon(self._tell)
            watching.start_soon(self.load.care)
            with trio.move_on_after(60 * self._wishes.minutes) as ends:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._heed_signals, ends)
                    nursery.start_soon(self.load.send)
                    nursery.start_soon(self.faults.run)
            tell("no more load and faults: the network comes to rest")
            with trio.move_on_after(SETTLE_S) as patience:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._heed_signals, patience)
                    await self._rest(self._slot())
                    nursery.cancel_scope.cancel()
            watching.cancel_scope.cancel()

    async def _heed_signals(self, scope: trio.CancelScope) -> None:
        """End a stage at the first Ctrl-C."""
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for _ in signals:
                self.interrupted = True
                scope.cancel()

    async def _rest(self, slot: int) -> None:
        """Return when all that was sent is final, and every node holds a block final that is not
        older than `slot`."""
        while True:
            final = await self._fleet.ask(Client.status)
            behind = [each for each in final.values() if each.final.slot < slot]
            if not self.load.waiting and not behind and len(final) == len(self._fleet.up()):
                return
            await trio.sleep(WATCH_S)

    def _slot(self) -> int:
        return self._fleet.clock.slot_at(now_ms())

    def _seconds(self) -> float:
        return time.monotonic() - self._begun

    # Watching

    async def _watch(self) -> None:
        while True:
            for member in self._fleet.members:
                member.watch()
            slot, at_s = self._slot(), self._seconds()
            settled = {member.name for member in self._fleet.members if member.is_settled}
            statuses = await self._fleet.ask(Client.status, STATUS_S)
            settled &= {member.name for member in self._fleet.members if member.is_settled}
            final = {name: status.final.slot for name, status in statuses.items()}
            self.finality.see(at_s, slot, final, settled)
            await trio.sleep(WATCH_S)

    async def _tell(self) -> None:
        while True:
            await trio.sleep(TELL_S)
            faults = f"{self.faults.count(KILL)} kills, {self.faults.count(PAUSE)} pauses"
            tell(
                f"{self._seconds() / 60:.1f} of {self._wishes.minutes:g} min: slot {self._slot()}, "
                f"final {self.finality.final_slot}, {self.load.final} of {self.load.sent} "
                f"transfers final, {faults}"
            )

    # The end

    async def ending(self) -> Ending:
        """What the nodes say at last."""
        height = min((await self._fleet.ask(_final_height)).values(), default=0)
        return Ending(
            seconds=self._seconds(),
            slots=self._slot() - self._first_slot,
            blocks=max((await self._fleet.ask(self._blocks)).values(), default=0),
            height=height,
            roots=await self._fleet.ask(partial(_root, height=height)),
            sent=self.load.sent,
            final=self.load.final,
            lost=await self.load.lost(),
            received=max((await self._fleet.ask(self.load.received)).values(), default=0),
            handler_faults=sum((await self._fleet.ask(_handler_faults)).values()),
        )

    async def _blocks(self, client: Client) -> int:
        """The final blocks since the first slot."""
        count, cursor = 0, None
        while True:
            page = await client.blocks(limit=BLOCKS_PAGE, cursor=cursor)
            count += sum(item.slot >= self._first_slot for item in page.items)
            cursor = page.next
            if cursor is None or page.items[-1].slot < self._first_slot:
                return count


async def _final_height(client: Client) -> int:
    return (await client.status()).final.height


async def _root(client: Client, height: int) -> str:
    block = await client.block(str(height), finality=Finality.FINAL)
    return block.header.state_root.hex()


async def _handler_faults(client: Client) -> int:
    async with httpx.AsyncClient(trust_env=False) as http:
        page = (await http.get(f"{client.base_url}/metrics")).text
    return sum(int(float(value)) for value in _HANDLER_FAULTS.findall(page))


async def soak(wishes: Wishes, home: Path) -> Soak:
    """Run a network in a folder, which keeps its logs; none of it runs afterwards."""
    folder = LocalFolder.at(home / "local")
    local = LocalWishes(nodes=wishes.nodes, slot_ms=wishes.slot_ms)
    with folder.owned():
        form = choose_form(folder, local)
        chain = await trio.to_thread.run_sync(open_or_create, folder, form, _genesis_time_ms)
        async with running(folder, chain, node_ports(wishes.nodes, 0)) as network:
            await wait_until_ready(network)
            tell(f"{wishes.nodes} nodes are ready")
            async with fleet_of(network) as fleet:
                soaking = Soaking(wishes, fleet, chain)
                await soaking.run()
                ending = await soaking.ending()
    return Soak(
        wishes=wishes,
        ending=ending,
        members=fleet.members,
        faults=soaking.faults,
        finality=soaking.finality,
        counts=soaking.load.counts,
        logs=read_logs(folder.node(place) for place in range(wishes.nodes)),
        interrupted=soaking.interrupted,
    )


def _genesis_time_ms(nodes: int) -> int:
    return now_ms() + START_MS + nodes * START_MS_PER_NODE // (os.cpu_count() or 1)
