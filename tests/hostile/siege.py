"""Four real nodes under attack: all attacks one after the other, while the nodes are watched."""

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trio

from node.client import Client
from node.config.sources import load_config
from node.local.folder import LocalFolder
from node.local.network import LocalNetwork, running
from node.local.ports import node_ports
from node.local.process import NodeProcess
from node.local.run import now_ms, wait_until_ready
from node.local.setup import LocalChain, LocalWishes, choose_form, open_or_create
from node.node import read_seats
from tests.hostile.attack import Attack, Scene
from tests.hostile.attacks import ATTACKS
from tests.hostile.client import Closed, Victim
from tests.hostile.renegade import Renegade
from tests.hostile.watch import Rest, Sample, Watch, metrics, rest_of, rss_bytes

NODES = 4
SLOT_MS = 1000
EPOCH_SLOTS = 21 * 240  # a producer that was found out keeps its seat, and has turns, to the end
START_MS = 7000
QUIET_S = 10.0
SETTLE_S = 40.0
AT_ONCE = 4
MAX_RESTS = 6
NEAR = 1.25
WARM_UP_SLOTS = 30  # a process just started still fills what it keeps
RENEGADE_SEATS = 3  # it uses the one whose turn comes first
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Figures:
    """What came of it. `failed` says which attacks were not answered as they must be; `faults`
    are bugs that nodes counted in themselves. `growth_bytes` is the most that any node's memory
    grew from rest to rest, `peak_bytes` to its highest meanwhile; `tasks` are those of all nodes
    before and after; `cpu_ratio` is their processor time at rest afterwards to that before."""

    attacks: int
    failed: Sequence[str]
    crashes: int
    faults: int
    samples: int
    lag: Sample
    age: Sample
    growth_bytes: int
    peak_bytes: int
    tasks: tuple[int, int]
    cpu_ratio: float
    seconds: float

    def __str__(self) -> str:
        return "; ".join(
            (
                f"{self.attacks} attacks in {self.seconds:.0f} s, {len(self.failed)} not answered "
                f"as they must be, {self.crashes} crashes, {self.faults} faults",
                f"{self.samples} samples: head − final at most {self.lag.lag} slots ({self.lag}), "
                f"clock − final at most {self.age.age} ({self.age})",
                f"RSS +{self.growth_bytes / MEBIBYTE:.1f} MiB at rest, "
                f"+{self.peak_bytes / MEBIBYTE:.1f} at most",
                f"tasks {self.tasks[0]} before, {self.tasks[1]} after",
                f"CPU at rest × {self.cpu_ratio:.2f}",
            )
        )


@dataclass(frozen=True)
class Siege:
    """Running nodes, and who attacks them; `tell` is given a line for each attack."""

    network: LocalNetwork
    victims: Sequence[Victim]
    renegade: Renegade
    tell: Callable[[str], None]

    async def endure(self, attacks: Sequence[Attack], ids: int) -> Figures:
        """Run the attacks, a few at a time, and see how the nodes bear them."""
        watch, failed = Watch(self.victims), list[str]()
        begun = time.monotonic()
        before = await rest_of(self.victims, QUIET_S)
        async with trio.open_nursery() as watching:
            watching.start_soon(watch.run)
            await self._run_all(attacks, ids, watch, failed)
            await trio.sleep(QUIET_S)
            watching.cancel_scope.cancel()
        await self._settle(sum(rest.tasks for rest in before.values()))
        after = await self._rest_like(before)
        faults = [(await metrics(victim))["faults"] for victim in self.victims]
        return Figures(
            attacks=len(attacks),
            failed=failed,
            crashes=sum(not node.is_running for node in self.network.nodes),
            faults=int(sum(faults)),
            samples=len(watch.samples),
            lag=max(watch.samples, key=lambda sample: sample.lag),
            age=max(watch.samples, key=lambda sample: sample.age),
            growth_bytes=max(
                after[name].rss_bytes - rest.rss_bytes for name, rest in before.items()
            ),
            peak_bytes=max(watch.peak_rss[name] - rest.rss_bytes for name, rest in before.items()),
            tasks=(
                sum(rest.tasks for rest in before.values()),
                sum(rest.tasks for rest in after.values()),
            ),
            cpu_ratio=_cpu(after) / _cpu(before),
            seconds=time.monotonic() - begun,
        )

    async def _run_all(
        self, attacks: Sequence[Attack], ids: int, watch: Watch, failed: list[str]
    ) -> None:
        places = trio.CapacityLimiter(AT_ONCE)

        async def run(one: Attack, scene: Scene) -> None:
            async with places:
                fault = await self._run(one, scene, watch)
                failed.extend([fault] if fault else [])

        for alone in (False, True):
            async with trio.open_nursery() as nursery:
                places.total_tokens = 1 if alone else AT_ONCE
                for number, one in enumerate(attacks):
                    place = number % len(self.victims)
                    victims = [*self.victims[place:], *self.victims[:place]]
                    if one.alone is alone:
                        nursery.start_soon(run, one, Scene(victims, self.renegade, ids))

    async def _run(self, one: Attack, scene: Scene, watch: Watch) -> str:
        begun, first = time.monotonic(), len(watch.samples)
        watch.running.append(one.name)
        fault = ""
        try:
            await one.execute(scene)
        except (AssertionError, trio.TooSlowError, Closed) as error:
            fault = f"{one.name}: {error!r}"
        finally:
            watch.running.remove(one.name)
        lag = max((sample.lag for sample in watch.samples[first:]), default=0)
        rss = max(rss_bytes(victim.pid) for victim in self.victims) / MEBIBYTE
        spent = time.monotonic() - begun
        self.tell(f"{spent:5.1f} s  lag {lag}  RSS {rss:4.0f} MiB  {one.name}  {fault}")
        return fault

    async def _settle(self, tasks: int) -> None:
        """Until no task is left of all that, or it has taken too long."""
        with trio.move_on_after(SETTLE_S):
            while await self._tasks() > tasks:  # noqa: ASYNC110 - other processes
                await trio.sleep(1)

    async def _rest_like(self, before: Mapping[str, Rest]) -> dict[str, Rest]:
        """The nodes at rest, as soon as they use no more time than they did; or at last."""
        for _ in range(MAX_RESTS):
            after = await rest_of(self.victims, QUIET_S)
            if _cpu(after) <= _cpu(before) * NEAR:
                break
        return after

    async def _tasks(self) -> int:
        return sum([int((await metrics(victim))["reelect_tasks"]) for victim in self.victims])


def _cpu(rests: Mapping[str, Rest]) -> float:
    return sum(rest.cpu_share for rest in rests.values())


async def _victim(node: NodeProcess, chain: LocalChain) -> Victim:
    async with Client(node.api) as client:
        status = await client.status()
    return Victim(
        name=node.name,
        id=status.node_id,
        port=status.p2p_port,
        api=node.api,
        pid=node.pid,
        chain=chain.genesis.chain,
        log_file=node.log_file,
    )


@asynccontextmanager
async def besieged(
    home: Path, tell: Callable[[str], None] = lambda _: None
) -> AsyncIterator[Siege]:
    """A new network of four nodes in the folder `home`, ready, and all final up to the last few
    slots; none of it runs afterwards."""
    folder = LocalFolder.at(home / "local")
    with folder.owned():
        wishes = LocalWishes(nodes=NODES, slot_ms=SLOT_MS, epoch_slots=EPOCH_SLOTS)
        form = choose_form(folder, wishes)
        chain = await trio.to_thread.run_sync(
            open_or_create, folder, form, lambda _: now_ms() + START_MS
        )
        async with running(folder, chain, node_ports(NODES, 0)) as network:
            await wait_until_ready(network)
            victims = [await _victim(node, chain) for node in network.nodes]
            config = load_config(network.nodes[0].config_file, (), {})
            siege = Siege(
                network,
                victims,
                Renegade(chain, read_seats(config)[:RENEGADE_SEATS], victims[0].name),
                tell,
            )
            await _warm_up(siege)
            await trio.to_thread.run_sync(siege.renegade.prepare)
            yield siege


async def _warm_up(siege: Siege) -> None:
    for victim in siege.victims:
        async with Client(victim.api) as client:
            while (await client.status()).final.slot < WARM_UP_SLOTS:  # noqa: ASYNC110
                await trio.sleep(SLOT_MS / 4000)


def chosen(names: str) -> list[Attack]:
    """The attacks whose name holds the text."""
    return [one for one in ATTACKS if names in one.name]
