"""`reelect swap`: an exchange between two chains by one secret: both halves, or neither (K9)."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter, validators

from consensus.address import format_address
from consensus.hashing import sha256
from consensus.kinds import JsonObject
from node.client import Client
from node.commands.arguments import JsonFlag, Most, Number
from node.commands.asking import (
    NO_NODE_OPTIONS,
    NodeOptions,
    find_account,
    head_time_ms,
    known_asset,
    known_assets,
    own_account,
)
from node.commands.rows import read_numbered
from node.commands.secret_file import new_secret, read_secret
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, send
from node.failure import Refused, Usage
from node.output import print_fields, print_json, print_line, print_table, utc
from node.query.chain_view import Finality
from vm.modules.swaps import (
    LONGEST_MS,
    OPEN,
    RECEIVED,
    SWAPS,
    UNKNOWN_SWAP,
    WRONG_SECRET,
    Claim,
    Lock,
    Swap,
)

DAY_S = 86_400
LEAST_LEFT_S = 60  # for a claim to be in a block before the time-out
LEAST_TO_ANSWER_S = 4 * LEAST_LEFT_S  # so that each side has two minutes at least

ValidS = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=LONGEST_MS // 1000))]
Flag = Annotated[bool, Parameter(negative=())]

app = App(name="swap", help="Exchange between two chains: both halves by one secret, or neither.")


@app.command
async def offer(
    to: str,
    amount: str,
    *,
    secret: Path,
    asset: str | None = None,
    valid_s: ValidS = 2 * DAY_S,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Begin an exchange: lock an amount here for who answers on the other chain. It comes back by
    itself at the time-out.

    Parameters
    ----------
    to
        Address, @handle or name of who gets it.
    amount
        In whole tokens.
    secret
        Write a new secret to this new file. Nobody else may see it before the answer is there and
        good: who claims by it shows it to all.
    asset
        What is locked; else the native asset.
    valid_s
        Seconds to the time-out, at most 31 days. The answer's is half as long.
    """
    async with options.client() as client:
        given = await known_asset(client, asset)
        units = given.parse_positive("AMOUNT", amount)
        account = await find_account(client, options.section, to, "TO")
        until_ms = await head_time_ms(client) + 1000 * valid_s
        digest = bytes(32) if options.dry_run else sha256(new_secret(secret))
        action = Lock(account, given.symbol, units, digest, until_ms)
        about: JsonObject = {"secret": str(secret), "back at": utc(until_ms)}
        await send(client, options, [action], as_json=json, about=about)


@app.command
async def answer(
    swap: Number,
    amount: str,
    *,
    chain: str,
    asset: str | None = None,
    to: str | None = None,
    receiver: str | None = None,
    valid_s: ValidS | None = None,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Answer an offer on another chain: lock an amount here by the same secret, which its sender
    must show here to get it. The time-out here must come in half the time that the offer has left.

    Parameters
    ----------
    swap
        The offer's number on the other chain.
    amount
        What is given for it here, in whole tokens.
    chain
        API of a node of the other chain that you trust.
    asset
        What is given here; else the native asset.
    to
        Who gets it here: address, @handle or name; else the account that made the offer.
    receiver
        Your account on the other chain; else the one that sends here.
    valid_s
        Seconds to the time-out here; else half of what the offer has left.
    """
    async with options.client() as client, Client(chain) as other:
        await _two_chains(client, other)
        row = await _swap(other, swap, Finality.FINAL)
        mine = await options.sender(client)
        if receiver is not None:
            mine = await find_account(client, options.section, receiver, "--receiver")
        _check_is_for(row, mine)
        left_s = (row.until_ms - await head_time_ms(other)) // 1000
        until_ms = await head_time_ms(client) + 1000 * _answer_s(left_s, valid_s)
        account = row.sender
        if to is not None:
            account = await find_account(client, options.section, to, "--to")
        given, wanted = await known_asset(client, asset), await known_asset(other, row.asset)
        units = given.parse_positive("AMOUNT", amount)
        action = Lock(account, given.symbol, units, row.digest, until_ms)
        about: JsonObject = {
            "for": wanted.format(row.units),
            "to": format_address(account),
            "back at": utc(until_ms),
        }
        await send(client, options, [action], as_json=json, about=about)


@app.command
async def claim(
    swap: Number,
    *,
    secret: str | None = None,
    secret_of: Number | None = None,
    chain: str | None = None,
    hurry: Flag = False,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Claim a swap by its secret, which all can see then. Look at it first (`reelect swap show`):
    with the secret of an offer of yours, others take the offer.

    Parameters
    ----------
    swap
        Its number on this chain.
    secret
        The secret, or a file with it.
    secret_of
        Take the secret from this swap of the other chain, where it was claimed.
    chain
        API of a node of the other chain.
    hurry
        Claim with less than a minute left. If that comes too late the secret is known, and nothing
        is paid here.
    """
    if (secret is None) == (secret_of is None):
        raise Usage("give --secret, or --secret-of and --chain", field="--secret")
    if (secret_of is None) != (chain is None):
        raise Usage("--secret-of and --chain go together", field="--chain")
    async with options.client() as client:
        row = await _swap(client, swap, Finality.HEAD)
        if chain is not None and secret_of is not None:
            found = await _shown_secret(client, chain, secret_of)
        else:
            found = read_secret(str(secret), "--secret")
        if sha256(found) != row.digest:
            field = "--secret" if secret_of is None else "--secret-of"
            raise Refused(WRONG_SECRET.sentence, field=field, code=WRONG_SECRET.code)
        left_ms = row.until_ms - await head_time_ms(client)
        if row.status == OPEN and 0 < left_ms < 1000 * LEAST_LEFT_S and not hurry:
            raise Refused(
                f"its time-out is in {left_ms // 1000} s: a claim that comes later shows the "
                "secret and brings nothing; --hurry claims all the same",
                field="SWAP",
                code="too-near",
            )
        await send(client, options, [Claim(swap, found)], as_json=json)


@app.command(name="list")
async def list_(
    account: str | None = None,
    *,
    most: Most = 100,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List the swaps for an account, the oldest first; what is over is listed for 31 days more.

    Parameters
    ----------
    account
        Its address, @handle or name; else `client.account`.
    most
        How many.
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        whose = await own_account(client, options.section, account, "ACCOUNT")
        listed = await client.first_rows(
            RECEIVED.name, format_address(whose), most=most, finality=finality
        )
        numbers = [int(str(item.key["swap"])) for item in listed]
        found = [(number, await _swap(client, number, finality)) for number in numbers]
        assets = await known_assets(client, (row.asset for _, row in found))
    if json:
        print_json({"swaps": [{"swap": number, **row.to_json()} for number, row in found]})
        return
    if not found:
        print_line("There is no swap for this account; `reelect swap offer` begins one.")
        return
    print_table(
        ("SWAP", "AMOUNT", "STATUS", "UNTIL", "SENDER"),
        (
            (
                number,
                assets[row.asset].format(row.units),
                row.status,
                utc(row.until_ms),
                format_address(row.sender),
            )
            for number, row in found
        ),
    )


@app.command
async def show(
    swap: Number,
    *,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show a swap: what it holds for whom, until when, and by which secret's hash.

    Parameters
    ----------
    swap
        Its number.
    finality
        Read the final state, or that of the head, which may still change.
    """
    async with options.client() as client:
        row = await _swap(client, swap, finality)
        asset = await known_asset(client, row.asset)
    if json:
        print_json({"swap": swap, **row.to_json()})
        return
    fields: dict[str, object] = {
        "swap": swap,
        "amount": asset.format(row.units),
        "to": format_address(row.to),
        "sender": format_address(row.sender),
        "until": utc(row.until_ms),
        "status": row.status,
        "digest": row.digest.hex(),
    }
    print_fields(fields if row.secret is None else fields | {"secret": row.secret.hex()})


def _check_is_for(row: Swap, account: bytes) -> None:
    """Raise Refused unless the offer is open and for this account."""
    if row.status != OPEN:
        raise Refused(f"the offer is {row.status}: answer nothing", field="SWAP", code="not-open")
    if row.to != account:
        raise Refused(
            f"the offer is for {format_address(row.to)}, not for {format_address(account)}: if "
            "that is yours, name it by --receiver",
            field="SWAP",
            code="not-for-you",
        )


def _answer_s(left_s: int, valid_s: int | None) -> int:
    """For how many seconds an answer may hold, if its offer has so many left; raises Refused.

    The offer's sender can wait with its claim until the answer's time-out; then whoever answered
    has what is left of the offer's time to claim that."""
    if left_s < LEAST_TO_ANSWER_S:
        raise Refused(
            f"the offer has {max(left_s, 0)} s left, too little for two claims: ask for one that "
            f"lasts longer than {LEAST_TO_ANSWER_S} s",
            field="SWAP",
            code="too-near",
        )
    half_s = left_s // 2
    if valid_s is not None and valid_s > half_s:
        order = "after the offer's" if valid_s >= left_s else "too near to the offer's"
        raise Refused(
            f"the time-out here would be {order}, which is in {left_s} s: the other could claim "
            f"here and take back the offer before you claim it; {half_s} s are the most",
            field="--valid-s",
            code="too-near",
        )
    return half_s if valid_s is None else valid_s


async def _two_chains(client: Client, other: Client) -> None:
    if (await client.status()).chain == (await other.status()).chain:
        raise Usage("this is a node of the same chain; name one of the other", field="--chain")


async def _shown_secret(client: Client, chain: str, number: int) -> bytes:
    """The secret by which a swap of the other chain was claimed; raises Refused."""
    async with Client(chain) as other:
        await _two_chains(client, other)
        row = await _swap(other, number, Finality.HEAD, "--secret-of")
    if row.secret is None:
        raise Refused(
            f"swap {number} there is {row.status}: nobody has shown its secret",
            field="--secret-of",
            code="no-secret",
        )
    return row.secret


async def _swap(client: Client, number: int, finality: Finality, option: str = "SWAP") -> Swap:
    return await read_numbered(
        client,
        SWAPS,
        number,
        finality,
        missing=f"there is no swap {number} on the chain of {client.base_url}, or it was removed; "
        "one that was just made is seen when it is final",
        field=option,
        error=UNKNOWN_SWAP,
    )
