"""`reelect account`: what accounts hold."""

from datetime import UTC, datetime

from cyclopts import App

from consensus.address import format_address
from node.commands.arguments import JsonFlag
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions, find_account, known_asset
from node.output import print_fields, print_json
from node.query.answers import ManaInfo
from node.query.chain_view import Finality

app = App(name="account", help="Look at accounts.")


@app.command
async def show(
    account: str,
    *,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show what an account holds, how much mana it has for free actions, and how many transactions
    it has sent.

    Parameters
    ----------
    account
        Its address, or its name in the local network or the keystore.
    finality
        Read the final state, or that of the head, which may still change.
    """
    owner = find_account(options.section, account, "ACCOUNT")
    async with options.client() as client:
        answer = await client.account(owner, finality=finality)
        assets = [await known_asset(client, item.asset) for item in answer.balances]
    if json:
        print_json(answer.to_json())
        return
    held = [asset.format(item.amount) for asset, item in zip(assets, answer.balances, strict=True)]
    print_fields(
        {
            "account": format_address(owner),
            "holds": held or "nothing",
            "mana": _shown(answer.mana),
            "transactions sent": answer.nonce,
            "at height": answer.at.height,
        }
    )


def _shown(mana: ManaInfo) -> str:
    if not mana.max_gas:
        return "none: it grows with bonded stake"
    full = datetime.fromtimestamp(mana.full_time_ms / 1000, UTC)
    when = "full" if mana.gas == mana.max_gas else f"full at {full:%Y-%m-%d %H:%M:%S} UTC"
    return f"{mana.gas} of {mana.max_gas} gas, {when}"
