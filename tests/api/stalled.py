"""A world in which nothing becomes final, and whose node tells why."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from node.chain import Chain
from node.presence import Presence
from node.services import Health, Services
from tests.api.world import GENESIS, SEATS, World
from tests.node.network import make_block, open_chain, take_block, take_votes, votes_for

UNSIGNED = "nothing is signed while this node catches up"


class StalledWorld(World):
    """All but the last two of four seats vote; `signing` is why the node's own do not sign."""

    def __init__(self, chain: Chain, folder: Path) -> None:
        super().__init__(chain, folder)
        self.presence = Presence(chain)
        self.signing: tuple[str, ...] = (UNSIGNED,)

    @property
    def services(self) -> Services:
        """With the health that the node would have."""
        return replace(super().services, health=self._health)

    def _health(self) -> Health:
        slot = self.chain.clock.slot_at(self.now_ms)
        return Health(True, (), False, 0, self.presence.stall(slot), self.signing)

    def stall(self, slots: range) -> None:
        """A block in each slot, with too few votes."""
        for slot in slots:
            self.now_ms = self.chain.clock.start_ms(slot)
            block = make_block(self.chain, SEATS, slot)
            take_block(self.chain, block.raw)
            votes = votes_for(
                self.chain, [SEATS[producer] for producer in sorted(SEATS)[:2]], block
            )
            take_votes(self.chain, votes)
            for vote in votes:
                self.presence.heard(vote.key, slot)


@contextmanager
def open_stalled(folder: Path) -> Iterator[StalledWorld]:
    """A world in which twenty slots have passed without a final block."""
    chain, database = open_chain(GENESIS, folder / "chain")
    try:
        world = StalledWorld(chain, folder)
        world.stall(range(1, 21))
        yield world
    finally:
        database.close()
