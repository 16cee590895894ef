"""What a node answers about the community's economy: days, assets, reserves, revenue, rewards."""

from typing import Annotated

from consensus.kinds import AccountId, Amount, Asset, Counter, Uint
from consensus.record import AtMost, Record, part
from node.query.answers import MAX_PAGE, Cursor, Place
from vm.modules.rebate import Accrual, Candy, Rules, Sums
from vm.modules.revenue import DayAccount
from vm.modules.vesting import ReserveName


@part
class AssetItem(Record):
    """An asset: its decimals, and how many units of it were ever minted and burned, and are
    anybody's holding."""

    asset: Asset
    decimals: Annotated[int, Uint(18)]
    minted: Amount
    burned: Amount
    circulating: Amount


@part
class ReserveItem(Record):
    """A reserve, and how many of its units were released."""

    reserve: ReserveName
    asset: Asset
    units: Amount
    released: Amount


@part
class NextStep(Record):
    """With which day prices and rewards are multiplied again, and by what (W3)."""

    day: Counter
    price_step: Counter
    reward_step: Counter


@part
class EconomyAnswer(Record):
    """The newest day that has a block, how many days have one, when it is over (ms from the Unix
    epoch; null before any block), by what the prices of redemptions and the rewards of tasks are
    multiplied (W3), and the first 500 assets and reserves."""

    day: Counter
    days_with_blocks: Counter
    day_over_ms: Counter | None
    price_factor: Counter
    reward_factor: Counter
    next_step: NextStep | None
    assets: Annotated[tuple[AssetItem, ...], AtMost(MAX_PAGE)]
    reserves: Annotated[tuple[ReserveItem, ...], AtMost(MAX_PAGE)]
    at: Place


@part
class RevenueItem(Record):
    """The platform's account of a day in an asset (P4)."""

    day: Counter
    asset: Asset
    account: DayAccount


@part
class RevenueAnswer(Record):
    """A page of the accounts, the oldest first. That of `today` is not closed yet."""

    today: Counter
    items: Annotated[tuple[RevenueItem, ...], AtMost(MAX_PAGE)]
    next: Cursor | None
    at: Place


@part
class ReleaseEstimate(Record):
    """What the day would release if it were over now, in units of the reserve: what its sums are
    worth, and what of it the cap and the reserve allow."""

    wanted: Amount
    released: Amount


@part
class RebateAnswer(Record):
    """By which rules consumption is rewarded, what is left of the reserve, and what was noted of
    the day that is not over (P2). `price`: units of the rules' quote per whole token."""

    rules: Rules
    left: Amount
    price: Amount | None
    day: Counter
    sums: Sums
    estimate: ReleaseEstimate | None
    at: Place


@part
class AccountRebateAnswer(Record):
    """What an account has paid, earned and taken part in on the newest day on which it did, unless
    it has got its part of that day; if the day is over, what it is due for it; and all that it has
    ever got (P2)."""

    account: AccountId
    accrual: Accrual | None
    is_over: bool
    due: Candy
    received: Candy
    at: Place
