"""The naive model of possession: every pledge gone through in every block, shares as fractions."""

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor

STALL_FREE = -1


@dataclass
class Rules:
    """The parameters."""

    mib_units: int = 1_000
    period: int = 12
    window: int = 6
    segments: int = 2
    least: int = 1
    providers: int = 2
    misses: int = 3
    miss_ppm: int = 150_000
    burn_ppm: int = 400_000
    mib_day: int = 77
    day: int = 500


@dataclass
class NaivePledge:
    """One pledge; `open_since` is the height of its open challenge."""

    units: int
    pledged: int
    mib: int
    term: int
    due: int
    period: int = 0
    missed: int = 0
    earned: Fraction = Fraction(0)
    open_since: int | None = None
    drawn: int = 0  # segments of the open challenge


@dataclass
class NaiveRecord:
    """What an account has done."""

    kept: int = 0
    missed: int = 0
    ended: int = 0
    earned: Fraction = Fraction(0)
    lost: int = 0


Key = tuple[bytes, bytes]  # video, provider


@dataclass
class NaivePossession:
    """Everything that the module moves."""

    rules: Rules = field(default_factory=Rules)
    pledges: dict[Key, NaivePledge] = field(default_factory=dict)
    balances: Counter[bytes] = field(default_factory=Counter)
    records: dict[bytes, NaiveRecord] = field(default_factory=dict)
    storage: Fraction = Fraction(0)
    burned: int = 0
    stalled_at: int = STALL_FREE
    day: int | None = None

    def record(self, who: bytes) -> NaiveRecord:
        """An account's record, made if need be."""
        return self.records.setdefault(who, NaiveRecord())

    def block(self, height: int, day: int, *, stalled: bool) -> None:
        """What a block does before its transactions."""
        is_first, self.day = day != self.day, day
        if stalled:
            self.stalled_at = height
            return
        if is_first:
            self._pay_day()
        for key, pledge in sorted(self.pledges.items(), key=lambda item: (item[1].due, item[0])):
            if pledge.due <= height:
                self._fall_due(key, pledge, height)

    def _pay_day(self) -> None:
        mib = sum(pledge.mib for pledge in self.pledges.values())
        if not mib:
            return
        share = min(Fraction(self.rules.day, mib), Fraction(self.storage, mib))
        each = min(floor(share), self.rules.mib_day)
        for pledge in self.pledges.values():
            pledge.earned += each * pledge.mib
            self.storage -= each * pledge.mib

    def _fall_due(self, key: Key, pledge: NaivePledge, height: int) -> None:
        if pledge.open_since is None or self.stalled_at > pledge.open_since:
            pledge.period += 1
            pledge.open_since, pledge.drawn = height, self.rules.segments
            pledge.due = height + self.rules.window
            return
        lost = min(pledge.units, floor(Fraction(pledge.pledged * self.rules.miss_ppm, 10**6)))
        burned = floor(Fraction(lost * self.rules.burn_ppm, 10**6))
        self.burned += burned
        self.storage += lost - burned + pledge.earned
        pledge.units -= lost
        pledge.earned = Fraction(0)
        pledge.missed += 1
        record = self.record(key[1])
        record.missed += 1
        record.lost += lost
        pledge.due, pledge.open_since = pledge.open_since + self.rules.period, None
        if not pledge.units or pledge.missed >= self.rules.misses:
            record.ended += 1
            self.balances[key[1]] += pledge.units
            del self.pledges[key]

    def keep(self, key: Key) -> None:
        """A right answer came."""
        pledge, record = self.pledges[key], self.record(key[1])
        self.balances[key[1]] += floor(pledge.earned)
        record.kept += 1
        record.earned += pledge.earned
        pledge.earned, pledge.missed = Fraction(0), 0
        pledge.due, pledge.open_since = (pledge.open_since or 0) + self.rules.period, None

    def withdraw(self, key: Key) -> None:
        """A pledge is over."""
        pledge = self.pledges.pop(key)
        self.storage += pledge.earned
        self.balances[key[1]] += pledge.units
