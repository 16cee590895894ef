"""What the API answers about token funds, page by page, and what it refuses."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from consensus.address import format_address
from tests.api.world import ALICE, BOB, World, code_of, open_world
from tests.commands.community import genesis_of
from tests.node.network import GENESIS_TIME_MS, key, signed
from vm.modules.fund import Contribute, Found, PayIn, Propose, Terms, Vote

TOKEN = 10**8
TERMS = Terms("REEL", TOKEN, GENESIS_TIME_MS + 7_000, 0, 30, 60, 60)
STUDIO = key("studio")
ALICES = f"/v1/accounts/{format_address(ALICE.public)}/funds"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Alice has founded three funds; Bob is in the second, which has two proposals and 8 REEL
    returned."""
    monkeypatch.setattr("tests.api.world.GENESIS", genesis_of(["gov.resolve"]))
    with open_world(tmp_path / "world") as made:
        gathering = [Found(name, TERMS, 3 * TOKEN) for name in ("One", "Two", "Three")]
        invested = [
            *(Propose(2, STUDIO.public, TOKEN, name) for name in ("a film", "a song")),
            Vote(2, 1, "yes"),
            PayIn(2, 8 * TOKEN, ""),
        ]
        for nonce, action in enumerate(gathering):
            made.slots([nonce + 1], [signed(made.chain, ALICE, action, nonce, max_fee=10**8)])
        joined = signed(made.chain, BOB, Contribute(2, TERMS, TOKEN), 0, max_fee=10**8)
        made.slots([4], [joined])
        for nonce, each in enumerate(invested, 3):
            made.slots([nonce + 5], [signed(made.chain, ALICE, each, nonce, max_fee=10**8)])
        made.slots([12, 13, 14])
        yield made


async def pages(client: httpx.AsyncClient, path: str) -> list[dict[str, object]]:
    """All items, one a page."""
    found: list[dict[str, object]] = []
    cursor: str | None = None
    while True:
        params = {"limit": "1"} | ({} if cursor is None else {"cursor": cursor})
        page = (await client.get(path, params=params)).json()
        assert len(page["items"]) <= 1
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            return found


async def test_lists_come_in_pages(world: World) -> None:
    async with world.client() as client:
        assert [item["fund"] for item in await pages(client, "/v1/funds")] == [1, 2, 3]
        own = await pages(client, ALICES)
        assert len(own) == 3
        members = await pages(client, "/v1/funds/2/members")
        claimable = {item["account"]: item["claimable"] for item in members}
        assert claimable == {
            format_address(ALICE.public): str(6 * TOKEN),
            format_address(BOB.public): str(2 * TOKEN),
        }
        proposals = await pages(client, "/v1/funds/2/proposals")
        assert [(item["proposal"], item["passes"]) for item in proposals] == [(1, True), (2, False)]
        assert code_of(await client.get("/v1/funds", params={"cursor": "AAAA"}))[0] == 400


async def test_a_fund_says_whether_it_gathers_and_what_is_unclaimed(world: World) -> None:
    async with world.client() as client:
        item = (await client.get("/v1/funds/2")).json()["item"]
    assert (item["gathering"], item["unclaimed"]) == (False, str(8 * TOKEN))
    assert (item["row"]["liquid"], item["row"]["open"]) == (str(4 * TOKEN), [1, 2])


@pytest.mark.parametrize("what", ["", "/members", "/proposals"])
async def test_what_is_not_there_is_named(world: World, what: str) -> None:
    async with world.client() as client:
        missing = code_of(await client.get(f"/v1/funds/7{what}"))
        assert missing == (404, "fund.unknown-fund", "fund")
        assert code_of(await client.get(f"/v1/funds/x{what}"))[::2] == (400, "fund")
        assert code_of(await client.get("/v1/accounts/@nobody/funds"))[0] == 404
