"""Who is heard of: why nothing becomes final, in terms of the members that are silent."""

from dataclasses import dataclass

from consensus.producers import MAX_PRODUCERS
from node.chain import Chain

# The sets at the final block and at the head, and those that follow them.
MAX_HEARD = 4 * MAX_PRODUCERS
# A member that is there votes in every slot that has a block; one round may pass by others' fault.
SILENT_ROUNDS = 1


@dataclass(frozen=True, slots=True)
class Stall:
    """Finality is late: `slots` since the final block's slot, `quorum` votes are needed, and
    these producers of the head's set were not heard of for a round of it."""

    slots: int
    quorum: int
    members: int
    silent: tuple[bytes, ...]


class Presence:
    """The slot of the newest block that each consensus key voted for, as far as is known here."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._last_slot: dict[bytes, int] = {}

    def heard(self, key: bytes, slot: int) -> None:
        """Note a vote of a member for a block of this slot."""
        if slot > self._last_slot.get(key, -1):
            self._last_slot[key] = slot
        if len(self._last_slot) > MAX_HEARD:
            del self._last_slot[min(self._last_slot, key=lambda known: self._last_slot[known])]

    def stall(self, now_slot: int) -> Stall | None:
        """Why nothing becomes final, None as long as finality is not late.

        It is late when more slots have passed than it may take to come back (FINALITY: Timing).
        """
        head, final = self._chain.fork.head, self._chain.fork.final
        size = len(head.members.members)
        slots = now_slot - final.slot
        if slots <= 2 * size + 1 or now_slot <= 2 * size + 1:
            return None
        since = now_slot - SILENT_ROUNDS * size
        silent = tuple(
            member.producer
            for member in head.members.members
            if self._last_slot.get(member.key, -1) < since
        )
        return Stall(slots, head.members.quorum, size, silent)
