"""Advertising slots, sold by open ascending auction."""

from vm.modules.auctions.tables import auctions

__all__ = ["auctions"]
