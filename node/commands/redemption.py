"""`reelect redemption`: the catalogue of what the token buys, and the vouchers for it."""

from typing import Literal

from cyclopts import App

from consensus.address import format_address
from consensus.kinds import JsonObject
from node.client import Client
from node.commands.arguments import JsonFlag, argument
from node.commands.asking import (
    NO_NODE_OPTIONS,
    KnownAsset,
    NodeOptions,
    find_account,
    head_time_ms,
    known_asset,
    own_account,
)
from node.commands.copied_state import copy_row, copy_rows, no_rows
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, send
from node.failure import Refused, Usage
from node.output import print_fields, print_json, print_line, print_table, utc
from node.query.chain_view import Finality
from vm.modules.economy import CLOCK, ECONOMY
from vm.modules.redemption import (
    HELD,
    ISSUED,
    OFFERS,
    TOO_DEAR,
    UNKNOWN_OFFER,
    UNKNOWN_VOUCHER,
    VOUCHERS,
    Close,
    GiveBack,
    HandOn,
    Honour,
    MakeOffer,
    Offer,
    Redeem,
    Voucher,
    price_now,
)
from vm.modules.steps import SCHEDULE, price_factor
from vm.overlay import Overlay

MOST_VOUCHERS = 1000

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
        state, asset = await _prices(client, finality), await known_asset(client)
        await copy_rows(client, state, OFFERS, finality=finality)
    found = [
        (number, row)
        for (number,), row in OFFERS.every(state)
        if status in ("any", row.status) and whose in (None, row.provider)
    ]
    if json:
        print_json({"offers": [_json(state, number, row) for number, row in found]})
        return
    if not found:
        kind = "" if status == "any" else f"{status} "
        print_line(f"There is no {kind}offer; `reelect redemption offer` proposes one.")
        return
    print_table(
        ("OFFER", "TITLE", "PRICE", "LEFT", "STATUS", "PROVIDER"),
        (
            (
                number,
                row.title,
                asset.format(price_now(state, number)),
                row.stock,
                row.status,
                format_address(row.provider),
            )
            for number, row in found
        ),
    )


@app.command
async def show(
    offer: int,
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
        state, row = await _read_offer(client, offer, finality)
        asset = await known_asset(client)
    if json:
        print_json(_json(state, offer, row))
        return
    print_fields(
        {
            "offer": offer,
            "title": row.title,
            "provider": format_address(row.provider),
            "status": row.status,
            "price": _price(state, offer, row, asset),
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
    offer: int, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
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
    offer: int,
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
        state, _ = await _read_offer(client, offer, Finality.HEAD)
        units = price_now(state, offer)
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
    offer: int | None = None,
    most: int = 100,
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
    if not 1 <= most <= MOST_VOUCHERS:
        raise Usage(f"1 to {MOST_VOUCHERS} are possible", field="--most")
    if account is not None and offer is not None:
        raise Usage("name an account or an offer, not both", field="--offer")
    async with options.client() as client:
        if offer is not None:
            await _read_offer(client, offer, finality)
            table, key = ISSUED.name, str(offer)
        else:
            holder = await own_account(client, options.section, account, "ACCOUNT")
            table, key = HELD.name, format_address(holder)
        listed = await client.first_rows(table, key, most=most, finality=finality)
        state, now_ms = no_rows(), await head_time_ms(client)
        for item in listed:
            number = str(item.key["voucher"])
            await copy_row(client, state, VOUCHERS, number, finality=finality)
        found = [(number, row) for (number,), row in VOUCHERS.every(state)]
        for each in {row.offer for _, row in found}:
            await copy_row(client, state, OFFERS, str(each), finality=finality)
        asset = await known_asset(client)
    if json:
        items = [{"voucher": number, **row.to_json()} for number, row in found]
        print_json({"vouchers": list(items)})
        return
    if not found:
        print_line("There is no voucher; `reelect redemption redeem` buys one.")
        return
    print_table(
        ("VOUCHER", "OFFER", "TITLE", "PAID", "GOOD UNTIL", "HOLDER"),
        (
            (
                number,
                row.offer,
                _title(state, row),
                asset.format(row.paid),
                _until(row, now_ms),
                format_address(row.holder),
            )
            for number, row in found
        ),
    )


@app.command
async def voucher(
    voucher: int,
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
    argument("VOUCHER", VOUCHERS.key[0].kind.from_json, voucher)
    async with options.client() as client:
        state, now_ms = no_rows(), await head_time_ms(client)
        await copy_row(client, state, VOUCHERS, str(voucher), finality=finality)
        row = VOUCHERS.get(state, voucher)
        if row is None:
            raise Refused(UNKNOWN_VOUCHER.sentence, field="VOUCHER", code=UNKNOWN_VOUCHER.code)
        prices, found = await _read_offer(client, row.offer, finality)
        asset = await known_asset(client)
    if json:
        print_json({"voucher": voucher, **row.to_json(), "of": _json(prices, row.offer, found)})
        return
    print_fields(
        {
            "voucher": voucher,
            "offer": row.offer,
            "title": found.title,
            "provider": format_address(found.provider),
            "holder": format_address(row.holder),
            "paid": asset.format(row.paid),
            "good until": _until(row, now_ms),
        }
    )


@app.command
async def hand_on(
    voucher: int, to: str, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
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
    voucher: int, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
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
    voucher: int, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
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


async def _prices(client: Client, finality: Finality) -> Overlay:
    """A state with what prices step by."""
    state = no_rows()
    for table in (ECONOMY, CLOCK, SCHEDULE):
        await copy_rows(client, state, table, finality=finality)
    return state


async def _read_offer(client: Client, number: int, finality: Finality) -> tuple[Overlay, Offer]:
    """A state with an offer and what prices step by, and the offer; raises Refused if there is none
    of this number."""
    argument("OFFER", OFFERS.key[0].kind.from_json, number)
    state = await _prices(client, finality)
    await copy_row(client, state, OFFERS, str(number), finality=finality)
    row = OFFERS.get(state, number)
    if row is None:
        raise Refused(
            f"there is no offer {number}: see `reelect redemption list --status any`",
            field="OFFER",
            code=UNKNOWN_OFFER.code,
        )
    return state, row


def _price(state: Overlay, number: int, row: Offer, asset: KnownAsset) -> str:
    now, factor = asset.format(price_now(state, number)), price_factor(state)
    return now if factor == 1 else f"{now}: {factor} times {asset.format(row.price)} by now"


def _title(state: Overlay, voucher: Voucher) -> str:
    row = OFFERS.get(state, voucher.offer)
    return "" if row is None else row.title


def _until(voucher: Voucher, now_ms: int) -> str:
    is_over = now_ms >= voucher.until_ms
    return "over, `reelect redemption give-back`" if is_over else utc(voucher.until_ms)


def _json(state: Overlay, number: int, row: Offer) -> JsonObject:
    return {"offer": number, "price_now": str(price_now(state, number)), **row.to_json()}
