"""The module `revenue`: the account of each day."""

from typing import Annotated

from consensus.kinds import Amount, Asset, Counter, Text
from consensus.record import AtMost, Record, part, record
from vm.declare import Module
from vm.table import Table

revenue = Module(
    "revenue", "What the platform takes of what users pay each other, and its account of each day."
)

REVENUE_POT = "revenue"
DAYS_KEPT = 400  # of closed accounts: a year and some
MOST_SOURCES = 16

Source = Annotated[str, Text(32, 1, "[a-z]+")]


@part
class Income(Record):
    """What a source, which is the module that took it, has brought on a day: the fees, and of how
    many payments."""

    source: Source
    fees: Amount
    payments: Counter


@record("revenue.account")
class DayAccount(Record):
    """What was collected of an asset on a day of the economy, by source, and what the pot `revenue`
    passed on of the asset on that day: to holders as their dividends, and elsewhere, which is to
    operations (P4). The account closes with its day; what is counted stays at 2^64 - 1 once it has
    reached that."""

    income: Annotated[tuple[Income, ...], AtMost(MOST_SOURCES)]
    to_holders: Amount
    to_operations: Amount

    @property
    def fees(self) -> int:
        """The fees of all sources."""
        return sum(item.fees for item in self.income)


NO_ACCOUNT = DayAccount((), 0, 0)

ACCOUNTS: Table[DayAccount, int, str] = revenue.table(DayAccount, day=Counter, asset=Asset)
