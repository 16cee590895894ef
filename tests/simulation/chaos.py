"""What befalls networks, machines and clocks while a spell of chaos lasts."""

import random
from collections import Counter
from typing import TYPE_CHECKING

from consensus.block import Vote
from consensus.compact import CompactBlock
from tests.simulation.machine import Machine, PowerCut
from tests.simulation.plan import BYZANTINE, SLOT_MS, Plan
from tests.simulation.wire import CHAOS_DELAYS_MS, SETTLED_DELAYS_MS

if TYPE_CHECKING:
    from tests.simulation.world import World

# Clocks may differ by a quarter of a slot: each from true time by half of that.
MAX_OFFSET_MS = SLOT_MS / 8
DRIFT_MS = 20.0


class Chaos:
    """The faults of a plan, by chance. What it counts has really happened."""

    def __init__(
        self, plan: Plan, world: "World", chance: random.Random, fired: Counter[str]
    ) -> None:
        self._plan = plan
        self._world = world
        self._chance = chance
        self._fired = fired
        self._may_forget = plan.max_faulty - plan.byzantine
        self._tempers: dict[int, float] = {}
        self.is_raging = False
        self.until = 0

    def _may(self, fault: str) -> bool:
        return fault in self._plan.faults

    def _dares(self, fault: str, share: float) -> bool:
        return self._may(fault) and self._chance.random() < share

    def set_clocks(self) -> None:
        """Each machine's clock is off, and drifts, within the allowed bound for the whole run."""
        for machine in self._world.machines:
            if self._may("skew"):
                machine.offset_ms = self._chance.uniform(-1, 1) * (MAX_OFFSET_MS - DRIFT_MS)
                self._fired["skew"] += 1
            if self._may("drift"):
                total_ms = 4 * self._plan.slots * SLOT_MS
                machine.drift = self._chance.uniform(-1, 1) * DRIFT_MS / total_ms
                self._fired["drift"] += 1
        for adversary in self._world.adversaries.values():
            adversary.tricks = frozenset(trick for trick in BYZANTINE if trick in self._plan.faults)

    def begin(self, slot: int) -> None:
        """A spell begins; what it is like is drawn anew."""
        self.is_raging = True
        self.until = slot + self._plan.chaos
        chance, wire = self._chance, self._world.wire
        if self._may("delay"):
            wire.delays = chance.choice(CHAOS_DELAYS_MS)
            self._fired["delay"] += wire.delays != SETTLED_DELAYS_MS
        if self._may("loss"):
            wire.loss = chance.choice((0.0, 0.05, 0.3))
        if self._may("duplicate"):
            wire.repeat = chance.choice((0.0, 0.1))
        if self._dares("veil", 0.5):
            wire.veil = {
                CompactBlock: chance.choice((0.0, 0.1, 0.3)),
                Vote: chance.choice((0.1, 0.3, 0.6)),
            }

    def end(self) -> None:
        """The spell is over, and what was to befall in it befalls no more."""
        self.is_raging = False
        wire = self._world.wire
        wire.loss = wire.repeat = 0.0
        wire.veil = {}
        wire.delays = SETTLED_DELAYS_MS
        for machine in self._world.machines:
            machine.disk.fail_at(0)
            machine.database.fail_at(0)

    def on_slot(self, slot: int) -> None:
        """What befalls in one slot."""
        if self._chance.random() < (0.25 if self._plan.nodes < 12 else 0.1):
            self._cut()
        for machine in self._world.machines:
            self._befall(machine)
        self._black_out(slot)

    def _cut(self) -> None:
        """Part the nodes, for both directions or for one only; or join them again."""
        is_full, is_one_way = self._dares("partition", 0.6), self._dares("one-way", 0.4)
        sides = self._sides() if is_full or is_one_way else {}
        pairs = [(a, b) for a in sides for b in sides if sides[a] != sides[b]]
        if pairs and not is_full:
            pairs = [(a, b) for a, b in pairs if sides[a] < sides[b]]
        self._fired["partition"] += bool(pairs) and is_full
        self._fired["one-way"] += bool(pairs) and not is_full
        self._world.wire.cut(pairs)

    def _sides(self) -> dict[int, int]:
        """Each node's side: by chance, or one set on either side but for a few."""
        chance, places = self._chance, range(len(self._world.machines))
        if chance.random() < 0.5:
            parts = chance.choice((2, 2, 3))
            return {place: chance.randrange(parts) for place in places}
        first = chance.randrange(2)
        sides = {place: first if place < self._plan.nodes else 1 - first for place in places}
        for place in chance.sample(places, chance.randint(0, 1 + len(places) // 4)):
            sides[place] = 1 - sides[place]
        return sides

    def _befall(self, machine: Machine) -> None:
        if machine.process is None:
            if self._chance.random() < 0.3:
                self._restart(machine)
            return
        if machine.is_byzantine:
            return
        when = self._chance.uniform(0, SLOT_MS)
        if self._dares("kill", 0.006):
            self._later(machine, when, power_cut=False)
        elif self._dares("power-cut", 0.012):
            self._later(machine, when, power_cut=True)
        elif self._dares("torn-write", 0.012):
            share = self._chance.choice((0.0, 0.5, 1.0))
            machine.disk.fail_at(self._chance.randint(1, 4), PowerCut(), share=share)
            self._fired["torn-write"] += 1
        elif self._dares("failed-write", 0.006):
            self._fail_write(machine)

    def _later(self, machine: Machine, when: float, *, power_cut: bool) -> None:
        def strike() -> None:
            if machine.is_up and self.is_raging:
                self._fired["power-cut" if power_cut else "kill"] += 1
                machine.stop(power_cut=power_cut, why="power cut" if power_cut else "kill")

        self._world.timeline.after(when, strike)

    def _fail_write(self, machine: Machine) -> None:
        self._fired["failed-write"] += 1
        if self._chance.random() < 0.5:
            machine.disk.fail_at(self._chance.randint(1, 3))
        else:
            kept = self._chance.random() < 0.5
            machine.database.fail_at(self._chance.randint(1, 6), kept=kept)

    def _restart(self, machine: Machine) -> None:
        if self._may_forget > 0 and not machine.is_byzantine and self._dares("lost-journal", 0.3):
            self._may_forget -= 1
            self._fired["lost-journal"] += 1
            machine.lose_journal()
        machine.start()

    def _black_out(self, slot: int) -> None:
        """More than a third, or all, stop at one time."""
        machines = self._world.machines
        if slot != self.until - self._plan.chaos // 2:
            return
        if self._dares("dark", 0.3):
            self._fired["dark"] += 1
            stopped = machines
        elif self._dares("blackout", 0.5):
            self._fired["blackout"] += 1
            stopped = self._chance.sample(machines, len(machines) * 2 // 5 + 1)
        else:
            return
        power_cut = self._may("power-cut") and self._chance.random() < 0.5
        for machine in stopped:
            machine.stop(power_cut=power_cut, all_lost=power_cut, why="blackout")
