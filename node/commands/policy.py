"""`reelect policy`: who must agree to what."""

from cyclopts import App

from node.commands.arguments import JsonFlag
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions, known_asset
from node.commands.governance import read_limit, read_policies, read_policy
from node.output import print_fields, print_json, print_table
from node.query.chain_view import Finality
from vm.modules.gov import stage_in_words

app = App(name="policy", help="Show who must agree to what.")


@app.command(name="list")
async def list_(*, options: NodeOptions = NO_NODE_OPTIONS, json: JsonFlag = False) -> None:
    """List the policies: who votes, one body after the other, and what proposals may do."""
    async with options.client() as client:
        found = await read_policies(client, Finality.FINAL)
    if json:
        print_json([{"policy": name, **row.to_json()} for name, row in found.items()])
        return
    rows = [
        (name, " then ".join(stage.body for stage in row.stages), row.scopes or "ended")
        for name, row in found.items()
    ]
    print_table(("POLICY", "VOTES OF", "MAY DO"), rows)


@app.command
async def show(
    policy: str, *, options: NodeOptions = NO_NODE_OPTIONS, json: JsonFlag = False
) -> None:
    """Show a policy: each stage with what it needs, and what proposals under it may do.

    Parameters
    ----------
    policy
        Its name, as `reelect policy list` shows it.
    """
    async with options.client() as client:
        row = await read_policy(client, policy, Finality.FINAL)
        if json:
            print_json({"policy": policy, **row.to_json()})
            return
        asset = await known_asset(client)
        limit = await read_limit(client, policy, Finality.FINAL)
    stages = {f"stage {i}": stage_in_words(stage) for i, stage in enumerate(row.stages, 1)}
    print_fields(
        {
            "policy": policy,
            "who may propose": row.proposers or "anybody",
            "deposit": asset.format(row.deposit),
            "carries out": "any number of actions"
            if limit is None
            else f"at most {limit.most} actions in {limit.span_s} s",
            **stages,
            "may do": row.scopes or "nothing: it is ended",
        }
    )
