"""The reference price of a pair, which follows its trades day by day (P2)."""

from vm.modules.market.tables import PRICES
from vm.view import View


def reference_price(view: View, base: str, quote: str) -> int | None:
    """Units of quote per whole token of base; None if there is no such pair."""
    row = PRICES.get(view, base, quote)
    return None if row is None else row.price
