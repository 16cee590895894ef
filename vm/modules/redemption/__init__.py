"""What the community's token buys from its catalogue, and the vouchers for it."""

from vm.modules.redemption.tables import redemption

__all__ = ["redemption"]
