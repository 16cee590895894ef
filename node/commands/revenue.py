"""`reelect revenue`: what the platform took each day, and what became of it."""

from typing import Annotated

from cyclopts import App, Parameter, validators

from consensus.kinds import JSON_INTEGER_MAX
from node.client import Client
from node.commands.arguments import JsonFlag
from node.commands.asking import NO_NODE_OPTIONS, KnownAsset, NodeOptions, known_assets
from node.failure import Usage
from node.output import print_json, print_line, print_table
from node.query.chain_view import Finality
from node.query.economy_answers import RevenueItem
from vm.modules.revenue import DAYS_KEPT, Income

DAYS = 7  # are shown unless another number is given

app = App(name="revenue", help="What the platform took each day, and what became of it.")


@app.command
async def show(
    *,
    day: Annotated[int | None, Parameter(validator=validators.Number(gte=0))] = None,
    days: Annotated[
        int | None, Parameter(validator=validators.Number(gte=1, lte=DAYS_KEPT + 1))
    ] = None,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show the platform's account of each day in each asset: what it took of what users paid each
    other, by module, and what went to the holders and to operations.

    Holders take theirs by `reelect dividends claim`; `reelect pot show revenue` says what is passed
    on to whom. A closed account is kept for 400 days.

    Parameters
    ----------
    day
        That of this day alone, as `reelect economy show` counts days.
    days
        Those of so many days up to today, 7 unless given.
    finality
        Read the final state, or that of the head, which may still change.
    """
    if day is not None and days is not None:
        raise Usage("give --day or --days, not both", field="--day")
    if day is not None and day > JSON_INTEGER_MAX:
        raise Usage(f"days have numbers up to {JSON_INTEGER_MAX}", field="--day")
    async with options.client() as client:
        today = (await client.economy(finality=finality)).day
        first = max(0, today + 1 - (days or DAYS)) if day is None else day
        items = await _accounts(client, first, finality)
        found = [item for item in items if day in (None, item.day)]
        assets = await known_assets(client, (item.asset for item in found))
    if json:
        print_json({"today": today, "accounts": [item.to_json() for item in found]})
        return
    if not found:
        since = f"since day {first}" if day is None else f"on day {day}"
        print_line(f"The platform has taken nothing {since}; today is day {today}.")
        return
    print_table(
        ("DAY", "FEES", "TO HOLDERS", "TO OPERATIONS", "CAME FROM"),
        [_row(item, today, assets[item.asset]) for item in found],
    )


async def _accounts(client: Client, first: int, finality: Finality) -> list[RevenueItem]:
    pages = client.revenue(first, finality=finality)
    return [item async for page in pages for item in page.items]


def _row(item: RevenueItem, today: int, asset: KnownAsset) -> tuple[object, ...]:
    account = item.account
    return (
        f"{item.day} (open)" if item.day == today else item.day,
        *(
            asset.format(units)
            for units in (account.fees, account.to_holders, account.to_operations)
        ),
        [_source(income, asset) for income in account.income],
    )


def _source(income: Income, asset: KnownAsset) -> str:
    payments = "1 payment" if income.payments == 1 else f"{income.payments} payments"
    return f"{income.source} {asset.format(income.fees)} in {payments}"
