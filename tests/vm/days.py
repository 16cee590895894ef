"""A stage on which days go by: what modules do at the beginning of a day, and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.vm.stage import Stage
from tests.vm.world import BARE, World
from vm.declare import Action, BlockStep
from vm.modules.checkin import begin_period
from vm.modules.economy import turn_day
from vm.modules.market import close_days
from vm.modules.rebate import close_day
from vm.modules.tokens import balance_of, pot_of
from vm.modules.vesting import go_on
from vm.registry import REGISTRY

DAY_MS = 60_000  # of devnet
POLICY = b"p" * 32
NATIVE = "REEL"


@dataclass
class Days(Stage):
    """Nobody governs; the first block of the first day has been."""

    world: World = field(default_factory=lambda: World.begin(BARE))
    steps: Sequence[BlockStep] = (turn_day, close_days, close_day, begin_period, go_on)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.step(*self.steps)

    def live(self, days: int = 1) -> None:
        """So many days begin, a block each."""
        for _ in range(days):
            self.time_ms += DAY_MS
            self.world.height += 1
            self.step(*self.steps, *REGISTRY.end_steps)

    def decide(self, action: Action) -> str:
        """What becomes of a governed action."""
        return self.act(POLICY, action)

    def held(self, account: bytes, asset: str = NATIVE) -> int:
        """What an account holds."""
        return balance_of(self.world.state, account, asset)

    def pot(self, name: str, asset: str = NATIVE) -> int:
        """What a pot holds."""
        return pot_of(self.world.state, name, asset)

    def sound(self) -> bool:
        """Whether no invariant is broken."""
        return list(REGISTRY.broken_invariants(self.world.state)) == []
