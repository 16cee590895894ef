"""What attacks on the sharing of fees gain."""

from tests.rules.test_p4 import PALT, USDT, community, earn
from tests.vm.world import BEN, CLEO
from vm.modules.dividends import claimable
from vm.modules.tokens import Transfer


def test_buying_after_fees_have_come_gains_nothing_of_them() -> None:
    """Fees are shared in the block in which they come, not at the day's end."""
    stage = community()
    earn(stage, 2_500 * USDT, 100_000)
    assert stage.act(BEN.public, Transfer(CLEO.public, "PALT", 990 * PALT, "")) == "ok"
    assert claimable(stage.world.state, CLEO.public, "PALT", "USDT") == 0
    assert claimable(stage.world.state, BEN.public, "PALT", "USDT") == 198 * USDT
    earn(stage, 2_500 * USDT, 100_000)
    assert claimable(stage.world.state, CLEO.public, "PALT", "USDT") == 198 * USDT
    assert claimable(stage.world.state, BEN.public, "PALT", "USDT") == 198 * USDT
