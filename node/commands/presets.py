"""`reelect genesis list|check|show --preset`: the presets that a chain can begin from."""

from collections.abc import Sequence

from consensus.address import format_address
from consensus.errors import Invalid
from consensus.kinds import JsonObject
from consensus.record import kind_of
from genesis.preset import Preset, load_preset, preset_names
from genesis.rehearsal import Rehearsal
from genesis.setup import ROLE_MARK, stand_ins
from node.amounts import format_amount
from node.commands.arguments import JsonFlag
from node.failure import Refused, Usage
from node.output import print_fields, print_json, print_line, print_table
from vm.modules.economy import DayS
from vm.registry import REGISTRY


def list_presets(*, json: JsonFlag = False) -> None:
    """List the presets that come with the program."""
    presets = {name: load_preset(name).summary for name in preset_names()}
    if json:
        print_json({"presets": [{"name": name, "summary": presets[name]} for name in presets]})
    else:
        print_table(("PRESET", "WHAT FOR"), list(presets.items()))


def check_preset(preset: str, *, json: JsonFlag = False) -> None:
    """Check a preset: its sections, and the chain that it makes, on which one day goes by.

    Parameters
    ----------
    preset
        Name of a preset, or a file of one's own that ends in .toml.
    """
    chain = Rehearsal.of(load_preset(preset))
    chain.live_day()
    wrong = chain.wrong()
    if wrong:
        raise Refused(f"the chain that it makes is not sound: {wrong[0]}", field=preset)
    if json:
        print_json({"preset": preset, "sound": True})
    else:
        print_line(f"{preset}: nothing is wrong with it")


def check_day(day_s: int | None) -> None:
    """Raise Usage for a day (seconds) that is too short or too long."""
    if day_s is not None:
        try:
            kind_of(DayS).pack(day_s)
        except Invalid as error:
            raise Usage(error.message, field="--day-s") from None


def show_preset(preset: Preset, *, as_json: bool) -> None:
    """Print what a preset sets, and what its set-up does in words."""
    accounts = stand_ins(preset.setup.roles)
    roles = {format_address(accounts[role]): f"{ROLE_MARK}{role}" for role in accounts}
    done = [_with_roles(sentence, roles) for sentence in preset.setup.in_words(accounts)]
    if as_json:
        print_json(_json(preset, done))
        return
    asset = preset.asset
    print_fields(
        {
            "summary": preset.summary,
            "network": preset.chain.network,
            "slot": f"{preset.chain.slot_ms} ms",
            "day": f"{preset.economy.day_s} s",
            "asset": f"{asset.symbol} ({asset.name}), {asset.decimals} decimals",
            "cap": format_amount(asset.cap, asset.decimals),
            "tradable": asset.tradable,
            "pots": [f"{pot} {format_amount(n, asset.decimals)}" for pot, n in preset.pots.items()],
            "bodies": list(preset.government.bodies),
        }
    )
    _print_part("Accounts that it asks for:", ("ROLE", "WHO"), list(preset.setup.roles.items()))
    policies = [
        (name, ", then ".join(stage.body for stage in policy.stages), ", ".join(policy.scopes))
        for name, policy in preset.government.policies.items()
    ]
    _print_part("Who must agree to what:", ("POLICY", "BODIES", "SCOPES"), policies)
    parameters = [
        (name, value, REGISTRY.parameters[name].default, REGISTRY.parameters[name].unit)
        for name, value in preset.parameters.items()
    ]
    _print_part("Parameters:", ("PARAMETER", "VALUE", "DEFAULT", "UNIT"), parameters)
    _print_part("What genesis carries out:", ("#", "ACTION"), list(enumerate(done, 1)))


def _print_part(title: str, columns: tuple[str, ...], rows: Sequence[Sequence[object]]) -> None:
    if rows:
        print_line("")
        print_line(title)
        print_table(columns, rows)


def _with_roles(sentence: str, roles: dict[str, str]) -> str:
    for address, role in roles.items():
        sentence = sentence.replace(address, role)
    return sentence


def _json(preset: Preset, done: list[str]) -> JsonObject:
    return {
        "summary": preset.summary,
        "chain": preset.chain.to_json(),
        "economy": preset.economy.to_json(),
        "asset": preset.asset.to_json(),
        "funding": preset.funding.to_json(),
        "pots": {pot: str(units) for pot, units in preset.pots.items()},
        "fee_prices": {asset: str(units) for asset, units in preset.fee_prices.items()},
        "parameters": dict(preset.parameters),
        "bodies": {name: body.to_json() for name, (body, _) in preset.government.bodies.items()},
        "policies": {name: policy.to_json() for name, policy in preset.government.policies.items()},
        "accounts": dict(preset.setup.roles),
        "setup": [dict(action) for action in preset.setup.actions],
        "in_words": list(done),
    }
