"""What the platform takes of what users pay each other, and its account of each day."""

from vm.modules.revenue.collecting import REVENUE_POT, collect
from vm.modules.revenue.tables import revenue

__all__ = ["REVENUE_POT", "collect", "revenue"]
