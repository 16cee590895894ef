"""What the API answers about the economy and gifts, page by page, and what it refuses."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from consensus.address import format_address
from tests.api.community import DAY_SLOTS, ROSE, community_genesis
from tests.api.world import ALICE, BOB, World, code_of, open_world
from tests.node.network import signed
from vm.modules.gifts import Give


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Alice gives Bob a rose on each of three days."""
    monkeypatch.setattr("tests.api.world.GENESIS", community_genesis())
    with open_world(tmp_path / "world") as made:
        for day in range(3):
            give = signed(
                made.chain, ALICE, Give("rose", BOB.public, None, None), day, max_fee=10**8
            )
            slot = 1 + day * DAY_SLOTS
            made.slots([slot], [give])
            made.slots([slot + 1, slot + 2])
        yield made


async def test_the_accounts_of_days_come_in_pages_from_a_day_on(world: World) -> None:
    async with world.client() as client:
        days: list[int] = []
        cursor: str | None = None
        for _ in range(2):
            params = {"limit": "1", "from_day": "1"} | (
                {} if cursor is None else {"cursor": cursor}
            )
            page = (await client.get("/v1/revenue", params=params)).json()
            days += [item["day"] for item in page["items"]]
            cursor = page["next"]
        assert (days, cursor, page["today"]) == ([1, 2], None, 2)
        assert code_of(await client.get("/v1/revenue", params={"cursor": "AAAA"}))[0] == 400
        assert code_of(await client.get("/v1/revenue", params={"from_day": "x"}))[2] == "from_day"


async def test_gifts_come_in_pages_by_name(world: World) -> None:
    async with world.client() as client:
        names: list[str] = []
        cursor: str | None = None
        for _ in range(2):
            params = {"limit": "1"} | ({} if cursor is None else {"cursor": cursor})
            page = (await client.get("/v1/gifts", params=params)).json()
            names += [item["name"] for item in page["items"]]
            cursor = page["next"]
        assert (names, cursor) == (["lily", "rose"], None)
        rose = (await client.get("/v1/gifts/rose")).json()["item"]
        assert (rose["gift"]["animation"], rose["earned"]) == (ROSE, "800000")
        assert code_of(await client.get("/v1/gifts/tulip")) == (404, "not-found", "")
        assert code_of(await client.get("/v1/gifts/Rose")) == (400, "invalid-encoding", "gift")


async def test_the_newest_givings_come_first(world: World) -> None:
    async with world.client() as client:
        found = (await client.get("/v1/givings", params={"limit": "2"})).json()["items"]
        assert [item["number"] for item in found] == [3, 2]
        assert {item["to"] for item in found} == {format_address(BOB.public)}
        assert code_of(await client.get("/v1/givings", params={"limit": "257"}))[0] == 400


async def test_an_account_is_paid_the_day_before_when_it_pays_again(world: World) -> None:
    path = f"/v1/accounts/{format_address(ALICE.public)}/rebate"
    async with world.client() as client:
        answer = (await client.get(path)).json()
        assert (answer["accrual"]["day"], answer["is_over"]) == (2, False)
        assert answer["accrual"]["sums"] == {"paid": "200000", "earned": "0", "activity": "0"}
        # Half of 0.2 USDT at 0.1 USDT is a token, of which the consumer gets 60 %.
        assert answer["received"]["consumer"] == str(2 * 60_000_000)
        assert code_of(await client.get("/v1/accounts/@nobody/rebate"))[0] == 404
