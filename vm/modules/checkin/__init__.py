"""Active participation: who checks in shares the period's airdrop."""

from vm.modules.checkin.tables import checkin

__all__ = ["checkin"]
