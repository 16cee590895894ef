"""The module `redemption`: its rows, and what must hold between them."""

from vm.declare import Module

redemption = Module(
    "redemption", "What the community's token buys from its catalogue, and the vouchers for it."
)
