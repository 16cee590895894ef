"""Actions and block steps straight on a state, at any time: for thousands of steps."""

from dataclasses import dataclass, field, replace

from consensus.errors import ActionFailed
from consensus.record import Record
from tests.vm.world import World
from vm.context import BlockContext, Context
from vm.declare import Action, BlockStep
from vm.registry import REGISTRY


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
        return Context(self.block, self.world.state, sender, self.events.append)

    def act(self, sender: bytes, action: Action) -> str:
        """Carry out an action: "ok", or the code of its failure, which changes nothing."""
        state = self.world.state
        savepoint, first_event = state.savepoint(), len(self.events)
        try:
            action.apply(self.context(sender))
        except ActionFailed as error:
            state.rollback(savepoint)
            del self.events[first_event:]
            return error.code
        self.step(*REGISTRY.end_steps)
        return "ok"

    def step(self, *steps: BlockStep) -> None:
        """Run these steps as the next block does."""
        for step in steps:
            step(self.context(self.block.producer))
