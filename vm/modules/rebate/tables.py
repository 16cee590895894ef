"""The module `rebate`: its rows, and what must hold between them."""

from vm.declare import Module

rebate = Module(
    "rebate",
    "Consumption is reward: what a reserve releases each day to those who paid and who earned.",
)
