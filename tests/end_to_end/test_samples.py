"""The samples for developers of apps (docs/apps.md) against a real node, as the page tells it."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from tests.end_to_end.commands import ROOT, environment, run
from tests.end_to_end.test_up import QUICK, in_time, started

SAMPLES = ROOT / "docs" / "samples"
PASSWORD = {"REELECT_PASSWORD": "a password"}
OFFER = (
    "keys new --name shop",
    "tx transfer shop 500",
    "app register chess game --title Chess --manifest page.html --any-amount --from shop",
    "app set-item chess sword 1.5 --title Sword --from shop",
    "app enable chess --limit 5 --from dev1",
    "app pay chess --item sword --memo order-7 --from dev1",
)
PRICE = 150_000_000


def test_the_samples_follow_payments_charge_and_refund(tmp_path: Path) -> None:
    async def main() -> None:
        async with started(tmp_path, *QUICK) as up:
            node = up.apis[0]
            seed, user = await offered(tmp_path)
            async with (
                followed(tmp_path, "python", node) as python,
                followed(tmp_path, "node", node) as javascript,
            ):
                for lines in (python, javascript):
                    first = await next_of(lines)
                    assert (first["payment"], first["item"]) == (1, "sword")
                    assert (first["payer"], first["memo"]) == (user, "order-7")
                    assert int(str(first["units"])) == PRICE
                charge = ("charge.py", node, "chess", user, "sword")
                assert await ended(tmp_path, seed, "python", *charge) == 2
                for lines in (python, javascript):
                    assert (await next_of(lines))["payment"] == 2
            refund = ("refund.mjs", node, "chess", "1")
            assert await ended(tmp_path, seed, "node", *refund) == [
                {
                    "type": "apps.refunded",
                    "app": "chess",
                    "payment": 1,
                    "payer": user,
                    "asset": "REEL",
                    "units": str(PRICE),
                }
            ]
            left = (await run(tmp_path, "app", "payments", "chess", "--json")).json["payments"]
            assert isinstance(left, list)
            assert [item["payment"] for item in left] == [2]

    in_time(main)


async def offered(home: Path) -> tuple[str, str]:
    """The page's commands until dev1 has paid: the developer's seed, and dev1's address."""
    page = home / "page.html"
    page.write_text("the page of chess")
    for line in OFFER:
        words = line.replace("page.html", str(page)).split()
        done = await run(home, *words, "--json", **PASSWORD)
        assert done.code == 0, done.err
    key = (await run(home, "keys", "show", "shop", "--secret", "--json", **PASSWORD)).json
    user = (await run(home, "account", "show", "dev1", "--json")).json
    return str(key["seed"]), str(user["account"])


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


async def ended(home: Path, seed: str, program: str, *arguments: str) -> object:
    """What a sample that signs has printed."""
    done = await trio.run_process(
        command(program, *arguments), capture_stdout=True, env=settings(home, APP_SEED=seed)
    )
    found: object = json.loads(done.stdout)
    return found
