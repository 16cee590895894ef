"""Who of the inbound peers makes room for a newcomer when all places are taken."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from p2p.identity import PeerId

PROTECTED = 4


@dataclass(frozen=True, slots=True)
class Occupant:
    """An inbound peer: its address group, when it came, how near it is, and when it last brought
    gossip that was new and right (seconds; infinity and minus infinity if that is not known)."""

    peer: PeerId
    group: str
    connected_at: float
    round_trip_s: float
    useful_at: float


def to_displace(occupants: Sequence[Occupant], group: str) -> PeerId | None:
    """Who goes for a newcomer of this address group; None if nobody does.

    Only a group that has two places more than the newcomer's gives one up, so that places are
    spread and nobody comes back for the one it lost. The PROTECTED nearest peers, as many of those
    who were useful last, and the longer connected half of the rest stay in any case: an attacker
    would have to be better than all of them. Of the others the youngest of the largest group goes.
    """
    sizes = Counter(occupant.group for occupant in occupants)
    rest = _without_first(occupants, PROTECTED, lambda one: one.round_trip_s)
    rest = _without_first(rest, PROTECTED, lambda one: -one.useful_at)
    rest = _without_first(rest, (len(rest) + 1) // 2, lambda one: one.connected_at)
    crowded = [one for one in rest if sizes[one.group] >= sizes[group] + 2]
    if not crowded:
        return None
    return max(crowded, key=lambda one: (sizes[one.group], one.connected_at)).peer


def _without_first(
    occupants: Sequence[Occupant], count: int, key: Callable[[Occupant], float]
) -> list[Occupant]:
    return sorted(occupants, key=key)[count:]
