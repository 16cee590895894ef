"""`reelect recommend`: videos by who likes what, as a node has counted it (T13)."""

from typing import Annotated

from cyclopts import App, Parameter, validators

from consensus.cid import parse_cid
from node.commands.arguments import JsonFlag, argument
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions, find_account
from node.output import print_json, print_line, print_table
from node.query.recommendation_queries import (
    DAY_RANKING,
    LIKED_BY_LIKERS,
    LIKED_BY_VIEWERS,
    TOTAL_RANKING,
)
from node.query.statistics_answers import RecommendationsAnswer

MOST_RECOMMENDED = 100
Most = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=MOST_RECOMMENDED))]
REASONS = {
    LIKED_BY_VIEWERS: "Those who have viewed or liked it also like:",
    LIKED_BY_LIKERS: "Those who like what it likes also like:",
    DAY_RANKING: "Too little is known of it; the most liked of the newest day:",
    TOTAL_RANKING: "Too little is known of it; the most liked of all days:",
}

app = App(
    name="recommend",
    help="Videos by who likes what, as a node has counted it for itself, without proof.",
)


@app.command
async def video(
    cid: str,
    *,
    most: Most = 20,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Recommend what those who have viewed or liked a video also like, by how many of them.

    Parameters
    ----------
    cid
        The video's content id.
    most
        How many, at most 100.
    """
    wanted = argument("CID", parse_cid, cid)
    async with options.client() as client:
        answer = await client.beside_video(wanted, most)
    _print(answer, "Nobody who has viewed or liked it likes another video.", as_json=json)


@app.command
async def account(
    account: str,
    *,
    most: Most = 20,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Recommend what those like who like what an account likes, without what it likes, has viewed
    or owns; where that is nothing, what is liked most.

    Parameters
    ----------
    account
        Its address, its @handle, or its name in the local network or the keystore.
    most
        How many, at most 100.
    """
    async with options.client() as client:
        who = await find_account(client, options.section, account, "ACCOUNT")
        answer = await client.recommended_to(who, most)
    _print(answer, "Nothing is liked that it does not know.", as_json=json)


def _print(answer: RecommendationsAnswer, if_none: str, *, as_json: bool) -> None:
    if as_json:
        print_json(answer.to_json())
        return
    if not answer.items:
        print_line(if_none)
        return
    print_line(REASONS.get(answer.reason, answer.reason))
    rows = [(item.count, str(item.cid), item.title) for item in answer.items]
    print_table(("LIKED BY", "VIDEO", "TITLE"), rows)
