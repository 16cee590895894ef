"""`reelect video offer` and its kin: sealed videos are sold, bought, granted and disputed."""

import re
from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from consensus.address import format_address
from consensus.cid import Cid, parse_cid
from consensus.errors import InvalidEncoding
from consensus.kinds import Json
from consensus.sealed_key import CONTENT_KEY_BYTES, commitment_to, open_sealed_key, viewing_key_of
from node.amounts import parse_percent
from node.client import Client
from node.commands.arguments import JsonFlag, argument
from node.commands.asking import (
    NO_NODE_OPTIONS,
    KnownAsset,
    NodeOptions,
    find_account,
    find_accounts,
    known_asset,
    own_account,
)
from node.commands.sealing import (
    NO_READER_OPTIONS,
    Reader,
    ReaderOptions,
    find_access,
    open_reader,
    purchase_number,
    sealed_header,
    sealing_for,
    secret_for,
)
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, send
from node.failure import Refused, Usage
from node.output import print_json, print_line, print_table, utc
from node.query.chain_view import Finality
from node.query.viewing_answers import AccessItem
from node.wallet.viewing import GRANTS, Sealing, account_viewing_key, seal_key, viewing_secret
from vm.declare import Action
from vm.modules.viewing import Appoint, Buy, CloseOffer, Commit, Dispute, Grant, Offer, SetOffer

_PRICE = re.compile(r"([0-9.]+) ?([A-Z][A-Z0-9]{0,11})?", re.ASCII)


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class OfferOptions:
    """What a sealed video costs.

    Parameters
    ----------
    price
        Such as 5 or 5REEL: an amount in whole tokens, of the native asset if none is named.
    referral
        The part of the price, such as 10%, for any sharer who has led the buyer to it.
    team
        A distribution team, by address, @handle or name; can be repeated.
    team_referral
        The part of the price, such as 20%, for a team that has led the buyer to it.
    """

    price: str | None = None
    referral: str = "0%"
    team: Annotated[tuple[str, ...], Parameter(negative=())] = ()
    team_referral: str = "0%"

    async def actions(
        self, client: Client, options: SendOptions, video: Cid, sealing: Sealing | None
    ) -> list[Action]:
        """What goes with the publication of a sealed file: the commitment to its key, and its
        offer, if it has one; raises Usage if something is offered that is not sealed."""
        if sealing is None:
            if self != NO_OFFER_OPTIONS:
                raise Usage("only what is encrypted is sold", field="--encrypt")
            return []
        offered = await self.action(client, options, video)
        commit = Commit(video, sealing.header.commitment)
        return [commit] if offered is None else [commit, offered]

    async def action(self, client: Client, options: SendOptions, video: Cid) -> SetOffer | None:
        """The offer of a video; None if nothing of it is given. Raises Usage."""
        if self.price is None:
            if self != NO_OFFER_OPTIONS:
                raise Usage("the price is missing", field="--price")
            return None
        asset, price = await read_price(client, "--price", self.price)
        section = options.section
        teams = await find_accounts(client, section, self.team, "--team")
        return SetOffer(
            video,
            asset.symbol,
            price,
            argument("--referral", parse_percent, self.referral),
            argument("--team-referral", parse_percent, self.team_referral),
            tuple(sorted(set(teams))),
        )


NO_OFFER_OPTIONS = OfferOptions()


async def read_price(
    client: Client, option: str, text: str, symbol: str | None = None
) -> tuple[KnownAsset, int]:
    """The asset and units of a price such as 5REEL, or 5: of the asset `symbol`, or the native one.
    Raises Usage, and Refused for an asset that does not exist."""
    found = _PRICE.fullmatch(text)
    if found is None:
        raise Usage(f"a price such as 5REEL is expected, got {text[:40]!r}", field=option)
    asset = await known_asset(client, found[2] or symbol)
    return asset, asset.parse_positive(option, found[1])


async def offer(
    cid: str,
    *,
    terms: OfferOptions = NO_OFFER_OPTIONS,
    close: Annotated[bool, Parameter(negative=())] = False,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Sell the key to a sealed video of yours at a price, or no longer. Purchases that were made
    keep their terms.

    Parameters
    ----------
    cid
        The video's content id.
    close
        Sell it no longer.
    """
    video = argument("CID", parse_cid, cid)
    if close is (terms != NO_OFFER_OPTIONS):
        raise Usage("give a price, or --close, and not both", field="--price")
    async with options.client() as client:
        action = await terms.action(client, options, video) or CloseOffer(video)
        await send(client, options, [action], as_json=json)


async def buy(
    cid: str,
    *,
    referrer: str | None = None,
    max_price: str | None = None,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Buy the key to a sealed video. The price is held back until the key is delivered and could
    be tested, and comes back if it is not delivered in time.

    Parameters
    ----------
    cid
        The video's content id.
    referrer
        Who led you to it, by address, @handle or name: gets the part of the price that the owner
        has set.
    max_price
        Such as 5REEL: refuse to pay more, or in another asset.
    """
    video = argument("CID", parse_cid, cid)
    async with options.client() as client:
        found = await _offer_of(client, video)
        price = await _price_of(client, found, max_price)
        await sealed_header(client, video)  # nobody pays for what is not there or does not fit
        led_by = None
        if referrer is not None:
            led_by = await find_account(client, options.section, referrer, "--referrer")
        reader = await open_reader(client, options.wallet, await options.sender(client))
        secret = viewing_secret(reader.seed, video, purchase_number(reader))
        viewing_key = viewing_key_of(secret)
        action = Buy(video, found.asset, found.price, viewing_key, led_by)
        await send(client, options, [action], as_json=json, about={"price": price})


async def _offer_of(client: Client, video: Cid) -> Offer:
    """The offer that holds; raises Refused if there is none."""
    answer = await client.viewing(video, finality=Finality.HEAD)
    if answer is None or answer.offer is None:
        raise Refused("the video is not for sale", field="CID", code="viewing.not-offered")
    return answer.offer


async def _price_of(client: Client, found: Offer, max_price: str | None) -> str:
    asset = await known_asset(client, found.asset)
    price = asset.format(found.price)
    if max_price is not None:
        limit, units = await read_price(client, "--max-price", max_price)
        if limit.symbol != found.asset or units < found.price:
            raise Refused(f"the price is {price}", field="--max-price", code="above-max-price")
    return price


async def grant(
    cid: str,
    account: str,
    *,
    viewing_key: str | None = None,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Give an account the key to a sealed video of yours, for nothing. It cannot be taken back:
    publish a later version sealed anew (`--edition`) to keep that from it.

    Parameters
    ----------
    cid
        The video's content id.
    account
        Its address, @handle or name.
    viewing_key
        The viewing key of an account that several keys act for, as `reelect video viewing-key`
        prints it there.
    """
    video = argument("CID", parse_cid, cid)
    async with options.client() as client:
        to = await find_account(client, options.section, account, "ACCOUNT")
        reader = await open_reader(client, options.wallet, await options.sender(client))
        readable_by = await _viewing_key(client, to, viewing_key)
        key = (await sealing_for(client, reader, video)).key
        action = Grant(video, to, readable_by, seal_key(key, readable_by))
        await send(client, options, [action], as_json=json)


async def _viewing_key(client: Client, account: bytes, spelled: str | None) -> bytes:
    if spelled is not None:
        return argument("--viewing-key", parse_viewing_key, spelled)
    keys = (await client.account(account, finality=Finality.HEAD)).authority.keys
    if len(keys) != 1:
        raise Usage(
            "several keys act for the account: it must tell its viewing key for this video",
            field="--viewing-key",
        )
    try:
        return account_viewing_key(keys[0].key)
    except InvalidEncoding as error:
        raise Usage(error.message, field="ACCOUNT", code=error.code) from error


def parse_viewing_key(text: str) -> bytes:
    """The 32 bytes of a viewing key in hex; raises InvalidEncoding, also for one to which nothing
    can be sealed."""
    if not re.fullmatch("[0-9a-f]{64}", text, re.ASCII):
        raise InvalidEncoding("64 digits of lower-case hex are expected")
    key = bytes.fromhex(text)
    seal_key(bytes(CONTENT_KEY_BYTES), key)
    return key


async def viewing_key(
    cid: str, *, options: ReaderOptions = NO_READER_OPTIONS, json: JsonFlag = False
) -> None:
    """Print the viewing key to which an owner can grant you a video.

    Parameters
    ----------
    cid
        The video's content id.
    """
    video = argument("CID", parse_cid, cid)
    async with options.client() as client:
        reader = await options.reader(client)
    key = viewing_key_of(viewing_secret(reader.seed, video, GRANTS)).hex()
    if json:
        print_json({"viewing_key": key})
    else:
        print(key)


async def dispute(
    cid: str, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Show that the key which was delivered for your purchase is wrong, and get the price back.

    It makes the secret of this purchase public, which nothing else is sealed with.

    Parameters
    ----------
    cid
        The video's content id.
    """
    video = argument("CID", parse_cid, cid)
    async with options.client() as client:
        reader = await open_reader(client, options.wallet, await options.sender(client))
        secret = await _secret_against(client, reader, video)
        await send(client, options, [Dispute(video, secret)], as_json=json)


async def _secret_against(client: Client, reader: Reader, video: Cid) -> bytes:
    """The secret that proves a delivered key wrong; raises Refused, so that it stays secret, if
    the key is right."""
    access = await find_access(client, reader, video)
    if access is None or access.sealed is None or not access.is_bought:
        raise Refused("no key that was bought is delivered", field="CID", code="no-access")
    secret = await secret_for(reader, video, access.viewing_key)
    key = open_sealed_key(access.sealed, secret)
    answer = await client.viewing(video, finality=Finality.HEAD)
    if key is not None and answer is not None and commitment_to(key) == answer.commitment:
        raise Refused("the key is right", field="CID", code="viewing.key-is-right")
    return secret


async def appoint(
    account: str | None = None,
    *,
    nobody: Annotated[bool, Parameter(negative=())] = False,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Let another account deliver the keys to all your videos (`reelect video deliver --owner`).
    Grant it the videos too, or it does not have their keys.

    Parameters
    ----------
    account
        Its address, @handle or name.
    nobody
        Let nobody else deliver them any more.
    """
    if nobody is (account is not None):
        raise Usage("name an account, or give --nobody, and not both", field="ACCOUNT")
    async with options.client() as client:
        to = None
        if account is not None:
            to = await find_account(client, options.section, account, "ACCOUNT")
        await send(client, options, [Appoint(to)], as_json=json)


async def purchases(
    account: str | None = None, *, options: NodeOptions = NO_NODE_OPTIONS, json: JsonFlag = False
) -> None:
    """List the videos that an account has bought or was granted.

    Parameters
    ----------
    account
        Its address, @handle or name; else `client.account`.
    """
    async with options.client() as client:
        who = await own_account(client, options.section, account, "ACCOUNT")
        items = [item async for item in client.accesses(who)]
        rows = [await _row(client, item) for item in items]
    if json:
        found: list[Json] = [{**item.to_json(), "state": _state(item)} for item in items]
        print_json({"account": format_address(who), "videos": found})
        return
    if not items:
        print_line("Nothing was bought or granted; `reelect video buy` buys the key to a video.")
        return
    print_table(("CID", "TITLE", "STATE", "PRICE", "UNTIL"), rows)


def _state(item: AccessItem) -> str:
    if not item.access.is_bought:
        return "granted"
    if item.access.sealed is None:
        return "waiting for the key"
    return "bought" if item.purchase is None else "delivered"


async def _row(client: Client, item: AccessItem) -> tuple[object, ...]:
    known, purchase = await client.video(item.video), item.purchase
    title = "" if known is None else known.item.video.title
    if purchase is None:
        return item.video, title, _state(item), "", ""
    asset = await known_asset(client, purchase.asset)
    price = asset.format(purchase.price)
    return item.video, title, _state(item), price, utc(purchase.due_ms)
