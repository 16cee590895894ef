"""A whole simulated network: its machines, what befalls them, and what must hold.

A run goes in rounds: a spell of chaos, then all is well (but for the Byzantine members) until
finality is back. Everything is a function of the plan.
"""

import hashlib
import random
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from consensus.errors import Invalid
from consensus.finality import ChainBlock
from consensus.fork_choice import ConflictingFinality
from consensus.record import Record
from consensus.schedule import min_epoch_slots
from consensus.transaction import EncodedTransaction, Transaction
from node.candidate import Recorded
from node.trial import nonce_at_head
from tests.simulation.adversary import Adversary
from tests.simulation.chaos import Chaos
from tests.simulation.checks import (
    FAIR,
    LIGHT_CLIENTS,
    NO_BUG,
    ONE_HISTORY,
    RECOVERY,
    Broken,
    Conscience,
    FinalHistory,
    Follower,
    check_head,
    check_state,
)
from tests.simulation.clock import Timeline
from tests.simulation.genesis import Election, Population, key_pair, make_simulated_genesis
from tests.simulation.machine import Machine
from tests.simulation.plan import SLOT_MS, Plan
from tests.simulation.shared import shared_results
from tests.simulation.signatures import fast_signatures
from tests.simulation.wire import Wire
from vm.modules.tokens import Transfer

# The stub may elect the present set again, with a chance of a half at most: not so often in a row.
PATIENCE_EPOCHS = 30

Print = Callable[[str], None]


@dataclass
class Outcome:
    """What a run came to. `broken` is the promise that was not kept, None if all were;
    `recoveries` are the slots that finality took to come back, each with the slots allowed."""

    plan: Plan
    slots: int = 0
    final: int = 0
    handovers: int = 0
    node_slots: int = 0
    recoveries: list[tuple[int, int]] = field(default_factory=list)
    fired: Counter[str] = field(default_factory=Counter)
    broken: Broken | None = None
    trace: str = ""


class World:
    """One run of a plan."""

    def __init__(self, plan: Plan, *, show: Print | None = None) -> None:
        self.plan = plan
        self.outcome = Outcome(plan)
        self._show = show
        self._digest = hashlib.sha256()
        self.timeline = Timeline()
        self._population = Population.of(plan)
        self._chance = random.Random(f"world/{plan.seed}/{plan.nodes}")
        genesis = make_simulated_genesis(plan, self._population)
        self._history = FinalHistory(genesis, len(self._population.seats))
        self._follower = Follower(genesis, self._history)
        byzantine = self._population.byzantine
        self._conscience = Conscience(
            {seat.key.public for i, seat in enumerate(self._population.seats) if i not in byzantine}
        )
        election = Election(plan, self._population)
        self.machines = [
            Machine(place, self._population, genesis, election, self.timeline, self._chance)
            for place in range(len(self._population.seats))
        ]
        self.honest = [machine for machine in self.machines if not machine.is_byzantine]
        fired = self.outcome.fired
        self.wire = Wire(self.timeline, self._chance, self.machines, fired)
        places = [machine.place for machine in self.honest]
        self.adversaries = {
            machine.place: Adversary(
                machine,
                places,
                key_pair(f"client {machine.place % 4}"),
                self.timeline,
                self._chance,
                fired,
            )
            for machine in self.machines
            if machine.is_byzantine
        }
        self._chaos = Chaos(plan, self, self._chance, fired)
        self._healed_slot = 0
        self._dynasty_at_healing = 0
        self._is_recovered = True
        self._calm_until = 0

    # Running

    def run(self) -> Outcome:
        """Run the plan to its end, or to the first promise that is broken."""
        try:
            self._run()
        except Broken as broken:
            self.outcome.broken = broken
        except ConflictingFinality as conflict:
            self.outcome.broken = Broken(ONE_HISTORY, str(conflict))
        except Exception as error:  # a bug of the node, or of the simulator
            self._note(None, traceback.format_exc())
            self.outcome.broken = Broken(NO_BUG, f"{type(error).__name__}: {error}")
        self.outcome.final = self._history.height
        self.outcome.trace = self._digest.hexdigest()
        return self.outcome

    def _run(self) -> None:
        for machine in self.machines:
            machine.wire, machine.note = self.wire, self._note
            machine.started, machine.changed = self._started, self._changed
            machine.signed, machine.blamed = self._signed, self._blamed
        self._chaos.set_clocks()
        for machine in self.machines:
            machine.start()
        slot = 0
        while slot < self.plan.slots or not self._is_recovered or not self._dynasty():
            slot += 1
            if slot > self.plan.slots + PATIENCE_EPOCHS * min_epoch_slots(self.plan.nodes):
                raise Broken(RECOVERY, f"no handover in {slot} slots")
            self.outcome.slots = slot
            self._plan_slot(slot)
            self.timeline.advance(slot * SLOT_MS + SLOT_MS / 2)
        self.outcome.handovers = max(
            machine.process.chain.fork.final.dynasty
            for machine in self.honest
            if machine.process is not None
        )
        self._check_states()

    def _plan_slot(self, slot: int) -> None:
        """What happens in the slot, by each machine's own clock; before it begins anywhere."""
        self._change_weather(slot)
        for machine in self.machines:
            begin = self._beginning(machine, slot)
            self.timeline.at(machine.slot_begins(slot), begin)
            if not machine.is_byzantine:
                self.timeline.at(machine.slot_begins(slot + 0.5), partial(machine.vote_late, slot))
        self.outcome.node_slots += sum(machine.is_up for machine in self.machines)
        if self._chance.random() < 0.25:
            self._pay()
        if slot % 5 == 0:
            self._show_light_client()
        looked_at = self._chance.choice(self.honest)
        if looked_at.process is not None:
            check_head(looked_at.process.chain)

    def _beginning(self, machine: Machine, slot: int) -> Callable[[], None]:
        adversary = self.adversaries.get(machine.place)

        def begin() -> None:
            if adversary is not None:
                adversary.on_slot(slot)
            else:
                machine.produce(slot)
            if self._chance.random() < 0.5:
                other = self._chance.choice(self.machines)
                if other is not machine and self.wire.reaches(other.place, machine.place):
                    other.tell_status(machine.place)

        return begin

    # Rounds

    def _change_weather(self, slot: int) -> None:
        if self._chaos.is_raging:
            if slot >= self._chaos.until:
                self._heal(slot)
            else:
                self._chaos.on_slot(slot)
        elif self._is_recovered and slot >= self._calm_until:
            if slot + self.plan.chaos <= self.plan.slots:
                self._chaos.begin(slot)
        elif not self._is_recovered:
            self._check_recovery(slot)

    def _heal(self, slot: int) -> None:
        self._note(None, "all is well")
        self._chaos.end()
        for machine in self.machines:
            if not machine.is_up:
                machine.start()
        self.wire.connect_all()
        self._healed_slot, self._is_recovered = slot, False
        self._dynasty_at_healing = self._dynasty()

    def _dynasty(self) -> int:
        """How many handovers are behind some honest node: blocks of the new dynasty need not have
        come yet."""
        chains = (m.process.chain for m in self.honest if m.process is not None)
        return max(
            (max(chain.fork.head.dynasty, _dynasty_above(chain.fork.final)) for chain in chains),
            default=0,
        )

    def _check_recovery(self, slot: int) -> None:
        lowest = min(
            0 if machine.process is None else machine.process.chain.durable_final.slot
            for machine in self.honest
        )
        taken = slot - self._healed_slot
        handovers = max(0, self._dynasty() - self._dynasty_at_healing)
        allowed = self.plan.bound * (1 + handovers)
        if lowest >= self._healed_slot:
            self._is_recovered = True
            self._calm_until = slot + self._chance.randint(2, 8)
            self.outcome.recoveries.append((taken, allowed))
            self._note(None, f"finality is back after {taken} slots")
        elif taken > allowed:
            raise Broken(
                RECOVERY,
                f"not within {allowed} slots of slot {self._healed_slot}",
            )

    # What goes on besides

    def _pay(self) -> None:
        """A client pays, by way of some nodes."""
        wallet = self._chance.choice(self._population.clients)
        up = [machine for machine in self.honest if machine.process is not None]
        if not up:
            return
        process = self._chance.choice(up).process
        if process is None:
            return
        made = Transaction(
            chain=process.chain.id,
            sender=wallet.public,
            payer=None,
            nonce=nonce_at_head(process.chain, wallet.public),
            valid_until_height=process.chain.fork.head.height + 30,
            fee_asset="REEL",
            max_fee=10**7,
            actions=(Transfer(bytes([7]) * 32, "REEL", self._chance.randint(1, 99), "").pack(),),
            signatures=(),
        ).signed(wallet)
        pending = EncodedTransaction.of(made)
        for machine in self._chance.sample(up, min(4, len(up))):
            machine.take_transaction(pending)

    def _show_light_client(self) -> None:
        up = [machine.process for machine in self.honest if machine.process is not None]
        if not up:
            return
        try:
            self._follower.follow(self._chance.choice(up).chain)
        except Invalid as error:
            raise Broken(LIGHT_CLIENTS, str(error)) from error

    # Watching

    def _changed(self, machine: Machine, new: Recorded | None, final: tuple[Recorded, ...]) -> None:
        process = machine.process
        if new is not None:
            self._note(machine, f"has block {new.placed.slot} of height {new.placed.height}")
            adversary = self.adversaries.get(machine.place)
            if adversary is not None:
                adversary.on_block(new)
        if final and process is not None and not machine.is_byzantine:
            self._note(machine, f"holds final height {final[-1].placed.height}")
            self._history.add(machine.place, process.chain, final)

    def _started(self, machine: Machine) -> None:
        if machine.process is not None and not machine.is_byzantine:
            self._history.restarted(machine.place, machine.process.chain)

    def _signed(self, machine: Machine, message: Record) -> None:
        self._conscience.signed(machine.seat.key.public, message)

    def _blamed(self, machine: Machine, peer: int, why: str) -> None:
        if not machine.is_byzantine and not self.machines[peer].is_byzantine:
            raise Broken(FAIR, f"node {machine.place} blames {peer}: {why}")

    def _note(self, machine: Machine | None, text: str) -> None:
        """Whatever happens is part of the run's digest, and of its trace if that is wanted."""
        who = "network" if machine is None else f"node {machine.place}"
        line = f"{self.timeline.now:12.3f} {who} {text}"
        self._digest.update(line.encode())
        if self._show is not None:
            self._show(line)

    def _check_states(self) -> None:
        byzantine = {self._population.seats[i].producer for i in self._population.byzantine}
        for machine in self.honest:
            if machine.process is not None:
                check_state(machine.process.chain, byzantine, lambda text: self._note(None, text))
        self.outcome.fired.update(
            {f"reported {name}": count for name, count in self._conscience.reported.items()}
        )


def run_plan(plan: Plan, *, show: Print | None = None) -> Outcome:
    """Run a plan: one in twenty as real nodes run, the others on stand-ins for what is costly and
    the same on every node."""
    if plan.real_signatures:
        return World(plan, show=show).run()
    with fast_signatures(), shared_results():
        return World(plan, show=show).run()


def _dynasty_above(final: ChainBlock) -> int:
    """The dynasty that a final block leaves the chain in: a handover block is its own dynasty's
    last but for limbo."""
    is_handover = final.handover is not None and final.handover.id == final.id
    return final.dynasty + is_handover
