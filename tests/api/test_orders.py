"""What the API answers about service orders' terms and finance periods, and what it refuses."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.world import World, code_of, open_world
from tests.commands.test_order import DAY_SLOTS, order_genesis


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[World]:
    """Nobody takes orders."""
    with open_world(tmp_path / "world") as made:
        yield made


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Orders are taken, and three periods of a day are over."""
    monkeypatch.setattr("tests.api.world.GENESIS", order_genesis())
    with open_world(tmp_path / "world") as made:
        made.slots([1, 3 * DAY_SLOTS, 3 * DAY_SLOTS + 1, 3 * DAY_SLOTS + 2])
        yield made


async def test_no_terms_are_not_found(plain: World) -> None:
    async with plain.client() as client:
        assert code_of(await client.get("/v1/orders/terms"))[:2] == (404, "not-found")


async def test_the_terms_say_what_is_left(world: World) -> None:
    async with world.client() as client:
        terms = (await client.get("/v1/orders/terms")).json()
    assert (terms["paid_in"], terms["left"], terms["lowest_price"]) == (
        "USDT",
        "10000000000",
        "2000000",
    )


async def test_periods_come_in_pages_the_newest_first(world: World) -> None:
    async with world.client() as client:
        first = (await client.get("/v1/finance/periods", params={"limit": "2"})).json()
        assert ([item["period"] for item in first["items"]], first["before"]) == ([2, 1], 1)
        query = {"limit": "2", "before": "1"}
        last = (await client.get("/v1/finance/periods", params=query)).json()
        assert ([item["period"] for item in last["items"]], last["before"]) == ([0], None)
        refused = await client.get("/v1/finance/periods", params={"before": "x"})
        assert code_of(refused)[2] == "before"
