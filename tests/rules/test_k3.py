"""K3: once the cap is issued, orders are paid in the token alone, split the same way; nothing is
issued again."""

from tests.rules.disabled import Disabled
from tests.vm.alliance import (
    BRIEF,
    CLIENT,
    KOL,
    USDT,
    A,
    Alliance,
    B,
    C,
    D,
    leaders,
    users,
)
from vm.modules.orders import Place

DISABLED = Disabled("vm.modules.orders.placing.paying_asset", lambda view, terms: terms.fee_asset)


def test_orders_switch_to_the_token_by_themselves() -> None:
    alliance = Alliance(cap=100 * KOL)
    alliance.issued_for(alliance.listed(200 * USDT))
    assert alliance.kol.minted == 100 * KOL
    assert alliance.act(CLIENT, Place("USDT", USDT, "x", BRIEF)) == "orders.other-asset"
    shares = (*users((C, 1), (D, 3)), *leaders((B, 1)))
    before = alliance.held(A, "KOL")
    number = alliance.listed(10 * KOL, shares, asset="KOL", client=A)
    alliance.issued_for(number, price=None)
    assert alliance.held(A, "KOL") == before - 10 * KOL
    assert [alliance.held(x, "KOL") for x in (C, D, B)] == [2 * KOL, 6 * KOL, 22 * KOL]
    assert (alliance.kol.minted, alliance.kol.burned) == (100 * KOL, 0)
