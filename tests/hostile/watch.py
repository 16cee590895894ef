"""How the honest nodes are: seen from outside, by what they say and by what the system says."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import trio
from prometheus_client.parser import text_string_to_metric_families

from node.client import Client
from tests.hostile.client import Victim

SAMPLE_S = 0.5
_TICKS = os.sysconf("SC_CLK_TCK")


def rss_bytes(pid: int) -> int:
    """A process's resident memory now."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def cpu_s(pid: int) -> float:
    """The processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


async def metrics(victim: Victim) -> dict[str, float]:
    """Its metrics by name, of those without labels, and incidents by their own names."""
    async with httpx.AsyncClient() as client:
        page = (await client.get(f"{victim.api}/metrics", timeout=20)).text
    return {
        sample.labels.get("incident", sample.name): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if set(sample.labels) <= {"incident"}
    }


@dataclass(frozen=True)
class Sample:
    """A node at one time: by how many slots its final block is behind its head (`lag`) and behind
    the clock (`age`), and the attacks that ran."""

    lag: int
    age: int
    node: str
    attacks: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.node}, {' + '.join(self.attacks) or 'rest'}"


@dataclass
class Watch:
    """Samples of all victims; `running` names the attacks that go on."""

    victims: Sequence[Victim]
    running: list[str] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    peak_rss: dict[str, int] = field(default_factory=dict)

    async def run(self) -> None:
        """Sample until cancelled."""
        while True:
            async with trio.open_nursery() as nursery:
                for victim in self.victims:
                    nursery.start_soon(self._sample, victim)
            await trio.sleep(SAMPLE_S)

    async def _sample(self, victim: Victim) -> None:
        async with Client(victim.api) as client:
            status = await client.status()
        age = status.slot - status.final.slot
        self.samples.append(
            Sample(status.finality_lag_slots, age, victim.name, tuple(self.running))
        )
        known = self.peak_rss.get(victim.name, 0)
        self.peak_rss[victim.name] = max(known, rss_bytes(victim.pid))


@dataclass(frozen=True)
class Rest:
    """A node that nothing is done to: its memory, its tasks, and the processor time that it uses
    a second."""

    rss_bytes: int
    tasks: int
    cpu_share: float


async def rest_of(victims: Sequence[Victim], seconds: float) -> dict[str, Rest]:
    """All of them over a quiet span."""
    before = {victim.name: cpu_s(victim.pid) for victim in victims}
    begun = trio.current_time()
    await trio.sleep(seconds)
    spent = trio.current_time() - begun
    return {
        victim.name: Rest(
            rss_bytes(victim.pid),
            int((await metrics(victim))["reelect_tasks"]),
            (cpu_s(victim.pid) - before[victim.name]) / spent,
        )
        for victim in victims
    }
