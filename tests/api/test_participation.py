"""What the API answers about tasks and check-ins, page by page."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from consensus.address import format_address
from consensus.cid import RAW, cid_of
from genesis.file import make_genesis
from tests.api.test_shop import pages
from tests.api.world import ALICE, BOB, World, code_of, open_world
from tests.commands.participation import TOKEN, participation_genesis
from tests.node.network import GENESIS_TIME_MS, signed
from vm.modules.checkin import CheckIn
from vm.modules.tasks import TASKS, Claim, Task
from vm.modules.tasks.tables import NUMBERING, TASK_AGENDA, Numbering

DAY_SLOTS = 60
CID = cid_of(RAW, b"hello")
END_MS = GENESIS_TIME_MS + 100_000


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Task 1 pays 2 each for two, task 2 has no place left. Alice and Bob claim the first, and
    check in with 30 and 10."""
    state = participation_genesis().state()
    for number, places in ((1, 2), (2, 0)):
        row = Task(None, "A form", CID, 2 * TOKEN, places, END_MS, END_MS + 60_000)
        TASKS.put(state, row, number)
        TASK_AGENDA.add(state, row.closes_ms, number)
    NUMBERING.put(state, Numbering(3, 1))
    monkeypatch.setattr("tests.api.world.GENESIS", make_genesis(state))
    with open_world(tmp_path / "world") as made:
        sent = [
            signed(made.chain, who, action, nonce, max_fee=TOKEN)
            for who, units in ((ALICE, 30), (BOB, 10))
            for nonce, action in enumerate((Claim(1, CID), CheckIn(units * TOKEN)))
        ]
        made.slots([1], sent)
        made.slots([2, 3])
        yield made


async def test_tasks_come_in_pages_with_what_can_be_done_and_what_they_pay(world: World) -> None:
    async with world.client() as client:
        first, second = await pages(client, "/v1/tasks")
        assert (first["task"], first["state"], first["pays"]) == (1, "open", str(2 * TOKEN))
        assert (second["task"], second["state"]) == (2, "full")
        assert (await client.get("/v1/tasks/2")).json()["item"] == second
        world.slots(range(4, 102))
        ended = (await client.get("/v1/tasks/1", params={"finality": "head"})).json()["item"]
        assert (ended["state"], ended["pays"]) == ("ended", str(6 * TOKEN)), "rewards are tripled"
        unknown = code_of(await client.get("/v1/tasks/3"))
        assert unknown == (404, "tasks.unknown-task", "task")


async def test_claims_come_in_pages(world: World) -> None:
    async with world.client() as client:
        claims = await pages(client, "/v1/tasks/1/claims")
        assert {claim["account"] for claim in claims} == {
            format_address(ALICE.public),
            format_address(BOB.public),
        }
        assert await pages(client, "/v1/tasks/1/claims", waiting="true") == claims
        assert await pages(client, "/v1/tasks/2/claims") == []
        assert code_of(await client.get("/v1/tasks/3/claims"))[0] == 404
        bad = await client.get("/v1/tasks/1/claims", params={"waiting": "1"})
        assert code_of(bad)[2] == "waiting"


async def test_a_check_in_is_shown_with_its_share(world: World) -> None:
    path = f"/v1/accounts/{format_address(ALICE.public)}/checkin"
    async with world.client() as client:
        now = (await client.get(path)).json()
        assert (now["is_on"], now["period"], now["ends_ms"]) == (
            True,
            0,
            GENESIS_TIME_MS + DAY_SLOTS * 1000,
        )
        assert (now["locked"], now["locked_by_all"]) == (str(30 * TOKEN), str(40 * TOKEN))
        assert (now["airdrop_now"], now["share_now"]) == (str(100 * TOKEN), str(75 * TOKEN))
        assert (now["back"], now["share"], now["periods"]) == ("0", "0", [])
        world.slots(range(4, 64))
        over = (await client.get(path, params={"finality": "head"})).json()
        assert (over["period"], over["ends_ms"], over["locked"]) == (1, None, "0")
        assert (over["back"], over["share"]) == (str(30 * TOKEN), str(75 * TOKEN))
