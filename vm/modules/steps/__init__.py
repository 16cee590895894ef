"""Entitlements that grow step by step: the prices of redemptions and the rewards of tasks."""

from vm.modules.steps.tables import price_factor, reward_factor, steps

__all__ = ["price_factor", "reward_factor", "steps"]
