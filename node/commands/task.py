"""`reelect task`: forms of taking part, proposed by anybody, claimed with evidence, and decided on
by a committee (W5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from cyclopts import App, Parameter, validators

from consensus.address import format_address
from consensus.cid import Cid
from consensus.kinds import JsonObject
from node.client import Client
from node.commands.arguments import JsonFlag, Most, Number
from node.commands.asking import (
    NO_NODE_OPTIONS,
    KnownAsset,
    NodeOptions,
    find_account,
    known_asset,
)
from node.commands.content_argument import content_id
from node.commands.proposal import NO_PROPOSAL_OPTIONS, ProposalOptions, propose
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, check_action, send
from node.failure import Refused, Usage
from node.output import print_fields, print_json, print_line, print_table, utc
from node.query.chain_view import Finality
from node.query.participation_answers import TaskItem
from vm.modules.tasks import (
    ACCEPTED,
    CLAIMS,
    MOST_JUDGED,
    MOST_PLACES,
    NO_CLAIM,
    NO_PLACE,
    WAITING,
    Accept,
    Claim,
    ClaimRow,
    Judge,
    Publish,
)
from vm.modules.tasks import Propose as ProposeTask

app = App(name="task", help="Tasks: propose, claim with evidence, publish, approve and reject.")


@app.command(name="list")
async def list_(
    *,
    most: Most = 100,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List tasks, the oldest first: open ones can be claimed, proposed ones wait to be accepted, of
    full ones no place is left, ended ones are only decided on until they are removed.

    Parameters
    ----------
    most
        How many.
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        found = [item async for item in client.tasks(most=most, finality=finality)]
        asset = await known_asset(client)
    if json:
        print_json({"tasks": [_to_json(item) for item in found]})
        return
    if not found:
        print_line("no task is open: `reelect task propose` proposes one")
        return
    lines = [
        (
            item.task,
            item.state,
            asset.format(item.pays) if item.row.is_accepted else "-",
            item.row.places,
            utc(item.row.until_ms if item.row.is_accepted else item.row.closes_ms),
            item.row.title,
        )
        for item in found
    ]
    print_table(("TASK", "STATE", "PAYS", "PLACES", "UNTIL", "TITLE"), lines)


def _to_json(item: TaskItem) -> JsonObject:
    told: JsonObject = {"number": item.task, "state": item.state, "pays": str(item.pays)}
    return {**told, **item.row.to_json()}


@app.command
async def show(
    task: Number,
    *,
    waiting: Annotated[bool, Parameter(negative=())] = False,
    most: Most = 100,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show a task and the claims on it, each with its evidence and what was decided.

    Parameters
    ----------
    task
        Its number, as `reelect task list` shows it.
    waiting
        Only claims that are not decided.
    most
        How many claims.
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        item = await client.task(task, finality=finality)
        listed = client.claims(task, waiting=waiting, most=most, finality=finality)
        claims, asset = [claim async for claim in listed], await known_asset(client)
    if json:
        items = [
            {"account": format_address(claim.account), **claim.row.to_json()} for claim in claims
        ]
        print_json({**_to_json(item), "claims": list(items)})
        return
    print_fields(_fields(item, asset))
    if claims:
        print_line("")
        print_table(
            ("ACCOUNT", "STATUS", "EVIDENCE"),
            (
                (format_address(claim.account), claim.row.status, claim.row.evidence)
                for claim in claims
            ),
        )


def _fields(item: TaskItem, asset: KnownAsset) -> JsonObject:
    row = item.row
    fields: JsonObject = {
        "task": item.task,
        "state": item.state,
        "title": row.title,
        "brief": str(row.brief),
        "proposed by": "the committee" if row.proposer is None else format_address(row.proposer),
    }
    if not row.is_accepted:
        return fields | {"to be accepted until": utc(row.closes_ms)}
    factor = item.pays // row.reward if row.reward else 1
    return fields | {
        "pays": f"{asset.format(item.pays)}: {asset.format(row.reward)} x {factor}",
        "places left": row.places,
        "to be claimed until": utc(row.until_ms),
        "to be decided until": utc(row.closes_ms),
    }


@app.command(name="propose")
async def propose_(
    title: str, *, brief: str, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Propose a new form of taking part. Anybody may: it is free for who has mana. It is removed
    if the committee has not accepted it in time.

    Parameters
    ----------
    title
        What people read first.
    brief
        What is to be done: a file, whose content id is computed, or a content id. `reelect content
        add FILE` stores it, so that others can read it.
    """
    about, cid = _content("--brief", brief)
    action = ProposeTask(title, cid)
    check_action(action)
    async with options.client() as client:
        await send(client, options, [action], as_json=json, about=about)


@app.command
async def claim(
    task: Number, *, evidence: str, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Claim a task's reward, once, by what shows that one has done it. It is paid once the
    committee has approved it.

    Parameters
    ----------
    task
        Its number, as `reelect task list` shows it.
    evidence
        A file, whose content id is computed, or a content id. `reelect content add FILE` stores it,
        so that the committee can read it.
    """
    about, cid = _content("--evidence", evidence)
    action = Claim(task, cid)
    check_action(action)
    async with options.client() as client:
        await send(client, options, [action], as_json=json, about=about)


def _content(option: str, text: str) -> tuple[JsonObject, Cid]:
    """What an answer says of the content that was named, and its id."""
    cid = content_id(option, text)
    return {option.removeprefix("--"): str(cid)}, cid


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class PayOptions:
    """What a task pays, and for how long.

    Parameters
    ----------
    reward
        What each whose claim is approved is paid, in whole tokens, before the step that rewards
        have reached (`reelect economy show`).
    places
        How many are paid.
    valid_s
        For how many seconds from now on it can be claimed.
    """

    reward: str
    places: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=MOST_PLACES))]
    valid_s: Annotated[int, Parameter(validator=validators.Number(gte=1))]

    async def read(self, client: Client) -> tuple[int, int, int]:
        """The reward in units, the places, and the end (ms from the Unix epoch)."""
        units = (await known_asset(client)).parse("--reward", self.reward)
        until_ms = (await client.status()).time_ms + 1000 * self.valid_s
        return units, self.places, until_ms


@app.command
async def publish(
    name: str,
    *,
    brief: str,
    pay: PayOptions,
    proposal: ProposalOptions = NO_PROPOSAL_OPTIONS,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Propose to those who decide (`reelect gov vote`) that a task is published. It has its number
    when they have agreed.

    Parameters
    ----------
    name
        What people read first.
    brief
        What is to be done: a file, whose content id is computed, or a content id.
    """
    _, cid = _content("--brief", brief)
    async with options.client() as client:
        reward, places, until_ms = await pay.read(client)
        action = Publish(name, cid, reward, places, until_ms)
        await propose(client, options, proposal, action, as_json=json)


@app.command
async def accept(
    task: Number,
    *,
    pay: PayOptions,
    proposal: ProposalOptions = NO_PROPOSAL_OPTIONS,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Propose to those who decide (`reelect gov vote`) that what somebody has proposed is accepted
    as a task.

    Parameters
    ----------
    task
        Its number, as `reelect task list` shows it.
    """
    async with options.client() as client:
        row = (await client.task(task, finality=Finality.HEAD)).row
        if row.is_accepted:
            raise Refused(ACCEPTED.sentence, field="TASK", code=ACCEPTED.code)
        action = Accept(task, *await pay.read(client))
        await propose(client, options, proposal, action, as_json=json)


@app.command
async def approve(
    task: Number,
    *accounts: str,
    proposal: ProposalOptions = NO_PROPOSAL_OPTIONS,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Propose to those who decide (`reelect gov vote`) that claims on a task are paid.

    Parameters
    ----------
    task
        Its number.
    accounts
        Whose claims: addresses, @handles or names, at most 32.
    """
    async with options.client() as client:
        found = await _claimants(client, options, task, accounts)
        places = (await client.task(task, finality=Finality.HEAD)).row.places
        if len(found) > places:
            raise Refused(f"{places} places are left", field="ACCOUNTS", code=NO_PLACE.code)
        await propose(client, options, proposal, Judge(task, found, ()), as_json=json)


@app.command
async def reject(
    task: Number,
    *accounts: str,
    proposal: ProposalOptions = NO_PROPOSAL_OPTIONS,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Propose to those who decide (`reelect gov vote`) that claims on a task are refused.

    Parameters
    ----------
    task
        Its number.
    accounts
        Whose claims: addresses, @handles or names, at most 32.
    """
    async with options.client() as client:
        found = await _claimants(client, options, task, accounts)
        await propose(client, options, proposal, Judge(task, (), found), as_json=json)


async def _claimants(
    client: Client, options: SendOptions, task: int, texts: Sequence[str]
) -> tuple[bytes, ...]:
    """The accounts, each of which has a claim on the task that is not decided; raises Usage and
    Refused."""
    if not 1 <= len(texts) <= MOST_JUDGED:
        raise Usage(f"1 to {MOST_JUDGED} accounts are expected", field="ACCOUNTS")
    await client.task(task, finality=Finality.HEAD)
    found: list[bytes] = []
    for text in texts:
        account = await find_account(client, options.section, text, "ACCOUNTS")
        answer = await client.row(
            CLAIMS.name, str(task), format_address(account), finality=Finality.HEAD
        )
        if answer is None or ClaimRow.from_json(answer.item.row).status != WAITING:
            raise Refused(
                f"{text}: {NO_CLAIM.sentence[0].lower()}{NO_CLAIM.sentence[1:]}",
                field="ACCOUNTS",
                code=NO_CLAIM.code,
            )
        found.append(account)
    return tuple(found)
