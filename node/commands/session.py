"""`reelect session`: one-to-one sessions are offered, matched, opened, metered and settled."""

from collections.abc import Mapping

from cyclopts import App

from consensus.address import format_address
from consensus.kinds import JsonObject
from node.client import Client
from node.commands.arguments import JsonFlag
from node.commands.asking import (
    NO_NODE_OPTIONS,
    KnownAsset,
    NodeOptions,
    find_account,
    known_asset,
    known_assets,
    own_account,
)
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, send
from node.commands.session_profile import app as profile
from node.commands.session_terms import (
    Minutes,
    WishOptions,
    find_session,
    find_ticket_key,
    per_minute,
    price_of,
    rating_in_words,
    read_session_price,
    state_of,
    what_follows,
)
from node.commands.session_ticket import app as ticket
from node.commands.session_ticket import check_ticket, read_ticket, ticket_fields
from node.failure import Refused
from node.output import print_fields, print_json, print_line, print_table, utc
from node.query.chain_view import Finality
from node.query.session_answers import MatchAnswer, SessionItem
from vm.modules.sessions import Accept, Ask, Decline, Fit, Open, Profile, Wish

app = App(name="session", help="Offer, find, open, meter and settle one-to-one sessions.")
app.command(profile)
app.command(ticket)


@app.command
async def match(
    *,
    wish: WishOptions,
    caller: str | None = None,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show whom `session ask` would find, and why, without sending anything. Who shares most
    interests comes first, then the cheapest; between equals a block's beacon draws, which for the
    block that decides is not known yet.

    Parameters
    ----------
    caller
        Who would call, by address, @handle or name; else `client.account`. Nobody is matched with
        itself.
    finality
        Read the head, which may still change, or the final state.
    """
    section = options.section
    async with options.client() as client:
        asset, wanted = await wish.wish(client)
        name = caller or section.account
        who = await find_account(client, section, name, "--caller") if name else None
        answer = await client.match(wanted, who, finality=finality)
    if json:
        print_json({**answer.to_json(), "why": why(answer, wanted)})
    else:
        _show_match(answer, wanted, asset)


def _show_match(answer: MatchAnswer, wish: Wish, asset: KnownAsset) -> None:
    print_line(why(answer, wish))
    if answer.items:
        print_table(
            ("PROVIDER", "SHARED INTERESTS", "PRICE A MINUTE", "RATING"),
            (
                (
                    format_address(item.fit.provider),
                    f"{item.fit.shared} of {len(wish.interests)}",
                    asset.format(item.fit.price),
                    rating_in_words(item.standing),
                )
                for item in answer.items
            ),
        )


def why(answer: MatchAnswer, wish: Wish) -> str:
    """Why the match is the best fit, or why there is none, in a sentence."""
    fits = [item.fit for item in answer.items]
    if not fits:
        offer = f"{wish.kind} in {wish.language}"
        if not answer.candidates:
            return f"Nobody who offers {offer} is available."
        return f"Nobody else who offers {offer} is available at that price."
    best = fits[0]
    return f"{format_address(best.provider)} {_merit(best, fits, wish)}."


def _merit(best: Fit, fits: list[Fit], wish: Wish) -> str:
    shares = f"{best.shared} of {len(wish.interests)} interests"
    rivals = [fit for fit in fits[1:] if fit.shared == best.shared]
    equals = [fit for fit in rivals if fit.price == best.price]
    if len(fits) == 1:
        return "is the only one that fits"
    if not rivals:
        return f"shares {shares}, more than any other"
    if not equals:
        return f"shares {shares}, as {len(rivals)} more do, and is the cheapest of them"
    return (
        f"shares {shares} at the same price as {len(equals)} more, and is drawn by the beacon of "
        "this block; that of another may draw another of them"
    )


@app.command
async def ask(
    *,
    wish: WishOptions,
    minutes: Minutes,
    ticket_key: str | None = None,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Open a session with whoever fits best, paying the most minutes at the highest price into
    escrow. Some blocks later, whose beacon nobody knows yet, the match is made; what it costs less
    returns then, all of it if nobody fits.

    Parameters
    ----------
    minutes
        How long it may last at most.
    ticket_key
        The key that signs your tickets, by its name or address; else that of the account.
    """
    async with options.client() as client:
        asset, wanted = await wish.wish(client)
        caller = await options.sender(client)
        action = Ask(wanted, minutes, await find_ticket_key(client, options, caller, ticket_key))
        about: JsonObject = {"escrow": asset.format(wanted.most_price * minutes)}
        await send(client, options, [action], as_json=json, about=about)


@app.command(name="open")
async def open_(
    provider: str,
    *,
    minutes: Minutes,
    max_price: str | None = None,
    ticket_key: str | None = None,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Open a session with a provider of your choice, at its price, paying the most minutes into
    escrow. It has a time to accept; else everything returns.

    Parameters
    ----------
    provider
        Its address, @handle or name.
    minutes
        How long it may last at most.
    max_price
        Refuse to pay more a minute, such as 0.5USDT.
    ticket_key
        The key that signs your tickets, by its name or address; else that of the account.
    """
    async with options.client() as client:
        to = await find_account(client, options.section, provider, "PROVIDER")
        offer = await _offer_of(client, to)
        price = await price_of(client, offer.asset, offer.price)
        if max_price is not None:
            asset, units = await read_session_price(client, "--max-price", max_price)
            if asset.symbol != offer.asset or units < offer.price:
                raise Refused(f"the price is {price}", field="--max-price", code="above-max-price")
        caller = await options.sender(client)
        key = await find_ticket_key(client, options, caller, ticket_key)
        action = Open(to, offer.asset, offer.price, minutes, key)
        escrow = (await known_asset(client, offer.asset)).format(offer.price * minutes)
        about: JsonObject = {"price": price, "escrow": escrow}
        await send(client, options, [action], as_json=json, about=about)


async def _offer_of(client: Client, provider: bytes) -> Profile:
    """What an available provider offers; raises Refused."""
    offer = (await client.profile(provider, finality=Finality.HEAD)).profile
    if offer is None or not offer.is_available:
        what = "offers no sessions" if offer is None else "is not available now"
        raise Refused(
            f"the account {what}; `reelect session match` finds others",
            field="PROVIDER",
            code="sessions.unavailable",
        )
    return offer


@app.command
async def accept(
    session: int,
    *,
    ticket_key: str | None = None,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Accept a session as its provider. You are unavailable for others then, until you say
    `reelect session profile set --available`.

    Parameters
    ----------
    session
        Its number.
    ticket_key
        The key that countersigns tickets, by its name or address; else that of the account.
    """
    async with options.client() as client:
        terms = await find_session(client, session)
        price = await price_of(client, terms.asset, terms.price)
        provider = await _one_of(client, options, (terms.provider,), "provider")
        key = await find_ticket_key(client, options, provider, ticket_key)
        about: JsonObject = {"price": price, "minutes": terms.minutes}
        await send(client, options, [Accept(session, key)], as_json=json, about=about)


@app.command
async def decline(
    session: int, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Decline a session as its provider: the caller has its escrow back.

    Parameters
    ----------
    session
        Its number.
    """
    async with options.client() as client:
        terms = await find_session(client, session)
        await _one_of(client, options, (terms.provider,), "provider")
        await send(client, options, [Decline(session)], as_json=json)


async def _one_of(
    client: Client, options: SendOptions, sides: tuple[bytes, ...], who: str
) -> bytes:
    """The account that sends; raises Refused unless it is one of these sides of a session."""
    sender = await options.sender(client)
    if sender not in sides:
        raise Refused(
            f"only the session's {who} does this: {', '.join(map(format_address, sides))}",
            field="--from",
            code="sessions.not-a-side",
        )
    return sender


@app.command
async def settle(
    ticket: str | None = None, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Show the highest ticket of a session, as one of its sides. What it costs is paid, and the
    rest returns, when the challenge window is over: until then the other side can show a higher
    one. The last ticket, if both have signed it, is paid at once.

    Parameters
    ----------
    ticket
        Its line, or a file with it; without either it is read from stdin.
    """
    signed = read_ticket(ticket)
    async with options.client() as client:
        terms = await check_ticket(client, signed)
        await _one_of(client, options, terms.sides, "caller or provider")
        costs = (await known_asset(client, terms.asset)).format(terms.charge(signed.ticket.seconds))
        about = ticket_fields(signed, costs)
        await send(client, options, [signed.settle()], as_json=json, about=about)


@app.command(name="list")
async def list_(
    account: str | None = None,
    *,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List the sessions of an account that are on their way, on either side.

    Parameters
    ----------
    account
        Its address, @handle or name; else `client.account`.
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        who = await own_account(client, options.section, account, "ACCOUNT")
        items = [item async for item in client.sessions(who, finality=finality)]
        if json:
            found = [{**item.to_json(), "state": state_of(item)} for item in items]
            print_json({"sessions": found})
            return
        assets = await known_assets(client, (item.terms.asset for item in items if item.terms))
        rows = [_row(item, who, assets) for item in items]
    if not rows:
        print_line("No session of the account is on its way.")
        return
    print_table(("SESSION", "STATE", "SIDE", "WITH", "PRICE", "MINUTES", "DUE"), rows)


def _row(item: SessionItem, who: bytes, assets: Mapping[str, KnownAsset]) -> tuple[object, ...]:
    terms, request = item.terms, item.request
    if terms is None:
        minutes = None if request is None else request.minutes
        return item.session, state_of(item), "caller", "", "", minutes, ""
    is_caller = who == terms.caller
    other = format_address(terms.provider if is_caller else terms.caller)
    side = "caller" if is_caller else "provider"
    price = per_minute(assets[terms.asset], terms.price)
    return item.session, state_of(item), side, other, price, terms.minutes, utc(terms.due_ms)


@app.command
async def show(
    session: int,
    *,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show a session on its way: its sides, its price, what was shown, and what happens next.

    Parameters
    ----------
    session
        Its number.
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        item = await client.session(session, finality=finality)
        follows = what_follows(item)
        if json:
            print_json({**item.to_json(), "state": state_of(item), "then": follows})
            return
        fields = await _fields(client, item)
    print_fields({"session": session, "state": state_of(item), **fields, "then": follows})


async def _fields(client: Client, item: SessionItem) -> JsonObject:
    terms, request = item.terms, item.request
    if request is not None:
        asset = await known_asset(client, request.wish.asset)
        return {"caller": format_address(request.caller), "escrow": asset.format(request.escrow)}
    if terms is None:
        return {}
    asset = await known_asset(client, terms.asset)
    shown: JsonObject = {}
    if terms.seconds is not None:
        costs = asset.format(terms.charge(terms.seconds))
        shown = {"shown": f"{terms.seconds} seconds, which cost {costs}"}
    return {
        "caller": format_address(terms.caller),
        "provider": format_address(terms.provider),
        "price": per_minute(asset, terms.price),
        "minutes": terms.minutes,
        "escrow": asset.format(terms.escrow),
        **shown,
    }
