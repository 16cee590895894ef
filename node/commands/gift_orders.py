"""`reelect gift order` and its kin: gifts are made to order, delivered and passed on (P8)."""

from consensus.address import format_address
from node.client import Client
from node.commands.arguments import JsonFlag
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions, find_account
from node.commands.content_argument import content_id
from node.commands.copied_state import copy_rows, format_units, no_rows
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, check_action, send
from node.commands.viewing import read_price
from node.output import print_json, print_line, print_table, utc
from node.query.chain_view import Finality
from vm.modules.gifts import MADE, ORDERS, Decline, Deliver, OrderGift, PassOn
from vm.modules.tokens import ASSETS


async def order(
    maker: str,
    price: str,
    *,
    brief: str,
    wait_s: int = 7 * 24 * 3600,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Have a gift made to order. The price is held until the maker delivers, and comes back if it
    declines or is late.

    Parameters
    ----------
    maker
        Address, @handle or name of who is to make it.
    price
        Such as 5 or 5USDT: an amount in whole tokens, of the native asset if none is named.
    brief
        What is wanted: a file, whose content id is computed, or a content id.
    wait_s
        For how many seconds the maker has time, a week unless given.
    """
    about_what = content_id("--brief", brief)
    async with options.client() as client:
        who = await find_account(client, options.section, maker, "MAKER")
        asset, units = await read_price(client, "PRICE", price)
        await send(
            client, options, [OrderGift(who, asset.symbol, units, about_what, wait_s)], as_json=json
        )


async def orders(
    account: str | None = None,
    *,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List the gifts that are being made, of all or for and by one account.

    Parameters
    ----------
    account
        Its address, its @handle, or its name in the local network or the keystore; else all.
    finality
        Read the final state, or that of the head, which may still change.
    """
    async with options.client() as client:
        who = await _party(client, options, account)
        state = no_rows()
        for table in (ASSETS, ORDERS):
            await copy_rows(client, state, table, finality=finality)
    rows = [
        (number, row)
        for (number,), row in ORDERS.every(state)
        if who in (None, row.orderer, row.maker)
    ]
    if json:
        print_json({"orders": [{"order": number, **row.to_json()} for number, row in rows]})
        return
    if not rows:
        print_line("No gift is being made.")
        return
    print_table(
        ("ORDER", "FOR", "BY", "PRICE", "UNTIL", "BRIEF"),
        (
            (
                number,
                *(format_address(side) for side in (row.orderer, row.maker)),
                format_units(state, row.asset, row.price),
                utc(row.until_ms),
                row.brief,
            )
            for number, row in rows
        ),
    )


async def deliver(
    order: int, animation: str, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """As its maker, deliver a gift that was ordered: it is the orderer's, and you are paid its
    price but for the fee.

    Parameters
    ----------
    order
        The order's number, as `reelect gift orders` shows it.
    animation
        What was made: a file, whose content id is computed, or a content id.
    """
    action = Deliver(order, content_id("ANIMATION", animation))
    check_action(action)
    async with options.client() as client:
        await send(client, options, [action], as_json=json)


async def decline(
    order: int, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """As its maker, decline to make a gift that was ordered: its price is paid back.

    Parameters
    ----------
    order
        The order's number, as `reelect gift orders` shows it.
    """
    action = Decline(order)
    check_action(action)
    async with options.client() as client:
        await send(client, options, [action], as_json=json)


async def made(
    account: str | None = None,
    *,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List the gifts that were made to order, of all or those that one account owns or has made.

    Parameters
    ----------
    account
        Its address, its @handle, or its name in the local network or the keystore; else all.
    finality
        Read the final state, or that of the head, which may still change.
    """
    async with options.client() as client:
        who = await _party(client, options, account)
        state = no_rows()
        await copy_rows(client, state, MADE, finality=finality)
    rows = [
        (number, row) for (number,), row in MADE.every(state) if who in (None, row.owner, row.maker)
    ]
    if json:
        print_json({"made": [{"order": number, **row.to_json()} for number, row in rows]})
        return
    if not rows:
        print_line("No gift was made to order yet.")
        return
    print_table(
        ("ORDER", "OWNER", "MADE BY", "ANIMATION"),
        (
            (number, *(format_address(side) for side in (row.owner, row.maker)), row.animation)
            for number, row in rows
        ),
    )


async def pass_on(
    order: int, account: str, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Give a gift that was made to order, and is yours, to another account.

    Parameters
    ----------
    order
        The number of the order that it was made for, as `reelect gift made` shows it.
    account
        Address, @handle or name of who gets it.
    """
    async with options.client() as client:
        to = await find_account(client, options.section, account, "ACCOUNT")
        await send(client, options, [PassOn(order, to)], as_json=json)


async def _party(client: Client, options: NodeOptions, account: str | None) -> bytes | None:
    """The account whose rows alone are wanted; None: all."""
    if account is None:
        return None
    return await find_account(client, options.section, account, "ACCOUNT")
