"""T13: recommendations: what those who have viewed or liked a video also like, by how many."""

import tempfile
from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

from consensus.cid import Cid
from consensus.keys import KeyPair
from node.query.chain_view import Finality, view_at
from node.query.recommendation_queries import for_account, for_video
from tests.api.world import ALICE, World, open_world
from tests.node.network import key, signed
from tests.rules.disabled import Disabled
from tests.vm.world import publish
from vm.declare import Action
from vm.modules.content import Claim, Commit
from vm.modules.social import Like
from vm.modules.tokens import Transfer

DISABLED = Disabled(
    "node.query.recommendation_queries._by_count",
    lambda counts: ((Cid(cid), count) for cid, count in sorted(counts.items())),
)

FILMS = sorted((publish(b"film %d" % n) for n in range(4)), key=lambda film: film.cid)
RARE, OFTEN, SEEN, OTHER = (film.cid for film in FILMS)
FANS = [key(f"fan {n}") for n in range(3)]
# Of the three who like SEEN, all like OFTEN, and one likes RARE; nobody of them likes OTHER.
LIKED: Mapping[Cid, list[KeyPair]] = {SEEN: FANS, OFTEN: FANS, RARE: FANS[:1], OTHER: [ALICE]}


def send(world: World, sender: KeyPair, action: Action) -> None:
    slot, nonce = world.chain.fork.head.slot + 1, world.next_nonce(sender.public)
    world.slots([slot], [signed(world.chain, sender, action, nonce)])


def filled(world: World) -> None:
    for film in FILMS:
        send(world, ALICE, Commit(Claim(ALICE.public, film.cid, film.salt).commitment))
        send(world, ALICE, film)
    for fan in FANS:
        send(world, ALICE, Transfer(fan.public, "REEL", 10**9, ""))
    for video, fans in LIKED.items():
        for fan in fans:
            send(world, fan, Like(video))
    slot = world.chain.fork.head.slot + 1
    world.slots([slot, slot + 1, slot + 2])


def test_the_order_is_that_of_the_shares_of_the_viewers() -> None:
    share = {
        video: Fraction(len({fan.public for fan in fans} & {fan.public for fan in FANS}), len(FANS))
        for video, fans in LIKED.items()
    }
    wanted = [video for video, part in Counter(share).most_common() if part and video != SEEN]
    with tempfile.TemporaryDirectory() as folder, open_world(Path(folder)) as world:
        filled(world)
        index = world.statistics.view()
        assert index is not None
        view = view_at(world.chain, Finality.FINAL)
        items = for_video(view, index, SEEN, 9).items
        assert [item.cid for item in items] == wanted == [OFTEN, RARE]
        assert [Fraction(item.count, len(FANS)) for item in items] == [share[v] for v in wanted]
        mine = for_account(view, index, FANS[1].public, 9)
        assert (mine.reason, [item.cid for item in mine.items]) == ("liked-by-likers", [RARE])
