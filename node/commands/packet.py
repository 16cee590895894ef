"""`reelect packet`: red packets, which those who come first share (K9)."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter, validators

from consensus.address import format_address
from consensus.keys import KeyPair
from consensus.kinds import JsonObject
from node.client import Client
from node.commands.arguments import JsonFlag, Most, Number
from node.commands.asking import (
    NO_NODE_OPTIONS,
    NodeOptions,
    head_time_ms,
    known_asset,
    known_assets,
)
from node.commands.rows import list_numbered, read_numbered
from node.commands.secret_file import new_secret, read_secret
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, send
from node.failure import Refused, Usage
from node.output import print_fields, print_json, print_line, print_table, utc
from node.query.answers import RowItem
from node.query.chain_view import Finality
from vm.modules.packets import (
    BAD_SIGNATURE,
    CLAIMS,
    LONGEST_MS,
    MOST_PARTS,
    PACKETS,
    RANDOM,
    UNKNOWN_PACKET,
    Claim,
    ClaimRow,
    Invitation,
    Make,
    Packet,
)

DAY_S = 86_400

Parts = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=MOST_PARTS))]
ValidS = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=LONGEST_MS // 1000))]
Flag = Annotated[bool, Parameter(negative=())]

app = App(name="packet", help="Red packets: give an amount to those who come first.")


@app.command
async def make(
    amount: str,
    parts: Parts,
    *,
    asset: str | None = None,
    split: Literal["equal", "random"] = "random",
    link: Path | None = None,
    persons_only: Flag = False,
    valid_s: ValidS = DAY_S,
    greeting: str = "",
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Make a packet: who comes first has a share, each account one. An equal share is paid at once;
    random ones are drawn when all are claimed or the time is over. What nobody claims comes back.

    Parameters
    ----------
    amount
        How much in all, in whole tokens.
    parts
        In how many shares.
    asset
        What is given; else the native asset.
    split
        Shares that are all alike, or drawn by lot.
    link
        Write a secret to this new file: only who is given it can claim. Else anybody can.
    persons_only
        Only accounts that count as one person each, as they are attested, can claim.
    valid_s
        For how many seconds shares can be claimed, at most 31 days.
    greeting
        Up to 256 characters for all to read.
    """
    async with options.client() as client:
        given = await known_asset(client, asset)
        units = given.parse_positive("AMOUNT", amount)
        until_ms = await head_time_ms(client) + 1000 * valid_s
        key = None
        if link is not None and not options.dry_run:
            key = KeyPair.from_seed(new_secret(link)).public
        action = Make(given.symbol, units, parts, split, key, persons_only, until_ms, greeting)
        about: JsonObject = {} if link is None else {"link": str(link)}
        await send(client, options, [action], as_json=json, about=about)


@app.command
async def claim(
    packet: Number,
    *,
    link: str | None = None,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Claim a share of a packet, for the account that sends. The link's secret stays here: it signs
    for this account alone, so that nobody who sees the transaction can use it.

    Parameters
    ----------
    packet
        Its number, which who made it tells.
    link
        Its secret, or a file with it, if it has one.
    """
    secret = None if link is None else read_secret(link, "--link")
    async with options.client() as client:
        row = await _packet(client, packet, Finality.HEAD)
        key = _link_key(row, secret)
        signature = None
        if key is not None:
            chain = (await client.status()).chain
            invitation = Invitation(chain, packet, await options.sender(client))
            signature = key.sign(invitation.encode())
        await send(client, options, [Claim(packet, signature)], as_json=json)


@app.command(name="list")
async def list_(
    *,
    most: Most = 100,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List the packets that are open or were so lately, the oldest first.

    Parameters
    ----------
    most
        How many.
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        found = await list_numbered(client, PACKETS, finality, most=most)
        assets = await known_assets(client, (row.asset for _, row in found))
    if json:
        print_json({"packets": [{"packet": number, **row.to_json()} for number, row in found]})
        return
    if not found:
        print_line("There is no packet; `reelect packet make` makes one.")
        return
    rows = [
        (
            number,
            assets[row.asset].format(row.units),
            row.split,
            f"{row.claimed} of {row.parts}",
            row.status,
            _for_whom(row),
            utc(row.until_ms),
            row.greeting,
        )
        for number, row in found
    ]
    heads = ("PACKET", "AMOUNT", "SPLIT", "CLAIMED", "STATUS", "FOR", "UNTIL", "GREETING")
    print_table(heads, rows)


@app.command
async def show(
    packet: Number,
    *,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show a packet, who has claimed a share, and what each has got.

    Parameters
    ----------
    packet
        Its number, as `reelect packet list` shows it.
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        row = await _packet(client, packet, finality)
        listed = await client.first_rows(
            CLAIMS.name, str(packet), most=MOST_PARTS, finality=finality
        )
        asset = await known_asset(client, row.asset)
    claims = sorted(_claims(listed), key=lambda item: item[1].place)
    if json:
        claimed = [{"account": account, **claim.to_json()} for account, claim in claims]
        print_json({"packet": packet, **row.to_json(), "claims": list(claimed)})
        return
    fields: dict[str, object] = {
        "packet": packet,
        "greeting": row.greeting,
        "sender": format_address(row.sender),
        "amount": asset.format(row.units),
        "split": row.split,
        "for": _for_whom(row),
        "claimed": f"{row.claimed} of {row.parts}",
        "status": row.status,
        "until": utc(row.until_ms),
    }
    print_fields(fields)
    if not claims:
        print_line("Nobody has claimed a share; `reelect packet claim` does.")
        return
    waits = row.split == RANDOM and row.status != "over"
    print_table(
        ("SHARE", "ACCOUNT", "AMOUNT"),
        (
            (claim.place + 1, account, "to be drawn" if waits else asset.format(claim.units))
            for account, claim in claims
        ),
    )


def _for_whom(row: Packet) -> str:
    who = "anybody" if row.link is None else "who has the link"
    return f"{who}, persons only" if row.persons_only else who


def _claims(listed: list[RowItem]) -> list[tuple[str, ClaimRow]]:
    return [(str(item.key["account"]), ClaimRow.from_json(item.row)) for item in listed]


def _link_key(row: Packet, secret: bytes | None) -> KeyPair | None:
    """The key of a packet's link; raises Usage if it is missing or none is needed, and Refused if
    it is another's."""
    if row.link is None:
        if secret is not None:
            raise Usage("the packet has no link: anybody can claim without one", field="--link")
        return None
    if secret is None:
        raise Usage("the packet is for who has its link: give the secret", field="--link")
    key = KeyPair.from_seed(secret)
    if key.public != row.link:
        raise Refused("this is another packet's link", field="--link", code=BAD_SIGNATURE.code)
    return key


async def _packet(client: Client, number: int, finality: Finality) -> Packet:
    return await read_numbered(
        client,
        PACKETS,
        number,
        finality,
        missing=f"there is no packet {number}, or it was removed: see `reelect packet list`",
        field="PACKET",
        error=UNKNOWN_PACKET,
    )
