"""`reelect param`: the parameters that govern the modules, and how they changed."""

from cyclopts import App

from node.client import Client
from node.commands.arguments import JsonFlag
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions
from node.failure import Refused
from node.output import print_fields, print_json, print_line, print_table
from node.query.chain_view import Finality
from vm.modules.parameter import CHANGES, UNKNOWN, Change
from vm.parameter import VALUES, Parameter, ParameterValue
from vm.registry import REGISTRY

app = App(name="param", help="Show the parameters, and how they changed.")


@app.command(name="list")
async def list_(
    module: str = "", *, options: NodeOptions = NO_NODE_OPTIONS, json: JsonFlag = False
) -> None:
    """List the parameters with their values now.

    Parameters
    ----------
    module
        Only those of this module, such as fee.
    """
    async with options.client() as client:
        values = await _values(client)
    known = [
        parameter
        for name, parameter in REGISTRY.parameters.items()
        if not module or name.startswith(f"{module}.")
    ]
    if json:
        print_json([{"name": p.name, "value": str(_value(values, p))} for p in known])
        return
    rows = [
        (p.name, _value(values, p), f"{p.minimum} to {p.maximum}", p.unit, p.sentence)
        for p in known
    ]
    print_table(("PARAMETER", "VALUE", "BOUNDS", "UNIT", "MEANING"), rows)


@app.command
async def show(
    name: str, *, options: NodeOptions = NO_NODE_OPTIONS, json: JsonFlag = False
) -> None:
    """Show a parameter, its bounds, and each change of it.

    Parameters
    ----------
    name
        Such as fee.burn_ppm.
    """
    parameter = REGISTRY.parameters.get(name)
    if parameter is None:
        raise Refused(
            f"there is no parameter {name[:80]}: `reelect param list` names them",
            field="NAME",
            code=UNKNOWN.code,
        )
    async with options.client() as client:
        value = _value(await _values(client), parameter)
        changes = await _changes(client, name)
    fields = {
        "name": name,
        "value": str(value),
        "default": str(parameter.default),
        "minimum": str(parameter.minimum),
        "maximum": str(parameter.maximum),
        "unit": parameter.unit,
        "meaning": parameter.sentence,
    }
    if json:
        history = [{"height": height, **change.to_json()} for height, change in changes]
        print_json({**fields, "changes": history})
        return
    print_fields(fields)
    if changes:
        print_line("")
        rows = [(height, change.before, change.after) for height, change in changes]
        print_table(("CHANGED IN BLOCK", "FROM", "TO"), rows)


async def _values(client: Client) -> dict[str, int]:
    return {
        str(item.key["name"]): ParameterValue.from_json(item.row).value
        async for item in client.rows(VALUES.name, finality=Finality.FINAL)
    }


def _value(values: dict[str, int], parameter: Parameter) -> int:
    return values.get(parameter.name, parameter.default)


async def _changes(client: Client, name: str) -> list[tuple[int, Change]]:
    return [
        (int(str(item.key["height"])), Change.from_json(item.row))
        async for item in client.rows(CHANGES.name, name, finality=Finality.FINAL)
    ]
