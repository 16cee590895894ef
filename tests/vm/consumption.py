"""A chain on which fees are paid in USDT and a reserve rewards it, for tests of the rebate."""

from dataclasses import dataclass

from tests.vm.days import Days
from vm.context import Context
from vm.modules.market import OpenPair
from vm.modules.rebate import SetRules, Weights, collect
from vm.modules.tokens import Create, Issue, IssueToPot, debit
from vm.modules.vesting import RESERVES, SetAside

WHOLE = 10**6
USDT = 10**6
TOKEN = 10**8
PRICE = USDT // 10  # a token costs a tenth of a USDT
RESERVE = 10**12
NO_WEIGHTS = Weights(0, 0, 0, 0)


@dataclass
class Consumption(Days):
    """Half of a fee's worth is released, six tenths of it to who paid, from RESERVE units."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for action in (
            Create("USDT", "Tether", 6, 2**63, True, True, None),
            IssueToPot("reserve", "REEL", RESERVE, ""),
            SetAside("community", "reserve", "REEL", RESERVE, None),
            OpenPair("REEL", "USDT", 100, 10**6, 10**12, PRICE),
        ):
            assert self.decide(action) == "ok"
        self.rule()

    def rule(
        self,
        *,
        factor: int = 500_000,
        consumer: int = 600_000,
        weights: Weights = NO_WEIGHTS,
        cap: int = RESERVE,
    ) -> None:
        """Release by other rules."""
        action = SetRules("community", "USDT", factor, consumer, weights, cap)
        assert self.decide(action) == "ok"

    def pay(self, payer: bytes, provider: bytes, fee: int) -> None:
        """A payment of which the platform takes this fee, all of it."""
        assert self.decide(Issue(payer, "USDT", fee, "")) == "ok"

        def step(context: Context) -> None:
            debit(context.state, payer, "USDT", fee)
            collect(
                context,
                source="gifts",
                payer=payer,
                provider=provider,
                asset="USDT",
                gross=fee,
                fee_ppm=WHOLE,
            )

        self.step(step)

    @property
    def released(self) -> int:
        """How much the reserve has let out."""
        row = RESERVES.get(self.world.state, "community")
        return 0 if row is None else row.released
