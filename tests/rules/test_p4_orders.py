"""Of P4: what orders hold in escrow counts for its owner."""

from fractions import Fraction
from math import floor

from tests.rules.disabled import Disabled
from tests.vm.exchange import POLICY, RICH, USDT, A, B, C, D, Exchange, buy, sell
from vm.modules.dividends import Claim, Open
from vm.modules.pots import Destination, SetSplit
from vm.modules.tokens import IssueToPot, balance_of

DISABLED = Disabled("vm.modules.dividends.holdings.escrowed_of", lambda view, account, asset: 0)
LOTS = 100  # of a hundredth of a PALT


def share(market: Exchange, whole: int) -> None:
    """So many USDT of revenue for the holders of PALT."""
    market.must(POLICY, IssueToPot("revenue", "USDT", whole * USDT, ""))


def earned(market: Exchange, account: bytes) -> Fraction:
    """What an account claims, in USDT."""
    before = balance_of(market.world.state, account, "USDT")
    market.must(account, Claim("PALT", "USDT"))
    return Fraction(balance_of(market.world.state, account, "USDT") - before, USDT)


def test_what_an_order_holds_earns_its_owner_as_before() -> None:
    """Each of four holds a quarter; Anna offers all of hers for sale, of which Ben buys the half
    before the second 200 USDT come."""
    market = Exchange()
    market.must(POLICY, Open("PALT", "USDT"))
    market.must(POLICY, SetSplit("revenue", (), Destination(None, None, "PALT")))
    market.place(A, sell(1_000, RICH * LOTS))
    share(market, 200)
    market.must(B, buy(1_000, RICH * LOTS // 2))
    share(market, 200)
    quarter = Fraction(1, 4)
    shares = {
        A: quarter + quarter / 2,
        B: quarter + quarter * 3 / 2,
        C: 2 * quarter,
        D: 2 * quarter,
    }
    for account, part in shares.items():
        assert earned(market, account) == floor(200 * part * USDT) * Fraction(1, USDT)
    assert market.faults() == []
