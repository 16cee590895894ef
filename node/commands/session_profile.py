"""`reelect session profile`: what a provider offers."""

from typing import Annotated

from cyclopts import App, Parameter

from consensus.address import format_address
from consensus.kinds import JsonObject
from node.client import Client
from node.commands.arguments import JsonFlag
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions, own_account
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, send
from node.commands.session_terms import (
    Kind,
    Words,
    price_of,
    rating_in_words,
    read_session_price,
    read_words,
)
from node.failure import Usage
from node.output import print_fields, print_json
from node.query.chain_view import Finality
from vm.modules.sessions import (
    INTEREST_TEXT,
    LANGUAGE_TEXT,
    MOST_INTERESTS,
    MOST_LANGUAGES,
    Profile,
    SetProfile,
    Withdraw,
)

app = App(name="profile", help="What you offer as a provider: set it, look at it, withdraw it.")


@app.command(name="set")
async def set_(
    *,
    kind: Kind | None = None,
    language: Words = (),
    interest: Words = (),
    price: str | None = None,
    available: Annotated[bool | None, Parameter(negative="--unavailable")] = None,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Say what you offer, and that you are available. What is not given stays as it is; accepting
    a session makes you unavailable, until you say `profile set --available`.

    Parameters
    ----------
    kind
        video or audio.
    language
        A language that you speak, such as en or pt-BR; can be repeated.
    interest
        What you like to talk about, such as chess: small letters, digits and single hyphens; can
        be repeated.
    price
        What a minute costs, such as 0.5USDT; an amount without a symbol is of the asset in which
        sessions are paid. Sessions on their way keep their price.
    available
        Whether you can be called and matched; else as before, at first available.
    """
    languages = read_words("--language", language, LANGUAGE_TEXT, MOST_LANGUAGES)
    interests = read_words("--interest", interest, INTEREST_TEXT, MOST_INTERESTS)
    async with options.client() as client:
        sender = await options.sender(client)
        before = (await client.profile(sender, finality=Finality.HEAD)).profile
        asset_and_price = None
        if price is not None:
            asset, units = await read_session_price(client, "--price", price)
            asset_and_price = asset.symbol, units
        action = _changed(
            before,
            kind=kind,
            languages=languages,
            interests=interests,
            price=asset_and_price,
            available=available,
        )
        await send(client, options, [action], as_json=json)


def _changed(
    before: Profile | None,
    *,
    kind: str | None,
    languages: tuple[str, ...],
    interests: tuple[str, ...],
    price: tuple[str, int] | None,
    available: bool | None,
) -> SetProfile:
    """The profile `before` with what was given instead; raises Usage if the first one is not
    whole."""
    if before is None:
        for option, value in (("--kind", kind), ("--language", languages), ("--price", price)):
            if not value:
                raise Usage("missing: a first profile says kind, language and price", field=option)
    is_available = True if before is None else before.is_available
    asset, units = price or (("", 0) if before is None else (before.asset, before.price))
    return SetProfile(
        kind or ("" if before is None else before.kind),
        languages or (() if before is None else before.languages),
        interests or (() if before is None else before.interests),
        asset,
        units,
        is_available if available is None else available,
    )


@app.command
async def show(
    account: str | None = None,
    *,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show what an account offers, and how it is rated.

    Parameters
    ----------
    account
        Its address, @handle or name; else `client.account`.
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        who = await own_account(client, options.section, account, "ACCOUNT")
        answer = await client.profile(who, finality=finality)
        if json:
            print_json(answer.to_json())
            return
        offer = await _offer(client, answer.profile)
    rating = {"rating": rating_in_words(answer.standing)}
    print_fields({"provider": format_address(who), **offer, **rating})


async def _offer(client: Client, profile: Profile | None) -> JsonObject:
    if profile is None:
        return {"offers": "no sessions: `reelect session profile set` does"}
    return {
        "offers": profile.kind,
        "languages": list(profile.languages),
        "interests": list(profile.interests),
        "price": await price_of(client, profile.asset, profile.price),
        "available": profile.is_available,
    }


@app.command
async def withdraw(*, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False) -> None:
    """Offer no sessions any more. Those on their way go on."""
    async with options.client() as client:
        await send(client, options, [Withdraw()], as_json=json)
