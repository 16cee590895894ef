"""The module `market`: its rows, and what must hold between them."""

from vm.declare import Module

market = Module(
    "market",
    "An order book for each pair of assets, and the reference price that follows from its trades.",
)
