"""What a soak comes to: one JSON document, a sentence for each promise that was broken, and one
line."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from consensus.kinds import JsonObject
from tests.soak.faults import KILL, PAUSE, Faults
from tests.soak.finality import FinalityWatch
from tests.soak.fleet import Member
from tests.soak.logs import LogFaults
from tests.soak.memory import Growth
from tests.soak.transfers import Counts

# A life that is shorter after its warm-up says little of growth.
MIN_JUDGED_S = 600.0
MAX_GROWTH_MIB_H = 1.0


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a soak is to be."""

    minutes: float
    nodes: int
    slot_ms: int
    tx_per_s: float
    seed: int
    fault_s: float
    warm_up_s: float


@dataclass(frozen=True, slots=True)
class Ending:
    """How the chain ended after so many seconds: slots since the beginning and blocks in them;
    the state's root after the highest block that every node holds final, by node; the transfers
    that were sent, are final, were accepted and lost, and have arrived where they went; and what
    nodes count as faults of their own handlers."""

    seconds: float
    slots: int
    blocks: int
    height: int
    roots: Mapping[str, str]
    sent: int
    final: int
    lost: int
    received: int
    handler_faults: int


@dataclass(frozen=True, slots=True)
class Soak:
    """All that was seen."""

    wishes: Wishes
    ending: Ending
    members: Sequence[Member]
    faults: Faults
    finality: FinalityWatch
    counts: Counts
    logs: LogFaults
    interrupted: bool

    def to_json(self, failures: Sequence[str]) -> JsonObject:
        """The document."""
        ending = self.ending
        roots = sorted(set(ending.roots.values()))
        return {
            **asdict(self.wishes),
            "interrupted": self.interrupted,
            "seconds": round(ending.seconds),
            "slots": ending.slots,
            "blocks": ending.blocks,
            "transactions": {
                "sent": ending.sent,
                "final": ending.final,
                "waiting": ending.sent - ending.final,
                "lost": ending.lost,
                "received": ending.received,
                **asdict(self.counts),
            },
            "kills": self.faults.count(KILL),
            "pauses": self.faults.count(PAUSE),
            "faults": [fault.to_json() for fault in self.faults.done],
            "state": {"height": ending.height, "nodes": len(ending.roots), "roots": list(roots)},
            "finality": self.finality.to_json(),
            "memory": self._memory(),
            "cpu": self._cpu(),
            "logs": {**self.logs.to_json(), "handler_faults": ending.handler_faults},
            "failures": list(failures),
        }

    def failures(self, *, strict: bool) -> list[str]:
        """A sentence for each promise that was broken; growth counts if it is to be strict."""
        ending = self.ending
        found = [f"{member.name} {member.crash}" for member in self.members if member.crash]
        if absent := [each.name for each in self.members if each.name not in ending.roots]:
            found.append(f"no state root from {', '.join(absent)}")
        if len(set(ending.roots.values())) > 1:
            found.append(f"the states at height {ending.height} differ")
        if ending.lost:
            found.append(f"{ending.lost} transactions were accepted and then lost")
        if ending.final < ending.sent and not self.interrupted:
            found.append(f"{ending.sent - ending.final} transfers were not final at the end")
        if not ending.final <= ending.received <= ending.sent:
            found.append(f"{ending.final} transfers are final, {ending.received} arrived")
        if ending.handler_faults or not self.logs.is_clean:
            found.append("nodes met bugs of their own: see logs")
        worst = self._worst_growth()
        if strict and (worst is None or worst.rss_mib_h > MAX_GROWTH_MIB_H):
            found.append("processes grow, or did not live long enough to tell: see memory")
        return found

    def line(self, failures: Sequence[str]) -> str:
        """The summary."""
        ending, worst = self.ending, self._worst_growth()
        grows = "not judged" if worst is None else f"{worst.rss_mib_h:+.2f} MiB/h at worst"
        return (
            f"{ending.slots} slots, {ending.blocks} blocks, {ending.final} of {ending.sent} "
            f"transfers final, {ending.lost} lost, {self.faults.count(KILL)} kills, "
            f"{self.faults.count(PAUSE)} pauses, {len(set(ending.roots.values()))} state on "
            f"{len(ending.roots)} nodes, worst finality gap {self.finality.gap_slots} slots or "
            f"{self.finality.gap_s:.1f} s, memory {grows}: {'; '.join(failures) or 'good'}"
        )

    def _growths(self, member: Member) -> list[Growth]:
        found = [life.growth(self.wishes.warm_up_s) for life in member.lives]
        return [growth for growth in found if growth is not None]

    def _worst_growth(self) -> Growth | None:
        """The steepest of the lives that are long enough."""
        all_of_them = [growth for member in self.members for growth in self._growths(member)]
        judged = [growth for growth in all_of_them if growth.seconds >= MIN_JUDGED_S]
        return max(judged, key=lambda growth: growth.rss_mib_h, default=None)

    def _memory(self) -> JsonObject:
        worst = self._worst_growth()
        return {
            "worst": None if worst is None else worst.to_json(),
            "lives": {
                member.name: [growth.to_json() for growth in self._growths(member)]
                for member in self.members
            },
        }

    def _cpu(self) -> JsonObject:
        used = {each.name: sum(life.cpu_s for life in each.lives) for each in self.members}
        seconds = max(1.0, self.ending.seconds)
        return {
            "cores": round(sum(used.values()) / seconds, 2),
            "nodes": {name: round(cpu_s / seconds, 3) for name, cpu_s in used.items()},
        }
