"""`reelect app`: apps that third parties offer, and what their developers do with them (T11)."""

from typing import Annotated

from cyclopts import App, Parameter

from consensus.address import format_address
from consensus.kinds import JsonObject
from node.amounts import format_percent
from node.client import Client
from node.commands.app_argument import app_name, item_name, read_app
from node.commands.app_paying import (
    bought,
    charge,
    disable,
    enable,
    enabled,
    pay,
    payments,
    refund,
)
from node.commands.arguments import JsonFlag, Most, argument
from node.commands.asking import (
    NO_NODE_OPTIONS,
    NodeOptions,
    find_account,
    known_asset,
    known_assets,
)
from node.commands.content_argument import content_id
from node.commands.copied_state import copy_row, no_rows
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, check_action, send
from node.output import print_fields, print_json, print_line, print_table
from node.query.app_answers import AppItem
from node.query.chain_view import Finality
from vm.modules.apps import (
    DEPOSIT_UNITS,
    KIND_TEXT,
    Register,
    RemoveItem,
    SetItem,
    Update,
    Withdraw,
)
from vm.parameter import VALUES

app = App(name="app", help="Apps: find, enable and pay in them; offer one of your own.")
for _command in (enable, disable, enabled, pay, payments, bought, charge, refund):
    app.command(_command)


@app.command(name="list")
async def list_(
    *,
    kind: str | None = None,
    developer: str | None = None,
    official: Annotated[bool, Parameter(negative=())] = False,
    most: Most = 100,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List the apps: what each is, whose, how many accounts have it enabled, and what it has earned
    the platform by payments that can be refunded no more.

    Parameters
    ----------
    kind
        Only tools, games or props: tool, game or props.
    developer
        Only this account's: address, @handle or name.
    official
        Only official ones.
    most
        How many.
    finality
        Read the final state, or that of the head, which may still change.
    """
    if kind is not None:
        argument("--kind", KIND_TEXT.from_json, kind)
    async with options.client() as client:
        who = None
        if developer is not None:
            who = await find_account(client, options.section, developer, "--developer")
        wanted = client.apps(
            kind=kind, developer=who, official=official, most=most, finality=finality
        )
        items = [item async for item in wanted]
        assets = await known_assets(client, (item.app.asset for item in items))
    if json:
        print_json({"apps": [item.to_json() for item in items]})
        return
    if not items:
        print_line("There is no such app; `reelect app register` offers one.")
        return
    print_table(
        ("APP", "KIND", "TITLE", "ENABLED BY", "PAID THE PLATFORM", "STATUS", "DEVELOPER"),
        (
            (
                item.name,
                item.app.kind,
                item.app.title,
                item.app.enabled,
                assets[item.app.asset].format(item.app.fees),
                _status(item),
                format_address(item.app.developer),
            )
            for item in items
        ),
    )


@app.command
async def show(
    app: str,
    *,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show an app: its page or manifest, what is sold in it, and what of it the platform gets.

    Parameters
    ----------
    app
        Its name, as `reelect app list` shows it.
    finality
        Read the final state, or that of the head, which may still change.
    """
    async with options.client() as client:
        item = await read_app(client, app, finality)
        sold = [each async for each in client.app_items(app, finality=finality)]
        asset, native = await known_asset(client, item.app.asset), await known_asset(client)
    if json:
        print_json({**item.to_json(), "items": [each.to_json() for each in sold]})
        return
    row = item.app
    print_fields(
        {
            "app": item.name,
            "title": row.title,
            "kind": row.kind,
            "status": _status(item),
            "developer": format_address(row.developer),
            "manifest": row.manifest,
            "versions": row.versions,
            "paid in": row.asset,
            "any amount": row.takes_any_amount,
            "platform's part": format_percent(item.fee_ppm),
            "deposit": native.format(row.deposit_units),
            "enabled by": row.enabled,
            "settled payments": row.settled,
            "paid the platform": asset.format(row.fees),
        }
    )
    if sold:
        print_line("")
        print_table(
            ("ITEM", "PRICE", "TITLE"),
            ((each.name, asset.format(each.item.price), each.item.title) for each in sold),
        )


@app.command
async def register(
    app: str,
    kind: str,
    *,
    title: str,
    manifest: str,
    asset: str | None = None,
    any_amount: Annotated[bool, Parameter(negative=())] = False,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Offer an app under a name that none has, for a deposit, which comes back when it is
    withdrawn.

    Parameters
    ----------
    app
        Its name: 3 to 32 small letters, digits and hyphens.
    kind
        tool, game or props.
    title
        What people call it.
    manifest
        Its page or manifest: a file or folder, whose content id is computed, or a content id.
    asset
        The asset in which it is paid, for ever; else the native one.
    any_amount
        Take payments of any amount, beside the prices of items.
    """
    page = content_id("--manifest", manifest)
    async with options.client() as client:
        paid_in = await known_asset(client, asset)
        action = Register(app, kind, title, page, paid_in.symbol, any_amount)
        check_action(action)
        deposit = await _deposit(client)
        await send(client, options, [action], as_json=json, about=deposit)


@app.command
async def update(
    app: str,
    *,
    title: str | None = None,
    manifest: str | None = None,
    any_amount: bool | None = None,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Publish a new version of an app of one's own. What is not given stays.

    Parameters
    ----------
    app
        Its name.
    title
        What people call it.
    manifest
        Its page or manifest: a file or folder, whose content id is computed, or a content id.
    any_amount
        Whether it takes payments of any amount.
    """
    page = None if manifest is None else content_id("--manifest", manifest)
    async with options.client() as client:
        row = (await read_app(client, app, Finality.HEAD)).app
        takes_any = row.takes_any_amount if any_amount is None else any_amount
        action = Update(app, title or row.title, page or row.manifest, takes_any)
        check_action(action)
        await send(client, options, [action], as_json=json)


@app.command
async def withdraw(
    app: str, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Withdraw an app of one's own, with its items, and have the deposit back. What was paid in it
    can still be refunded; its name is free for others.

    Parameters
    ----------
    app
        Its name.
    """
    app_name(app)
    async with options.client() as client:
        await send(client, options, [Withdraw(app)], as_json=json)


@app.command(name="set-item")
async def set_item(
    app: str,
    item: str,
    price: str,
    *,
    title: str,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Sell an item in an app of one's own, or change its title and price.

    Parameters
    ----------
    app
        The app's name.
    item
        The item's name: small letters, digits and hyphens.
    price
        In whole tokens of the asset in which the app is paid.
    title
        What people call it.
    """
    item_name("ITEM", item)
    async with options.client() as client:
        row = (await read_app(client, app, Finality.HEAD)).app
        units = (await known_asset(client, row.asset)).parse_positive("PRICE", price)
        action = SetItem(app, item, title, units)
        check_action(action)
        await send(client, options, [action], as_json=json)


@app.command(name="remove-item")
async def remove_item(
    app: str, item: str, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Sell an item in an app of one's own no more; what was bought of it stays bought.

    Parameters
    ----------
    app
        The app's name.
    item
        The item's name.
    """
    app_name(app)
    item_name("ITEM", item)
    async with options.client() as client:
        await send(client, options, [RemoveItem(app, item)], as_json=json)


async def _deposit(client: Client) -> JsonObject:
    """What registering an app costs until it is withdrawn."""
    state = no_rows()
    await copy_row(client, state, VALUES, DEPOSIT_UNITS.name, finality=Finality.HEAD)
    return {"deposit": (await known_asset(client)).format(DEPOSIT_UNITS.read(state))}


def _status(item: AppItem) -> str:
    if item.app.is_suspended:
        return "suspended"
    return "official" if item.app.is_official else "open"
