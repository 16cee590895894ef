"""What who sells or buys keys gains by not doing its part, computed (T9)."""

import pytest

from tests.vm.shop import (
    BUYER,
    CONTENT_KEY,
    OWNER,
    PRICE,
    SHARER,
    VIDEO,
    Shop,
    buy,
    deliver,
    secret,
)
from tests.vm.world import FUNDS
from vm.modules.ranking import VIDEO as VIDEOS
from vm.modules.ranking import score_of
from vm.modules.viewing import DELIVERY_S, DISPUTE_S, Dispute
from vm.modules.viewing.tables import FEE_PPM

FEE = PRICE // 20


@pytest.fixture
def shop() -> Shop:
    """The platform keeps a twentieth of what is paid out."""
    made = Shop()
    FEE_PPM.set(made.world.state, 50_000)
    return made


def votes(shop: Shop) -> int:
    return score_of(shop.world.state, VIDEOS, str(VIDEO)).votes


def after_delivery(shop: Shop) -> None:
    shop.wait(DELIVERY_S.read(shop.world.state))


def after_disputes(shop: Shop) -> None:
    shop.wait(DISPUTE_S.read(shop.world.state))


def test_an_owner_that_withholds_the_key_gains_nothing_and_its_video_no_vote(shop: Shop) -> None:
    before = [shop.held(each) for each in (OWNER, BUYER, SHARER)]
    for number in range(3):
        shop.must(BUYER, buy(f"try {number}", referrer=SHARER))
        after_delivery(shop)
        assert [shop.held(each) for each in (OWNER, BUYER, SHARER)] == before
    assert (votes(shop), shop.escrow) == (0, 0)


def test_an_owner_that_delivers_another_key_gains_nothing(shop: Shop) -> None:
    before = [shop.held(each) for each in (OWNER, BUYER, SHARER)]
    shop.must(BUYER, buy(referrer=SHARER))
    shop.must(OWNER, deliver(content_key=CONTENT_KEY[::-1]))
    shop.must(BUYER, Dispute(VIDEO, secret("ben")))
    after_disputes(shop)
    assert [shop.held(each) for each in (OWNER, BUYER, SHARER)] == before
    assert votes(shop) == 0


def test_a_buyer_who_does_not_look_in_time_loses_the_price_and_no_more(shop: Shop) -> None:
    shop.must(BUYER, buy())
    shop.must(OWNER, deliver(content_key=CONTENT_KEY[::-1]))
    after_disputes(shop)
    assert shop.failure(BUYER, Dispute(VIDEO, secret("ben"))) == ("no-purchase", "video")
    assert (shop.held(BUYER), shop.held(OWNER)) == (FUNDS - PRICE, FUNDS + PRICE - FEE)


def test_a_buyer_who_has_the_key_does_not_get_the_price_back(shop: Shop) -> None:
    shop.must(BUYER, buy())
    shop.must(OWNER, deliver())
    assert shop.act(BUYER, Dispute(VIDEO, secret("ben"))) == "viewing.key-is-right"
    after_disputes(shop)
    assert (shop.held(BUYER), shop.held(OWNER)) == (FUNDS - PRICE, FUNDS + PRICE - FEE)


def test_selling_to_oneself_costs_the_fee_which_is_the_vote(shop: Shop) -> None:
    before = shop.held(OWNER) + shop.held(BUYER)
    shop.must(BUYER, buy())
    shop.must(OWNER, deliver())
    after_disputes(shop)
    assert shop.held(OWNER) + shop.held(BUYER) == before - FEE
    assert votes(shop) == 1
