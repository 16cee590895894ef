"""`reelect batch`: orders are gathered at a price, and approved by vote; batches are public
(K2, K6)."""

from collections.abc import Mapping

from cyclopts import App

from consensus.address import format_address
from node.client import Client
from node.commands.arguments import JsonFlag, Most, Number
from node.commands.asking import NO_NODE_OPTIONS, KnownAsset, NodeOptions, known_asset, known_assets
from node.commands.order import order_terms
from node.commands.proposal import NO_PROPOSAL_OPTIONS, ProposalOptions, propose
from node.commands.rows import list_numbered, read_numbered, read_row
from node.commands.sending import NO_SEND_OPTIONS, SendOptions, send
from node.failure import Usage
from node.output import print_fields, print_json, print_line, print_table, utc
from node.query.chain_view import Finality
from vm.modules.orders import (
    BATCHES,
    MOST_GATHERED,
    ORDERS,
    UNKNOWN_BATCH,
    Approve,
    Batch,
    Dissolve,
    Gather,
)

app = App(name="batch", help="Batches of service orders: gather, approve, and see what was issued.")


@app.command(name="list")
async def list_(
    *,
    most: Most = 100,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """List batches, the oldest first: open ones, and those that were approved. Those that were
    refused or dissolved are gone.

    Parameters
    ----------
    most
        How many.
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        found = await list_numbered(client, BATCHES, finality, most=most)
        assets = await _assets(client, [row for _, row in found], finality)
    if json:
        print_json({"batches": [{"batch": number, **row.to_json()} for number, row in found]})
        return
    if not found:
        print_line("there is no batch: `reelect batch gather` gathers orders in one")
        return
    print_table(
        ("BATCH", "STATUS", "ORDERS", "FEES", "PRICE", "SHARED", "PROPOSAL"),
        (
            (
                number,
                row.status,
                len(row.orders),
                assets[row.asset].format(row.fees),
                "-" if row.price is None else assets[row.asset].format(row.price),
                _shared(row, assets),
                "-" if row.proposal is None else row.proposal,
            )
            for number, row in found
        ),
    )


async def _assets(client: Client, rows: list[Batch], finality: Finality) -> dict[str, KnownAsset]:
    """The assets of these batches; what is issued by the name of ""."""
    if not rows:
        return {}
    issued = (await order_terms(client, finality)).terms.asset
    assets = await known_assets(client, (issued, *(row.asset for row in rows)))
    return {"": assets[issued], **assets}


def _shared(row: Batch, assets: Mapping[str, KnownAsset]) -> str:
    return "-" if row.approved_ms is None else assets[""].format(row.units)


@app.command
async def show(
    batch: Number,
    *,
    finality: Finality = Finality.HEAD,
    options: NodeOptions = NO_NODE_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Show a batch and its orders; `reelect order show` has the list of each.

    Parameters
    ----------
    batch
        Its number, as `reelect batch list` shows it.
    finality
        Read the head, which may still change, or the final state.
    """
    async with options.client() as client:
        row = await read_batch(client, batch, finality)
        assets = await _assets(client, [row], finality)
        orders = [
            (n, await read_row(client, ORDERS, str(n), finality=finality)) for n in row.orders
        ]
    if json:
        items = [{"order": n, **order.to_json()} for n, order in orders if order is not None]
        print_json({"batch": batch, **row.to_json(), "rows": items})
        return
    print_fields(
        {
            "batch": batch,
            "status": row.status,
            "gathered by": format_address(row.leader),
            "fees": assets[row.asset].format(row.fees),
            "price": "-" if row.price is None else assets[row.asset].format(row.price),
            "proposal": "-" if row.proposal is None else row.proposal,
            "approved": "-" if row.approved_ms is None else utc(row.approved_ms),
            "shared": _shared(row, assets),
            "of that issued": "-" if row.approved_ms is None else assets[""].format(row.issued),
            "digest": row.digest.hex(),
        }
    )
    print_line("")
    print_table(
        ("ORDER", "STATUS", "FEE", "SHARED", "TITLE"),
        (
            (number, "closed, its fee given back", "-", "-", "-")
            if order is None
            else (
                number,
                order.status,
                assets[row.asset].format(order.fee),
                assets[""].format(order.units) if order.units else "-",
                order.title,
            )
            for number, order in orders
        ),
    )


async def read_batch(client: Client, number: int, finality: Finality) -> Batch:
    """A batch; raises Refused (`BATCH`) if there is none of this number."""
    return await read_numbered(
        client,
        BATCHES,
        number,
        finality,
        missing=f"there is no batch {number}, or it was refused or dissolved: see `reelect batch "
        "list`",
        field="BATCH",
        error=UNKNOWN_BATCH,
    )


@app.command
async def gather(
    *orders: int,
    price: str | None = None,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """As who leads them, gather orders in a batch, to be approved together. Their lists stay as
    they are from then on.

    Parameters
    ----------
    orders
        Their numbers, at most 16; the lists of all are complete.
    price
        The price of a whole token of what is issued, in the asset of the fees; no lower than the
        market's reference price (`reelect order terms`). None, if orders are paid in what was
        issued.
    """
    if not 1 <= len(orders) <= MOST_GATHERED:
        raise Usage(f"1 to {MOST_GATHERED} orders are expected", field="ORDERS")
    async with options.client() as client:
        units = None
        if price is not None:
            terms = (await order_terms(client, Finality.HEAD)).terms
            units = (await known_asset(client, terms.fee_asset)).parse_positive("--price", price)
        action = Gather(orders, units)
        await send(client, options, [action], as_json=json)


@app.command
async def dissolve(
    batch: Number, *, options: SendOptions = NO_SEND_OPTIONS, json: JsonFlag = False
) -> None:
    """As who gathered it, take back a batch that is not approved; its orders can be scored and
    gathered anew.

    Parameters
    ----------
    batch
        Its number.
    """
    action = Dissolve(batch)
    async with options.client() as client:
        await send(client, options, [action], as_json=json)


@app.command
async def approve(
    batch: Number,
    *,
    proposal: ProposalOptions = NO_PROPOSAL_OPTIONS,
    options: SendOptions = NO_SEND_OPTIONS,
    json: JsonFlag = False,
) -> None:
    """Propose to those who decide (`reelect gov vote`) that a batch is approved, as it is now. If
    this is the first proposal about the batch and is rejected, its clients have their fees back.

    Parameters
    ----------
    batch
        Its number.
    """
    async with options.client() as client:
        row = await read_batch(client, batch, Finality.HEAD)
        await propose(client, options, proposal, Approve(batch, row.digest), as_json=json)
