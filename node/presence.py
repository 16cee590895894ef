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
    """The slot of the newest block that each consensus key voted for, as far as is known here.

    `started_slot` is when this node began to listen.
    """

    def __init__(self, chain: Chain, started_slot: int = 0) -> None:
        self._chain = chain
        self._dynasty = chain.fork.head.dynasty
        self._since = started_slot  # what was late before is not counted
        self._last_slot: dict[bytes, int] = {}

    def heard(self, key: bytes, slot: int) -> None:
        """Note a vote of a member for a block of this slot."""
        if slot > self._last_slot.get(key, -1):
            self._last_slot[key] = slot
        if len(self._last_slot) > MAX_HEARD:
            del self._last_slot[min(self._last_slot, key=lambda known: self._last_slot[known])]

    def listen_from(self, slot: int) -> None:
        """Note that this node heard nothing for a while before this slot."""
        self._since = slot

    def advanced(self, now_slot: int) -> None:
        """Note that a block has become final. As long as old ones do, this node catches up."""
        if self._is_late(now_slot, self._chain.fork.final.slot):
            self._since = now_slot

    def stall(self, now_slot: int) -> Stall | None:
        """Why nothing becomes final, None as long as finality is not late.

        It is late when more slots have passed than it may take to come back (FINALITY: Timing),
        since the final block, since this node listens or last caught up, and since it first saw
        the head's set in office: before that its silence says nothing.
        """
        head, final = self._chain.fork.head, self._chain.fork.final
        if head.dynasty > self._dynasty:
            self._dynasty, self._since = head.dynasty, now_slot
        if not self._is_late(now_slot, max(final.slot, self._since)):
            return None
        size = len(head.members.members)
        since = now_slot - SILENT_ROUNDS * size
        silent = tuple(
            member.producer
            for member in head.members.members
            if self._last_slot.get(member.key, -1) < since
        )
        return Stall(now_slot - final.slot, head.members.quorum, size, silent)

    def _is_late(self, now_slot: int, since: int) -> bool:
        return now_slot - since > 2 * len(self._chain.fork.head.members.members) + 1
