"""Misbehaviour: points that decay, bans that expire. No clock here: times are given, seconds."""

from dataclasses import dataclass

from p2p.identity import PeerId

BAN_POINTS = 100.0
HALF_LIFE_S = 300.0
FIRST_BAN_S = 300.0
LONGEST_BAN_S = 24 * 3600.0
MAX_RECORDS = 4_096

FLOOD_POINTS = 1.0
REJECTED_POINTS = 21.0  # five soon after another ban, however little has decayed
VIOLATION_POINTS = 51.0  # two do


@dataclass(slots=True)
class _Conduct:
    points: float
    at: float
    bans: int
    banned_until: float


class Scores:
    """The conduct of peers by id. At most MAX_RECORDS are kept: the oldest is forgotten."""

    def __init__(self) -> None:
        self._conducts: dict[PeerId, _Conduct] = {}

    def penalise(self, peer: PeerId, points: float, now: float) -> bool:
        """Add points; returns whether the peer is banned by it."""
        conduct = self._conduct(peer, now)
        conduct.points += points
        if conduct.points < BAN_POINTS or conduct.banned_until > now:
            return False
        self.ban(peer, min(FIRST_BAN_S * 2**conduct.bans, LONGEST_BAN_S), now)
        return True

    def ban(self, peer: PeerId, duration_s: float, now: float) -> None:
        """Keep the peer out for `duration_s`; each ban by points is twice as long."""
        conduct = self._conduct(peer, now)
        conduct.points = 0.0
        conduct.bans = min(conduct.bans + 1, 16)
        conduct.banned_until = now + duration_s

    def unban(self, peer: PeerId) -> None:
        """Forgive everything."""
        self._conducts.pop(peer, None)

    def is_banned(self, peer: PeerId, now: float) -> bool:
        """Whether the peer is kept out now."""
        conduct = self._conducts.get(peer)
        return conduct is not None and conduct.banned_until > now

    def banned(self, now: float) -> dict[PeerId, float]:
        """Who is banned, and for how many seconds more."""
        return {
            peer: conduct.banned_until - now
            for peer, conduct in self._conducts.items()
            if conduct.banned_until > now
        }

    def points(self, peer: PeerId, now: float) -> float:
        """The peer's points as decayed by now."""
        conduct = self._conducts.get(peer)
        return 0.0 if conduct is None else _decayed(conduct, now)

    def _conduct(self, peer: PeerId, now: float) -> _Conduct:
        conduct = self._conducts.pop(peer, None) or _Conduct(0.0, now, 0, 0.0)
        conduct.points = _decayed(conduct, now)
        conduct.at = now
        self._conducts[peer] = conduct
        if len(self._conducts) > MAX_RECORDS:
            del self._conducts[next(iter(self._conducts))]
        return conduct


def _decayed(conduct: _Conduct, now: float) -> float:
    return float(conduct.points * 0.5 ** ((now - conduct.at) / HALF_LIFE_S))
