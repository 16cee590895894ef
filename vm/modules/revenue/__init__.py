"""What the platform takes of what users pay each other, and its account of each day."""

from vm.modules.revenue.collecting import DAYS_KEPT, REVENUE_POT, collect
from vm.modules.revenue.tables import ACCOUNTS, DayAccount, revenue

__all__ = ["ACCOUNTS", "DAYS_KEPT", "REVENUE_POT", "DayAccount", "collect", "revenue"]
