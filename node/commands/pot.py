"""`reelect pot`: what the chain's pots hold, and what they pass on."""

from cyclopts import App

from consensus.address import format_address
from node.amounts import format_percent
from node.client import Client
from node.commands.arguments import JsonFlag, argument
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions
from node.commands.copied_state import copy_rows, format_units, no_rows
from node.output import print_fields, print_json, print_table
from node.query.chain_view import Finality
from vm.modules.pots import SPLITS, Destination, Split
from vm.modules.tokens import ASSETS, POTS
from vm.overlay import Overlay

app = App(name="pot", help="Look at pots, which belong to no account, and what they pass on.")


@app.command(name="list")
async def list_(*, options: NodeOptions = NO_NODE_OPTIONS, json: JsonFlag = False) -> None:
    """List what the pots hold. One with a dot in its name is kept by a module; proposals pay out
    of the others."""
    async with options.client() as client:
        state = await _pots(client, Finality.FINAL)
    rows = [(name, asset, row.amount) for (name, asset), row in POTS.every(state)]
    if json:
        items = [{"pot": n, "asset": asset, "amount": str(units)} for n, asset, units in rows]
        print_json({"pots": items})
        return
    print_table(
        ("POT", "HOLDS"), ((name, format_units(state, asset, units)) for name, asset, units in rows)
    )


@app.command
async def show(
    pot: str,
    *,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show what a pot holds, and what becomes of what comes to it.

    Parameters
    ----------
    pot
        Its name, such as treasury.
    finality
        Read the final state, or that of the head, which may still change.
    """
    argument("POT", POTS.key[0].kind.from_json, pot)
    async with options.client() as client:
        state = await _pots(client, finality)
        await copy_rows(client, state, SPLITS, finality=finality)
    held = {asset: row.amount for (_, asset), row in POTS.every(state, pot)}
    split = SPLITS.get(state, pot) if "." not in pot else None
    if json:
        print_json(
            {
                "pot": pot,
                "holds": {asset: str(units) for asset, units in held.items()},
                "split": None if split is None else split.to_json(),
            }
        )
        return
    print_fields(
        {
            "pot": pot,
            "holds": [format_units(state, *item) for item in held.items()] or "nothing",
            "passes on": "nothing" if split is None else _shares(split),
        }
    )


async def _pots(client: Client, finality: Finality) -> Overlay:
    state = no_rows()
    for table in (ASSETS, POTS):
        await copy_rows(client, state, table, finality=finality)
    return state


def _shares(split: Split) -> list[str]:
    return [f"{format_percent(ppm)} {destination(to)}" for ppm, to in split.parts if ppm]


def destination(to: Destination) -> str:
    """Where something goes, in words."""
    if to.pot is not None:
        return f"to the pot {to.pot}"
    if to.account is not None:
        return f"to {format_address(to.account)}"
    return "burned" if to.holders is None else f"to the holders of {to.holders}"
