"""`reelect otc sale`: an asset for a payment outside the chain, with bonds and an arbiter (K9)."""

from typing import Annotated

from cyclopts import App, Parameter, validators

from consensus.address import format_address
from consensus.kinds import JsonObject
from node.client import Client
from node.commands.arguments import JsonFlag, Most, Number
from node.commands.asking import (
    NO_NODE_OPTIONS,
    NodeOptions,
    find_account,
    head_time_ms,
    known_asset,
    known_assets,
)
from node.commands.rows import list_numbered, read_numbered
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, send
from node.failure import Usage
from node.output import print_fields, print_json, print_line, print_table, utc
from node.query.chain_view import Finality
from vm.declare import Action
from vm.modules.otc import (
    LONGEST_MS,
    SALES,
    UNKNOWN_SALE,
    Buy,
    Decide,
    Dispute,
    MarkPaid,
    Release,
    Sale,
    Sell,
)

HOUR_S = 3_600
DAY_S = 24 * HOUR_S

ValidS = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=LONGEST_MS // 1000))]
PayS = Annotated[int, Parameter(validator=validators.Number(gte=60, lte=LONGEST_MS // 1000))]
Flag = Annotated[bool, Parameter(negative=())]
# What becomes of a sale of each status at its due time.
_DUE = {"open": "ends", "bought": "pay by", "paid": "disputed at", "disputed": "decide by"}

app = App(name="sale", help="Sell for a payment outside the chain, with escrow.")


@app.command
async def make(
    amount: str,
    asset: str,
    *,
    terms: str,
    arbiter: str | None = None,
    buyer: str | None = None,
    bond: str = "0",
    pay_s: PayS = HOUR_S,
    valid_s: ValidS = DAY_S,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Sell an amount for a payment outside the chain. It is in escrow until you release it, or a
    dispute is decided.

    Parameters
    ----------
    amount
        How much is sold, in whole tokens.
    asset
        Its symbol.
    terms
        What is to be paid and how, and how that is shown; public, up to 500 characters.
    arbiter
        Who decides disputes: address, @handle or name; else a policy does (otc.rule).
    buyer
        Who alone may buy; else anybody.
    bond
        What each side puts up, in whole native tokens; who is wrong in a dispute loses it.
    pay_s
        For how many seconds who buys can pay.
    valid_s
        For how many seconds it can be bought, at most 31 days.
    """
    async with options.client() as client:
        sold, native = await known_asset(client, asset), await known_asset(client)
        units = sold.parse_positive("AMOUNT", amount)
        judge, who = None, None
        if arbiter is not None:
            judge = await find_account(client, options.section, arbiter, "--arbiter")
        if buyer is not None:
            who = await find_account(client, options.section, buyer, "--buyer")
        until_ms = await head_time_ms(client) + 1000 * valid_s
        bond_units = native.parse("--bond", bond)
        action = Sell(sold.symbol, units, terms, bond_units, judge, who, pay_s, until_ms)
        await send(client, options, [action], as_json=json)


@app.command
async def buy(
    sale: Number, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Buy what a sale has, for the bond. Pay by its terms, and mark it in time (`otc sale paid`):
    else the bond is the seller's.

    Parameters
    ----------
    sale
        Its number, as `reelect otc sale list` shows it.
    """
    async with options.client() as client:
        row = await _sale(client, sale, Finality.HEAD)
        native = await known_asset(client)
        about: JsonObject = {
            "terms": row.terms,
            "bond": str(row.bond_units) if json else native.format(row.bond_units),
            "seconds to pay": row.pay_s,
        }
        action = Buy(sale, row.asset, row.units, row.bond_units)
        await send(client, options, [action], as_json=json, about=about)


@app.command
async def paid(
    sale: Number,
    *,
    evidence: str = "",
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Say, as the buyer, that you have paid. If the seller does not release in time, the arbiter
    decides.

    Parameters
    ----------
    sale
        Its number.
    evidence
        How that can be seen, such as the number of a transfer; public, up to 256 characters.
    """
    await _do(MarkPaid(sale, evidence), options, as_json=json)


@app.command
async def release(
    sale: Number, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Give, as the seller, the buyer what was sold, once you have the payment; or take a sale back
    that nobody has bought. Both sides have their bonds again.

    Parameters
    ----------
    sale
        Its number.
    """
    await _do(Release(sale), options, as_json=json)


@app.command
async def dispute(
    sale: Number, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Ask, as either side, for a decision on a sale that is marked as paid.

    Parameters
    ----------
    sale
        Its number.
    """
    await _do(Dispute(sale), options, as_json=json)


@app.command
async def decide(
    sale: Number,
    *,
    has_paid: Flag = False,
    has_not_paid: Flag = False,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Decide, as the arbiter, on a disputed sale: who is right has what was sold and both bonds.

    Parameters
    ----------
    sale
        Its number.
    has_paid
        The buyer has paid.
    has_not_paid
        The buyer has not.
    """
    if has_paid == has_not_paid:
        raise Usage("say --has-paid or --has-not-paid", field="--has-paid")
    await _do(Decide(sale, has_paid), options, as_json=json)


@app.command(name="list")
async def list_(
    *,
    most: Most = 100,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List the sales that are not over, the oldest first.

    Parameters
    ----------
    most
        How many.
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        found = await list_numbered(client, SALES, finality, most=most)
        assets = await known_assets(client, (row.asset for _, row in found))
        native = await known_asset(client)
    if json:
        print_json({"sales": [{"sale": number, **row.to_json()} for number, row in found]})
        return
    if not found:
        print_line("There is no sale; `reelect otc sale make` makes one.")
        return
    print_table(
        ("SALE", "AMOUNT", "TERMS", "BOND", "STATUS", "DUE", "SELLER"),
        (
            (
                number,
                assets[row.asset].format(row.units),
                row.terms,
                native.format(row.bond_units),
                row.status,
                f"{_DUE[row.status]} {utc(row.due_ms)}",
                format_address(row.seller),
            )
            for number, row in found
        ),
    )


@app.command
async def show(
    sale: Number,
    *,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show a sale: its terms, its parties, and what happens next.

    Parameters
    ----------
    sale
        Its number, as `reelect otc sale list` shows it.
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        row = await _sale(client, sale, finality)
        asset, native = await known_asset(client, row.asset), await known_asset(client)
    if json:
        print_json({"sale": sale, **row.to_json()})
        return
    print_fields(
        {
            "sale": sale,
            "amount": asset.format(row.units),
            "terms": row.terms,
            "seller": format_address(row.seller),
            "buyer": "anybody" if row.buyer is None else format_address(row.buyer),
            "arbiter": "a policy" if row.arbiter is None else format_address(row.arbiter),
            "bond of each": native.format(row.bond_units),
            "time to pay": f"{row.pay_s} s",
            "status": row.status,
            _DUE[row.status]: utc(row.due_ms),
        }
    )


async def _do(action: Action, options: SendOptions, *, as_json: bool) -> None:
    async with options.client() as client:
        await send(client, options, [action], as_json=as_json)


async def _sale(client: Client, number: int, finality: Finality) -> Sale:
    return await read_numbered(
        client,
        SALES,
        number,
        finality,
        missing=f"there is no sale {number}, or it is over: see `reelect otc sale list`",
        field="SALE",
        error=UNKNOWN_SALE,
    )
