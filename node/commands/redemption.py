"""`reelect redemption`: the catalogue of what the token buys, and the vouchers for it."""

from typing import Literal

from cyclopts import App

from consensus.address import format_address
from consensus.kinds import JsonObject
from node.commands.arguments import JsonFlag, Most, Number
from node.commands.asking import (
    NO_NODE_OPTIONS,
    KnownAsset,
    NodeOptions,
    find_account,
    head_time_ms,
    known_asset,
    own_account,
)
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, send
from node.failure import Refused, Usage
from node.output import print_fields, print_json, print_line, print_table, utc
from node.query.chain_view import Finality
from node.query.shop_answers import OfferItem
from vm.modules.redemption import (
    TOO_DEAR,
    Close,
    GiveBack,
    HandOn,
    Honour,
    MakeOffer,
    Redeem,
    Voucher,
)

app = App(name="redemption", help="What the token buys: offers, and vouchers for them.")


@app.command(name="list")
async def list_(
    *,
    status: Literal["open", "proposed", "closed", "any"] = "open",
    provider: str | None = None,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List what the token buys, at the prices of now.

    Parameters
    ----------
    status
        Offers that are open; or proposed, and not let into the catalogue yet; closed; or any.
    provider
        Only those of this account: its address, @handle or name.
    finality
        Read the final state, or that of the head, which may still change.
    """
    async with options.client() as client:
        whose = None
        if provider is not None:
            whose = await find_account(client, options.section, provider, "--provider")
        wanted = None if status == "any" else status
        found = [item async for item in client.offers(wanted, whose, finality=finality)]
        asset = await known_asset(client)
    if json:
        print_json({"offers": [_json(item) for item in found]})
        return
    if not found:
        kind = "" if status == "any" else f"{status} "
        print_line(f"There is no {kind}offer; `reelect redemption offer` proposes one.")
        return
    print_table(
        ("OFFER", "TITLE", "PRICE", "LEFT", "STATUS", "PROVIDER"),
        (
            (
                item.offer,
                item.row.title,
                asset.format(item.price_now),
                item.row.stock,
                item.row.status,
                format_address(item.row.provider),
            )
            for item in found
        ),
    )


@app.command
async def show(
    offer: Number,
    *,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show an offer: what it costs, how much is left, and what became of its vouchers.

    Parameters
    ----------
    offer
        Its number, as `reelect redemption list` shows it.
    finality
        Read the final state, or that of the head, which may still change.
    """
    async with options.client() as client:
        item, asset = await client.offer(offer, finality=finality), await known_asset(client)
    row = item.row
    if json:
        print_json(_json(item))
        return
    print_fields(
        {
            "offer": offer,
            "title": row.title,
            "provider": format_address(row.provider),
            "status": row.status,
            "price": _price(item, asset),
            "left": row.stock,
            "a voucher is good": f"for {row.valid_s} s",
            "honoured": row.honoured,
            "lapsed": row.lapsed,
        }
    )


@app.command
async def offer(
    title: str,
    *,
    price: str,
    stock: int,
    valid_s: int,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Propose to give something for the token, such as a ticket or an hour of one's time. Whoever
    decides on the catalogue lets it in (`reelect gov propose redemption.approve`).

    Parameters
    ----------
    title
        What it is.
    price
        In whole tokens, before the steps by which prices rise.
    stock
        How often it is given.
    valid_s
        For how many seconds a voucher is good; what was paid for one that is not honoured by then
        goes back to its holder.
    """
    async with options.client() as client:
        asset = await known_asset(client)
        units = asset.parse_positive("--price", price)
        await send(client, options, [MakeOffer(title, units, stock, valid_s)], as_json=json)


@app.command
async def close(
    offer: Number, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Take an offer of one's own out of the catalogue; its vouchers stay good.

    Parameters
    ----------
    offer
        Its number.
    """
    async with options.client() as client:
        await send(client, options, [Close(offer)], as_json=json)


@app.command
async def redeem(
    offer: Number,
    *,
    most: str | None = None,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Buy a voucher of an offer. What it costs is held until the provider honours it, and comes
    back if nobody does in time.

    Parameters
    ----------
    offer
        Its number, as `reelect redemption list` shows it.
    most
        The most to pay, in whole tokens; else the price of now.
    """
    async with options.client() as client:
        units = (await client.offer(offer, finality=Finality.HEAD)).price_now
        if most is not None:
            asset = await known_asset(client)
            limit = asset.parse_positive("--most", most)
            if limit < units:
                raise Refused(
                    f"the price is {asset.format(units)}", field="--most", code=TOO_DEAR.code
                )
            units = limit
        await send(client, options, [Redeem(offer, units)], as_json=json)


@app.command
async def vouchers(
    account: str | None = None,
    *,
    offer: Number | None = None,
    most: Most = 100,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List the vouchers that an account holds, or those of an offer that are still good or to be
    given back.

    Parameters
    ----------
    account
        Its address, @handle or name; else `client.account`.
    offer
        Those of this offer, whoever holds them.
    most
        How many, the oldest first.
    finality
        Read the head, which may still change, or the final state.
    """
    if account is not None and offer is not None:
        raise Usage("name an account or an offer, not both", field="--offer")
    async with options.client() as client:
        if offer is not None:
            listed = client.vouchers_of_offer(offer, most=most, finality=finality)
        else:
            holder = await own_account(client, options.section, account, "ACCOUNT")
            listed = client.vouchers(holder, most=most, finality=finality)
        found = [item async for item in listed]
        asset, now_ms = await known_asset(client), await head_time_ms(client)
    if json:
        items = [{"voucher": item.voucher, **item.row.to_json()} for item in found]
        print_json({"vouchers": list(items)})
        return
    if not found:
        print_line("There is no voucher; `reelect redemption redeem` buys one.")
        return
    print_table(
        ("VOUCHER", "OFFER", "TITLE", "PAID", "GOOD UNTIL", "HOLDER"),
        (
            (
                item.voucher,
                item.row.offer,
                item.of.row.title,
                asset.format(item.row.paid),
                _until(item.row, now_ms),
                format_address(item.row.holder),
            )
            for item in found
        ),
    )


@app.command
async def voucher(
    voucher: Number,
    *,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show a voucher: what for, whose it is, and until when it is good. Its provider looks before
    it gives anything.

    Parameters
    ----------
    voucher
        Its number, which its holder tells.
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        item = await client.voucher(voucher, finality=finality)
        asset, now_ms = await known_asset(client), await head_time_ms(client)
    row = item.row
    if json:
        print_json({"voucher": voucher, **row.to_json(), "of": _json(item.of)})
        return
    print_fields(
        {
            "voucher": voucher,
            "offer": row.offer,
            "title": item.of.row.title,
            "provider": format_address(item.of.row.provider),
            "holder": format_address(row.holder),
            "paid": asset.format(row.paid),
            "good until": _until(row, now_ms),
        }
    )


@app.command
async def hand_on(
    voucher: Number, to: str, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Give a voucher to another account.

    Parameters
    ----------
    voucher
        Its number, as `reelect redemption vouchers` shows it.
    to
        Address, @handle or name of who gets it.
    """
    async with options.client() as client:
        account = await find_account(client, options.section, to, "TO")
        await send(client, options, [HandOn(voucher, account)], as_json=json)


@app.command
async def honour(
    voucher: Number, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Say, as the provider, that a voucher was honoured: what was paid for it goes to the pool.

    Parameters
    ----------
    voucher
        Its number, which its holder tells.
    """
    async with options.client() as client:
        await send(client, options, [Honour(voucher)], as_json=json)


@app.command
async def give_back(
    voucher: Number, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Give back what was paid for a voucher that nobody honoured in time, to who holds it. Anybody
    may send this.

    Parameters
    ----------
    voucher
        Its number.
    """
    async with options.client() as client:
        await send(client, options, [GiveBack(voucher)], as_json=json)


def _price(item: OfferItem, asset: KnownAsset) -> str:
    now, factor = asset.format(item.price_now), item.price_now // item.row.price
    return now if factor == 1 else f"{now}: {factor} times {asset.format(item.row.price)} by now"


def _until(voucher: Voucher, now_ms: int) -> str:
    is_over = now_ms >= voucher.until_ms
    return "over, `reelect redemption give-back`" if is_over else utc(voucher.until_ms)


def _json(item: OfferItem) -> JsonObject:
    price: JsonObject = {"offer": item.offer, "price_now": str(item.price_now)}
    return {**price, **item.row.to_json()}
