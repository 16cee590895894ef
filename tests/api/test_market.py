"""What the API answers about the market, page by page, and what it refuses."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from consensus.address import format_address
from tests.api.world import ALICE, World, code_of, open_world
from tests.commands.test_market import market_genesis
from tests.node.network import signed
from vm.modules.market import SELL, PlaceOrder

ORDERS = f"/v1/accounts/{format_address(ALICE.public)}/orders"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Alice offers a REEL for 0.52 USDT, and two more for 0.53."""
    monkeypatch.setattr("tests.api.world.GENESIS", market_genesis())
    with open_world(tmp_path / "world") as made:
        for nonce, price in enumerate((520_000, 530_000, 530_000)):
            order = PlaceOrder("REEL", "USDT", SELL, price, 10**8, 0, True, None)
            pending = signed(made.chain, ALICE, order, nonce, max_fee=10**8)
            made.slots([nonce + 1], [pending])
        made.slots([4, 5])
        yield made


async def test_the_orders_of_an_account_come_in_pages(world: World) -> None:
    async with world.client() as client:
        numbers: list[int] = []
        cursor: str | None = None
        for _ in range(2):
            params = {"limit": "2"} | ({} if cursor is None else {"cursor": cursor})
            page = (await client.get(ORDERS, params=params)).json()
            numbers += [item["number"] for item in page["items"]]
            cursor = page["next"]
        assert (numbers, cursor) == ([1, 2, 3], None)
        assert code_of(await client.get(ORDERS, params={"cursor": "AAAA"}))[0] == 400
        assert code_of(await client.get("/v1/accounts/@nobody/orders"))[0] == 404


async def test_a_book_has_so_many_prices_a_side(world: World) -> None:
    async with world.client() as client:
        book = (await client.get("/v1/market/REEL-USDT/book")).json()
        assert [(level["price"], level["orders"]) for level in book["sell"]] == [
            ("520000", 1),
            ("530000", 2),
        ]
        short = await client.get("/v1/market/REEL-USDT/book", params={"limit": "1"})
        assert [level["price"] for level in short.json()["sell"]] == ["520000"]


@pytest.mark.parametrize("what", ["book", "trades", "price"])
async def test_a_pair_that_is_none_or_misspelled(world: World, what: str) -> None:
    async with world.client() as client:
        missing = await client.get(f"/v1/market/USDT-REEL/{what}")
        assert code_of(missing) == (404, "not-found", "")
        for spelled in ("REEL", "reel-usdt", "REEL-USDT-X"):
            wrong = await client.get(f"/v1/market/{spelled}/{what}")
            assert code_of(wrong) == (400, "invalid-encoding", "pair")


async def test_the_newest_trades_are_so_many_at_most(world: World) -> None:
    async with world.client() as client:
        path = "/v1/market/REEL-USDT/trades"
        assert (await client.get(path)).json()["items"] == []
        assert code_of(await client.get(path, params={"limit": "257"}))[0] == 400
