"""Misbehaviour: points that decay, bans that expire, both kept over restarts.

Points and bans are this node's own and say nothing on the chain: a slash needs evidence that
proves itself (consensus/evidence.py, vm/modules/producer), whoever brings it. No clock here: times
are given, seconds.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from consensus.kinds import Counter, PublicKey
from consensus.record import AtMost, Record, part, record
from p2p.identity import PeerId
from p2p.savedfile import read_saved

BAN_POINTS = 100.0
HALF_LIFE_S = 300.0
FIRST_BAN_S = 300.0
LONGEST_BAN_S = 24 * 3600.0
MAX_BAN_S = 365 * 24 * 3600.0  # by the operator
MAX_RECORDS = 4_096

FLOOD_POINTS = 1.0
REJECTED_POINTS = 21.0  # five soon after another ban, however little has decayed
VIOLATION_POINTS = 51.0  # two do
OFFENCES = {FLOOD_POINTS: "flood", REJECTED_POINTS: "rejected", VIOLATION_POINTS: "violation"}
OTHER_OFFENCE = "other"

_LEAST_SAVED_POINTS = 1.0
_MAX_FILE_BYTES = MAX_RECORDS * 128


@part
class SavedConduct(Record):
    """A peer's thousandths of points when the file was written, how often it was banned, and
    until when it is (Unix seconds)."""

    peer: PublicKey
    milli_points: Counter
    bans: Counter
    banned_until_s: Counter | None


@record("conducts")
class SavedConducts(Record):
    """The file of those who misbehaved, written at `saved_s` (Unix seconds)."""

    saved_s: Counter
    conducts: Annotated[tuple[SavedConduct, ...], AtMost(MAX_RECORDS)]


@dataclass(slots=True)
class _Conduct:
    points: float
    at: float
    bans: int
    banned_until: float


class Scores:
    """The conduct of peers by id. At most MAX_RECORDS are kept: the oldest of those who are not
    banned is forgotten, or, if all are, the ban that ends first."""

    def __init__(self) -> None:
        self._conducts: dict[PeerId, _Conduct] = {}
        self.changed = False

    def __len__(self) -> int:
        return len(self._conducts)

    def load(self, file: Path, now: float, wall_s: float) -> None:
        """Add what a file holds. A clock that was set back makes no ban longer than it was."""
        saved = read_saved(file, SavedConducts, _MAX_FILE_BYTES)
        if saved is None:
            return
        read_s = max(wall_s, saved.saved_s)
        for item in saved.conducts:
            points = _halved(item.milli_points / 1000, read_s - saved.saved_s)
            until_s = 0 if item.banned_until_s is None else item.banned_until_s
            left_s = min(max(0.0, until_s - read_s), MAX_BAN_S)
            self._conducts[item.peer] = _Conduct(points, now, min(item.bans, 16), now + left_s)

    def encode(self, now: float, wall_s: float) -> bytes:
        """The file's contents: those who are banned, or were, or have points left."""
        self.changed = False
        items: list[SavedConduct] = []
        for peer, conduct in self._conducts.items():
            points, left_s = _decayed(conduct, now), conduct.banned_until - now
            if conduct.bans or points >= _LEAST_SAVED_POINTS:
                until_s = int(wall_s + left_s) if left_s > 0 else None
                items.append(SavedConduct(peer, int(points * 1000), conduct.bans, until_s))
        return SavedConducts(max(0, int(wall_s)), tuple(items)).encode()

    def penalise(self, peer: PeerId, points: float, now: float) -> bool:
        """Add points; returns whether the peer is banned by it."""
        conduct = self._conduct(peer, now)
        conduct.points += points
        if conduct.points < BAN_POINTS or conduct.banned_until > now:
            return False
        self.ban(peer, min(FIRST_BAN_S * 2**conduct.bans, LONGEST_BAN_S), now)
        return True

    def ban(self, peer: PeerId, duration_s: float, now: float) -> None:
        """Keep the peer out for `duration_s`, MAX_BAN_S at most; each ban by points is twice as
        long as the one before."""
        conduct = self._conduct(peer, now)
        conduct.points = 0.0
        conduct.bans = min(conduct.bans + 1, 16)
        conduct.banned_until = now + min(duration_s, MAX_BAN_S)

    def unban(self, peer: PeerId) -> None:
        """Forgive everything."""
        self._conducts.pop(peer, None)
        self.changed = True

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
        if len(self._conducts) >= MAX_RECORDS:
            self._forget_one(now)
        self._conducts[peer] = conduct
        self.changed = True
        return conduct

    def _forget_one(self, now: float) -> None:
        free = (peer for peer, found in self._conducts.items() if found.banned_until <= now)
        oldest = next(free, None)
        if oldest is None:
            oldest = min(self._conducts, key=lambda peer: self._conducts[peer].banned_until)
        del self._conducts[oldest]


def _decayed(conduct: _Conduct, now: float) -> float:
    return _halved(conduct.points, now - conduct.at)


def _halved(points: float, age_s: float) -> float:
    """What is left of points after so long."""
    return float(points * 0.5 ** (age_s / HALF_LIFE_S))
