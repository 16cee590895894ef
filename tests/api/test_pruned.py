"""A node that keeps the newest blocks only says which, and what it says of older ones."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from consensus.kinds import Json
from node.candidate import header_of
from node.query.answers import BlocksAnswer, ProducersAnswer, StatusAnswer
from tests.api.world import ALICE, BOB, World, code_of, open_world, problem
from tests.node.network import transfer

FIRST = 6  # of the blocks that are kept: 4 up to the final one, 9, of 10


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path, keep_blocks=4) as made:
        payments = [transfer(made.chain, ALICE, BOB.public, 1_000, nonce) for nonce in range(10)]
        for slot, payment in enumerate(payments, start=1):
            made.slots([slot], [payment])
        yield made


async def get(client: httpx.AsyncClient, path: str) -> Json:
    response = await client.get(path)
    assert response.status_code == 200, response.text
    found: Json = response.json()
    return found


async def test_the_status_says_where_the_blocks_begin(world: World) -> None:
    async with world.client() as client:
        status = StatusAnswer.from_json(await get(client, "/v1/status"))
    assert (status.first_block, status.final.height) == (FIRST, 9)


@pytest.mark.parametrize("path", ["", "/transactions", "?format=cbor"])
async def test_an_old_block_is_gone(world: World, path: str) -> None:
    async with world.client() as client:
        for height in range(10):
            response = await client.get(f"/v1/blocks/{height}{path}")
            if 0 < height < FIRST:
                assert code_of(response) == (410, "pruned", "")
                assert f"from height {FIRST} on" in str(problem(response)["detail"])
            else:
                assert response.status_code == 200


async def test_what_the_indexes_of_old_blocks_had_is_not_found_and_why(world: World) -> None:
    payment = transfer(world.chain, ALICE, BOB.public, 1_000, 0)  # of the first block
    kept = world.chain.blocks.at(FIRST)
    assert kept is not None
    async with world.client() as client:
        for path in (f"transactions/{payment.id.hex()}", f"blocks/{header_of(kept).parent}"):
            response = await client.get(f"/v1/{path}")
            assert code_of(response) == (404, "not-found", "")
            assert f"below height {FIRST}" in str(problem(response)["detail"])


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 9])
async def test_the_list_of_blocks_ends_where_they_begin(world: World, limit: int) -> None:
    async with world.client() as client:
        path, found, pages = f"/v1/blocks?limit={limit}", list[int](), 0
        while True:
            pages += 1
            answer = BlocksAnswer.from_json(await get(client, path))
            found += [item.height for item in answer.items]
            if answer.next is None:
                break
            path = f"/v1/blocks?limit={limit}&cursor={answer.next}"
    assert found == list(range(9, FIRST - 1, -1))
    assert pages == -(-len(found) // limit)


async def test_turns_are_counted_from_the_first_block_on(world: World) -> None:
    async with world.client() as client:
        answer = ProducersAnswer.from_json(await get(client, "/v1/producers"))
    assert (answer.first_slot, answer.last_slot) == (FIRST, 9)
    assert sum(item.produced for item in answer.items) == 4
    assert sum(item.missed for item in answer.items) == 0
