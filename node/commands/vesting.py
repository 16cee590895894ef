"""`reelect vesting`: grants and reserves, what has unlocked, and taking it."""

from cyclopts import App

from consensus.address import format_address
from consensus.kinds import JsonObject
from node.client import Client
from node.commands.arguments import JsonFlag, argument
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions, find_account
from node.commands.copied_state import copy_rows, format_units, no_rows
from node.commands.pot import destination
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, send
from node.failure import Refused
from node.output import print_fields, print_json, print_table
from node.query.chain_view import Finality
from vm.modules.economy import CLOCK, ECONOMY
from vm.modules.tokens import ASSETS
from vm.modules.vesting import GRANTS, RESERVES, Claim, Grant, Plan, unlocked_of
from vm.overlay import Overlay

app = App(name="vesting", help="Look at grants and reserves, and claim what has unlocked.")


@app.command(name="list")
async def list_(
    account: str | None = None, *, options: NodeOptions = NO_NODE_OPTIONS, json: JsonFlag = False
) -> None:
    """List the grants of all accounts, or of one: how much has unlocked of each and how much of
    that was claimed.

    Parameters
    ----------
    account
        Its address, or its name in the local network or the keystore; else all.
    """
    async with options.client() as client:
        owner = None
        if account is not None:
            owner = await find_account(client, options.section, account, "ACCOUNT")
        state = await _rows(client, owner, Finality.FINAL)
    grants = list(GRANTS.every(state))
    if json:
        print_json({"grants": [_json(state, *key, row) for key, row in grants]})
        return
    print_table(
        ("ACCOUNT", "GRANT", "AMOUNT", "UNLOCKED", "CLAIMED", "UNLOCKS"),
        (
            (
                *(format_address(who), name),
                *(format_units(state, row.asset, units) for units in _units(state, row)),
                _schedule(row),
            )
            for (who, name), row in grants
        ),
    )


@app.command
async def show(
    reserve: str | None = None, *, options: NodeOptions = NO_NODE_OPTIONS, json: JsonFlag = False
) -> None:
    """Show the reserves, or one: how much was released of it, and its plan.

    Parameters
    ----------
    reserve
        Its name; else all.
    """
    if reserve is not None:
        argument("RESERVE", RESERVES.key[0].kind.from_json, reserve)
    async with options.client() as client:
        state = no_rows()
        for table in (ASSETS, RESERVES):
            await copy_rows(client, state, table)
    rows = {name: row for (name,), row in RESERVES.every(state) if reserve in (None, name)}
    if reserve is not None and not rows:
        raise Refused(f"there is no reserve {reserve}", field="RESERVE")
    if json:
        print_json({"reserves": [{"reserve": name, **row.to_json()} for name, row in rows.items()]})
        return
    for name, row in rows.items():
        print_fields(
            {
                "reserve": name,
                "set aside": format_units(state, row.asset, row.units),
                "released": format_units(state, row.asset, row.released),
                "plan": "none" if row.plan is None else _plan(state, row.asset, row.plan),
            }
        )


@app.command
async def claim(
    grant: str,
    account: str | None = None,
    *,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Give an account what has unlocked of a grant of its. Anybody may do so, and pays the fee.

    Parameters
    ----------
    grant
        The grant's name, as `reelect vesting list` shows it.
    account
        Address or name of the account that it belongs to; else the one that sends (--from).
    """
    async with options.client() as client:
        owner = await options.sender(client)
        if account is not None:
            owner = await find_account(client, options.section, account, "ACCOUNT")
        action = Claim(owner, grant)
        await send(client, options, [action], as_json=json)


async def _rows(client: Client, owner: bytes | None, finality: Finality) -> Overlay:
    """The rows of grants, and what they unlock by."""
    state, of_whom = no_rows(), () if owner is None else (format_address(owner),)
    for table in (ECONOMY, CLOCK, ASSETS, RESERVES):
        await copy_rows(client, state, table, finality=finality)
    await copy_rows(client, state, GRANTS, *of_whom, finality=finality)
    return state


def _units(state: Overlay, row: Grant) -> tuple[int, int, int]:
    return row.units, unlocked_of(state, row), row.claimed


def _json(state: Overlay, account: bytes, name: str, row: Grant) -> JsonObject:
    unlocked = str(unlocked_of(state, row))
    return {
        "account": format_address(account),
        "grant": name,
        **row.to_json(),
        "unlocked": unlocked,
    }


def _schedule(row: Grant) -> str:
    if row.term is None:
        return f"with the reserve {row.reserve}"
    term = row.term
    cliff = f", nothing before day {term.cliff_day}" if term.cliff_day > term.start_day else ""
    return f"from day {term.start_day} to day {term.end_day}{cliff}"


def _plan(state: Overlay, asset: str, plan: Plan) -> list[str]:
    phases = [
        f"{phase.periods} × {format_units(state, asset, phase.units)}" for phase in plan.phases
    ]
    return [
        f"every {plan.period_days} days into the pot {plan.pot}",
        *phases,
        f"what a phase leaves {destination(plan.leftover)}",
    ]
