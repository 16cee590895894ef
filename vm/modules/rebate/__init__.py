"""Consumption is reward: what a reserve releases each day to those who paid and who earned."""

from vm.modules.rebate.noting import CALL, COMMENT, RATING, note_activity
from vm.modules.rebate.tables import rebate

__all__ = ["CALL", "COMMENT", "RATING", "note_activity", "rebate"]
