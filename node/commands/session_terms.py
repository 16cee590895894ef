"""What several commands about sessions share: wishes, prices, keys of tickets, and states."""

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter, validators

from consensus.kinds import Text
from node.client import Client
from node.commands.arguments import argument
from node.commands.asking import KnownAsset, known_account, known_asset
from node.commands.sending import SendOptions
from node.commands.viewing import read_price
from node.failure import Refused, Usage
from node.output import utc
from node.query.chain_view import Finality
from node.query.session_answers import SessionItem
from vm.modules.ratings import MILLI, MOST_STARS, Standing
from vm.modules.sessions import (
    INTEREST_TEXT,
    LANGUAGE_TEXT,
    MOST_INTERESTS,
    MOST_MINUTES,
    MOST_PRICE,
    PAYABLE,
    Session,
    Wish,
)

Kind = Literal["video", "audio"]
Minutes = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=MOST_MINUTES))]
Words = Annotated[tuple[str, ...], Parameter(negative=())]


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class WishOptions:
    """What a caller looks for.

    Parameters
    ----------
    language
        The language, such as en or pt-BR.
    max_price
        The most that a minute may cost, such as 0.5USDT; an amount without a symbol is of the
        asset in which sessions are paid.
    interest
        What to talk about, such as chess; can be repeated. Who shares most comes first.
    kind
        video or audio.
    """

    language: str
    max_price: str
    interest: Words = ()
    kind: Kind = "video"

    async def wish(self, client: Client) -> tuple[KnownAsset, Wish]:
        """The wish, and the asset that it is paid in; raises Usage and Refused."""
        language = argument("--language", LANGUAGE_TEXT.unpack, self.language)
        interests = read_words("--interest", self.interest, INTEREST_TEXT, MOST_INTERESTS)
        asset, units = await read_session_price(client, "--max-price", self.max_price)
        return asset, Wish(self.kind, language, interests, asset.symbol, units)


def read_words(option: str, words: tuple[str, ...], kind: Text, most: int) -> tuple[str, ...]:
    """The words of an option that can be repeated, in order, each once; raises Usage."""
    if len(set(words)) > most:
        raise Usage(f"{most} at most are possible", field=option)
    return tuple(sorted({argument(option, kind.unpack, word) for word in words}))


async def read_session_price(client: Client, option: str, text: str) -> tuple[KnownAsset, int]:
    """The asset and the units of a price per minute. Raises Usage, and Refused for an asset in
    which sessions are not paid."""
    payable = [str(item.key["asset"]) async for item in client.rows(PAYABLE.name)]
    asset, units = await read_price(client, option, text, payable[0] if len(payable) == 1 else None)
    if asset.symbol not in payable:
        raise Refused(
            f"sessions are not paid in {asset.symbol} here, but in "
            f"{', '.join(payable) or 'nothing, until a proposal says so'}",
            field=option,
            code="sessions.unpayable",
        )
    if units > MOST_PRICE:
        raise Usage(f"{asset.format(MOST_PRICE)} a minute is the most", field=option)
    return asset, units


async def find_ticket_key(
    client: Client, options: SendOptions, account: bytes, name: str | None
) -> bytes:
    """The public key that is to sign the tickets of an account: the one that is named, or one that
    acts for the account and is here. Raises Usage and Refused."""
    if name is not None:
        return known_account(options.section, name, "--ticket-key")
    answer = await client.account(account, finality=Finality.HEAD)
    held = options.wallet.held({item.key for item in answer.authority.keys})
    if not held:
        raise Refused(
            "no key of the account is here to sign tickets with: name another of yours",
            field="--ticket-key",
            code="unknown-key",
        )
    return held[0]


async def find_session(client: Client, number: int) -> Session:
    """A session that has a provider, at the head; raises Refused for one that is over, never was,
    or still waits to be matched."""
    item = await client.session(number, finality=Finality.HEAD)
    if item.terms is None:
        raise Refused(
            f"session {number} has no provider yet: it is matched some blocks after the request",
            field="SESSION",
            code="sessions.requested",
        )
    return item.terms


def state_of(item: SessionItem) -> str:
    """The state of a session on its way, in a word."""
    if item.terms is None:
        return "requested"
    if item.terms.provider_key is None:
        return "opened"
    return "accepted" if item.terms.seconds is None else "settling"


def what_follows(item: SessionItem) -> str:
    """What happens next to a session, in words."""
    terms, state = item.terms, state_of(item)
    if terms is None:
        return "it is matched some blocks after the request, or the escrow returns"
    due = utc(terms.due_ms)
    return {
        "opened": f"the escrow returns at {due}, unless the provider accepts before",
        "accepted": f"the escrow returns at {due}, unless a ticket is shown before",
        "settling": f"it is paid at {due}; a higher ticket can be shown before",
    }[state]


async def price_of(client: Client, symbol: str, price: int) -> str:
    """A price per minute as people read it."""
    return per_minute(await known_asset(client, symbol), price)


def per_minute(asset: KnownAsset, price: int) -> str:
    """The same, of an asset that is known."""
    return f"{asset.format(price)} a minute"


def rating_in_words(standing: Standing) -> str:
    """An account's public record in short (P9), such as "4.250 of 5, by 4"."""
    given = sum(standing.counts)
    if not given:
        return "not rated yet"
    stars, milli = divmod(standing.average_milli, MILLI)
    return f"{stars}.{milli:03} of {MOST_STARS}, by {given}"
