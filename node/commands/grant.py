"""`reelect grant`: grants, once each, to nodes that say who they are and to whom delegates to one
(W5)."""

from cyclopts import App

from consensus.address import format_address
from consensus.kinds import JsonObject
from node.client import Client
from node.commands.arguments import JsonFlag
from node.commands.asking import (
    NO_NODE_OPTIONS,
    KnownAsset,
    NodeOptions,
    find_account,
    known_asset,
    own_account,
)
from node.commands.content_argument import content_id
from node.commands.proposal import NO_PROPOSAL_OPTIONS, ProposalOptions, propose
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, check_action, send
from node.failure import Refused, Usage
from node.output import print_fields, print_json, print_line, print_table, utc
from node.query.chain_view import Finality
from vm.modules.tasks import (
    DELEGATIONS,
    GRANTS,
    MOST_APPROVED,
    NO_GRANTS,
    NO_NODE,
    NODES,
    ApproveNodes,
    ClaimGrant,
    Delegate,
    Delegation,
    Grants,
    Node,
    RegisterNode,
)

app = App(name="grant", help="Grants for nodes that say who they are, and for delegating to one.")


@app.command
async def show(
    account: str | None = None,
    *,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show what is granted, and how an account stands: as a node, and as one that delegates.

    Parameters
    ----------
    account
        Its address, @handle or name; else `client.account`.
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        owner = await own_account(client, options.section, account, "ACCOUNT")
        grants = await _grants(client, finality)
        node = await _node(client, owner, finality)
        answer = await client.row(DELEGATIONS.name, format_address(owner), finality=finality)
        delegation = None if answer is None else Delegation.from_json(answer.item.row)
        target = None if delegation is None else await _node(client, delegation.node, finality)
        asset = await known_asset(client)
    if json:
        print_json(
            {
                "account": format_address(owner),
                "grants": grants.to_json(),
                "node": None if node is None else node.to_json(),
                "delegation": None if delegation is None else delegation.to_json(),
            }
        )
        return
    print_fields(
        {
            **_granted(grants, asset),
            "account": format_address(owner),
            "as a node": _as_node(node),
            "delegates": _as_holder(delegation, target, grants),
        }
    )


def _granted(grants: Grants, asset: KnownAsset) -> JsonObject:
    return {
        "for a node": f"{asset.format(grants.node)}, and {asset.format(grants.approved_node)} if "
        "it is approved",
        "for delegating": f"{asset.format(grants.holder)} after {grants.kept_s} s, and "
        f"{asset.format(grants.approved_holder)} if to an approved node",
        "paid from": f"the pot {grants.pot}",
    }


def _as_node(node: Node | None) -> str:
    if node is None:
        return "not registered: `reelect grant register`"
    return f"{node.name}, {'approved' if node.is_approved else 'not approved'}"


def _as_holder(delegation: Delegation | None, node: Node | None, grants: Grants) -> str:
    if delegation is None:
        return "to nobody for a grant: `reelect grant delegate`"
    name = format_address(delegation.node) if node is None else node.name
    if delegation.is_paid:
        return f"to {name}; it has got its grant"
    return f"to {name}; the grant is due at {utc(delegation.since_ms + 1000 * grants.kept_s)}"


@app.command
async def nodes(
    *,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List the nodes that have registered who they are, and whether they are approved.

    Parameters
    ----------
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        found = [
            (str(item.key["account"]), Node.from_json(item.row))
            async for item in client.rows(NODES.name, finality=finality)
        ]
    if json:
        print_json({"nodes": [{"account": account, **node.to_json()} for account, node in found]})
    elif not found:
        print_line("no node has registered: `reelect grant register` does it")
    else:
        print_table(
            ("NAME", "APPROVED", "ACCOUNT", "PROFILE"),
            ((node.name, node.is_approved, account, node.profile) for account, node in found),
        )


@app.command
async def register(
    name: str, *, profile: str, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Register the account that sends (--from) as a node, once, and get the grant for it. Grants
    are for attested persons (`reelect account attest`).

    Parameters
    ----------
    name
        What the node is called.
    profile
        Who runs it: a file, whose content id is computed, or a content id. `reelect content add
        FILE` stores it, so that others can read it.
    """
    cid = content_id("--profile", profile)
    action = RegisterNode(name, cid)
    check_action(action)
    async with options.client() as client:
        await send(client, options, [action], as_json=json, about={"profile": str(cid)})


@app.command
async def delegate(
    node: str, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """Say that the account that sends (--from) delegates to a node, which it approves with what it
    has bonded (`reelect stake bond`, `reelect vote add`). The time until the grant begins with
    this; who stops approving the node has to say it anew.

    Parameters
    ----------
    node
        The node's account: its address, @handle or name.
    """
    async with options.client() as client:
        account = await find_account(client, options.section, node, "NODE")
        await send(client, options, [Delegate(account)], as_json=json)


@app.command
async def claim(*, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False) -> None:
    """Get the grant for having delegated for long enough, once."""
    async with options.client() as client:
        await send(client, options, [ClaimGrant()], as_json=json)


@app.command
async def approve(
    *nodes: str,
    proposal: ProposalOptions = NO_PROPOSAL_OPTIONS,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Propose to those who decide (`reelect gov vote`) that nodes are approved, each for the extra
    grant.

    Parameters
    ----------
    nodes
        The nodes' accounts: addresses, @handles or names, at most 32.
    """
    if not 1 <= len(nodes) <= MOST_APPROVED:
        raise Usage(f"1 to {MOST_APPROVED} nodes are expected", field="NODES")
    async with options.client() as client:
        found: list[bytes] = []
        for text in nodes:
            account = await find_account(client, options.section, text, "NODES")
            if await _node(client, account, Finality.HEAD) is None:
                raise Refused(f"{text}: {NO_NODE.sentence}", field="NODES", code=NO_NODE.code)
            found.append(account)
        await propose(client, options, proposal, ApproveNodes(tuple(found)), as_json=json)


async def _grants(client: Client, finality: Finality) -> Grants:
    rows = await client.first_rows(GRANTS.name, most=1, finality=finality)
    if not rows:
        raise Refused(NO_GRANTS.sentence, code=NO_GRANTS.code)
    return Grants.from_json(rows[0].row)


async def _node(client: Client, account: bytes, finality: Finality) -> Node | None:
    answer = await client.row(NODES.name, format_address(account), finality=finality)
    return None if answer is None else Node.from_json(answer.item.row)
