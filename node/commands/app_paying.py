"""`reelect app enable` and its kin: who enables an app pays in it, is charged by it, and may be
refunded (T11)."""

from typing import cast

from consensus.address import format_address
from consensus.kinds import JsonObject
from node.client import Client
from node.commands.app_argument import app_name, item_name, read_app
from node.commands.arguments import JsonFlag, Most, Number
from node.commands.asking import (
    NO_NODE_OPTIONS,
    KnownAsset,
    NodeOptions,
    find_account,
    known_asset,
    known_assets,
    own_account,
)
from node.commands.rows import read_row
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, check_action, send
from node.failure import Refused, Usage
from node.output import print_json, print_line, print_table, utc
from node.query.app_answers import AppItem, EnabledItem, PaymentItem
from node.query.chain_view import Finality
from vm.modules.apps import (
    BOUGHT,
    ITEMS,
    UNKNOWN_ITEM,
    Bought,
    Charge,
    Disable,
    Enable,
    Pay,
    Refund,
)
from vm.parameter import PARTS_PER_MILLION


async def enable(
    app: str,
    *,
    limit: str = "0",
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Enable an app, so that you can pay in it; or change how much it may charge you a day. What it
    has charged today counts, also if you disable it and enable it again.

    Parameters
    ----------
    app
        Its name, as `reelect app list` shows it.
    limit
        How much it may charge a day, in whole tokens of the asset in which it is paid; else
        nothing.
    """
    async with options.client() as client:
        item = await read_app(client, app, Finality.HEAD)
        asset = await known_asset(client, item.app.asset)
        units = asset.parse("--limit", limit)
        about: JsonObject = {"app": item.app.title, "may charge a day": asset.format(units)}
        await send(client, options, [Enable(app, units)], as_json=json, about=about)


async def disable(
    app: str, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Disable an app: it charges you no more, also if it was suspended or withdrawn.

    Parameters
    ----------
    app
        Its name.
    """
    app_name(app)
    async with options.client() as client:
        await send(client, options, [Disable(app)], as_json=json)


async def enabled(
    account: str | None = None,
    *,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List the apps that an account has enabled, and how much each may charge it a day.

    Parameters
    ----------
    account
        Its address, @handle or name; else your own.
    finality
        Read the final state, or that of the head, which may still change.
    """
    async with options.client() as client:
        who = await own_account(client, options.section, account, "ACCOUNT")
        items = [item async for item in client.enabled_apps(who, finality=finality)]
        assets = await known_assets(client, (item.app.app.asset for item in items if item.app))
    if json:
        print_json({"account": format_address(who), "apps": [item.to_json() for item in items]})
        return
    if not items:
        print_line("The account has no app enabled; `reelect app list` shows which there are.")
        return
    print_table(
        ("APP", "MAY CHARGE A DAY", "CHARGED TODAY", "STATUS"),
        (_enabled_row(item, assets) for item in items),
    )


async def pay(
    app: str,
    amount: str | None = None,
    *,
    item: str | None = None,
    memo: str = "",
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Pay in an app that you have enabled: for an item its price, or else an amount.

    Parameters
    ----------
    app
        Its name.
    amount
        How much, in whole tokens of the asset in which the app is paid, if it is for no item.
    item
        What is bought, as `reelect app show` lists it.
    memo
        A text for the app, such as an order's number.
    """
    async with options.client() as client:
        found = await read_app(client, app, Finality.HEAD)
        asset = await known_asset(client, found.app.asset)
        units = await _units(client, found, asset, amount, item)
        action = Pay(app, item, units, memo)
        check_action(action)
        about = _parts(found, asset, units)
        await send(client, options, [action], as_json=json, about=about)


async def charge(
    app: str,
    account: str,
    amount: str | None = None,
    *,
    item: str | None = None,
    memo: str = "",
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """As the developer of an app, charge an account that has enabled it, within its limit.

    Parameters
    ----------
    app
        The app's name.
    account
        Address, @handle or name of who pays.
    amount
        How much, in whole tokens of the asset in which the app is paid, if it is for no item.
    item
        What is bought, as `reelect app show` lists it.
    memo
        A text for who pays, such as what it is for.
    """
    async with options.client() as client:
        found = await read_app(client, app, Finality.HEAD)
        payer = await find_account(client, options.section, account, "ACCOUNT")
        asset = await known_asset(client, found.app.asset)
        units = await _units(client, found, asset, amount, item)
        action = Charge(app, payer, item, units, memo)
        check_action(action)
        about = _parts(found, asset, units)
        await send(client, options, [action], as_json=json, about=about)


async def refund(
    app: str, payment: Number, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """As the developer who was paid, refund a payment, whole, with the platform's part.

    Parameters
    ----------
    app
        The app's name.
    payment
        Its number, as `reelect app payments` shows it.
    """
    app_name(app)
    async with options.client() as client:
        await send(client, options, [Refund(app, payment)], as_json=json)


async def payments(
    app: str | None = None,
    *,
    account: str | None = None,
    most: Most = 100,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List what was paid in an app, or by an account in all apps, and can still be refunded: the
    oldest first.

    Parameters
    ----------
    app
        The app's name.
    account
        Instead of an app, who has paid: address, @handle or name; else your own.
    most
        How many.
    finality
        Read the final state, or that of the head, which may still change.
    """
    if app is not None and account is not None:
        raise Usage("name an app or an account, not both", field="--account")
    async with options.client() as client:
        if app is not None:
            found = client.app_payments(app_name(app), most=most, finality=finality)
        else:
            who = await own_account(client, options.section, account, "--account")
            found = client.payments_in_apps(who, most=most, finality=finality)
        items = [item async for item in found]
        assets = await known_assets(client, (item.row.asset for item in items))
    if json:
        print_json({"payments": [item.to_json() for item in items]})
        return
    if not items:
        print_line("There is no payment that can still be refunded.")
        return
    print_table(
        ("APP", "PAYMENT", "ITEM", "AMOUNT", "PLATFORM", "BY", "REFUND UNTIL", "FROM", "MEMO"),
        (_payment_row(item, assets) for item in items),
    )


async def bought(
    account: str | None = None,
    *,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List which items of apps an account has bought, and how many, without what was refunded.

    Parameters
    ----------
    account
        Its address, @handle or name; else your own.
    finality
        Read the final state, or that of the head, which may still change.
    """
    async with options.client() as client:
        who = await own_account(client, options.section, account, "ACCOUNT")
        address = format_address(who)
        rows = [
            (str(each.key["app"]), str(each.key["item"]), Bought.from_json(each.row))
            async for each in client.rows(BOUGHT.name, address, finality=finality)
        ]
    if json:
        items = [{"app": app, "item": item, **row.to_json()} for app, item, row in rows]
        print_json({"account": address, "items": items})
        return
    if not rows:
        print_line("The account has bought no item in an app yet.")
        return
    print_table(("APP", "ITEM", "PIECES"), ((app, item, row.count) for app, item, row in rows))


async def _units(
    client: Client, app: AppItem, asset: KnownAsset, amount: str | None, item: str | None
) -> int:
    """What is to be paid: the item's price now, or the amount; raises Usage unless one is named,
    and Refused if the app has no such item."""
    if (amount is None) == (item is None):
        raise Usage("name an amount or --item, one of them", field="AMOUNT")
    if amount is not None:
        return asset.parse_positive("AMOUNT", amount)
    name = item_name("--item", cast(str, item))
    row = await read_row(client, ITEMS, app.name, name, finality=Finality.HEAD)
    if row is not None:
        return row.price
    raise Refused(
        f"{app.name} sells no item {name}: see `reelect app show {app.name}`",
        field="--item",
        code=UNKNOWN_ITEM.code,
    )


def _parts(app: AppItem, asset: KnownAsset, units: int) -> JsonObject:
    """What is paid, and who gets what of it."""
    fee = units * app.fee_ppm // PARTS_PER_MILLION
    return {
        "amount": asset.format(units),
        "developer gets": asset.format(units - fee),
        "platform gets": asset.format(fee),
    }


def _enabled_row(item: EnabledItem, assets: dict[str, KnownAsset]) -> tuple[object, ...]:
    if item.app is None:
        return (item.name, None, None, "withdrawn: `reelect app disable` forgets it")
    asset = assets[item.app.app.asset]
    limit, charged = item.enabling.limit_units, item.charged_today
    status = "suspended" if item.app.app.is_suspended else "enabled"
    return (item.name, asset.format(limit), asset.format(charged), status)


def _payment_row(item: PaymentItem, assets: dict[str, KnownAsset]) -> tuple[object, ...]:
    row, asset = item.row, assets[item.row.asset]
    return (
        item.app,
        item.payment,
        row.item,
        asset.format(row.units),
        asset.format(row.fee),
        "the app" if row.is_charge else "the payer",
        utc(row.until_ms),
        format_address(row.payer),
        row.memo,
    )
