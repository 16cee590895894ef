"""What the API answers about apps, page by page, and what it refuses."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from consensus.address import format_address
from consensus.cid import RAW, cid_of
from consensus.kinds import JsonObject
from tests.api.world import ALICE, BOB, World, code_of, open_world
from tests.node.network import signed
from vm.declare import Action
from vm.modules.apps import Charge, Enable, Pay, Register, SetItem, Withdraw

PAGE = cid_of(RAW, b"page")
CHESS = Register("chess", "game", "Chess", PAGE, "REEL", takes_any_amount=True)
TIMER = Register("timer", "tool", "Timer", PAGE, "REEL", takes_any_amount=True)
STEPS: tuple[Action, ...] = (
    CHESS,
    TIMER,
    SetItem("chess", "shield", "A shield", 50),
    SetItem("chess", "sword", "A sword", 101),
    Enable("chess", 250),
    Enable("timer", 0),
    Pay("chess", "sword", 101, "order 7"),
    Pay("timer", None, 5, ""),
    Charge("chess", ALICE.public, "shield", 50, ""),
    Withdraw("timer"),
)
ALICES = format_address(ALICE.public)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Alice offers two apps and pays in both; one is withdrawn."""
    with open_world(tmp_path / "world") as made:
        for nonce, step in enumerate(STEPS):
            made.slots([nonce + 1], [signed(made.chain, ALICE, step, nonce, max_fee=10**8)])
        made.slots([20, 21, 22])
        yield made


async def pages(world: World, path: str, **params: str) -> list[JsonObject]:
    """All items of a list, asked for one by one."""
    items: list[JsonObject] = []
    cursor: str | None = None
    async with world.client() as client:
        while True:
            at = {} if cursor is None else {"cursor": cursor}
            page = (await client.get(path, params={"limit": "1", **params, **at})).json()
            items += page["items"]
            cursor = page["next"]
            if cursor is None:
                return items


async def test_apps_come_in_pages_by_name_and_are_filtered(world: World) -> None:
    (item,) = await pages(world, "/v1/apps")
    async with world.client() as client:
        assert (await client.get("/v1/apps/chess")).json()["item"] == item
        assert code_of(await client.get("/v1/apps/timer")) == (404, "apps.unknown-app", "app")
        assert code_of(await client.get("/v1/apps/Chess")) == (400, "invalid-encoding", "app")
        assert code_of(await client.get("/v1/apps", params={"kind": "x"}))[2] == "kind"
    assert (item["name"], item["fee_ppm"]) == ("chess", 200_000)
    assert await pages(world, "/v1/apps", kind="game", developer=ALICES) == [item]
    assert await pages(world, "/v1/apps", kind="tool") == []
    assert await pages(world, "/v1/apps", official="true") == []
    assert await pages(world, "/v1/apps", developer=format_address(BOB.public)) == []


async def test_what_is_sold_in_an_app_comes_in_pages_shorter_names_first(world: World) -> None:
    items = await pages(world, "/v1/apps/chess/items")
    assert [(each["name"], each["item"]["price"]) for each in items] == [  # type: ignore[index,call-overload]
        ("sword", "101"),
        ("shield", "50"),
    ]
    async with world.client() as client:
        assert code_of(await client.get("/v1/apps/timer/items"))[0] == 404


async def test_payments_come_in_pages_the_oldest_first(world: World) -> None:
    paid = await pages(world, "/v1/apps/chess/payments")
    assert [item["payment"] for item in paid] == [1, 3]
    first, last = (item["row"] for item in paid)
    assert isinstance(first, dict)
    assert isinstance(last, dict)
    assert (first["item"], first["units"], first["fee"]) == ("sword", "101", "20")
    assert (first["memo"], first["is_charge"], last["is_charge"]) == ("order 7", False, True)
    withdrawn = await pages(world, "/v1/apps/timer/payments")
    assert [item["payment"] for item in withdrawn] == [2], "it can still be refunded"
    assert await pages(world, f"/v1/accounts/{ALICES}/app-payments") == [
        paid[0],
        withdrawn[0],
        paid[1],
    ]
    async with world.client() as client:
        assert code_of(await client.get("/v1/accounts/@nobody/app-payments"))[0] == 404


async def test_an_account_sees_what_it_has_enabled_and_what_was_charged_today(
    world: World,
) -> None:
    chess, timer = await pages(world, f"/v1/accounts/{ALICES}/apps")
    assert chess["enabling"] == {"registration": 1, "limit_units": "250"}
    assert (chess["name"], chess["charged_today"]) == ("chess", "50")
    assert (timer["name"], timer["app"]) == ("timer", None)
    async with world.client() as client:
        assert code_of(await client.get("/v1/accounts/@nobody/apps"))[0] == 404
