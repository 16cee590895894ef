"""`reelect gift`: gifts of the catalogue are given and won; others are made to order (P8)."""

from typing import Annotated

from cyclopts import App, Parameter, validators

from consensus.address import format_address
from consensus.cid import parse_cid
from consensus.kinds import Json, JsonObject
from node.client import Client
from node.commands.arguments import JsonFlag, argument
from node.commands.asking import (
    NO_NODE_OPTIONS,
    KnownAsset,
    NodeOptions,
    find_account,
    known_asset,
    known_assets,
)
from node.commands.copied_state import copy_rows, no_rows
from node.commands.gift_orders import decline, deliver, made, order, orders, pass_on
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, check_action, send
from node.output import print_fields, print_json, print_line, print_table, utc
from node.query.chain_view import Finality
from node.query.gift_answers import GiftItem
from vm.modules.apps import NAME_TEXT
from vm.modules.gifts import GIFT_TEXT, GIVINGS_KEPT, RECEIVED, STOCKS, Give, HandOut, StockUp

app = App(name="gift", help="Give gifts, have them made to order, and see who gave what to whom.")
for _command in (order, orders, deliver, decline, made, pass_on):
    app.command(_command)


@app.command(name="list")
async def list_(
    *,
    retired: Annotated[bool, Parameter(negative=())] = False,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List the gifts that are sold: the price, what of it the receiver gets, the platform's fee,
    and the animation.

    The community lists and retires them (`reelect gov propose gifts.list --help`).

    Parameters
    ----------
    retired
        Also those that are not sold any more.
    finality
        Read the final state, or that of the head, which may still change.
    """
    async with options.client() as client:
        items = [item async for item in client.gifts(finality=finality)]
        items = [item for item in items if retired or item.gift.is_listed]
        assets = await known_assets(client, (item.gift.asset for item in items))
    if json:
        print_json({"gifts": [item.to_json() for item in items]})
        return
    if not items:
        print_line("No gift is sold; `reelect gift order` has one made.")
        return
    print_table(
        ("GIFT", "PRICE", "RECEIVER GETS", "FEE", "SOLD", "ANIMATION"),
        (
            (
                item.name,
                *_price(item, assets[item.gift.asset]),
                item.gift.is_listed,
                item.gift.animation,
            )
            for item in items
        ),
    )


@app.command
async def show(
    gift: str,
    *,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show a gift of the catalogue. Its animation is found by its content id, as any content is.

    Parameters
    ----------
    gift
        Its name, as `reelect gift list` shows it.
    finality
        Read the final state, or that of the head, which may still change.
    """
    _check_name(gift)
    async with options.client() as client:
        answer = await client.gift(gift, finality=finality)
        asset = await known_asset(client, answer.item.gift.asset)
    if json:
        print_json(answer.to_json())
        return
    price, earned, fee = _price(answer.item, asset)
    print_fields(
        {
            "gift": gift,
            "price": price,
            "receiver gets": earned,
            "fee": fee,
            "sold": answer.item.gift.is_listed,
            "animation": answer.item.gift.animation,
        }
    )


@app.command
async def give(
    gift: str,
    account: str,
    *,
    video: str | None = None,
    referrer: str | None = None,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Buy a gift of the catalogue for an account, which gets the price but for the fee.

    Parameters
    ----------
    gift
        Its name, as `reelect gift list` shows it.
    account
        Address, @handle or name of who gets it.
    video
        Content id of the video that it is for.
    referrer
        Who led you there, by address, @handle or name: gets the part that the receiver has set.
    """
    _check_name(gift)
    cid = None if video is None else argument("--video", parse_cid, video)
    async with options.client() as client:
        to = await find_account(client, options.section, account, "ACCOUNT")
        led_by = None
        if referrer is not None:
            led_by = await find_account(client, options.section, referrer, "--referrer")
        about = await _terms(client, gift)
        await send(client, options, [Give(gift, to, cid, led_by)], as_json=json, about=about)


@app.command
async def recent(
    *,
    most: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=GIVINGS_KEPT))] = 20,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List who gave which gift of the catalogue to whom, the newest first.

    Parameters
    ----------
    most
        How many; the chain keeps 256.
    finality
        Read the final state, or that of the head, which may still change.
    """
    async with options.client() as client:
        answer = await client.givings(most=most, finality=finality)
        assets = await known_assets(client, (item.asset for item in answer.items))
    if json:
        print_json(answer.to_json())
        return
    if not answer.items:
        print_line("No gift was given yet.")
        return
    print_table(
        ("TIME", "GIFT", "FROM", "TO", "PRICE", "RECEIVER GOT", "WON IN", "VIDEO"),
        (
            (
                utc(item.time_ms),
                item.gift,
                *(format_address(side) for side in (item.giver, item.to)),
                *(assets[item.asset].format(units) for units in (item.price, item.earned)),
                item.app,
                item.video,
            )
            for item in answer.items
        ),
    )


@app.command
async def received(
    account: str,
    *,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List which gifts of the catalogue an account was given, how often, and what was paid for
    them in all.

    Parameters
    ----------
    account
        Its address, its @handle, or its name in the local network or the keystore.
    finality
        Read the final state, or that of the head, which may still change.
    """
    async with options.client() as client:
        who = await find_account(client, options.section, account, "ACCOUNT")
        state, address = no_rows(), format_address(who)
        await copy_rows(client, state, RECEIVED, address, finality=finality)
        sold = {item.name: item.gift.asset async for item in client.gifts(finality=finality)}
        assets = await known_assets(client, sold.values())
    rows = [(gift, row) for (_, gift), row in RECEIVED.every(state)]
    if json:
        items: list[Json] = [
            {"gift": gift, "asset": sold[gift], **row.to_json()} for gift, row in rows
        ]
        print_json({"account": address, "gifts": items})
        return
    if not rows:
        print_line("The account was given no gift yet.")
        return
    print_table(
        ("GIFT", "HOW OFTEN", "PAID FOR THEM"),
        ((gift, row.count, assets[sold[gift]].format(row.units)) for gift, row in rows),
    )


@app.command(name="stock-up")
async def stock_up(
    app: str,
    gift: str,
    pieces: int,
    *,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """As the developer of an app, pay for pieces of a gift, to be won in it.

    Parameters
    ----------
    app
        The app's name, as `reelect app list` shows it.
    gift
        Its name, as `reelect gift list` shows it.
    pieces
        How many.
    """
    _check_name(gift)
    action = StockUp(app, gift, pieces)
    check_action(action)
    async with options.client() as client:
        await send(client, options, [action], as_json=json)


@app.command(name="hand-out")
async def hand_out(
    app: str,
    gift: str,
    account: str,
    *,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """As the developer of an app, give an account a gift that it has won there, out of what was
    paid for with `stock-up`.

    Parameters
    ----------
    app
        The app's name.
    gift
        Its name, as `reelect gift stock` shows it.
    account
        Address, @handle or name of who has won it.
    """
    _check_name(gift)
    argument("APP", NAME_TEXT.from_json, app)
    async with options.client() as client:
        to = await find_account(client, options.section, account, "ACCOUNT")
        about = await _terms(client, gift)
        await send(client, options, [HandOut(app, gift, to)], as_json=json, about=about)


@app.command
async def stock(
    developer: str,
    *,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List how many pieces of each gift the developer of an app has paid for and not handed out.

    Parameters
    ----------
    developer
        Address, @handle or name of its account.
    finality
        Read the final state, or that of the head, which may still change.
    """
    async with options.client() as client:
        who = await find_account(client, options.section, developer, "DEVELOPER")
        state, address = no_rows(), format_address(who)
        await copy_rows(client, state, STOCKS, address, finality=finality)
    rows = [(gift, row) for (_, gift), row in STOCKS.every(state)]
    if json:
        stocks: list[Json] = [{"gift": gift, **row.to_json()} for gift, row in rows]
        print_json({"developer": address, "stock": stocks})
        return
    if not rows:
        print_line("The account has no gifts to hand out; `reelect gift stock-up` buys some.")
        return
    print_table(("GIFT", "PIECES"), ((gift, row.pieces) for gift, row in rows))


def _check_name(gift: str) -> None:
    argument("GIFT", GIFT_TEXT.from_json, gift)


async def _terms(client: Client, gift: str) -> JsonObject:
    """What a gift costs and brings, for who gives it; raises Missing."""
    item = (await client.gift(gift, finality=Finality.HEAD)).item
    price, earned, fee = _price(item, await known_asset(client, item.gift.asset))
    return {"price": price, "receiver gets": earned, "platform gets": fee}


def _price(item: GiftItem, asset: KnownAsset) -> tuple[str, str, str]:
    """The price, what of it the receiver gets, and the platform's fee."""
    return asset.format(item.gift.price), asset.format(item.earned), asset.format(item.fee)
