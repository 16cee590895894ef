"""What the platform takes of what users pay each other, and its account of each day."""

from vm.modules.revenue.accounting import note_passed_on, take_in
from vm.modules.revenue.tables import (
    ACCOUNTS,
    DAYS_KEPT,
    REVENUE_POT,
    DayAccount,
    Income,
    revenue,
)

__all__ = [
    "ACCOUNTS",
    "DAYS_KEPT",
    "REVENUE_POT",
    "DayAccount",
    "Income",
    "note_passed_on",
    "revenue",
    "take_in",
]
