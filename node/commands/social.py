"""`reelect video like` and its kin: likes, and comments with what they say."""

from datetime import UTC, datetime
from pathlib import Path

from consensus.address import format_address
from consensus.cid import RAW, Cid, cid_of, parse_cid
from consensus.kinds import Json, Text
from node.client import Client
from node.client_failures import Missing
from node.commands.arguments import JsonFlag, argument
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, draft, send
from node.content_transfer import upload_and_pin, upload_block
from node.failure import ProofFailed, Usage
from node.output import print_fields, print_json, print_table
from node.query.chain_view import Finality
from node.query.store_forms import PinForm
from storage.content_pin import PinKind
from vm.modules.social import (
    COMMENTS,
    COUNTS,
    LARGEST_COMMENT_BYTES,
    Comment,
    Counts,
    Like,
    Unlike,
    WriteComment,
)

MOST_SHOWN = 1_000
_WORDS = Text(LARGEST_COMMENT_BYTES, 1)


async def like(cid: str, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False) -> None:
    """Like a video, which an account can do once. It is free with enough mana.

    Parameters
    ----------
    cid
        The video's content id.
    """
    await _send(options, Like(argument("CID", parse_cid, cid)), as_json=json)


async def unlike(
    cid: str, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Take the like of a video back. It is free with enough mana.

    Parameters
    ----------
    cid
        The video's content id.
    """
    await _send(options, Unlike(argument("CID", parse_cid, cid)), as_json=json)


async def _send(options: SendOptions, action: Like | Unlike, *, as_json: bool) -> None:
    async with options.client() as client:
        await send(client, options, [action], as_json=as_json)


async def comment(
    cid: str,
    text: str,
    *,
    admin_token_file: Path | None = None,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Comment on a video: the node stores and pins the text, the chain its id. It is free with
    enough mana.

    Parameters
    ----------
    cid
        The video's content id.
    text
        What to say; everybody can read it.
    admin_token_file
        File with the node's admin token, which a node on another machine asks for.
    """
    data = argument("TEXT", _WORDS.from_json, text).encode()
    words = cid_of(RAW, data)
    action = WriteComment(argument("CID", parse_cid, cid), words, len(data))
    async with options.client(admin_token_file) as client:
        await draft(client, options, [action])  # refused before anything is stored
        if not options.dry_run:
            form = PinForm(PinKind.CHAIN.value, "a comment")
            await upload_and_pin(client, words, form, lambda: upload_block(client, words, data))
        await send(client, options, [action], as_json=json, about={"cid": str(words)})


async def comments(
    cid: str,
    *,
    last: int = 20,
    finality: Finality = Finality.FINAL,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List the newest comments on a video, the oldest of them first, with what they say as far as
    the node or its peers have it.

    Parameters
    ----------
    cid
        The video's content id.
    last
        How many, at most 1,000.
    finality
        Read the final state, or that of the head, which may still change.
    """
    video = argument("CID", parse_cid, cid)
    if not 1 <= last <= MOST_SHOWN:
        raise Usage(f"1 to {MOST_SHOWN} are expected", field="--last", code="invalid-encoding")
    async with options.client() as client:
        counts = await _counts(client, video, finality)
        found = [
            (number, row, await _said(client, row))
            for number in range(max(0, counts.comments - last), counts.comments)
            if (row := await _comment(client, video, number, finality)) is not None
        ]
    if json:
        items: list[Json] = [
            {"number": number, **row.to_json(), "text": text} for number, row, text in found
        ]
        print_json({"likes": counts.likes, "comments": counts.comments, "items": items})
        return
    rows = [
        (
            number,
            f"{datetime.fromtimestamp(row.time_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}",
            format_address(row.author),
            text if text is not None else f"(nobody has {row.cid} now)",
        )
        for number, row, text in found
    ]
    print_fields({"likes": counts.likes, "comments": counts.comments})
    print_table(("NUMBER", "TIME (UTC)", "AUTHOR", "COMMENT"), rows)


async def _counts(client: Client, video: Cid, finality: Finality) -> Counts:
    answer = await client.row(COUNTS.name, str(video), finality=finality)
    return Counts(0, 0) if answer is None else Counts.from_json(answer.item.row)


async def _comment(client: Client, video: Cid, number: int, finality: Finality) -> Comment | None:
    """None if the state that was counted is no longer the head's."""
    answer = await client.row(COMMENTS.name, str(video), str(number), finality=finality)
    return None if answer is None else Comment.from_json(answer.item.row)


async def _said(client: Client, row: Comment) -> str | None:
    """What a comment says; None if nobody has it. Raises ProofFailed for something else."""
    try:
        data = await client.fetch_block(row.cid)
    except Missing:
        return None
    if cid_of(RAW, data) != row.cid:
        raise ProofFailed(f"the node sent something else than {row.cid}", code="invalid-proof")
    return data.decode(errors="replace")
