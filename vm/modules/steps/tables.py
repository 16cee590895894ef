"""The module `steps`: its rows, and what must hold between them."""

from vm.declare import Module
from vm.view import View

steps = Module(
    "steps",
    "Entitlements that grow step by step: the prices of redemptions and the rewards of tasks.",
)


def price_factor(view: View) -> int:
    """What the prices of redemptions are multiplied by now (W3)."""
    return 1


def reward_factor(view: View) -> int:
    """What the rewards of a like contribution are multiplied by now (W3)."""
    return 1
