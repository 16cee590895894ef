"""A chain on which persons are active and creators contribute, for tests of the reward pool."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from consensus.record import replace
from tests.vm.days import Days
from tests.vm.world import ANNA
from vm.context import Context
from vm.declare import BlockStep
from vm.modules import activity, poa, poc
from vm.modules.account import Attest
from vm.modules.account.attesting import let_attest
from vm.modules.activity import ActivityKind, Indicators, Kinds, SetRules, Valid, note
from vm.modules.economy import turn_day
from vm.modules.parameter import Set
from vm.modules.poc import Contributions, Dimensions
from vm.modules.tokens import IssueToPot

PPM = 10**6
FUND = 10**12
BASE = 10**9
QUARTER = PPM // 4
VALID = Valid(QUARTER, 4)
KINDS = Kinds(VALID, VALID, VALID, VALID, VALID, VALID)
INDICATORS = Indicators(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
RULES = SetRules("incentive", BASE, PPM // 2, 2 * PPM, 600_000, KINDS, INDICATORS)
W_M, W_W, EFFORT = 1_000_000, 100_000, 200_000
PAIRING = poc.SetRules(
    W_M, W_W, EFFORT, Dimensions(1, 1, 1, 1, 1), Contributions(1, 1, 1, 1, 1), idle_days=2
)


def person(number: int) -> bytes:
    """The account of a person of this number."""
    return number.to_bytes(32, "big")


@dataclass
class Liveliness(Days):
    """A fund of FUND units makes a pool of BASE units a day; nobody is attested but by `attest`."""

    steps: Sequence[BlockStep] = (turn_day, activity.go_on, poa.share_day, poc.go_on)
    persons: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        let_attest(self.world.state, ANNA.public)
        for action in (IssueToPot("incentive", "REEL", FUND, ""), RULES, PAIRING):
            assert self.decide(action) == "ok"

    def attest(self, count: int) -> list[bytes]:
        """So many more persons."""
        made = [person(self.persons + 1 + i) for i in range(count)]
        self.persons += count
        for account in made:
            assert self.act(ANNA.public, Attest(account, account)) == "ok"
        return made

    def set(self, name: str, value: int) -> None:
        """Give a parameter a value."""
        assert self.decide(Set(name, value)) == "ok"

    def do(
        self,
        account: bytes,
        kind: ActivityKind = ActivityKind.LIKE,
        *,
        times: int = 1,
        creator: bytes | None = None,
        space: str | None = None,
    ) -> int:
        """An account does something so often; how often it counted."""
        counted: list[bool] = []

        def step(context: Context) -> None:
            counted.extend(
                note(context, account, kind, creator=creator, space=space) for _ in range(times)
            )

        self.step(step)
        return sum(counted)

    def call(self, what: Callable[[Context], None]) -> None:
        """What a module's action does, in a block."""
        self.step(what)

    def blocks(self, count: int) -> None:
        """So many blocks of the same day."""
        for _ in range(count):
            self.world.height += 1
            self.step(*self.steps)

    def weigh(self, kinds: Kinds = KINDS, indicators: Indicators = INDICATORS) -> None:
        """Let kinds and indicators weigh otherwise."""
        assert self.decide(replace(RULES, kinds=kinds, indicators=indicators)) == "ok"

    @property
    def today(self) -> activity.Totals:
        """What has counted of the day that is not over."""
        current = activity.CURRENT.get(self.world.state)
        assert current is not None
        return activity.totals_of(self.world.state, current.day)
