"""`reelect asset`: look at assets; issue as a gateway, and burn."""

from cyclopts import App

from consensus.address import format_address
from consensus.kinds import JsonObject
from node.amounts import format_amount
from node.client import Client
from node.commands.arguments import JsonFlag, argument
from node.commands.asking import NO_NODE_OPTIONS, KnownAsset, NodeOptions, find_account, known_asset
from node.commands.copied_state import copy_rows, no_rows
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, send
from node.failure import Refused
from node.output import print_fields, print_json, print_table
from node.query.chain_view import Finality
from vm.modules.tokens import ASSETS, POTS, AssetRow, Burn, GatewayIssue
from vm.overlay import Overlay

app = App(name="asset", help="Look at assets; issue as a gateway, and burn.")


@app.command(name="list")
async def list_(*, options: NodeOptions = NO_NODE_OPTIONS, json: JsonFlag = False) -> None:
    """List the assets: what was ever issued of each and burned, and the most that may be issued."""
    async with options.client() as client:
        state = no_rows()
        await copy_rows(client, state, ASSETS)
    rows = {symbol: row for (symbol,), row in ASSETS.every(state)}
    if json:
        print_json({"assets": [_json(symbol, row) for symbol, row in rows.items()]})
        return
    print_table(
        ("ASSET", "NAME", "ISSUED", "BURNED", "CAP", "GATEWAY"),
        (
            (
                *(symbol, row.name),
                *(format_amount(units, row.decimals) for units in (row.minted, row.burned)),
                *(format_amount(row.cap, row.decimals), _gateway(row)),
            )
            for symbol, row in rows.items()
        ),
    )


@app.command
async def show(
    asset: str,
    *,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show one asset, and which pots hold how much of it.

    Parameters
    ----------
    asset
        Its symbol, such as REEL.
    finality
        Read the final state, or that of the head, which may still change.
    """
    async with options.client() as client:
        state = no_rows()
        row = await _row(client, asset, finality)
        await copy_rows(client, state, POTS, finality=finality)
    pots = _pots(state, asset)
    if json:
        held: JsonObject = {name: str(units) for name, units in pots.items()}
        print_json(_json(asset, row) | {"pots": held})
        return
    known = KnownAsset(asset, row.decimals)
    print_fields(
        {
            "asset": asset,
            "name": row.name,
            "decimals": row.decimals,
            "issued": known.format(row.minted),
            "burned": known.format(row.burned),
            "cap": known.format(row.cap),
            "in pots": [f"{name} {known.format(units)}" for name, units in pots.items()] or "none",
            "of accounts": known.format(row.minted - row.burned - sum(pots.values())),
            "gateway": _gateway(row),
            "transferable": row.transferable,
            "tradable": row.tradable,
        }
    )


@app.command
async def issue(
    recipient: str,
    amount: str,
    *,
    asset: str,
    memo: str = "",
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Issue an asset to an account. Only the asset's gateway can; other assets are issued by
    proposals.

    Parameters
    ----------
    recipient
        Address of the account, or the name of one in the local network or the keystore.
    amount
        How much, in whole tokens, such as 12.5.
    asset
        The asset's symbol.
    memo
        Words for people to read, such as what was received elsewhere for it.
    """
    async with options.client() as client:
        to = await find_account(client, options.section, recipient, "RECIPIENT")
        units = (await known_asset(client, asset)).parse_positive("AMOUNT", amount)
        action = GatewayIssue(to, asset, units, memo)
        await send(client, options, [action], as_json=json)


@app.command
async def burn(
    amount: str,
    *,
    asset: str | None = None,
    memo: str = "",
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Burn tokens of the account that sends (--from), for ever.

    Parameters
    ----------
    amount
        How much, in whole tokens, such as 12.5.
    asset
        The asset's symbol; else the chain's own token.
    memo
        Words for people to read, such as what was paid out elsewhere for it.
    """
    async with options.client() as client:
        chosen = await known_asset(client, asset)
        action = Burn(chosen.symbol, chosen.parse_positive("AMOUNT", amount), memo)
        await send(client, options, [action], as_json=json)


async def _row(client: Client, asset: str, finality: Finality) -> AssetRow:
    argument("ASSET", ASSETS.key[0].kind.from_json, asset)
    answer = await client.row(ASSETS.name, asset, finality=finality)
    if answer is None:
        raise Refused(f"no asset {asset} exists on this chain", field="ASSET")
    return AssetRow.from_json(answer.item.row)


def _pots(state: Overlay, asset: str) -> dict[str, int]:
    return {name: row.amount for (name, held), row in POTS.every(state) if held == asset}


def _json(symbol: str, row: AssetRow) -> JsonObject:
    return {"asset": symbol, **row.to_json()}


def _gateway(row: AssetRow) -> str:
    return "-" if row.gateway is None else format_address(row.gateway)
