"""Views: all of one block, while a thread makes blocks final below them."""

import threading
from pathlib import Path

from consensus import tree
from node.query.chain_view import ChainView, Finality, view_at
from tests.node.network import (
    count,
    key,
    make_block,
    make_genesis_of,
    make_seats,
    open_chain,
    transfer,
    votes_for,
)
from vm.modules.account import next_nonce

SEATS = make_seats(4)
ALICE, BOB = key("alice"), key("bob")
GENESIS = make_genesis_of(SEATS.values(), [ALICE])


def check(view: ChainView) -> None:
    """What a view shows belongs together."""
    height = view.block.height
    assert tree.root(view.state.page) == view.block.header.state_root
    assert next_nonce(view.state, ALICE.public) == height  # one payment a block
    assert view.height_of(view.block.id) == height
    assert [recorded.placed.height for recorded in view.unfinal] == list(
        range(height + 1 - len(view.unfinal), height + 1)
    )
    for place in range(height + 1):
        assert view.raw_at(place) is not None
        assert view.results_at(place) is not None
    assert view.raw_at(height + 1) is None
    assert view.raw_at(-1) is None


def test_views_agree_with_themselves_while_blocks_become_final(tmp_path: Path) -> None:
    chain, database = open_chain(GENESIS, tmp_path)
    old: list[ChainView] = []
    for slot in range(1, 25):
        payment = transfer(chain, ALICE, BOB.public, 1, slot - 1)
        block = make_block(chain, SEATS, slot, [payment])
        chain.insert(block)
        for vote in votes_for(chain, SEATS.values(), block):
            finalized = count(chain, vote)
            if finalized is None:
                continue
            persisting = threading.Thread(target=chain.persist, args=(finalized,))
            persisting.start()
            while True:
                running = persisting.is_alive()
                check(view_at(chain, Finality.HEAD))
                check(view_at(chain, Finality.FINAL))
                if not running:
                    break
            persisting.join()
        final, head = view_at(chain, Finality.FINAL), view_at(chain, Finality.HEAD)
        assert final.block is chain.durable_final
        assert final.transaction(payment.id) is None
        assert head.transaction(payment.id) == (slot, 0)
        assert not head.is_final(slot)
        assert head.is_final(slot - 1)
        old += [final, head]
    for view in old:  # later blocks have changed nothing
        check(view)
    database.close()
