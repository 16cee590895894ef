"""Dividing: a space's owner sets what it gets of the reward that others earn in it (T8)."""

from consensus.record import Record, record
from vm.context import Context
from vm.declare import Action
from vm.modules.activity import DIVISIONS, MOST_CREATOR_PPM, Division, SharePpm
from vm.modules.content import SpaceName
from vm.modules.content.spaces import own_space
from vm.modules.poa.tables import poa

ABOVE_MOST = poa.error("above-most", "A space's owner cannot get as much.")


@poa.event
@record("poa.division_set")
class DivisionSet(Record):
    """A space's owner gets this part of what is earned in it from now on."""

    space: SpaceName
    creator_ppm: SharePpm


@poa.action(gas=3_000)
@record("poa.divide")
class Divide(Action):
    """Set what the sender, who owns a space, gets of the proof-of-activity reward that others earn
    at videos in it (T8). It holds for what is done from now on."""

    space: SpaceName
    creator_ppm: SharePpm

    def apply(self, context: Context) -> None:
        own_space(context.state, context.sender, self.space)
        most = MOST_CREATOR_PPM.read(context.state)
        if self.creator_ppm > most:
            raise ABOVE_MOST.failed(f"{most} ppm are the most", field="creator_ppm")
        DIVISIONS.put(context.state, Division(self.creator_ppm), self.space)
        context.emit(DivisionSet(self.space, self.creator_ppm))
