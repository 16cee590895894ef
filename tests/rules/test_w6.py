"""W6: a slot by open ascending auction with refunds, anti-sniping, donations; the pool is paid."""

from tests.rules.disabled import Disabled
from tests.vm.test_auctions import POOL, A, B, Hall
from tests.vm.world import FUNDS
from vm.modules.auctions import Bid, Donate

DISABLED = Disabled("vm.modules.auctions.closing.fill_pot", lambda *arguments: None)


def test_a_sniper_is_answered_with_a_donation_and_the_pool_gets_the_price() -> None:
    hall = Hall()
    hall.act(A, Bid(1, 100))
    hall.at(59)
    assert hall.act(B, Bid(1, 110)) == "ok"
    hall.at(68)
    assert not hall.row().is_closed, "the last lead has put the close off by ten seconds"
    assert hall.act(A, Bid(1, 21)) == "ok"
    assert hall.act(B, Donate(1, A, 9)) == "ok"
    hall.at(78)
    assert hall.row().is_closed
    assert (hall.pot(POOL), hall.held(A), hall.held(B)) == (130, FUNDS - 121, FUNDS - 9)
