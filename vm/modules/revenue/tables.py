"""The module `revenue`: the account of each day."""

from consensus.kinds import Amount, Asset, Counter
from consensus.record import Record, record
from vm.declare import Module
from vm.table import Table

revenue = Module(
    "revenue", "What the platform takes of what users pay each other, and its account of each day."
)


@record("revenue.account")
class DayAccount(Record):
    """What was collected of an asset on a day of the economy, and in how many payments (P4). The
    account closes with its day; fees stay at 2^64 - 1 once they have reached it."""

    fees: Amount
    payments: Counter


ACCOUNTS: Table[DayAccount, int, str] = revenue.table(DayAccount, day=Counter, asset=Asset)
