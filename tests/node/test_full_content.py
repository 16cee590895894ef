"""A node whose content store is full: it takes no more content, and does everything else."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio

from consensus.cid import RAW, cid_of
from consensus.record import Record
from node.config.setting import Raw
from node.config.sources import load_config
from node.new_node import create_node
from node.node import Node, Storage, open_storage
from p2p.messages import Content, ContentBlock, GetContent, Have, WantHave
from storage.content import ContentStoreFull
from tests.node.network import make_genesis_of, make_seats, run_slots

SEATS = make_seats(4)
GENESIS = make_genesis_of(SEATS.values())
DATA = b"a block of a video"
CID = cid_of(RAW, DATA)


@dataclass(frozen=True)
class Peer:
    """Somebody who has the block."""

    id: bytes = b"p" * 32


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[tuple[Node, Storage]]:
    """A node with room for less than the block, and a peer."""
    settings: dict[str, Raw] = {"p2p.host": "127.0.0.1", "content.quota_bytes": len(DATA) - 1}
    made = create_node(tmp_path / "node", [], settings)
    made.config.node.genesis.write_bytes(GENESIS.encode())
    config = load_config(made.file, (), {})
    with open_storage(config) as opened:
        yield Node(config, opened), opened


def test_a_block_that_has_no_room_is_handed_on(
    storage: tuple[Node, Storage],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    node, kept = storage

    async def request(_peer: bytes, message: Record, _timeout_s: float) -> Record:
        await trio.lowlevel.checkpoint()
        if isinstance(message, WantHave):
            return Have(b"\1")
        assert isinstance(message, GetContent)
        return Content((ContentBlock(CID, DATA),))

    monkeypatch.setattr(node.network, "peers", lambda: [Peer()])
    monkeypatch.setattr(node.network, "request", request)

    async def main() -> None:
        assert await node.services.fetch(CID) == DATA

    with caplog.at_level(logging.WARNING, "reelect.content"):
        trio.run(main)
    assert f"block {CID} is handed on and not kept: the quota" in caplog.text
    assert not kept.content.has(CID)
    with pytest.raises(ContentStoreFull):
        kept.content.put(CID, DATA)


def test_the_chain_goes_on(storage: tuple[Node, Storage]) -> None:
    _, kept = storage
    with pytest.raises(ContentStoreFull, match="raise it or delete content"):
        kept.content.put(CID, DATA)
    run_slots([kept.chain], SEATS, [1, 2, 3])
    assert kept.chain.durable_final.height == 2
