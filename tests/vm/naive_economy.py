"""The naive model of assets, pots, dividends and vesting: dictionaries and exact fractions, every
holder gone through in every block."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor

from vm.modules.pots import Destination, Split

WHOLE = 1_000_000
Pair = tuple[str, str]


@dataclass
class NaiveGrant:
    """A grant: `term` is (start, cliff, end), `reserve` a reserve's name."""

    asset: str
    units: int
    term: tuple[int, int, int] | None
    reserve: str | None
    claimed: int = 0


@dataclass
class NaiveReserve:
    """A reserve; `months` are the units of each period and the phase it belongs to."""

    asset: str
    units: int
    released: int = 0
    pot: str = ""
    period_days: int = 1
    months: list[tuple[int, int]] = field(default_factory=list)
    leftover: Destination | None = None
    days: int = 0  # with blocks since it was made


@dataclass
class NaiveEconomy:
    """All that there is. `native` also counts where it is bonded, and what orders hold counts."""

    native: str
    balances: Counter[tuple[bytes, str]] = field(default_factory=Counter)
    bonded: Counter[bytes] = field(default_factory=Counter)
    ordered: Counter[tuple[bytes, str]] = field(default_factory=Counter)
    pots: Counter[tuple[str, str]] = field(default_factory=Counter)
    burned: Counter[str] = field(default_factory=Counter)
    minted: Counter[str] = field(default_factory=Counter)
    splits: dict[str, Split] = field(default_factory=dict)
    passed: Counter[tuple[str, str]] = field(default_factory=Counter)
    given: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    touched: set[tuple[str, str]] = field(default_factory=set)
    waiting: dict[Pair, int] = field(default_factory=dict)
    earned: dict[tuple[bytes, str, str], Fraction] = field(
        default_factory=lambda: defaultdict(Fraction)
    )
    grants: dict[bytes, NaiveGrant] = field(default_factory=dict)
    reserves: dict[str, NaiveReserve] = field(default_factory=dict)
    before: Counter[tuple[bytes, str]] = field(default_factory=Counter)

    # A block

    def begin(self) -> None:
        """Remember who holds what."""
        self.before = self.holdings()
        self.touched = set()

    def end(self) -> None:
        """Pots pass on, and holders earn by what they held at the beginning."""
        for pot in self.order():
            for asset in sorted({name for where, name in self.touched if where == pot}):
                self.pass_on(pot, asset)
        for (held, paid), arrived in self.waiting.items():
            shares = {who: units for (who, asset), units in self.before.items() if asset == held}
            total = sum(shares.values())
            if arrived and total:
                for who, units in shares.items():
                    self.earned[who, held, paid] += Fraction(arrived * units, total)
                self.waiting[held, paid] = 0

    def holdings(self) -> Counter[tuple[bytes, str]]:
        """What counts for whom."""
        found = self.balances + self.ordered
        for who, units in self.bonded.items():
            found[who, self.native] += units
        return found

    # Pots

    def fill(self, pot: str, asset: str, units: int) -> None:
        """Into a pot; out of it, if negative."""
        if units:
            self.pots[pot, asset] += units
            self.touched.add((pot, asset))

    def order(self) -> list[str]:
        """Every split pot after those that feed it, however often that is found out."""
        depth = dict.fromkeys(self.splits, 0)
        for _ in self.splits:
            for pot, split in self.splits.items():
                for _, to in split.parts:
                    if to.pot in depth:
                        depth[to.pot] = max(depth[to.pot], depth[pot] + 1)
        return sorted(depth, key=lambda pot: (depth[pot], pot))

    def pass_on(self, pot: str, asset: str) -> None:
        """All at once, if all destinations take it."""
        split, amount = self.splits[pot], self.pots[pot, asset]
        takes = all(
            to.holders is None or (to.holders, asset) in self.waiting for _, to in split.parts
        )
        if not amount or not takes:
            return
        self.fill(pot, asset, -amount)
        self.passed[pot, asset] += amount
        for place, (ppm, to) in enumerate(split.parts):
            due = floor(Fraction(self.passed[pot, asset] * ppm, WHOLE))
            self.give(to, asset, due - self.given[pot, asset, place])
            self.given[pot, asset, place] = due

    def carried(self, pot: str, asset: str) -> int:
        """What rounding has left."""
        return self.passed[pot, asset] - sum(
            units for (where, name, _), units in self.given.items() if (where, name) == (pot, asset)
        )

    def unsplit(self, pot: str) -> None:
        """A pot gets back what its split has left."""
        for where, asset in [key for key in self.passed if key[0] == pot]:
            self.fill(where, asset, self.carried(where, asset))
            del self.passed[where, asset]
        for key in [key for key in self.given if key[0] == pot]:
            del self.given[key]
        self.splits.pop(pot, None)

    def give(self, to: Destination, asset: str, units: int) -> None:
        """To where it goes."""
        if to.pot is not None:
            self.fill(to.pot, asset, units)
        elif to.account is not None:
            self.balances[to.account, asset] += units
        elif to.holders is not None:
            self.waiting[to.holders, asset] += units
        else:
            self.burned[asset] += units

    # Vesting

    def unlocked(self, grant: NaiveGrant, day: int) -> int:
        """What has unlocked on a day."""
        if grant.reserve is not None:
            reserve = self.reserves[grant.reserve]
            return floor(Fraction(grant.units * reserve.released, reserve.units))
        start, cliff, end = grant.term or (0, 0, 1)
        part = Fraction(min(day, end) - start, end - start)
        return floor(grant.units * part) if day >= cliff else 0

    def begin_day(self) -> None:
        """A day that has a block: plans go on."""
        for _, reserve in sorted(self.reserves.items()):
            period, rest = divmod(reserve.days, reserve.period_days)
            reserve.days += 1
            if rest or reserve.leftover is None or period > len(reserve.months):
                continue
            phase = reserve.months[period][1] if period < len(reserve.months) else None
            last = reserve.months[period - 1][1] if period else phase
            if last != phase:
                released = sum(units for units, number in reserve.months if number == last)
                left = min(released, self.pots[reserve.pot, reserve.asset])
                self.fill(reserve.pot, reserve.asset, -left)
                self.give(reserve.leftover, reserve.asset, left)
            if period < len(reserve.months):
                units = reserve.months[period][0]
                reserve.released += units
                self.fill(reserve.pot, reserve.asset, units)

    def locked(self, asset: str) -> int:
        """Granted and not claimed, reserved and not released."""
        grants = sum(g.units - g.claimed for g in self.grants.values() if g.asset == asset)
        reserves = (r.units - r.released for r in self.reserves.values() if r.asset == asset)
        return grants + sum(reserves)
