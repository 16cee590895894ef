"""`reelect video share`, `tip` and view receipts: what viewers do for a video (T4, T6)."""

import sys
from json import JSONDecodeError, loads
from pathlib import Path

import trio

from consensus.address import format_address
from consensus.cid import parse_cid
from consensus.errors import InvalidEncoding
from consensus.keys import KeyPair
from consensus.kinds import Json
from node.commands.arguments import JsonFlag, argument
from node.commands.asking import find_account
from node.commands.sealing import NO_READER_OPTIONS, Reader, ReaderOptions
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, check_action, send
from node.commands.viewing import read_price
from node.failure import Refused, Usage
from node.files import read_bounded
from node.output import print_json
from node.query.chain_view import Finality
from vm.modules.social import MOST_RECEIPTS, CountViews, Share, SignedView, Tip, ViewReceipt

MOST_BYTES = 64 * 1024


async def share(
    cid: str, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Share a video, which counts once, and get the link that names you: who tips, gives or buys
    with your address as --referrer shares what the creator has set (`reelect referral show`).

    Parameters
    ----------
    cid
        The video's content id.
    """
    action = Share(argument("CID", parse_cid, cid))
    async with options.client() as client:
        sharer = format_address(await options.sender(client))
        link = f"ipfs://{cid}?referrer={sharer}"
        await send(client, options, [action], as_json=json, about={"link": link})


async def tip(
    cid: str,
    amount: str,
    *,
    referrer: str | None = None,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Tip for a video: its owner gets the amount, but for the platform's fee and the part of who
    has led you there.

    Parameters
    ----------
    cid
        The video's content id.
    amount
        Such as 5 or 5REEL: in whole tokens, of the native asset if none is named.
    referrer
        Who led you there, by address, @handle or name.
    """
    video = argument("CID", parse_cid, cid)
    async with options.client() as client:
        asset, units = await read_price(client, "AMOUNT", amount)
        led_by = None
        if referrer is not None:
            led_by = await find_account(client, options.section, referrer, "--referrer")
        await send(client, options, [Tip(video, asset.symbol, units, led_by)], as_json=json)


async def sign_view(
    cid: str, *, options: ReaderOptions = NO_READER_OPTIONS, json: JsonFlag = False
) -> None:
    """Sign that you have seen a video today. Nothing is sent: it prints the receipt as one line of
    JSON, which anybody can submit (`reelect video submit-views`) today or tomorrow.

    Parameters
    ----------
    cid
        The video's content id.
    """
    video = argument("CID", parse_cid, cid)
    async with options.client() as client:
        reader = await options.reader(client)
        day = (await client.economy(finality=Finality.HEAD)).day
        chain = (await client.status()).chain
    viewer = reader.account.account
    key = await _key(options, reader)
    receipt = ViewReceipt(chain, video, viewer, day)
    view = SignedView(video, viewer, day, key.public, key.sign(receipt.encode()))
    print_json(view.to_json())


async def submit_views(
    file: Path | None = None,
    *,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Submit view receipts, of any viewers: those that count are persons' first ones of a video and
    day, of today or yesterday, within the day's limit. It is free with enough mana.

    Parameters
    ----------
    file
        Receipts, a line of JSON each, 64 at most; without it they are read from stdin.
    """
    action = CountViews(read_views(file))
    check_action(action)
    async with options.client() as client:
        await send(client, options, [action], as_json=json)


def read_views(file: Path | None) -> tuple[SignedView, ...]:
    """The receipts of a file or of stdin; raises Usage, naming the line."""
    if file is not None:
        text = read_bounded(file, MOST_BYTES).decode(errors="replace")
    elif sys.stdin.isatty():
        raise Usage("name a file with receipts, or pipe them in", field="FILE")
    else:
        text = sys.stdin.read(MOST_BYTES)
    lines = [line for line in text.splitlines() if line.strip()]
    if not 1 <= len(lines) <= MOST_RECEIPTS:
        raise Usage(f"1 to {MOST_RECEIPTS} receipts are expected, a line each", field="FILE")
    return tuple(_view(number, line) for number, line in enumerate(lines, 1))


def _view(number: int, line: str) -> SignedView:
    try:
        found: Json = loads(line)
        return SignedView.from_json(found)
    except (JSONDecodeError, RecursionError, InvalidEncoding) as error:
        raise Usage(f"line {number} is no view receipt: {error}", field="FILE") from error


async def _key(options: ReaderOptions, reader: Reader) -> KeyPair:
    """A key that may act for the reader alone; raises Refused if none is here."""
    authority = reader.account.authority
    alone = [item.key for item in authority.keys if authority.is_met_by({item.key})]
    held = options.wallet.held(alone)
    if not held:
        raise Refused(
            "no key that may act for the account alone is here; `reelect keys list` shows what is",
            field="--account",
            code="unknown-key",
        )
    (pair,) = await trio.to_thread.run_sync(options.wallet.pairs, held[:1])
    return pair
