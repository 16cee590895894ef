"""`reelect session ticket`: tickets are made, countersigned and verified, without sending any."""

import sys
from pathlib import Path
from typing import Annotated

import trio
from cyclopts import App, Parameter, validators

from consensus.address import format_address
from consensus.keys import KeyPair, verifies
from consensus.kinds import JsonObject
from node.client import Client
from node.commands.arguments import JsonFlag, argument
from node.commands.asking import known_asset
from node.commands.session_terms import find_session
from node.commands.wallet import NO_WALLET_OPTIONS, WalletOptions
from node.failure import Refused, Usage
from node.files import read_bounded
from node.output import print_fields, print_json
from node.wallet.ticket import MAX_TEXT_BYTES, PREFIX, SignedTicket, parse_ticket, sign_ticket
from vm.modules.sessions import MOST_MINUTES, Session, Ticket

Seconds = Annotated[int, Parameter(validator=validators.Number(gte=0, lte=60 * MOST_MINUTES))]

app = App(name="ticket", help="Make, countersign and verify tickets. Nothing is sent.")


@app.command
async def make(
    session: int,
    seconds: Seconds,
    *,
    last: Annotated[bool, Parameter(negative=())] = False,
    options: WalletOptions = NO_WALLET_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Sign, as the caller, that a session has lasted so many seconds so far: it is paid by the
    highest ticket. Prints one line, to send to the provider.

    Parameters
    ----------
    session
        Its number.
    seconds
        How long it has lasted in all.
    last
        Say that no higher ticket follows. Once the provider has countersigned it, it is paid
        without a challenge window: say so when you have hung up, not before.
    """
    async with options.client() as client:
        terms = await find_session(client, session)
        _provider_key(terms, session)
        _check_length(seconds, terms, "SECONDS")
        ticket = Ticket((await client.status()).chain, session, seconds, last)
        key = await _key(options, terms.ticket_key, "its caller")
    _print(sign_ticket(ticket, key), as_json=json)


@app.command
async def sign(
    ticket: str | None = None, *, options: WalletOptions = NO_WALLET_OPTIONS, json: JsonFlag = False
) -> None:
    """Countersign, as the provider, a ticket that the caller has signed. Nothing is waived by it,
    but for a ticket that says it is the last: sign that if you have no higher one.

    Parameters
    ----------
    ticket
        Its line, or a file with it; without either it is read from stdin.
    """
    signed = read_ticket(ticket)
    async with options.client() as client:
        terms = await check_ticket(client, signed)
        provider_key = _provider_key(terms, signed.ticket.session)
        key = await _key(options, provider_key, "its provider")
    _print(signed.countersigned(key), as_json=json)


@app.command
async def verify(
    ticket: str | None = None,
    *,
    above: Seconds | None = None,
    options: WalletOptions = NO_WALLET_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Check a ticket: whether it is of a session on its way on this chain, signed by the keys that
    its sides have named, and higher than what was shown; exit code 1 if not.

    Parameters
    ----------
    ticket
        Its line, or a file with it; without either it is read from stdin.
    above
        Also refuse it unless it is for more seconds than this: those of the ticket before.
    """
    signed = read_ticket(ticket)
    seconds = signed.ticket.seconds
    if above is not None and seconds <= above:
        raise Refused(
            f"it is for {seconds} seconds, not for more than {above}: ask for a higher one",
            field="TICKET",
            code="sessions.not-higher",
        )
    async with options.client() as client:
        terms = await check_ticket(client, signed)
        costs = (await known_asset(client, terms.asset)).format(terms.charge(seconds))
    fields = ticket_fields(signed, costs)
    if json:
        print_json(fields)
    else:
        print_fields(fields)


def ticket_fields(signed: SignedTicket, costs: str) -> JsonObject:
    """What a ticket says and comes to."""
    ticket, both = signed.ticket, signed.provider_signature is not None
    return {
        "session": ticket.session,
        "seconds": ticket.seconds,
        "last": ticket.is_last,
        "signed by": ["caller", "provider"] if both else ["caller"],
        "costs": costs,
        "settles": "at once" if signed.settle().ends_it else "after the challenge window",
    }


def read_ticket(source: str | None) -> SignedTicket:
    """A ticket from its line, from a file, or without either from stdin; raises Usage and
    Refused."""
    if source is None:
        if sys.stdin.isatty():
            raise Usage("give its line, a file with it, or pipe it in", field="TICKET")
        text = sys.stdin.read(MAX_TEXT_BYTES)
    elif not source.startswith(PREFIX):
        text = read_bounded(Path(source), MAX_TEXT_BYTES).decode(errors="replace")
    else:
        text = source
    return argument("TICKET", parse_ticket, text.strip())


async def check_ticket(client: Client, signed: SignedTicket) -> Session:
    """The session of a ticket that the chain would take from one of its sides; raises Refused,
    also for one that is over or never was."""
    ticket = signed.ticket
    if ticket.chain != (await client.status()).chain:
        raise Refused(
            "it is of another chain than the node's", field="TICKET", code="sessions.bad-ticket"
        )
    terms = await find_session(client, ticket.session)
    _check_length(ticket.seconds, terms, "TICKET")
    _check_signatures(signed, terms)
    shown = terms.seconds
    if shown is not None and ticket.seconds < shown + (0 if ticket.is_last else 1):
        raise Refused(
            f"it is for {ticket.seconds} seconds, and one for {shown} was shown already: show a "
            "higher one",
            field="TICKET",
            code="sessions.not-higher",
        )
    return terms


def _check_length(seconds: int, terms: Session, field: str) -> None:
    most = 60 * terms.minutes
    if seconds > most:
        raise Refused(
            f"{seconds} seconds are more than the {most} that are paid for",
            field=field,
            code="sessions.too-long",
        )


def _check_signatures(signed: SignedTicket, terms: Session) -> None:
    message, number = signed.ticket.encode(), signed.ticket.session
    if not verifies(terms.ticket_key, message, signed.caller_signature):
        raise Refused(
            f"the caller's ticket key, {format_address(terms.ticket_key)}, has not signed this for "
            f"session {number}: it is another's, or was changed",
            field="TICKET",
            code="sessions.bad-ticket",
        )
    provider_key = _provider_key(terms, number)
    countersigned = signed.provider_signature
    if countersigned is not None and not verifies(provider_key, message, countersigned):
        raise Refused(
            f"the provider's ticket key, {format_address(provider_key)}, has not countersigned it: "
            "it is another's, or was changed",
            field="TICKET",
            code="sessions.bad-ticket",
        )


def _provider_key(terms: Session, number: int) -> bytes:
    """The key that countersigns; raises Refused while the provider has not accepted."""
    if terms.provider_key is None:
        raise Refused(
            f"its provider has not accepted session {number}",
            field="SESSION",
            code="sessions.not-accepted",
        )
    return terms.provider_key


async def _key(options: WalletOptions, key: bytes, whose: str) -> KeyPair:
    """The key of tickets with its secret; raises Refused if it is not here."""
    wallet = options.wallet
    if not wallet.held([key]):
        raise Refused(
            f"only {whose} does this, with the key {format_address(key)}, which is not here; "
            "`reelect keys list` shows what there is",
            field=str(options.section.keystore),
            code="unknown-key",
        )
    (pair,) = await trio.to_thread.run_sync(wallet.pairs, [key])
    return pair


def _print(signed: SignedTicket, *, as_json: bool) -> None:
    if as_json:
        ticket = signed.ticket
        print_json(
            {
                "ticket": signed.text(),
                "session": ticket.session,
                "seconds": ticket.seconds,
                "last": ticket.is_last,
            }
        )
    else:
        print(signed.text())
