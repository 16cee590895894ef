"""What brushing gains: an account counts once for a video, and each further one has to pay."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from consensus.cid import RAW, Cid, cid_of
from consensus.errors import InvalidTransaction
from consensus.keys import KeyPair
from node.block_results import BlockResults
from node.query.chain_view import Finality, view_at
from node.query.recommendation_queries import LIKERS_CONSIDERED, for_video
from node.query.statistics_queries import ranked_videos
from node.statistics.metrics import Metric
from node.trial import check_transaction
from tests.api.world import ALICE, World, open_world
from tests.node.network import key, signed
from tests.vm.world import publish
from vm.declare import Action
from vm.modules.content import Claim, Commit
from vm.modules.fee import PRICES
from vm.modules.social import Like, Unlike, WriteComment
from vm.modules.tokens import Transfer, balance_of

FILMS = [publish(b"film %d" % n) for n in range(3)]
GOOD, PUSHED, SEEN = (film.cid for film in FILMS)
FANS = [key(f"fan {n}") for n in range(3)]
PUPPETS = [key(f"puppet {n}") for n in range(4)]
FUNDS = 10**9


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Three fans like two of the films; puppets have got something, but for the last."""
    with open_world(tmp_path) as made:
        for film in FILMS:
            send(made, ALICE, Commit(Claim(ALICE.public, film.cid, film.salt).commitment))
            send(made, ALICE, film)
        for account in (*FANS, *PUPPETS[:-1]):
            send(made, ALICE, Transfer(account.public, "REEL", FUNDS, ""))
        for fan in FANS:
            send(made, fan, Like(SEEN), Like(GOOD))
        yield made


def send(world: World, sender: KeyPair, *actions: Action) -> None:
    for action in actions:
        slot, nonce = world.chain.fork.head.slot + 1, world.next_nonce(sender.public)
        world.slots([slot], [signed(world.chain, sender, action, nonce)])


def settle(world: World) -> None:
    slot = world.chain.fork.head.slot + 1
    world.slots([slot, slot + 1, slot + 2])


def ranked(world: World, metric: Metric) -> dict[Cid, int]:
    index = world.statistics.view()
    assert index is not None
    return dict(ranked_videos(index, None, metric))


def beside(world: World, video: Cid) -> dict[Cid, int]:
    index = world.statistics.view()
    assert index is not None
    answer = for_video(view_at(world.chain, Finality.FINAL), index, video, 9)
    return {item.cid: item.count for item in answer.items}


def test_a_flood_of_one_account_gains_one(world: World) -> None:
    for _ in range(5):
        send(world, PUPPETS[0], Like(PUSHED), Unlike(PUSHED))
        send(world, PUPPETS[0], WriteComment(PUSHED, cid_of(RAW, b"wow"), 3))
    settle(world)
    assert ranked(world, Metric.LIKES)[PUSHED] == 1 < ranked(world, Metric.LIKES)[GOOD] == 3
    assert ranked(world, Metric.COMMENTERS) == {PUSHED: 1}
    assert beside(world, SEEN) == {GOOD: 3}, "what it took back recommends nothing"


def test_each_further_account_gains_one_and_has_to_pay_for_it(world: World) -> None:
    """Three puppets gain three, each for the gas of its likes at the chain's price at least."""
    puppets = PUPPETS[:-1]
    for puppet in puppets:
        send(world, puppet, Like(PUSHED), Like(SEEN))
    settle(world)
    assert ranked(world, Metric.LIKES)[PUSHED] == len(puppets)
    assert beside(world, SEEN) == {GOOD: len(FANS), PUSHED: len(puppets)}
    state = world.chain.state.view()
    price = PRICES.get(state, "REEL")
    assert price is not None
    heights = range(1, world.chain.durable_final.height + 1)
    results = [BlockResults.decode(world.chain.blocks.receipts(n) or b"") for n in heights]
    gas = min(receipt.gas for each in results for receipt in each.receipts)
    for puppet in puppets:
        spent = FUNDS - balance_of(state, puppet.public, "REEL")
        assert spent >= 2 * Fraction(gas * price.units, 10**6) > 0


def test_a_fresh_account_that_has_nothing_cannot_like(world: World) -> None:
    for max_fee in (0, 10_000_000):
        like = signed(world.chain, PUPPETS[-1], Like(PUSHED), 0, max_fee=max_fee)
        with pytest.raises(InvalidTransaction):
            check_transaction(world.chain, like)


def test_how_many_puppets_fill_the_window_of_likers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as are considered displace all who liked a video before them, and no fewer."""
    monkeypatch.setattr("node.query.recommendation_queries.LIKERS_CONSIDERED", 3)
    for place, puppet in enumerate(PUPPETS[:-1], start=1):
        send(world, puppet, Like(PUSHED), Like(SEEN))
        settle(world)
        found = beside(world, SEEN)
        assert (found.get(GOOD, 0), found[PUSHED]) == (len(FANS) - place, place)
    assert LIKERS_CONSIDERED == 128
