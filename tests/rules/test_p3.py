"""P3: what is pre-issued unlocks in step: circulating = released to the community / 51 %."""

from fractions import Fraction
from math import floor

from tests.rules.disabled import Disabled
from tests.vm.consumption import RESERVE, USDT, Consumption
from tests.vm.world import ANNA, BEN, CLEO
from vm.modules.tokens import IssueToPot
from vm.modules.vesting import GRANTS, Give, unlocked_of

DISABLED = Disabled("vm.modules.rebate.releasing.release", lambda *arguments: None)


def test_each_beneficiary_has_unlocked_its_part_of_what_the_reserve_has_released() -> None:
    stage, preissue = Consumption(), RESERVE * 49 // 51
    stage.decide(IssueToPot("preissue", "REEL", preissue, ""))
    shares = {ANNA.public: preissue // 3, BEN.public: preissue - preissue // 3}
    for who, units in shares.items():
        give = Give(who, "team", "preissue", "REEL", units, None, "community")
        assert stage.decide(give) == "ok"
    for fee in (1, 7 * USDT + 3, 123 * USDT):
        stage.pay(CLEO.public, ANNA.public, fee)
        stage.live()
        unlocked = {
            account: unlocked_of(stage.world.state, grant)
            for (account, _), grant in GRANTS.every(stage.world.state)
        }
        assert unlocked == {
            who: floor(Fraction(units * stage.released, RESERVE)) for who, units in shares.items()
        }
        circulating = stage.released + sum(unlocked.values())
        assert 0 <= Fraction(stage.released * 100, 51) - circulating < 3
    assert stage.released > 0
