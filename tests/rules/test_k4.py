"""K4: what the foundation buys back is burned in public; once the cap is issued, neither issue, nor
buy-back, nor burn."""

from tests.rules.disabled import Disabled
from tests.vm.alliance import KOL, OPENING, USDT, A, Alliance
from tests.vm.days import POLICY
from vm.modules.market import SELL, PlaceOrder
from vm.modules.orders import BoughtBack, BuyBack
from vm.modules.tokens import Burn, BurnPot, Issue, IssueToPot
from vm.modules.tokens.tables import BURNS_AFTER_CAP

DISABLED = Disabled("vm.modules.orders.buying_back.count_burned", lambda *arguments: None)


def test_what_is_bought_back_is_burned_until_the_cap_is_issued() -> None:
    alliance = Alliance(cap=100 * KOL)
    BURNS_AFTER_CAP.set(alliance.world.state, 0)
    alliance.must(POLICY, Issue(A, "KOL", 90 * KOL, ""))
    alliance.must(POLICY, IssueToPot("foundation", "USDT", 50 * USDT, ""))
    alliance.must(A, PlaceOrder("KOL", "USDT", SELL, OPENING, 10 * KOL, 0, True, None))
    buy = BuyBack("foundation", OPENING, 4 * KOL)
    alliance.must(POLICY, buy)
    assert alliance.events[-1] == BoughtBack("foundation", 8 * USDT, "KOL", 4 * KOL)
    assert (alliance.kol.minted, alliance.kol.burned) == (90 * KOL, 4 * KOL)
    assert alliance.pot("foundation", "USDT") == 42 * USDT
    alliance.is_sound()
    alliance.must(POLICY, IssueToPot("foundation", "KOL", 10 * KOL, ""))
    assert alliance.act(POLICY, buy) == "orders.issue-is-over"
    assert alliance.act(A, Burn("KOL", 1, "")) == "token.issued-in-full"
    assert alliance.act(POLICY, BurnPot("foundation", "KOL", 1, "")) == "token.issued-in-full"
    assert alliance.act(POLICY, Issue(A, "KOL", 1, "")) == "token.above-cap"
    assert (alliance.kol.minted, alliance.kol.burned) == (100 * KOL, 4 * KOL)
