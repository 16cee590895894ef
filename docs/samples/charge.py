"""Charge a user of an app for an item, within the limit that the user has set.

    APP_SEED=… python charge.py NODE APP ADDRESS ITEM

APP_SEED is the seed of the developer's account, 64 hexadecimal digits, as
`reelect keys show NAME --secret` prints it. The answer is the number of the payment.
"""

import os
import sys
from collections.abc import Mapping

import trio

from consensus.address import parse_address
from consensus.keys import KeyPair
from consensus.transaction import Transaction
from node.client import Client, Until
from vm.modules.apps import Charge, PaymentMade

VALID_BLOCKS = 600
WAIT_S = 60.0
ENOUGH_FEE = 10**9  # while it is tried; then what it costs counts


async def charge(node: str, app: str, address: str, item: str) -> int:
    """Charge the price of the item, and return the payment's number once it is final."""
    key = KeyPair.from_seed(bytes.fromhex(os.environ["APP_SEED"]))
    async with Client(node) as client:
        prices = {sold.name: sold.item.price async for sold in client.app_items(app)}
        action = Charge(app, parse_address(address), item, prices[item], "")
        status, account = await client.status(), await client.account(key.public)
        asset = account.balances[0].asset  # which pays the fee

        def order(max_fee: int) -> Transaction:
            return Transaction(
                chain=status.chain,
                sender=key.public,
                payer=None,
                nonce=account.next_nonce,
                valid_until_height=status.head.height + VALID_BLOCKS,
                fee_asset=asset,
                max_fee=max_fee,
                actions=(action.pack(),),
                signatures=(),
            ).signed(key)

        tried = await client.simulate(order(ENOUGH_FEE))
        if tried.receipt.status != "ok":
            raise SystemExit(f"refused: {tried.receipt.status}")
        sent = await client.submit(order(2 * tried.fee).encode())
        done = await client.wait(sent, Until.FINAL, WAIT_S)
    if done.receipt is None or done.receipt.status != "ok":
        raise SystemExit(f"failed: {done.receipt}")
    for event in done.events:
        data = event["data"]
        if isinstance(data, Mapping) and data["type"] == PaymentMade.tag:
            return int(str(data["payment"]))
    raise SystemExit("the transaction has made no payment")


if __name__ == "__main__":
    node, app, address, item = sys.argv[1:]
    print(trio.run(charge, node, app, address, item))
