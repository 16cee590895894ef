"""`reelect ranking`: what fees have voted for, and what is recommended (T5)."""

from typing import Annotated, Literal

from cyclopts import App, Parameter, validators

from consensus.kinds import Json
from node.commands.arguments import JsonFlag
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions, find_account
from node.output import print_fields, print_json, print_line, print_table
from node.query.chain_view import Finality
from node.query.ranking_answers import RankingItem

RankedKind = Literal["video", "creator", "room"]
MOST_SHOWN = 1_000

app = App(name="ranking", help="What gifts, tips and packets voted for; what is recommended.")


@app.command(name="list")
async def list_(
    kind: RankedKind,
    *,
    most: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=MOST_SHOWN))] = 20,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List the videos, creators or open live rooms with the highest scores. A point is a unit of
    the platform's fee in the native asset; points halve with each half-life (`reelect param show
    ranking.half_life_s`).

    Parameters
    ----------
    kind
        What is ranked.
    most
        How many, at most 1,000.
    finality
        Read the final state, or that of the head, which may still change.
    """
    async with options.client() as client:
        listed = client.ranking(kind, most=most, finality=finality)
        items = tuple([item async for item in listed])
    if json:
        found: list[Json] = [item.to_json() for item in items]
        print_json({"kind": kind, "items": found})
        return
    _print(items, f"No {kind} has got a vote yet: gifts, tips and purchases vote by their fees.")


@app.command
async def slots(
    kind: RankedKind,
    *,
    viewer: str | None = None,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show what is recommended now, by the policy that the community has chosen
    (`reelect param show ranking.policy`).

    Parameters
    ----------
    kind
        What is recommended.
    viewer
        For whom, by address, @handle or name: by the policy hash each viewer has its own slots.
    finality
        Read the final state, or that of the head, which may still change.
    """
    async with options.client() as client:
        who = None
        if viewer is not None:
            who = await find_account(client, options.section, viewer, "--viewer")
        answer = await client.slots(kind, who, finality=finality)
    if json:
        print_json(answer.to_json())
        return
    if answer.policy is not None:
        print_fields({"policy": answer.policy, "since height": answer.height})
    _print(answer.items, f"No {kind} is recommended: the slots are filled once one has a vote.")


def _print(items: tuple[RankingItem, ...], if_none: str) -> None:
    if not items:
        print_line(if_none)
        return
    rows = [(place, each.points, each.votes, each.subject) for place, each in enumerate(items, 1)]
    print_table(("RANK", "POINTS", "VOTES", "SUBJECT"), rows)
