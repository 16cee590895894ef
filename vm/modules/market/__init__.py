"""An order book for each pair of assets, and the reference price that follows from its trades."""

from vm.modules.market.tables import market

__all__ = ["market"]
