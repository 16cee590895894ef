"""Works in trio: one change at a time, finished once begun, and none after a failure."""

from contextlib import suppress

import pytest
import trio

from consensus.fork_choice import Finalized
from node.candidate import read_block
from node.chain import Chain
from p2p.messages import Votes
from storage.database import DatabaseError
from tests.node.network import make_block, take_block, take_votes, votes_for
from tests.node.side import PEER, SEATS, Side


def test_a_failing_disk_stops_the_node_and_nothing_is_built_on_half_a_change(
    side: Side, other: Chain
) -> None:
    blocks = [make_block(other, SEATS, 1)]
    take_block(other, blocks[0].raw)
    take_votes(other, votes_for(other, SEATS.values(), blocks[0]))
    blocks.append(make_block(other, SEATS, 2))
    side.at_slot(2)

    def broken(finalized: Finalized) -> None:
        raise DatabaseError("no space left on the disk")

    side.chain.persist = broken  # type: ignore[method-assign]

    async def main() -> None:
        for block in blocks:
            await side.driver.enter(side.engine.add_block(read_block(block.raw), side.now_ms))
        for block in blocks:
            votes = tuple(votes_for(other, SEATS.values(), block))
            with suppress(Exception):  # the connection's own guard
                await side.handler.gossip(PEER, Votes(votes), b"")
        later = side.engine.add_votes(votes_for(other, SEATS.values(), blocks[1])[:1])
        with pytest.raises(DatabaseError):
            await side.driver.enter(later)
        await trio.sleep_forever()

    with pytest.raises(ExceptionGroup) as caught:
        side.run(main)
    assert caught.group_contains(DatabaseError, match="no space")
