"""Print what is paid in an app, each payment once and only when it is final, a JSON line each.

    python payments.py NODE APP

A shop gives out what was bought for each line, and keeps the last number in its database: payments
have ascending numbers, and leave the list when they are refunded or can be refunded no more.
"""

import json
import sys

import trio

from consensus.address import format_address
from node.client import Client
from node.query.app_answers import PaymentItem

POLL_S = 1.0


def line(item: PaymentItem) -> str:
    """What a shop needs to know of a payment."""
    row = item.row
    return json.dumps(
        {
            "payment": item.payment,
            "payer": format_address(row.payer),
            "item": row.item,
            "units": row.units,
            "memo": row.memo,
        }
    )


async def follow(node: str, app: str, last: int = 0) -> None:
    """Print the payments after the number `last`, and those that come."""
    async with Client(node) as client:
        while True:
            async for item in client.app_payments(app):
                if item.payment > last:
                    print(line(item), flush=True)
                    last = item.payment
            await trio.sleep(POLL_S)


if __name__ == "__main__":
    node, app = sys.argv[1:]
    trio.run(follow, node, app)
