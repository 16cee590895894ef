"""Assets, pots, dividends and vesting together, anything in any order, against a naive model."""

import dataclasses
from fractions import Fraction
from math import floor

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from consensus.record import replace
from tests.vm.naive_economy import NaiveEconomy, NaiveGrant, NaiveReserve
from tests.vm.stage import Stage
from tests.vm.world import ANNA, BARE, BEN, CLEO, FUNDS, GENESIS_TIME_MS, World, key
from vm.declare import Action
from vm.modules.dividends import UNCLAIMED_POT, Open
from vm.modules.dividends import Claim as ClaimDividends
from vm.modules.economy import turn_day
from vm.modules.market import CancelOrder, OpenPair, PlaceOrder
from vm.modules.pots import CARRIED_POT, Destination, RemoveSplit, SetSplit, Share, Split
from vm.modules.stake import Bond, Unbond
from vm.modules.stake.releasing import releases_of
from vm.modules.tokens import (
    ASSETS,
    Burn,
    BurnPot,
    Create,
    GatewayIssue,
    Issue,
    IssueToPot,
    Pay,
    Transfer,
    balance_of,
    pot_of,
)
from vm.modules.vesting import (
    LOCKED_POT,
    Cancel,
    Give,
    Phase,
    Plan,
    Release,
    SetAside,
    Term,
    go_on,
)
from vm.modules.vesting import Claim as ClaimGrant
from vm.registry import REGISTRY

POLICY = b"p" * 32
DAY_MS = 60_000
PEOPLE = [ANNA.public, BEN.public, CLEO.public, key("dora").public]
NAMES = ["a", "b", "c", "till"]
SYMBOLS = ["REEL", "USDT"]
WHO, POT, ASSET = st.sampled_from(PEOPLE), st.sampled_from(NAMES), st.sampled_from(SYMBOLS)
UNITS = st.one_of(st.integers(1, 20), st.integers(1, 10**6), st.sampled_from([FUNDS, 7 * FUNDS]))
FEW = st.integers(1, 1000)
DESTINATION = st.one_of(
    st.builds(Destination, POT, st.none(), st.none()),
    st.builds(Destination, st.none(), WHO, st.none()),
    st.builds(Destination, st.none(), st.none(), ASSET),
    st.just(Destination(None, None, None)),
)
SHARES = st.lists(st.builds(Share, st.integers(1, 333_333), DESTINATION), max_size=3)
CAP = 10**12


class EconomyMachine(RuleBasedStateMachine):
    """The chain and the model agree to the unit after each block."""

    @initialize()
    def begin(self) -> None:
        """A chain with USDT, which Cleo issues."""
        self.stage = Stage(World.begin(BARE))
        self.model = NaiveEconomy("REEL")
        self.day, self.height, self.plans, self.placed = 0, 1, 0, 0
        for person in PEOPLE[:2]:
            self.model.balances[person, "REEL"] = FUNDS
        self.model.minted["REEL"] = 2 * FUNDS
        assert self.done(POLICY, Create("USDT", "Tether", 6, CAP, True, True, PEOPLE[2]), True)
        self.model.end()
        opened = OpenPair("REEL", "USDT", 10**8, 1, 1, 10**8)  # a unit of each is the least
        assert self.done(POLICY, opened, True)
        self.model.end()
        self.orders: dict[int, tuple[bytes, str, int]] = {}
        for asset in SYMBOLS:
            self.open_pair("REEL", asset)
            self.issue_to_pot("till", asset, 10**6)
        half = Share(500_000, Destination(None, None, "REEL"))
        self.set_split("c", [half, replace(half, ppm=1)], Destination("a", None, None))

    def done(self, sender: bytes, action: Action, good: bool) -> bool:
        """Whether it is done, which must be so just if it is `good`; the model's block begins."""
        self.model.begin()
        result = self.stage.act(sender, action)
        assert (result == "ok") is good, result
        return good

    @rule(who=WHO, to=WHO, asset=ASSET, units=UNITS)
    def transfer(self, who: bytes, to: bytes, asset: str, units: int) -> None:
        """Send."""
        model = self.model
        good = model.balances[who, asset] >= units
        if self.done(who, Transfer(to, asset, units, ""), good):
            model.balances[who, asset] -= units
            model.balances[to, asset] += units
            model.end()

    @rule(who=WHO, asset=ASSET, units=UNITS)
    def burn(self, who: bytes, asset: str, units: int) -> None:
        """Burn one's own."""
        model = self.model
        if self.done(who, Burn(asset, units, ""), model.balances[who, asset] >= units):
            model.balances[who, asset] -= units
            model.burned[asset] += units
            model.end()

    @rule(who=WHO, units=UNITS, back=st.booleans())
    def bond(self, who: bytes, units: int, back: bool) -> None:
        """Bond, or unbond, which counts as before."""
        model = self.model
        if back:
            good = model.bonded[who] - self.coming(who) >= units
            if self.done(who, Unbond(units), good):
                self.stage.time_ms += 1
                model.end()
        elif self.done(who, Bond(units), model.balances[who, "REEL"] >= units):
            model.balances[who, "REEL"] -= units
            model.bonded[who] += units
            model.end()

    @rule(who=WHO, asset=ASSET, units=UNITS)
    def place(self, who: bytes, asset: str, units: int) -> None:
        """An order that holds so much: one of two prices which do not meet."""
        model = self.model
        side, price = ("sell", 2 * 10**8) if asset == "REEL" else ("buy", 10**8)
        action = PlaceOrder("REEL", "USDT", side, price, units, 0, True, None)
        good = model.balances[who, asset] >= units
        good = good and sum(each[0] == who for each in self.orders.values()) < 32
        if self.done(who, action, good):
            self.orders[self.placed + 1] = (who, asset, units)
            self.placed += 1
            model.balances[who, asset] -= units
            model.ordered[who, asset] += units
            model.end()

    @rule(who=WHO, number=st.integers(1, 12))
    def cancel(self, who: bytes, number: int) -> None:
        """An order of one's own, or not."""
        owner, asset, units = self.orders.get(number, (b"", "", 0))
        if self.done(who, CancelOrder(number), owner == who):
            del self.orders[number]
            self.model.ordered[who, asset] -= units
            self.model.balances[who, asset] += units
            self.model.end()

    def coming(self, who: bytes) -> int:
        """What comes back to an account, which the chain is asked for: it never does in here."""
        return sum(each.units for each in releases_of(self.stage.world.state, who))

    @rule(who=WHO, sender=WHO, units=UNITS, gateway=st.booleans())
    def issue(self, who: bytes, sender: bytes, units: int, gateway: bool) -> None:
        """Issue USDT, as its gateway or as the policy."""
        model = self.model
        good = model.minted["USDT"] + units <= CAP and (not gateway or sender == PEOPLE[2])
        action = GatewayIssue(who, "USDT", units, "") if gateway else Issue(who, "USDT", units, "")
        if self.done(sender, action, good):
            model.minted["USDT"] += units
            model.balances[who, "USDT"] += units
            model.end()

    @rule(pot=POT, asset=ASSET, units=UNITS)
    def issue_to_pot(self, pot: str, asset: str, units: int) -> None:
        """Something comes to a pot."""
        good = asset == "REEL" or self.model.minted["USDT"] + units <= CAP
        if self.done(POLICY, IssueToPot(pot, asset, units, ""), good):
            self.model.minted[asset] += units
            self.model.fill(pot, asset, units)
            self.model.end()

    @rule(pot=POT, who=WHO, asset=ASSET, units=UNITS, burns=st.booleans())
    def pay(self, pot: str, who: bytes, asset: str, units: int, burns: bool) -> None:
        """Out of a pot, to an account or into the fire."""
        model = self.model
        action = BurnPot(pot, asset, units, "") if burns else Pay(pot, who, asset, units, "")
        if self.done(POLICY, action, model.pots[pot, asset] >= units):
            model.fill(pot, asset, -units)
            model.give(Destination(None, None if burns else who, None), asset, units)
            model.end()

    @rule(pot=POT, shares=SHARES, rest=DESTINATION)
    def set_split(self, pot: str, shares: list[Share], rest: Destination) -> None:
        """Any split, also one that goes round."""
        model, split = self.model, Split(tuple(shares), rest)
        wanted = {**model.splits, pot: split}
        if self.done(POLICY, SetSplit(pot, split.shares, rest), not goes_round(wanted)):
            model.unsplit(pot)
            model.splits[pot] = split
            model.end()

    @rule(pot=POT)
    def remove_split(self, pot: str) -> None:
        """A pot keeps what comes."""
        if self.done(POLICY, RemoveSplit(pot), pot in self.model.splits):
            self.model.unsplit(pot)
            self.model.end()

    @rule(held=ASSET, paid=ASSET)
    def open_pair(self, held: str, paid: str) -> None:
        """Holders can be paid from now on."""
        if self.done(POLICY, Open(held, paid), (held, paid) not in self.model.waiting):
            self.model.waiting[held, paid] = 0
            self.model.end()

    @rule(who=WHO, held=ASSET, paid=ASSET)
    def claim_dividends(self, who: bytes, held: str, paid: str) -> None:
        """Whole units."""
        model = self.model
        units = floor(model.earned[who, held, paid])
        if self.done(who, ClaimDividends(held, paid), units > 0):
            model.earned[who, held, paid] -= units
            model.balances[who, paid] += units
            model.end()

    @rule(who=WHO, asset=ASSET, units=FEW, days=st.tuples(*[st.integers(0, 6)] * 3))
    def give_term(self, who: bytes, asset: str, units: int, days: tuple[int, int, int]) -> None:
        """A grant with a term, from today on."""
        first = self.day + days[0]
        start, cliff, end = first, first + days[1], first + days[1] + days[2]
        model = self.model
        good = model.pots["till", asset] >= units and who not in model.grants and start < end
        action = Give(who, "g", "till", asset, units, Term(start, cliff, end), None)
        if self.done(POLICY, action, good):
            model.fill("till", asset, -units)
            model.grants[who] = NaiveGrant(asset, units, (start, cliff, end), None)
            model.end()

    @rule(who=WHO, asset=ASSET, units=FEW, number=st.integers(0, 2))
    def give_with(self, who: bytes, asset: str, units: int, number: int) -> None:
        """A grant that follows a reserve."""
        model, name = self.model, f"r{number}"
        good = model.pots["till", asset] >= units and who not in model.grants
        good = good and name in model.reserves
        if self.done(POLICY, Give(who, "g", "till", asset, units, None, name), good):
            model.fill("till", asset, -units)
            model.grants[who] = NaiveGrant(asset, units, None, name)
            model.end()

    @rule(who=WHO, cancels=st.booleans())
    def claim_grant(self, who: bytes, cancels: bool) -> None:
        """What has unlocked; or that and no more."""
        model, grant = self.model, self.model.grants.get(who)
        units = 0 if grant is None else model.unlocked(grant, self.day) - grant.claimed
        action = Cancel(who, "g", "a") if cancels else ClaimGrant(who, "g")
        good = grant is not None and (cancels or units > 0)
        if self.done(POLICY, action, good) and grant is not None:
            model.balances[who, grant.asset] += units
            grant.claimed += units
            if cancels:
                model.fill("a", grant.asset, grant.units - grant.claimed)
            if cancels or grant.claimed == grant.units:
                del model.grants[who]
            model.end()

    @rule(
        asset=ASSET,
        extra=st.integers(0, 50),
        pot=POT,
        period_days=st.integers(1, 3),
        phases=st.lists(st.builds(Phase, st.integers(1, 2), st.integers(1, 30)), max_size=3),
        leftover=DESTINATION,
    )
    def set_aside(
        self,
        asset: str,
        extra: int,
        pot: str,
        period_days: int,
        phases: list[Phase],
        leftover: Destination,
    ) -> None:
        """A reserve, with a plan or without."""
        model, number = self.model, len(self.model.reserves)
        planned = sum(phase.periods * phase.units for phase in phases)
        if number > 2 or not planned + extra:
            return
        plan = Plan(pot, period_days, tuple(phases), leftover) if phases else None
        months = [
            (phase.units, place) for place, phase in enumerate(phases) for _ in range(phase.periods)
        ]
        good = model.pots["till", asset] >= planned + extra
        if plan is not None:
            good = good and (leftover.holders is None or (leftover.holders, asset) in model.waiting)
            good = good and not any(
                self.runs(other) and (other.pot, other.asset) == (pot, asset)
                for other in model.reserves.values()
            )
        name = f"r{number}"
        if self.done(POLICY, SetAside(name, "till", asset, planned + extra, plan), good):
            model.fill("till", asset, -(planned + extra))
            made = NaiveReserve(asset, planned + extra, 0, pot, period_days, months)
            made.leftover = leftover if phases else None
            model.reserves[name] = made
            model.end()

    def runs(self, reserve: NaiveReserve) -> bool:
        """Whether its plan is not over."""
        is_over = reserve.days > len(reserve.months) * reserve.period_days
        return reserve.leftover is not None and not is_over

    @rule(number=st.integers(0, 2), pot=POT, units=st.integers(1, 40))
    def release(self, number: int, pot: str, units: int) -> None:
        """Let some of a reserve out."""
        model, reserve = self.model, self.model.reserves.get(f"r{number}")
        good = reserve is not None and not self.runs(reserve)
        good = good and reserve is not None and reserve.units - reserve.released >= units
        if self.done(POLICY, Release(f"r{number}", pot, units), good) and reserve is not None:
            reserve.released += units
            model.fill(pot, reserve.asset, units)
            model.end()

    @rule(days=st.sampled_from([0, 1, 1, 1, 2, 30]))
    def new_block(self, days: int) -> None:
        """A block, perhaps of a later day."""
        self.model.begin()
        is_first = self.height == 1 or days > 0
        self.day += days
        self.height += 1
        time_ms = GENESIS_TIME_MS + self.day * DAY_MS + self.height
        block = dataclasses.replace(self.stage.block, time_ms=time_ms, height=self.height)
        self.stage.step(turn_day, go_on, *REGISTRY.end_steps, block=block)
        if is_first:
            self.model.begin_day()
        self.model.end()

    @invariant()
    def agrees(self) -> None:
        """Everything is where the model has it, and the modules find nothing wrong."""
        state, model = self.stage.world.state, self.model
        for asset in SYMBOLS:
            for who in PEOPLE:
                assert balance_of(state, who, asset) == model.balances[who, asset]
            for pot in NAMES:
                assert pot_of(state, pot, asset) == model.pots[pot, asset]
            carried = sum(model.carried(pot, asset) for pot in model.splits)
            assert pot_of(state, CARRIED_POT, asset) == carried
            assert pot_of(state, LOCKED_POT, asset) == model.locked(asset)
            unclaimed = Fraction(
                sum(units for pair, units in model.waiting.items() if pair[1] == asset)
            )
            unclaimed += sum(share for pair, share in model.earned.items() if pair[2] == asset)
            assert pot_of(state, UNCLAIMED_POT, asset) == unclaimed
            row = ASSETS.get(state, asset)
            assert row is not None
            assert (row.minted, row.burned) == (model.minted[asset], model.burned[asset])
        assert list(REGISTRY.broken_invariants(state)) == []


def goes_round(splits: dict[str, Split]) -> bool:
    """Whether one comes back to itself in as many steps as there are pots."""
    reached = {pot: {to.pot for ppm, to in split.parts} for pot, split in splits.items()}
    for _ in splits:
        for pot, targets in reached.items():
            targets.update(*(reached.get(target or "", set()) for target in list(targets)))
            if pot in targets:
                return True
    return False


TestEconomyMachine = EconomyMachine.TestCase
TestEconomyMachine.settings = settings(max_examples=80, stateful_step_count=60, deadline=None)
