"""The order book and the reference price: each rule, and each bad input."""

from tests.vm.stage import Stage
from vm.modules.market import PRICES, Price, reference_price


def test_a_pair_has_a_price_and_what_is_none_has_none() -> None:
    state = Stage().world.state
    assert reference_price(state, "REEL", "USDT") is None
    PRICES.put(state, Price(7, ()), "REEL", "USDT")
    assert reference_price(state, "REEL", "USDT") == 7
    assert reference_price(state, "USDT", "REEL") is None
