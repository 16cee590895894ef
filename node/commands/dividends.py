"""`reelect dividends`: what an account's holdings earn, and taking it."""

from cyclopts import App

from consensus.address import format_address
from consensus.kinds import JsonObject
from node.client import Client
from node.commands.arguments import JsonFlag
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions, find_account
from node.commands.copied_state import copy_rows, format_units, no_rows
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, send
from node.failure import Refused
from node.output import print_json, print_table
from node.query.chain_view import Finality
from vm.modules.chain import CONSTANTS
from vm.modules.dividends import EARNED, PAIR, Claim, claimable, holding
from vm.modules.market import ESCROWED
from vm.modules.stake import BONDS, UNBONDING
from vm.modules.tokens import ASSETS, BALANCES
from vm.overlay import Overlay
from vm.table import TableDeclaration

app = App(name="dividends", help="What an account's holdings earn.")


@app.command
async def show(
    account: str,
    *,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show what an account's holdings of assets have earned and it has not claimed.

    HOLDS is what counts: the balance, what is bonded or coming back, and what open orders hold.

    Parameters
    ----------
    account
        Its address, or its name in the local network or the keystore.
    finality
        Read the final state, or that of the head, which may still change.
    """
    async with options.client() as client:
        owner = await find_account(client, options.section, account, "ACCOUNT")
        state = await _earnings(client, owner, finality)
    pairs = [key for key, _ in PAIR.every(state)]
    if json:
        items: list[JsonObject] = [
            {
                "held": held,
                "units": str(holding(state, owner, held)),
                "paid": paid,
                "claimable": str(claimable(state, owner, held, paid)),
            }
            for held, paid in pairs
        ]
        print_json({"account": format_address(owner), "dividends": items})
        return
    print_table(
        ("HOLDS", "HAS EARNED"),
        (
            (
                format_units(state, held, holding(state, owner, held)),
                format_units(state, paid, claimable(state, owner, held, paid)),
            )
            for held, paid in pairs
        ),
    )


@app.command
async def claim(*, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False) -> None:
    """Take all that the holdings of the account that sends (--from) have earned."""
    async with options.client() as client:
        sender = await options.sender(client)
        state = await _earnings(client, sender, Finality.HEAD)
        pairs = [key for key, _ in PAIR.every(state)]
        claims = [Claim(*pair) for pair in pairs if claimable(state, sender, *pair)]
        if not claims:
            raise Refused("the account has earned nothing to claim yet", field="--from")
        await send(client, options, claims, as_json=json)


async def _earnings(client: Client, owner: bytes, finality: Finality) -> Overlay:
    """The rows that an account's earnings follow from."""
    state, address = no_rows(), format_address(owner)
    shared: tuple[TableDeclaration, ...] = (CONSTANTS, ASSETS, PAIR)
    own: tuple[TableDeclaration, ...] = (BALANCES, BONDS, UNBONDING, ESCROWED, EARNED)
    for table in shared:
        await copy_rows(client, state, table, finality=finality)
    for table in own:
        await copy_rows(client, state, table, address, finality=finality)
    return state
