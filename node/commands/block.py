"""`reelect block`: blocks of the chain."""

from cyclopts import App

from consensus.address import format_address
from node.commands.arguments import JsonFlag
from node.commands.asking import NO_NODE_OPTIONS, NodeOptions
from node.output import print_fields, print_json
from node.query.answers import BlockAnswer

app = App(name="block", help="Look at blocks.")


@app.command
async def show(
    block: str, *, options: NodeOptions = NO_NODE_OPTIONS, json: JsonFlag = False
) -> None:
    """Show a block.

    Parameters
    ----------
    block
        Its height or id, `head` for the newest, or `final` for the newest final one.
    """
    async with options.client() as client:
        if block in ("head", "final"):
            status = await client.status()
            block = str(status.head.id if block == "head" else status.final.id)
        answer = await client.block(block)
    if json:
        print_json(answer.to_json())
    else:
        _show(answer)


def _show(answer: BlockAnswer) -> None:
    summary, header = answer.summary, answer.header
    print_fields(
        {
            "id": summary.id,
            "parent": summary.parent,
            "height": summary.height,
            "slot": summary.slot,
            "state": summary.state,
            "producer": summary.producer and format_address(summary.producer),
            "bytes": summary.size_bytes,
            "dynasty": header.dynasty,
            "state root": header.state_root.hex(),
            "transactions": [identity.hex() for identity in answer.transaction_ids],
        }
    )
