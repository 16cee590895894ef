"""What a seed means: the size of the network, who is faulty, how, and for how long."""

import random
from dataclasses import dataclass

# What the network, the disks and the clocks do.
NETWORK = ("delay", "loss", "duplicate", "veil", "partition", "one-way")
MACHINES = (
    "skew",
    "drift",
    "kill",
    "power-cut",
    "torn-write",
    "failed-write",
    "lost-journal",
    "blackout",
    "dark",
)
# What Byzantine producers do.
BYZANTINE = (
    "silent",
    "twin-blocks",
    "twin-votes",
    "withheld-block",
    "withheld-votes",
    "late-block",
    "partial-block",
    "stale-target",
    "straddle",
    "bad-field",
    "no-answers",
    "false-answers",
    "false-compact",
)
FAULTS = NETWORK + MACHINES + BYZANTINE
CHANGES = ("seat", "third", "all", "alternate", "random")

SLOT_MS = 1000
MIN_SLOTS = 200
REAL_SIGNATURES_EVERY = 20


@dataclass(frozen=True)
class Plan:
    """A run, wholly described. `nodes` hold the first set's seats, `spare` more those that later
    sets take; `byzantine` of all are faulty; `faults` may befall, in spells of `chaos` slots, after
    each of which all is well until finality is back; `change` says how sets differ."""

    seed: int
    nodes: int
    spare: int
    byzantine: int
    slots: int
    chaos: int
    change: str
    faults: tuple[str, ...]
    real_signatures: bool

    @property
    def max_faulty(self) -> int:
        """f of a set of this size."""
        return (self.nodes - 1) // 3

    @property
    def bound(self) -> int:
        """The slots within which finality resumes, and again for each handover."""
        return 2 * self.nodes + 1


def plan_of(seed: int, nodes: int) -> Plan:
    """The plan that a seed stands for in networks of `nodes` seats."""
    chance = random.Random(f"plan/{seed}/{nodes}")
    change = chance.choice(CHANGES)
    spare = chance.randint(1, max(2, nodes // 3))
    if change in ("all", "alternate") and (nodes < 12 or chance.random() < 0.3):
        spare = nodes
    max_faulty = (nodes - 1) // 3
    byzantine = max_faulty if chance.random() < 0.7 else chance.randint(0, max_faulty)
    kept = 1.0 if chance.random() < 0.4 else chance.random()
    return Plan(
        seed=seed,
        nodes=nodes,
        spare=spare,
        byzantine=byzantine,
        slots=MIN_SLOTS,
        chaos=chance.choice((12, 20, 35)) + nodes // 2,
        change=change,
        faults=tuple(fault for fault in FAULTS if chance.random() < kept),
        real_signatures=seed % REAL_SIGNATURES_EVERY == REAL_SIGNATURES_EVERY - 1,
    )
