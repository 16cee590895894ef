"""`reelect rebate`: consumption is reward: what is released each day, and taking it."""

from collections.abc import Mapping

from cyclopts import App

from consensus.address import format_address
from consensus.kinds import Json
from node.amounts import format_percent
from node.client import Client
from node.commands.arguments import JsonFlag
from node.commands.asking import (
    NO_NODE_OPTIONS,
    KnownAsset,
    NodeOptions,
    find_account,
    known_asset,
)
from node.commands.copied_state import copy_rows, no_rows
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, send
from node.failure import Refused
from node.output import print_fields, print_json, print_line, print_table
from node.query.chain_view import Finality
from node.query.economy_answers import RebateAnswer
from vm.modules.rebate import ACCRUALS, DAYS, Candy, Claim
from vm.parameter import PARTS_PER_MILLION

app = App(name="rebate", help="Consumption is reward: what is released each day; claim it.")


@app.command
async def show(
    account: str | None = None,
    *,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show by which rules fees are rewarded and what was paid today, or what an account has paid
    and earned, is due and has got: as consumer (UC candy), as provider (US candy), and for what it
    took part in.

    Parameters
    ----------
    account
        Its address, its @handle, or its name in the local network or the keystore.
    finality
        Read the final state, or that of the head, which may still change.
    """
    async with options.client() as client:
        answer = await client.rebate(finality=finality)
        native, quote = await known_asset(client), await known_asset(client, answer.rules.quote)
        if account is not None:
            who = await find_account(client, options.section, account, "ACCOUNT")
            await _show_account(client, who, native, quote, finality, as_json=json)
            return
    if json:
        print_json(answer.to_json())
    else:
        print_fields({**_rules(answer, native, quote), **_today(answer, native, quote)})


def _rules(answer: RebateAnswer, native: KnownAsset, quote: KnownAsset) -> Mapping[str, object]:
    rules, weights = answer.rules, answer.rules.weights
    price = "none yet" if answer.price is None else f"{quote.format(answer.price)} a whole token"
    return {
        "reserve": f"{rules.reserve}, with {native.format(answer.left)} left",
        "price": price,
        "factor": f"{format_percent(rules.factor_ppm)} of what fees in {quote.symbol} are worth",
        "split": f"{format_percent(rules.consumer_ppm)} to the consumer, "
        f"{format_percent(PARTS_PER_MILLION - rules.consumer_ppm)} to the provider",
        "activities": f"{native.format(weights.call)} for a call, "
        f"{native.format(weights.comment)} for a comment, "
        f"{native.format(weights.rating)} for a rating, {weights.most_a_day} a day at most",
        "cap": f"{native.format(rules.cap)} a day",
    }


def _today(answer: RebateAnswer, native: KnownAsset, quote: KnownAsset) -> Mapping[str, object]:
    estimate, worth = answer.estimate, "nothing can be said of it without a price"
    if estimate is not None:
        worth = f"{native.format(estimate.released)} of {native.format(estimate.wanted)} wanted"
    return {
        "day": answer.day,
        "fees paid": quote.format(answer.sums.paid),
        "for activities": native.format(answer.sums.activity),
        "if it ended now": worth,
    }


async def _show_account(
    client: Client,
    who: bytes,
    native: KnownAsset,
    quote: KnownAsset,
    finality: Finality,
    *,
    as_json: bool,
) -> None:
    answer = await client.account_rebate(who, finality=finality)
    if as_json:
        print_json(answer.to_json())
        return
    fields: dict[str, object] = {"account": format_address(who)}
    if (row := answer.accrual) is not None:
        fields |= {
            "day": f"{row.day}, which is {'over' if answer.is_over else 'not over yet'}",
            "fees paid": quote.format(row.sums.paid),
            "fees earned": quote.format(row.sums.earned),
            "took part in": row.activities,
        }
    fields |= {"is due": _candy(answer.due, native), "has got": _candy(answer.received, native)}
    print_fields(fields)


def _candy(candy: Candy, native: KnownAsset) -> list[str]:
    parts = {
        "as consumer (UC candy)": candy.consumer,
        "as provider (US candy)": candy.provider,
        "for activities": candy.activity,
    }
    return [f"{native.format(units)} {why}" for why, units in parts.items() if units] or ["nothing"]


@app.command(name="list")
async def list_(
    *,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List who has paid and earned fees and has not got its part of that day's release yet. A day
    that is over is paid out when its account next pays, earns, takes part or claims.

    Parameters
    ----------
    finality
        Read the final state, or that of the head, which may still change.
    """
    async with options.client() as client:
        state = no_rows()
        for table in (ACCRUALS, DAYS):
            await copy_rows(client, state, table, finality=finality)
        native = await known_asset(client)
        quote = await known_asset(client, (await client.rebate(finality=finality)).rules.quote)
    rows = [(account, row) for (account,), row in ACCRUALS.every(state)]
    over = {day for (day,), _ in DAYS.every(state)}
    if json:
        items: list[Json] = [
            {"account": format_address(account), "is_over": row.day in over, **row.to_json()}
            for account, row in rows
        ]
        print_json({"accounts": items})
        return
    if not rows:
        print_line("Nobody has paid or earned anything that is not rewarded.")
        return
    print_table(
        ("ACCOUNT", "DAY", "FEES PAID", "FEES EARNED", "FOR ACTIVITIES"),
        (
            (
                format_address(account),
                f"{row.day} (over)" if row.day in over else row.day,
                quote.format(row.sums.paid),
                quote.format(row.sums.earned),
                native.format(row.sums.activity),
            )
            for account, row in rows
        ),
    )


@app.command
async def claim(*, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False) -> None:
    """Take what the account that sends (--from) is due for a day that is over. Without this it gets
    it when it next pays, earns or takes part in something."""
    async with options.client() as client:
        sender = await options.sender(client)
        answer = await client.account_rebate(sender, finality=Finality.HEAD)
        if not answer.is_over:
            row = answer.accrual
            why = "the account has nothing due" if row is None else f"day {row.day} is not over yet"
            raise Refused(why, field="--from", code="rebate.nothing-owed")
        due = answer.due
        gets: Json = due.to_json() if json else ", ".join(_candy(due, await known_asset(client)))
        await send(client, options, [Claim()], as_json=json, about={"gets": gets})
