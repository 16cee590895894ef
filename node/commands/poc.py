"""`reelect poc`: proof of contribution: creators by rank, and the promotion of one of each pair
(T8)."""

from cyclopts import App

from consensus.address import format_address
from node.commands.arguments import JsonFlag
from node.commands.asking import (
    NO_NODE_OPTIONS,
    KnownAsset,
    NodeOptions,
    find_account,
    known_asset,
)
from node.output import print_fields, print_json, print_line, print_table
from node.query.activity_answers import AccountActivityAnswer, PairingAnswer
from node.query.chain_view import Finality
from vm.modules.poc import Walk

app = App(name="poc", help="Proof of contribution: creators by rank, and their pairs.")


@app.command
async def show(
    account: str | None = None,
    *,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show by which rules creators are paired and paid, and how far the pairs of the day before are
    drawn; or how a creator stands, and what it has got.

    Parameters
    ----------
    account
        Its address, its @handle, or its name in the local network or the keystore.
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        if account is None:
            pairing = await client.pairing(finality=finality)
            native = await known_asset(client)
            if json:
                print_json(pairing.to_json())
            else:
                _show_rules(pairing, native)
            return
        who = await find_account(client, options.section, account, "ACCOUNT")
        answer = await client.account_activity(who, finality=finality)
        native = await known_asset(client)
    if json:
        creator = None if answer.creator is None else answer.creator.to_json()
        print_json({"account": format_address(who), "creator": creator})
        return
    _show_creator(answer, native)


def _show_rules(answer: PairingAnswer, native: KnownAsset) -> None:
    rules = answer.rules
    weights = rules.dimensions.to_json(), rules.contributions.to_json()
    coefficient, contribution = (
        [f"{weight} x {name}" for name, weight in each.items() if weight] or ["nothing"]
        for each in weights
    )
    print_fields(
        {
            "day": answer.day,
            "pool": native.format(answer.pool),
            "promoted gets": f"{native.format(rules.promoted_units)} (W_M)",
            "other gets": f"{native.format(rules.other_units)} (W_w)",
            "effort": f"{native.format(rules.effort_units)} (e): W_M - W_w is above 4e",
            "coefficient": coefficient,
            "contribution": contribution,
            "idle for": f"{rules.idle_days} days at most, else not paired",
            "day before": _progress(answer.walk),
        }
    )


def _progress(walk: Walk | None) -> str:
    if walk is None:
        return "all pairs are drawn"
    if walk.seed is None:
        return f"day {walk.day} is decided by the beacon of height {walk.from_height} or later"
    return f"day {walk.day} is being drawn: {walk.paid} pairs paid, {walk.unpaid} not"


def _show_creator(answer: AccountActivityAnswer, native: KnownAsset) -> None:
    row = answer.creator
    fields: dict[str, object] = {"account": format_address(answer.account)}
    if row is None:
        print_fields(fields | {"as creator": "has published nothing that counts"})
        return
    stands = "nowhere: nobody has contributed to it lately"
    if row.standing is not None:
        stands = f"for day {row.standing.day}, with the coefficient {row.standing.coefficient}"
    channel = (
        "in no channel" if row.channel is None else f"{row.in_a_row} in a row in {row.channel}"
    )
    print_fields(
        fields
        | {
            "videos": f"{row.posts}, the newest {channel}",
            "plays": row.plays,
            "interactions": row.interactions,
            "fans": row.fans,
            "stands": stands,
            "pairings": row.pairings,
            "promotions": row.promotions,
            "has got": native.format(row.earned),
        }
    )


@app.command(name="list")
async def list_(
    *,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List creators by rank, the highest first: neighbours in a level make a pair. Those of a day
    whose pairs are not drawn yet come before those of the next.

    Parameters
    ----------
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        items = [item async for item in client.standings(finality=finality)]
    if json:
        print_json({"creators": [item.to_json() for item in items]})
        return
    if not items:
        print_line("No creator stands: nobody has contributed to one lately.")
        return
    print_table(
        ("CREATOR", "DAY", "COEFFICIENT", "LEVEL", "CONTRIBUTION"),
        [
            (
                format_address(item.creator),
                item.day,
                item.coefficient,
                item.level,
                item.contribution,
            )
            for item in items
        ],
    )
