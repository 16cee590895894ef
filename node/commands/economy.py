"""`reelect economy`: the community's days, and a preset's schedule rehearsed."""

from dataclasses import asdict
from datetime import UTC, datetime

from cyclopts import App

from consensus.errors import InvalidGenesis
from consensus.kinds import JsonObject
from genesis.preset import Preset, load_preset
from genesis.rehearsal import MAX_DAYS, AssetFigures, Rehearsal, rehearse
from genesis.spending import rewarded_asset
from node.amounts import format_amount
from node.commands.arguments import JsonFlag
from node.commands.asking import NO_NODE_OPTIONS, KnownAsset, NodeOptions
from node.failure import Refused, Usage
from node.output import live_line, print_fields, print_json, print_line, print_table
from node.query.economy_answers import EconomyAnswer, NextStep
from vm.modules.tokens import asset_row

MONTH_DAYS = 30
CONSERVED, BROKEN = "ok", "broken"

app = App(name="economy", help="The community's days, and a preset's schedule rehearsed.")


@app.command
async def show(*, options: NodeOptions = NO_NODE_OPTIONS, json: JsonFlag = False) -> None:
    """Show the day, what circulates of each asset, how far reserves are released, and by what the
    prices of redemptions and the rewards of tasks are multiplied now."""
    async with options.client() as client:
        answer = await client.economy()
    if json:
        print_json(answer.to_json())
        return
    over_ms = answer.day_over_ms
    over = None if over_ms is None else datetime.fromtimestamp(over_ms / 1000, UTC)
    print_fields(
        {
            "day": answer.day,
            "days with blocks": answer.days_with_blocks,
            "day over": None if over is None else over.isoformat(timespec="seconds"),
            "prices": f"x {answer.price_factor}",
            "rewards": f"x {answer.reward_factor}",
            "next step": _next_step(answer.next_step),
        }
    )
    print_line("")
    print_table(
        ("ASSET", "ISSUED", "BURNED", "CIRCULATING"),
        [
            (
                item.asset,
                *(
                    format_amount(units, item.decimals)
                    for units in (item.minted, item.burned, item.circulating)
                ),
            )
            for item in answer.assets
        ],
    )
    if answer.reserves:
        _print_reserves(answer)


def _next_step(step: NextStep | None) -> str:
    if step is None:
        return "none"
    return f"with day {step.day}: prices x {step.price_step}, rewards x {step.reward_step}"


def _print_reserves(answer: EconomyAnswer) -> None:
    assets = {item.asset: KnownAsset(item.asset, item.decimals) for item in answer.assets}
    print_line("")
    print_table(
        ("RESERVE", "UNITS", "RELEASED"),
        [
            (
                item.reserve,
                *(assets[item.asset].format(units) for units in (item.units, item.released)),
            )
            for item in answer.reserves
        ],
    )


@app.command
def report(
    *, preset: str, months: int = 14, fees_per_day: str | None = None, json: JsonFlag = False
) -> None:
    """Rehearse a preset's schedule: what is released, unlocked and burned, and what becomes of the
    fees that users pay.

    The days go by on the chain's own rules, one block each, without people but for those who pay
    the fees. A line says how things stand at the end of a month of 30 days, before the next one
    begins.

    Parameters
    ----------
    preset
        Name of a preset, or a file of one's own that ends in .toml.
    months
        For how many months, at most 333.
    fees_per_day
        Users pay so much in platform fees each day, in whole tokens of the asset in which fees are
        rewarded. One consumer has a gift made by one provider each day, and they keep what they
        get; nobody trades, so that the price stays the opening price, and nobody claims a grant.
    """
    most = MAX_DAYS // MONTH_DAYS
    if not 1 <= months <= most:
        raise Usage(f"1 to {most} months, not {months}", field="--months")
    chosen = load_preset(preset)
    chain = _chain_on_which(chosen, fees_per_day)
    lines: list[Line] = []
    for _ in rehearse(chain, months * MONTH_DAYS):
        month, rest = divmod(chain.day, MONTH_DAYS)
        if not rest:
            live_line(f"month {month} of {months}")
            lines.append(_line(chain, month))
    live_line("")
    if json:
        fees: JsonObject = {"fees_per_day": fees_per_day, "fee_asset": chain.fee_asset}
        print_json({"preset": preset, **fees, "months": [_line_json(line) for line in lines]})
    else:
        _print_lines(chosen, lines)
        if chain.fee_asset is not None:
            _print_fees(chain, chain.fee_asset, lines)
    if wrong := [sentence for _, _, found in lines for sentence in found]:
        raise Refused(f"the economy is not sound: {wrong[0]}", field=preset)


def _chain_on_which(preset: Preset, fees_per_day: str | None) -> Rehearsal:
    """The chain on which users pay so much a day; raises Usage, and Refused if nobody can."""
    chain = Rehearsal.of(preset)
    if fees_per_day is None:
        return chain
    try:
        asset = _known(chain, rewarded_asset(chain.state))
        return Rehearsal.of(preset, asset.parse_positive("--fees-per-day", fees_per_day))
    except InvalidGenesis as error:
        raise Refused(error.message, field="--fees-per-day", code=error.code) from None


def _known(chain: Rehearsal, symbol: str) -> KnownAsset:
    return KnownAsset(symbol, asset_row(chain.state, symbol).decimals)


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


def _print_fees(chain: Rehearsal, asset: str, lines: list[Line]) -> None:
    rows = []
    for month, figures, _ in lines:
        found = figures[asset]
        units = (found.fees, found.to_holders, found.to_operations)
        rows.append((month, *(_known(chain, asset).format(each) for each in units)))
    print_line("")
    print_table(("MONTH", "FEES", "TO HOLDERS", "TO OPERATIONS"), rows)
