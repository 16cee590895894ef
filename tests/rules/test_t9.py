"""T9: a price stays in escrow until the key is delivered and stood the test; else it comes back."""

from consensus.sealed_key import viewing_key_of
from tests.rules.disabled import Disabled
from tests.vm.shop import BUYER, OWNER, PRICE, VIDEO, Shop, buy, deliver, secret
from tests.vm.world import FUNDS
from vm.modules.viewing import ACCESS, DELIVERY_S, DISPUTE_S, Dispute, Grant, offer_of

DISABLED = Disabled("vm.modules.viewing.buying.refund", lambda *arguments, **named: None)


def test_a_key_that_is_delivered_is_paid_for_when_the_time_for_disputes_is_over() -> None:
    shop = Shop()
    shop.must(BUYER, buy())
    assert (shop.held(BUYER), shop.escrow) == (FUNDS - PRICE, PRICE)
    shop.must(OWNER, deliver())
    shop.wait(DISPUTE_S.read(shop.world.state))
    assert (shop.held(OWNER), shop.escrow) == (FUNDS + PRICE, 0)


def test_a_key_that_does_not_come_costs_nothing() -> None:
    shop = Shop()
    shop.must(BUYER, buy())
    shop.wait(DELIVERY_S.read(shop.world.state))
    assert (shop.held(BUYER), shop.escrow) == (FUNDS, 0)


def test_a_wrong_key_costs_nothing_and_a_grant_never_does() -> None:
    shop = Shop()
    shop.must(BUYER, buy())
    shop.must(OWNER, deliver(content_key=b"wrong".ljust(32, b".")))
    shop.must(BUYER, Dispute(VIDEO, secret("ben")))
    assert shop.held(BUYER) == FUNDS
    key = viewing_key_of(secret("ben"))
    shop.must(OWNER, Grant(VIDEO, BUYER, key, bytes(80)))
    access = ACCESS.get(shop.world.state, BUYER, VIDEO)
    assert access is not None
    assert not access.is_bought
    assert offer_of(shop.world.state, VIDEO) is not None
