"""An order book for each pair of assets, and the reference price that follows from its trades."""

from vm.modules.market.pricing import reference_price
from vm.modules.market.tables import PRICES, CountedDay, Price, market

__all__ = ["PRICES", "CountedDay", "Price", "market", "reference_price"]
