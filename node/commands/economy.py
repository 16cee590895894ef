"""`reelect economy`: the community's days, and a preset's schedule rehearsed."""

from dataclasses import asdict
from datetime import UTC, datetime

from cyclopts import App

from consensus.kinds import JsonObject
from genesis.preset import Preset, load_preset
from genesis.rehearsal import MAX_DAYS, AssetFigures, Rehearsal, rehearse
from node.amounts import format_amount
from node.commands.arguments import JsonFlag
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions
from node.commands.copied_state import copy_rows, format_units, no_rows
from node.failure import Refused, Usage
from node.output import live_line, print_fields, print_json, print_line, print_table
from vm.modules.dividends.holdings import circulating
from vm.modules.economy import CLOCK, ECONOMY, days_with_blocks, today
from vm.modules.steps import SCHEDULE, next_step_day, price_factor, reward_factor
from vm.modules.tokens import ASSETS, POTS
from vm.modules.vesting import RESERVES
from vm.overlay import Overlay

MONTH_DAYS = 30
CONSERVED, BROKEN = "ok", "broken"

app = App(name="economy", help="The community's days, and a preset's schedule rehearsed.")


@app.command
async def show(*, options: NodeOptions = NO_NODE_OPTIONS, json: JsonFlag = False) -> None:
    """Show the day, what circulates of each asset, how far reserves are released, and by what the
    prices of redemptions and the rewards of tasks are multiplied now."""
    async with options.client() as client:
        state = no_rows()
        for table in (ECONOMY, CLOCK, ASSETS, POTS, RESERVES, SCHEDULE):
            await copy_rows(client, state, table)
    if json:
        print_json(_standing(state))
        return
    clock = CLOCK.get(state)
    over = None if clock is None else datetime.fromtimestamp(clock.over_ms / 1000, UTC)
    print_fields(
        {
            "day": today(state),
            "days with blocks": days_with_blocks(state),
            "day over": None if over is None else over.isoformat(timespec="seconds"),
            "prices": f"x {price_factor(state)}",
            "rewards": f"x {reward_factor(state)}",
            "next step": _next_step(state),
        }
    )
    print_line("")
    print_table(
        ("ASSET", "ISSUED", "BURNED", "CIRCULATING"),
        [
            (
                asset,
                *(format_amount(units, row.decimals) for units in (row.minted, row.burned)),
                format_amount(circulating(state, asset), row.decimals),
            )
            for (asset,), row in ASSETS.every(state)
        ],
    )
    reserves = [
        (
            name,
            format_units(state, row.asset, row.units),
            format_units(state, row.asset, row.released),
        )
        for (name,), row in RESERVES.every(state)
    ]
    if reserves:
        print_line("")
        print_table(("RESERVE", "UNITS", "RELEASED"), reserves)


def _next_step(state: Overlay) -> str:
    schedule, day = SCHEDULE.get(state), next_step_day(state)
    if schedule is None or day is None:
        return "none"
    return f"with day {day}: prices x {schedule.price_step}, rewards x {schedule.reward_step}"


def _standing(state: Overlay) -> JsonObject:
    clock = CLOCK.get(state)
    return {
        "day": today(state),
        "days_with_blocks": days_with_blocks(state),
        "day_over_ms": None if clock is None else clock.over_ms,
        "price_factor": price_factor(state),
        "reward_factor": reward_factor(state),
        "next_step_day": next_step_day(state),
        "assets": [
            {
                "asset": asset,
                "minted": str(row.minted),
                "burned": str(row.burned),
                "circulating": str(circulating(state, asset)),
            }
            for (asset,), row in ASSETS.every(state)
        ],
        "reserves": [
            {
                "reserve": name,
                "asset": row.asset,
                "units": str(row.units),
                "released": str(row.released),
            }
            for (name,), row in RESERVES.every(state)
        ],
    }


@app.command
def report(*, preset: str, months: int = 14, json: JsonFlag = False) -> None:
    """Rehearse a preset's schedule, without people: what is released, unlocked and burned.

    The days go by on the chain's own rules, one block each. A line says how things stand at the
    end of a month of 30 days, before the next one begins.

    Parameters
    ----------
    preset
        Name of a preset, or a file of one's own that ends in .toml.
    months
        For how many months, at most 333.
    """
    most = MAX_DAYS // MONTH_DAYS
    if not 1 <= months <= most:
        raise Usage(f"1 to {most} months, not {months}", field="--months")
    chosen = load_preset(preset)
    lines: list[Line] = []
    for chain in rehearse(chosen, months * MONTH_DAYS):
        month, rest = divmod(chain.day, MONTH_DAYS)
        if not rest:
            live_line(f"month {month} of {months}")
            lines.append(_line(chain, month))
    live_line("")
    if json:
        print_json({"preset": preset, "months": [_line_json(line) for line in lines]})
    else:
        _print_lines(chosen, lines)
    if wrong := [sentence for _, _, found in lines for sentence in found]:
        raise Refused(f"the economy is not sound: {wrong[0]}", field=preset)


Line = tuple[int, dict[str, AssetFigures], list[str]]


def _line(chain: Rehearsal, month: int) -> Line:
    return month, chain.figures(), chain.wrong()


def _line_json(line: Line) -> JsonObject:
    month, figures, wrong = line
    assets: JsonObject = {}
    for asset, found in figures.items():
        fields = asdict(found)
        pots = {pot: str(units) for pot, units in fields.pop("pots").items()}
        assets[asset] = {name: str(units) for name, units in fields.items()} | {"pots": pots}
    return {"month": month, "assets": assets, "conservation": BROKEN if wrong else CONSERVED}


def _print_lines(preset: Preset, lines: list[Line]) -> None:
    asset, decimals = preset.asset.symbol, preset.asset.decimals
    pots = sorted({pot for _, figures, _ in lines for pot in figures[asset].pots})
    columns = ("MONTH", "MINTED", "RELEASED", "UNLOCKED", "BURNED", "CIRCULATING")
    rows = []
    for month, figures, wrong in lines:
        found = figures[asset]
        units = (found.minted, found.released, found.unlocked, found.burned, found.circulating)
        held = (found.pots.get(pot, 0) for pot in pots)
        amounts = (format_amount(each, decimals) for each in (*units, *held))
        rows.append((month, *amounts, BROKEN if wrong else CONSERVED))
    print_line(f"Amounts in {asset}.")
    print_table((*columns, *(f"POT {pot}" for pot in pots), "CONSERVATION"), rows)
