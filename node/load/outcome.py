"""The outcome of a load: how much was taken, became final and when, and what was refused."""

from collections import Counter as Tally
from collections.abc import Sequence
from dataclasses import dataclass, field

from consensus.kinds import Json, JsonObject
from node.load.offers import Offer


@dataclass
class Outcome:
    """What became of offers so far; moments are seconds from the beginning."""

    offered: int = 0
    refused: Tally[str] = field(default_factory=Tally)
    waiting: dict[bytes, float] = field(default_factory=dict)  # accepted: by id, when it was due
    latencies_s: list[float] = field(default_factory=list)  # of those that are final
    finals_in_time: int = 0
    accepted: int = 0

    def accept(self, offer: Offer) -> None:
        """A node has taken the offer."""
        self.accepted += 1
        self.waiting[offer.id] = offer.due_s

    def refuse(self, code: str) -> None:
        """A node has not taken an offer now, for this reason."""
        self.refused[code] += 1

    def settle(self, ids: Sequence[bytes], now_s: float, end_s: float) -> None:
        """These transactions were seen to be final now; offers end at `end_s`."""
        for identity in ids:
            due_s = self.waiting.pop(identity, None)
            if due_s is not None:
                self.latencies_s.append(now_s - due_s)
                self.finals_in_time += now_s <= end_s

    @property
    def final(self) -> int:
        """How many are final."""
        return len(self.latencies_s)

    def to_json(self, seconds: float, slot_ms: int) -> JsonObject:
        """All of it, after so many seconds of offers."""
        latency: dict[str, Json] = {
            name: None if value is None else round(1000 * value)
            for name, value in percentiles(self.latencies_s).items()
        }
        p50 = latency["p50"]
        return {
            "seconds": seconds,
            "offered": self.offered,
            "accepted": self.accepted,
            "final": self.final,
            "not_final": len(self.waiting),
            "not_taken": self.offered - self.accepted,
            "refusals": dict(sorted(self.refused.items())),
            "final_per_s": round(self.finals_in_time / seconds, 1),
            "latency_ms": latency,
            "finality_slots": round(p50 / slot_ms, 2) if isinstance(p50, int) else None,
        }


def percentiles(values: Sequence[float]) -> dict[str, float | None]:
    """The nearest-rank percentiles of values; None without any."""
    ordered = sorted(values)
    ranks = {"p50": 50, "p90": 90, "p99": 99, "max": 100}
    return {
        name: ordered[-(-len(ordered) * rank // 100) - 1] if ordered else None
        for name, rank in ranks.items()
    }
