"""What a network of four real nodes makes final under load from a process of its own, and when."""

import json
import os
import statistics
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import trio

from bench.compiled_build import ROOT
from bench.ground import Ground, Sizes
from bench.raw_verification import raw_verifications_a_second
from bench.report import tell
from bench.row import Sample
from node.local.folder import LocalFolder
from node.local.network import LocalNetwork, running
from node.local.ports import node_ports
from node.local.run import now_ms, wait_until_ready
from node.local.setup import LocalWishes, choose_form, open_or_create

NODES = 4
START_MS = 15_000
SLOT_MS = 1_000
# The search for what the network sustains ends at the first load of which it makes less final
# while it lasts: what is offered in the last two slots cannot be.
KEPT_UP = 0.7
DRAIN_S = 60


class Load(NamedTuple):
    """What became of a load: final transfers a second while it lasted, and the median latency."""

    final_a_second: float
    p50_ms: float


class Loads(NamedTuple):
    """Samples of the sustained load, and of half of it."""

    sustained: Sequence[Sample]
    finality: Sequence[Sample]


def measure_sustained(ground: Ground) -> Sequence[Sample]:
    """Final transfers a second, beside the signatures that each node could verify with its part of
    the machine."""
    return _loads(ground).sustained


def measure_finality(ground: Ground) -> Sequence[Sample]:
    """Milliseconds from the moment a transfer is due until it is seen final, beside a slot."""
    return _loads(ground).finality


@cache
def _loads(ground: Ground) -> Loads:
    return trio.run(_measure, ground)


async def _measure(ground: Ground) -> Loads:
    folder = LocalFolder.at(ground.folder / "network")
    wishes = LocalWishes(nodes=NODES, slot_ms=SLOT_MS)
    limit = _limit(ground)
    with folder.owned():
        form = choose_form(folder, wishes)
        chain = await trio.to_thread.run_sync(
            open_or_create, folder, form, lambda _: now_ms() + START_MS
        )
        async with running(folder, chain, node_ports(NODES, 0)) as network:
            await wait_until_ready(network)
            tell(f"{NODES} nodes are ready")
            loader = _Loader(folder.root / "client.toml", network)
            return await _take_turns(ground, loader, limit)


async def _take_turns(ground: Ground, loader: "_Loader", limit: float) -> Loads:
    """The limit is measured again after each load, while the nodes have nothing to do."""
    rate = await _sustained(ground.sizes, loader, limit)
    sustained, finality = list[Sample](), list[Sample]()
    for _ in range(ground.sizes.repeats):
        load = await loader.run(rate, ground.sizes.load_s)
        after = _limit(ground)
        sustained.append(Sample(load.final_a_second, (limit + after) / 2))
        limit = after
        half = await loader.run(rate / 2, ground.sizes.load_s / 2)
        finality.append(Sample(half.p50_ms, SLOT_MS))
    return Loads(sustained, finality)


async def _sustained(sizes: Sizes, loader: "_Loader", limit: float) -> float:
    """The offered rate of which the network makes most final."""
    best, best_final = 0.0, 0.0
    for share in sizes.load_shares:
        rate = share * limit
        final = (await loader.run(rate, sizes.trial_s)).final_a_second
        if final > best_final:
            best, best_final = rate, final
        if final < KEPT_UP * rate:
            break
    if not best:
        raise RuntimeError("nothing became final")
    return best


def _limit(ground: Ground) -> float:
    """Signatures a second that the machine could verify for each node."""
    repeats = [raw_verifications_a_second(ground.sizes.verifications) for _ in range(3)]
    return statistics.median(repeats) / NODES


class _Loader:
    """Runs `reelect load` against all nodes of a network."""

    def __init__(self, config: Path, network: LocalNetwork) -> None:
        self._config = config
        self._others = [node.api for node in network.nodes[1:]]

    async def run(self, rate: float, seconds: float) -> Load:
        """Offer so many transfers a second for so long; raises RuntimeError if none is final."""
        tell(f"{rate:.0f} transfers a second for {seconds:g} s")
        command = [sys.executable, str(ROOT / "cli.py"), "load", "--config", str(self._config)]
        command += ["--tps", f"{rate:.2f}", "--seconds", f"{seconds:g}", "--json"]
        command += ["--drain-s", str(DRAIN_S)]
        for api in self._others:
            command += ["--to", api]
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("REELECT_")
        }
        done = await trio.run_process(
            command, capture_stdout=True, capture_stderr=True, check=False, env=environment
        )
        if done.returncode:
            raise RuntimeError(f"the load failed: {done.stderr.decode().strip()[-500:]}")
        answer = json.loads(done.stdout)
        tell(f"{answer['final_per_s']} a second final, latency {answer['latency_ms']}")
        if not answer["final"]:
            raise RuntimeError(f"nothing became final: {answer['refusals']}")
        return Load(answer["final_per_s"], answer["latency_ms"]["p50"])
