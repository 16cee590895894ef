"""What was taken down is given to nobody, and given again when it is restored."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from consensus.cid import RAW, Cid, cid_of
from genesis.file import make_genesis
from node.chain import Chain
from node.served import ContentTakenDown, served_only
from p2p.messages import Content, ContentBlock, GetContent
from tests.api.world import GENESIS, World, code_of
from tests.node.network import open_chain
from vm.modules.content import TAKEN_DOWN, TakenDown

DOWN, UP = b"taken down", b"served"
DOWN_CID, UP_CID = cid_of(RAW, DOWN), cid_of(RAW, UP)


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    """A chain on which DOWN was taken down."""
    state = GENESIS.state()
    TAKEN_DOWN.put(state, TakenDown("a court order", 7, 0), DOWN_CID)
    made, database = open_chain(make_genesis(state), tmp_path / "ruled")
    yield made
    database.close()


async def test_peers_do_not_get_it(chain: Chain, tmp_path: Path) -> None:
    world = World(chain, tmp_path)
    for cid, data in ((DOWN_CID, DOWN), (UP_CID, UP)):
        await trio.to_thread.run_sync(world.content.put, cid, data)
    request = GetContent((DOWN_CID, UP_CID))
    answer = await world.content_exchange.serve(b"p" * 32, request)
    assert answer == Content((ContentBlock(UP_CID, UP),))


async def test_it_is_not_fetched_either(chain: Chain) -> None:
    async def fetch(cid: Cid, root: Cid | None = None) -> bytes:
        return UP

    limited = served_only(chain, fetch)
    assert await limited(UP_CID) == UP
    for cid, root in ((DOWN_CID, None), (UP_CID, DOWN_CID)):
        with pytest.raises(ContentTakenDown, match="at height 7: a court order"):
            await limited(cid, root)


async def test_the_api_says_why(chain: Chain, tmp_path: Path) -> None:
    world = World(chain, tmp_path)
    for cid, data in ((DOWN_CID, DOWN), (UP_CID, UP)):
        await trio.to_thread.run_sync(world.content.put, cid, data)
    async with world.client() as client:
        assert (await client.get(f"/v1/content/blocks/{UP_CID}")).content == UP
        for headers in ({}, {"cache-control": "only-if-cached"}):
            answer = await client.get(f"/v1/content/blocks/{DOWN_CID}", headers=headers)
            assert code_of(answer) == (451, "taken-down", "")
        answer = await client.post(f"/v1/content/{DOWN_CID}/fetch")
        assert code_of(answer) == (451, "taken-down", "")
