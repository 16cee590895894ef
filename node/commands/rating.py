"""`reelect rating`: the two sides of a settled session rate each other; records are public."""

from typing import Annotated

from cyclopts import App, Parameter, validators

from consensus.address import format_address
from consensus.kinds import JsonObject
from node.client import Client
from node.commands.arguments import JsonFlag
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions, own_account
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, send
from node.commands.session_terms import rating_in_words
from node.failure import Refused
from node.output import print_fields, print_json, print_line, print_table, utc
from node.query.chain_view import Finality
from node.query.session_queries import OVER
from vm.modules.ratings import INVITATIONS, MOST_STARS, RATE_S, Invitation, Rate
from vm.modules.sessions import MIN_SECONDS

Stars = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=MOST_STARS))]

app = App(name="rating", help="Rate the other side of a settled session; look at ratings.")


@app.command
async def give(
    session: int, stars: Stars, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Rate the other side of a settled session. Each side does so once.

    Parameters
    ----------
    session
        Its number.
    stars
        1 to 5, the best.
    """
    async with options.client() as client:
        rater = await options.sender(client)
        invitation = await _invitation(client, rater, session)
        about: JsonObject = {"rated": format_address(invitation.rated), "stars": stars}
        await send(client, options, [Rate(session, stars)], as_json=json, about=about)


async def _invitation(client: Client, rater: bytes, session: int) -> Invitation:
    """What lets an account rate a session; raises Refused, saying why nothing does."""
    key = format_address(rater), str(session)
    answer = await client.row(INVITATIONS.name, *key, finality=Finality.HEAD)
    if answer is None:
        raise await _not_invited(client, session)
    found = Invitation.from_json(answer.item.row)
    if found.stars is not None:
        raise Refused(
            f"the account has rated session {session} already, with {found.stars} of {MOST_STARS}",
            field="SESSION",
            code="ratings.already-rated",
        )
    return found


async def _not_invited(client: Client, session: int) -> Refused:
    try:
        await client.session(session, finality=Finality.HEAD)
    except Refused as refused:
        if refused.code != OVER:
            return refused
    else:
        return Refused(
            f"session {session} is not settled yet", field="SESSION", code="ratings.not-invited"
        )
    return Refused(
        f"the account cannot rate session {session}: only its caller and its provider can, if it "
        f"was long enough ({MIN_SECONDS.name}), for some time after it was paid ({RATE_S.name}); "
        "`reelect param show` tells both",
        field="SESSION",
        code="ratings.not-invited",
    )


@app.command
async def show(
    account: str | None = None,
    *,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show an account's public record: how many gave it which stars, and the average.

    Parameters
    ----------
    account
        Its address, @handle or name; else `client.account`.
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        who = await own_account(client, options.section, account, "ACCOUNT")
        answer = await client.standing(who, finality=finality)
    if json:
        print_json(answer.to_json())
        return
    print_fields({"account": format_address(who), "average": rating_in_words(answer.standing)})
    counts = enumerate(answer.standing.counts, 1)
    print_table(("STARS", "RATINGS"), sorted(counts, reverse=True))


@app.command(name="list")
async def list_(
    account: str | None = None,
    *,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List the sessions that an account may rate, or has rated, while the time for that lasts.

    Parameters
    ----------
    account
        Its address, @handle or name; else `client.account`.
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        who = await own_account(client, options.section, account, "ACCOUNT")
        items = [item async for item in client.invitations(who, finality=finality)]
    if json:
        print_json({"ratings": [item.to_json() for item in items]})
        return
    if not items:
        print_line("The account has no session to rate.")
        return
    print_table(
        ("SESSION", "WITH", "STARS", "UNTIL"),
        (
            (
                item.session,
                format_address(item.invitation.rated),
                item.invitation.stars,
                utc(item.invitation.due_ms),
            )
            for item in items
        ),
    )
