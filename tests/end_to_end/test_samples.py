"""The samples for developers of apps (docs/apps.md) against a real node, as the page tells it."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from consensus.address import format_address
from consensus.cid import RAW, cid_of
from consensus.keys import KeyPair
from consensus.transaction import Transaction
from node.client import Client, Until
from node.local.accounts import LocalAccounts, read_local_accounts
from tests.end_to_end.commands import ROOT, environment
from tests.end_to_end.test_up import QUICK, in_time, started
from vm.declare import Action
from vm.modules.apps import Enable, Pay, Register, SetItem
from vm.modules.tokens import Transfer

SAMPLES = ROOT / "docs" / "samples"
SHOP = KeyPair.from_seed(b"the key of the shop".ljust(32, b"."))
REEL = 10**8
PRICE = 150_000_000
DEADLINE_S = 600


def test_the_samples_follow_payments_charge_and_refund(tmp_path: Path) -> None:
    async def main() -> None:
        async with started(tmp_path, *QUICK) as up:
            node = up.apis[0]
            accounts = read_local_accounts(tmp_path / ".reelect" / "local" / "accounts.json")
            user = format_address(accounts.accounts[1])
            await offered(node, accounts)
            async with (
                followed(tmp_path, "python", node) as python,
                followed(tmp_path, "node", node) as javascript,
            ):
                for lines in (python, javascript):
                    first = await next_of(lines)
                    assert (first["payment"], first["item"]) == (1, "sword")
                    assert (first["payer"], first["memo"]) == (user, "order 7")
                    assert int(str(first["units"])) == PRICE
                charge = ("charge.py", node, "chess", user, "sword")
                assert await ended(tmp_path, "python", *charge) == 2
                for lines in (python, javascript):
                    assert (await next_of(lines))["payment"] == 2
            refund = ("refund.mjs", node, "chess", "1")
            assert await ended(tmp_path, "node", *refund) == [
                {
                    "type": "apps.refunded",
                    "app": "chess",
                    "payment": 1,
                    "payer": user,
                    "asset": "REEL",
                    "units": str(PRICE),
                }
            ]
            async with Client(node) as client:
                left = [item.payment async for item in client.app_payments("chess")]
            assert left == [2]

    in_time(main, DEADLINE_S)


async def offered(node: str, accounts: LocalAccounts) -> None:
    """What the page's commands do until dev1 has paid: dev0 funds the developer, who offers chess,
    in which dev1 pays for a sword."""
    funder, user = (accounts.key(each) for each in accounts.accounts[:2])
    page = cid_of(RAW, b"the page of chess")
    async with Client(node) as client:
        await done(client, funder, Transfer(SHOP.public, "REEL", 500 * REEL, ""))
        register = Register("chess", "game", "Chess", page, "REEL", takes_any_amount=True)
        await done(client, SHOP, register, SetItem("chess", "sword", "A sword", PRICE))
        pay = Pay("chess", "sword", PRICE, "order 7")
        await done(client, user, Enable("chess", 5 * REEL), pay)


async def done(client: Client, key: KeyPair, *actions: Action) -> None:
    """Send these actions, and wait until they are final."""
    status, account = await client.status(), await client.account(key.public)
    order = Transaction(
        chain=status.chain,
        sender=key.public,
        payer=None,
        nonce=account.next_nonce,
        valid_until_height=status.head.height + 600,
        fee_asset="REEL",
        max_fee=REEL,
        actions=tuple(action.pack() for action in actions),
        signatures=(),
    ).signed(key)
    answer = await client.wait(await client.submit(order.encode()), Until.FINAL, DEADLINE_S)
    assert answer.receipt is not None
    assert answer.receipt.status == "ok"


def command(program: str, sample: str, *arguments: str) -> list[str]:
    """How a sample is started."""
    return [sys.executable if program == "python" else "node", str(SAMPLES / sample), *arguments]


def settings(home: Path, **added: str) -> dict[str, str]:
    """The package is installed where samples run."""
    return environment(home, PYTHONPATH=str(ROOT), **added)


@asynccontextmanager
async def followed(home: Path, program: str, node: str) -> AsyncIterator[trio.Process]:
    """A sample that follows the payments in chess; stopped at the end."""
    sample = "payments.py" if program == "python" else "payments.mjs"
    process = await trio.lowlevel.open_process(
        command(program, sample, node, "chess"), stdout=subprocess.PIPE, env=settings(home)
    )
    try:
        yield process
    finally:
        with trio.CancelScope(shield=True):
            process.kill()
            await process.wait()


async def next_of(process: trio.Process) -> dict[str, object]:
    """The next line that it prints; a sample prints one at a time."""
    line = b""
    while not line.endswith(b"\n"):
        assert process.stdout is not None
        part = await process.stdout.receive_some()
        assert part, "the sample has ended"
        line += part
    found: dict[str, object] = json.loads(line)
    return found


async def ended(home: Path, program: str, *arguments: str) -> object:
    """What a sample that signs has printed."""
    done = await trio.run_process(
        command(program, *arguments),
        capture_stdout=True,
        env=settings(home, APP_SEED=SHOP.seed.hex()),
    )
    found: object = json.loads(done.stdout)
    return found
