"""A chain on which a pot buys PALT with USDT, for tests of buy-back."""

from dataclasses import dataclass

from tests.vm.exchange import POLICY, Exchange
from vm.modules import buyback
from vm.modules.buyback import Start
from vm.modules.tokens import IssueToPot, pot_of

LOT = 10**6
START = Start("ads", "PALT", "USDT", "pool")


@dataclass
class Buyer(Exchange):
    """The pot `ads` buys PALT with USDT for the pot `pool`; a lot costs as many units of USDT as
    its price has ticks."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.must(POLICY, START)
        self.new_block()

    def pay_in(self, units: int) -> None:
        """Advertisers have paid."""
        self.must(POLICY, IssueToPot("ads", "USDT", units, ""))

    def same_day(self) -> None:
        """The next block, in the same day."""
        self.new_block(1)
        self.step(buyback.buy)

    def turn(self) -> None:
        """The first block of the next day."""
        self.next_day()
        self.step(buyback.buy)

    def pots(self) -> tuple[int, int, int]:
        """Units of USDT that wait; lots of PALT and units of USDT in the pool."""
        state = self.world.state
        lots, rest = divmod(pot_of(state, "pool", "PALT"), LOT)
        if rest:
            raise AssertionError("a part of a lot")
        return pot_of(state, "ads", "USDT"), lots, pot_of(state, "pool", "USDT")
