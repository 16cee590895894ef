"""Actions and block steps straight on a state, at any time: for thousands of steps."""

from dataclasses import dataclass, field, replace

from consensus.record import Record
from tests.vm.world import World
from vm.context import BlockContext, Context
from vm.declare import Action, BlockStep
from vm.overlay import Overlay
from vm.registry import REGISTRY
from vm.running import Running


@dataclass
class Stage:
    """A world on which accounts act at once, each in a block. `time_ms` is the block's; `events`
    has all so far."""

    world: World = field(default_factory=World.begin)
    time_ms: int = 0
    events: list[Record] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.time_ms = self.time_ms or self.world.block().time_ms

    @property
    def block(self) -> BlockContext:
        """The block that everything happens in."""
        return replace(self.world.block(), time_ms=self.time_ms)

    def context(self, sender: bytes) -> Context:
        """What an action of this account sees."""
        return self._running(self.block).context(sender, 0)

    def act(self, sender: bytes, action: Action) -> str:
        """Carry out an action: "ok", or the code of its failure, which changes nothing."""
        running = self._running(self.block)
        failure = running.run(sender, [action], 0)
        if failure is not None:
            return failure[1].code
        for step in REGISTRY.end_steps:
            step(running.context(self.block.producer, None))
        self._keep(running)
        return "ok"

    def step(self, *steps: BlockStep, block: BlockContext | None = None) -> None:
        """Run these steps as the next block does, or this one."""
        block = block or self.block
        running = self._running(block)
        for step in steps:
            step(running.context(block.producer, None))
        self._keep(running)

    def _running(self, block: BlockContext) -> Running:
        return Running(block, Overlay(self.world.state), REGISTRY)

    def _keep(self, running: Running) -> None:
        self.world.keep(running.state.writes())
        for event in running.events:
            tag = str(event.data[0])
            self.events.append(REGISTRY.events[tag].unpack(event.data))
